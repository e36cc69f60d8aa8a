//! A variant that has been taken over may write anything into what it may write. Whatever stands in a ring, and
//! wherever a cursor points: nobody panics, reads outside the ring, or writes outside the own record.
#![cfg(not(loom))]

use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;
use stretto_abi::ring::{BULK, Cursor, Head, MAX_VARIANTS, Phase, Post, Ring, Shared, tag};

/// Words of a small ring.
const WORDS: usize = 256;
const PHASES: [Phase; 3] = [Phase::Published, Phase::Done, Phase::Cancelled];

/// What stands in a ring, and where somebody looks.
#[derive(Clone, Copy, Debug)]
struct Case {
    seed: u64,
    cursor: Cursor,
    /// A record at the cursor that is well-formed as far as this.
    phase: Option<Phase>,
    inputs: u32,
    outputs: u32,
}

fn cases() -> impl Strategy<Value = Case> {
    let near = |value: u64| (0..=300u64).prop_map(move |off| value.wrapping_add(off).wrapping_sub(150));
    let at = prop_oneof![any::<u64>(), near(0), near(2048), near(1 << 20), 0..1u64 << 21];
    let number = prop_oneof![any::<u32>(), 0..4u32, u32::MAX - 4..=u32::MAX, (1 << 30) - 2..(1 << 30) + 2u32];
    let phase = prop::option::weighted(0.9, prop::sample::select(&PHASES[..]));
    let payload = [Shared::<WORDS>::PAYLOAD, Ring::PAYLOAD].map(|bytes| bytes as u64);
    let bytes = || {
        let bounds = prop_oneof![near(payload[0]), near(payload[1]), 0..200u64, 0..1u64 << 20, any::<u64>()];
        #[allow(clippy::cast_possible_truncation)] // anything will do
        bounds.prop_map(|bytes| bytes as u32)
    };
    (any::<u64>(), at, number, phase, bytes(), bytes()).prop_map(
        |(seed, at, number, phase, inputs, outputs)| Case {
            seed,
            cursor: Cursor { number, at },
            phase,
            inputs,
            outputs,
        },
    )
}

/// The next random number (SplitMix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

impl Case {
    /// A word of garbage: anything, or what might be taken for something.
    #[allow(clippy::cast_possible_truncation)] // anything will do
    fn word(&self, state: &mut u64) -> u64 {
        let word = random(state);
        match word >> 60 {
            0 => 0,
            1 => u64::MAX,
            2 => word % 4096,
            3 => u64::from(self.inputs) | u64::from(self.outputs) << 32,
            4..8 => tag(self.cursor.number.wrapping_sub(word as u32 % 4), Phase::Done).into(),
            _ => word,
        }
    }

    /// Fills every word of every page.
    #[allow(clippy::cast_possible_truncation)] // anything will do
    fn fill<const SIZE: usize>(&self, ring: &Shared<SIZE>) {
        let state = &mut self.seed.clone();
        let notices = &ring.notices;
        for word in [&notices.news, &notices.active, &notices.attached] {
            word.store(self.word(state) as u32, Relaxed);
        }
        for word in notices.attention.iter().chain(&notices.slow) {
            word.store(self.word(state) as u32, Relaxed);
        }
        for post in &ring.posts {
            for word in [&post.agreed, &post.done, &post.before, &post.sleeping, &post.patience[0]] {
                word.store(self.word(state) as u32, Relaxed);
            }
            // Now and then near the cursor.
            let far = random(state).is_multiple_of(4);
            let at =
                if far { self.word(state) } else { self.cursor.at.wrapping_add(random(state) % (1 << 21)) };
            post.at.store(at, Relaxed);
            post.calls.store(self.word(state), Relaxed);
        }
        for word in &ring.data {
            word.store(self.word(state), Relaxed);
        }
        if let Some(phase) = self.phase {
            let sizes = u64::from(self.inputs) | u64::from(self.outputs) << 32;
            let first = Shared::<SIZE>::payload(self.cursor) - 4;
            ring.data[first].store(tag(self.cursor.number, phase).into(), Relaxed);
            ring.data[first + 2].store(sizes, Relaxed);
        }
    }
}

