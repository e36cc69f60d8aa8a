//! The monitor's side of the agent: what is put into every variant, and what its filter lets pass.

pub mod blob;
pub mod image;
pub mod record;
pub mod ring_memory;
pub mod rules;
mod sealed_unsafe;
pub mod shared_unsafe;
pub mod territory;
mod words;

use stretto_abi::doorbell::Doorbells;
use stretto_abi::table::Table;

use crate::membarrier_unsafe;
use crate::placement::Placement;
use image::Image;
use shared_unsafe::Shared;

/// The agents of a run, one image a variant.
#[derive(Debug)]
pub struct Agents {
    images: Vec<Image>,
    /// Mapped behind each image.
    pub doorbells: Shared<Doorbells>,
    /// Of the digests with which followers agree to what the monitor approves.
    pub key: [u64; 2],
    /// Visits of a `syscall` instruction before it is patched.
    pub patch_after: u32,
    /// Calls that a thread brings to the monitor through stubs before it gets a ring. Many processes that inherit
    /// patches end before a ring has paid for itself.
    pub ring_after: u32,
    /// Text may be patched while other threads run it.
    pub beside_threads: bool,
}

/// A ring is worth having after this part of the visits that make a patch worth having.
const RING_PART: u32 = 2;

impl Agents {
    /// Composes the images. `random` gives a new random number each time.
    ///
    /// # Errors
    /// If the kernel has no sealed memory left.
    pub fn new(
        table: &[u8],
        policy: &[u8],
        placement: &Placement,
        patch_after: u32,
        random: &mut dyn FnMut() -> u64,
    ) -> std::io::Result<Self> {
        let described = Table::new(table).map_err(|_| std::io::ErrorKind::InvalidData)?;
        let (leaders, policy) = rules::rules(&described, policy);
        let (mut followers, _) = rules::rules(&described, &rules::of_followers(&described, &policy));
        followers.push(rules::placeholder());
        let key = [random(), random()];
        let rules = |variant| if variant == 0 { &leaders } else { &followers };
        let images = (0..placement.variants)
            .map(|variant| {
                let key = if variant == 0 { [0, 0] } else { key };
                Image::new(variant, table, (&policy, rules(variant)), placement, key, random)
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self {
            images,
            doorbells: Shared::new(c"stretto-doorbells")?,
            key,
            patch_after: patch_after.max(1),
            ring_after: patch_after / RING_PART,
            beside_threads: membarrier_unsafe::is_there(),
        })
    }

    /// The image of `variant`.
    #[must_use]
    pub fn image(&self, variant: usize) -> &Image {
        &self.images[variant]
    }
}
