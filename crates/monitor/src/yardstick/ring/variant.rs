//! One variant: its half of every call.

use std::io;
use std::sync::atomic::Ordering;

use stretto_abi::ring::Ring;

use super::super::Kind;
use super::super::fork_unsafe::Turns;
use super::super::target_unsafe::Target;
use super::Mode;
use super::seat::Seat;

/// Bytes in which the agent writes the registers of a read or write: descriptor, whether there is a buffer, count.
pub const SCALARS: usize = 13;

#[derive(Debug)]
pub struct Variant<'r> {
    pub seat: Seat<'r>,
    pub mode: Mode,
    pub target: Target,
    /// The program's.
    pub buffer: Vec<u8>,
    /// The registers, as they stand in the record.
    pub scalars: Vec<u8>,
}

impl<'r> Variant<'r> {
    pub fn new(
        ring: &'r Ring,
        kind: Kind,
        mode: Mode,
        variant: usize,
        variants: usize,
        crowded: bool,
    ) -> io::Result<Self> {
        let target = Target::open(kind)?;
        let followers = ((1 << variants) - 1) & !1;
        let scalars = if kind == Kind::Getpid { Vec::new() } else { vec![1; SCALARS] };
        let seat = Seat { ring, variant, followers, crowded };
        Ok(Self { seat, mode, buffer: target.buffer(), target, scalars })
    }

    /// What the call reads from the program's memory; it stands at the beginning of the record.
    pub fn input(&self) -> &[u8] {
        if self.target.kind.writes() { &self.buffer } else { &[] }
    }

    /// Bytes of all inputs.
    pub fn inputs(&self) -> usize {
        self.input().len() + self.scalars.len()
    }
}

impl Turns for Variant<'_> {
    /// Looks at every page, so that no measured call comes to one for the first time.
    fn prepare(&mut self) -> bool {
        for word in self.seat.ring.data.iter().step_by(512) {
            std::hint::black_box(word.load(Ordering::Relaxed));
        }
        true
    }

    #[inline(never)]
    fn turn(&mut self) -> bool {
        let result = if self.seat.variant == 0 { self.lead() } else { self.follow() };
        result.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::shared_unsafe::Shared;
    use super::super::seat::dismiss;
    use super::*;

    fn pair(ring: &Ring, kind: Kind, mode: Mode, crowded: bool) -> [Variant<'_>; 2] {
        [0, 1].map(|variant| Variant::new(ring, kind, mode, variant, 2, crowded).unwrap())
    }

    #[test]
    fn outputs_reach_the_follower() {
        let ring = Shared::new().unwrap();
        let [mut leader, mut follower] = pair(&ring, Kind::Read(4096), Mode::Ahead, false);
        assert_eq!((leader.lead(), follower.follow()), (Some(4096), Some(4096)));
        assert_eq!(follower.buffer, [0; 4096]);
    }

    #[test]
    fn inputs_are_compared() {
        let ring = Shared::new().unwrap();
        let [mut leader, mut follower] = pair(&ring, Kind::Write(4096), Mode::Ahead, false);
        assert_eq!((leader.lead(), follower.follow()), (Some(4096), Some(4096)));
        follower.buffer[4095] ^= 1;
        assert_eq!((leader.lead(), follower.follow()), (Some(4096), None));
    }

    #[test]
    fn nobody_waits_for_one_that_has_ended() {
        for crowded in [false, true] {
            let ring = Shared::new().unwrap();
            let [mut leader, mut follower] = pair(&ring, Kind::Getpid, Mode::Lockstep, crowded);
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| follower.follow());
                std::thread::sleep(std::time::Duration::from_millis(20));
                dismiss(&ring);
                assert_eq!(waiting.join().unwrap(), None);
            });
            assert_eq!(leader.lead(), None);
        }
    }
}