/// All that stands in a ring: the notices, the posts, the records.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Picture {
    notices: Vec<u32>,
    posts: Vec<[u64; 7]>,
    data: Vec<u64>,
}

fn picture<const SIZE: usize>(ring: &Shared<SIZE>) -> Picture {
    let notices = &ring.notices;
    let single = [&notices.news, &notices.active, &notices.attached];
    let words = single.into_iter().chain(&notices.attention).chain(&notices.slow);
    let post = |post: &Post| {
        let small = [&post.agreed, &post.done, &post.before, &post.sleeping, &post.patience[0]];
        let [agreed, done, before, sleeping, looks] = small.map(|word| word.load(Relaxed).into());
        [agreed, done, before, sleeping, looks, post.at.load(Relaxed), post.calls.load(Relaxed)]
    };
    Picture {
        notices: words.map(|word| word.load(Relaxed)).collect(),
        posts: ring.posts.iter().map(post).collect(),
        data: ring.data.iter().map(|word| word.load(Relaxed)).collect(),
    }
}

/// Everything that `head` speaks of lies within the ring, and within one record, or within the bulk.
fn bounded<const SIZE: usize>(cursor: Cursor, head: &Head) {
    let first = 8 * Shared::<SIZE>::payload(cursor);
    let end = head.arguments_at() + 48;
    let room = |in_bulk: bool| if in_bulk { BULK } else { head.arguments_at() };
    assert!(head.inputs <= room(head.inputs_in_bulk()));
    assert!(head.outputs_at() + head.outputs <= room(head.outputs_in_bulk()));
    assert!(first + end <= 8 * SIZE, "{head:?} at {cursor:?} ends outside the ring");
    assert!(32 + end <= usize::try_from(Shared::<SIZE>::RECORD).unwrap(), "{head:?} is too large");
    assert!(head.phase == Phase::Done || head.outputs == 0);
    assert!(head.phase != Phase::Cancelled || head.inputs == 0);
}

/// Reading gives what lies in the ring, comes to an end, and changes nothing.
fn reading<const SIZE: usize>(case: &Case, ring: &Shared<SIZE>) {
    case.fill(ring);
    let before = picture(ring);
    let standing = (0..MAX_VARIANTS + 3).map(|variant| ring.cursor(variant));
    for cursor in standing.chain([case.cursor]) {
        let first = Shared::<SIZE>::payload(cursor);
        assert!(std::ptr::eq(ring.tag_word(cursor), &raw const ring.data[first - 4]));
        if let Some(head) = ring.look(cursor) {
            bounded::<SIZE>(cursor, &head);
        }
        let mut last = cursor;
        for (count, (here, head)) in ring.backwards(cursor).enumerate() {
            assert!(count < SIZE / 8, "more records than there is room for");
            assert_eq!(here.number, last.number.wrapping_sub(1));
            bounded::<SIZE>(here, &head);
            last = here;
        }
        for followers in [0, 2, 0xfe, u32::MAX] {
            let _ = ring.has_room(cursor, followers);
            let _ = ring.bulk_is_free(followers);
        }
        let _ = ring.has_agreed(cursor, usize::MAX);
    }
    assert_eq!(picture(ring), before, "reading has changed something");
}

/// The indices of words that may change when the record at `cursor` ends: its own, and the tag behind it.
fn own_words<const SIZE: usize>(ring: &Shared<SIZE>, cursor: Cursor) -> impl Fn(usize) -> bool {
    let first = Shared::<SIZE>::payload(cursor) - 4;
    let record = first..first + usize::try_from(Shared::<SIZE>::RECORD).unwrap() / 8;
    assert!(record.end <= SIZE);
    let next = Shared::<SIZE>::payload(ring.cursor(0)) - 4;
    move |index| record.contains(&index) || index == next
}

/// The leader writes into its own record and its own post only.
fn leading<const SIZE: usize>(case: &Case, ring: &Shared<SIZE>, act: impl Fn(&Shared<SIZE>)) {
    case.fill(ring);
    let before = picture(ring);
    act(ring);
    let after = picture(ring);
    let own = own_words(ring, case.cursor);
    let mut changed = (0..SIZE).filter(|&index| before.data[index] != after.data[index]);
    assert!(changed.all(own), "something outside the record has changed");
    assert_eq!(before.notices, after.notices);
    assert_eq!(before.posts[1..], after.posts[1..]);
}

/// A follower writes into its own post only.
fn following<const SIZE: usize>(
    case: &Case,
    ring: &Shared<SIZE>,
    variant: usize,
    act: impl Fn(&Shared<SIZE>),
) {
    case.fill(ring);
    let before = picture(ring);
    act(ring);
    let after = picture(ring);
    assert_eq!((before.notices, before.data), (after.notices, after.data));
    let others = |posts: Vec<[u64; 7]>| {
        let other = move |&(index, _): &(usize, _)| index != variant % MAX_VARIANTS;
        posts.into_iter().enumerate().filter(other).collect::<Vec<_>>()
    };
    assert_eq!(others(before.posts), others(after.posts));
}

/// All that a variant may do at a ring of garbage.
#[allow(clippy::cast_possible_truncation)] // anything will do
fn everything<const SIZE: usize>(case: &Case, ring: &Shared<SIZE>) {
    let Case { cursor, inputs, outputs, .. } = *case;
    let epoch = case.seed as u32;
    let sizes = [inputs, outputs].map(|bytes| bytes as usize);
    reading(case, ring);
    leading(case, ring, |ring| ring.describe(cursor, epoch, epoch as u8, sizes[0]));
    leading(case, ring, |ring| ring.publish(cursor, epoch));
    leading(case, ring, |ring| ring.cancel(cursor, epoch));
    let variant = case.seed as usize;
    following(case, ring, variant, |ring| ring.agree(variant, cursor));
    let phase = case.phase.unwrap_or(Phase::Done);
    let head = Head { phase, epoch, nr: 0, flags: 0, inputs: sizes[0], outputs: sizes[1], result: 0 };
    let result = case.seed.cast_signed();
    leading(case, ring, |ring| ring.finish(cursor, &Head { flags: epoch as u8, nr: epoch, result, ..head }));
    following(case, ring, variant, |ring| ring.consume(variant, cursor, &head));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn a_small_ring(case in cases()) {
        everything(&case, &Shared::<WORDS>::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn the_ring_in_use(case in cases()) {
        static RING: LazyLock<Box<Ring>> = LazyLock::new(Box::default);
        everything(&case, &RING);
    }
}

/// A record that is honest is seen, however large it may be.
#[test]
fn the_greatest_record() {
    let ring = Shared::<WORDS>::default();
    let cursor = ring.cursor(0);
    for (inputs, outputs) in
        [(Shared::<WORDS>::PAYLOAD, 0), (0, Shared::<WORDS>::PAYLOAD), (8, Shared::<WORDS>::PAYLOAD - 8)]
    {
        let honest = Head { phase: Phase::Done, epoch: 0, nr: 1, flags: 0, inputs, outputs, result: 0 };
        ring.finish(cursor, &honest);
        let head = ring.look(cursor).unwrap();
        assert_eq!((head.inputs, head.outputs), (inputs, outputs));
        bounded::<WORDS>(cursor, &head);
        ring.finish(cursor, &Head { inputs: inputs + 8, ..honest });
        assert_eq!(ring.look(cursor), None);
    }
}

/// A tag belongs to one number and one phase, and to none a billion records around; the end of counting is no seam.
#[test]
fn tags_around_the_end_of_counting() {
    for number in [0, 1, (1 << 30) - 1, 1 << 30, u32::MAX - 1, u32::MAX] {
        for phase in PHASES {
            assert_ne!(tag(number, phase), 0);
            for other in 1..1000 {
                for place in [number.wrapping_add(other), number.wrapping_sub(other)] {
                    assert!(PHASES.iter().all(|&another| tag(place, another) != tag(number, phase)));
                }
            }
        }
    }
}
