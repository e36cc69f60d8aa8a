//! The monitor's half: the rendezvous (`arrive`, `leave`, `conclude` in rendezvous.rs), and followers that catch up
//! with a leader that has gone ahead (`catch_up` in tracer/points.rs). The tracer's work is done by the thread of
//! the variant that has stopped: it happens behind what that variant did before, as it does behind a real stop.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{BY_MONITOR, Cursor, Head, MAX_VARIANTS, Phase, Shared};
use stretto_abi::turn::GivenUp;

use super::World;
use super::call::{Call, same};
use super::follower::take_over;
use super::seat::{Seat, address_of};
use super::sync::{Condvar, Mutex, in_order, lock, wait};

/// With what a variant comes.
#[derive(Clone, Copy, Debug)]
pub enum Arrival {
    /// With a call, which the leader's agent may have made.
    Call { number: u32, done: bool },
    /// For a signal behind a call.
    Point,
}

/// What happens then.
#[derive(Clone, Copy, Debug)]
pub enum Decision {
    /// All have come to the same, and the monitor has done it.
    Proceed,
    /// Follower: its call stands in this record.
    CatchUp(Head),
}

#[derive(Default)]
struct Meeting {
    arrivals: [Option<Arrival>; MAX_VARIANTS],
    slow: [u32; MAX_VARIANTS],
    decisions: [Option<Decision>; MAX_VARIANTS],
    /// Another thread of the process wants the turn.
    wanted: Option<Wanted>,
}

/// Whether another thread gets the turn.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    /// When the leader makes its next call, which goes to the monitor.
    Asked,
    /// It has had it.
    Had,
    /// Now: the leader has given it up here.
    Taken(GivenUp),
}

pub struct Monitor {
    meeting: Mutex<Meeting>,
    posted: Condvar,
}

impl Meeting {
    /// Whether all followers have come to the place (`has_passed` in tracer/turns.rs).
    fn has_been_given_up<const WORDS: usize>(&self, world: &World<WORDS>, place: GivenUp) -> bool {
        let active = world.ring.notices.active.load(Ordering::Relaxed);
        let mut followers = (1..MAX_VARIANTS).filter(|variant| active & 1 << variant != 0);
        followers.all(|variant| {
            self.arrivals[variant].is_some() && place.is_reached(world.ring.cursor(variant).number)
        })
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self { meeting: Mutex::new(Meeting::default()), posted: Condvar::new() }
    }
}

impl Monitor {
    /// The variant stops, and goes on when it has been decided how.
    pub fn stop<const WORDS: usize>(
        &self,
        world: &World<WORDS>,
        variant: usize,
        arrival: Arrival,
        call: Option<&Call>,
    ) -> Decision {
        let mut meeting = lock(&self.meeting);
        world.ring.notices.attention[variant].swap(0, Ordering::SeqCst);
        meeting.arrivals[variant] = Some(arrival);
        count(&mut meeting, world, variant, 1);
        match unread(&world.ring, variant).filter(|_| variant != 0) {
            Some((_, head)) => meeting.decisions[variant] = Some(Decision::CatchUp(head)),
            None => self.conclude(&mut meeting, world),
        }
        self.posted.notify_all();
        let decision = loop {
            match meeting.decisions[variant].take() {
                Some(decision) => break decision,
                None => meeting = wait(&self.posted, meeting),
            }
        };
        if let (Decision::CatchUp(head), Some(call)) = (decision, call) {
            catch_up(&mut meeting, world, variant, call, &head);
        }
        decision
    }

    /// Another thread of the leader's process needs the turn (`take_turn_of` in tracer/turns.rs).
    pub fn take_turn<const WORDS: usize>(&self, world: &World<WORDS>) {
        let notices = &world.ring.notices;
        let mut meeting = lock(&self.meeting);
        attract(world, 0);
        in_order();
        let taken = world.ring.posts[0].turn.take();
        if let Some(place) = taken {
            notices.given_up.store(place.0, Ordering::SeqCst);
            announce(world);
            notices.attention[0].store(0, Ordering::SeqCst);
        }
        meeting.wanted = Some(taken.map_or(Wanted::Asked, Wanted::Taken));
        self.posted.notify_all();
    }

    /// A call that ends when another thread has made one, for which that needs the turn in all variants.
    pub fn wait_for_other_threads<const WORDS: usize>(&self, world: &World<WORDS>) {
        if world.ring.notices.turns.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut meeting = lock(&self.meeting);
        loop {
            match meeting.wanted {
                Some(Wanted::Had) => return,
                Some(Wanted::Taken(place)) if meeting.has_been_given_up(world, place) => break,
                _ => meeting = wait(&self.posted, meeting),
            }
        }
        meeting.wanted = Some(Wanted::Had);
    }

    fn conclude<const WORDS: usize>(&self, meeting: &mut Meeting, world: &World<WORDS>) {
        let active = world.ring.notices.active.load(Ordering::Relaxed);
        let mut present = (0..MAX_VARIANTS).filter(|variant| active & 1 << variant != 0);
        if present.clone().any(|variant| meeting.arrivals[variant].is_none()) {
            return;
        }
        let unread = |variant| unread(&world.ring, variant).map(|(_, head)| (variant, head));
        if let Some((variant, head)) = present.clone().skip(1).find_map(unread) {
            meeting.decisions[variant] = Some(Decision::CatchUp(head));
        } else {
            let arrivals = std::mem::take(&mut meeting.arrivals);
            // The turn is given up here, too.
            meeting.wanted = meeting.wanted.map(|_| Wanted::Had);
            world.witness.meet(present.by_ref().filter_map(|variant| arrivals[variant]));
            for variant in (0..MAX_VARIANTS).filter(|variant| active & 1 << variant != 0) {
                meeting.decisions[variant] = Some(Decision::Proceed);
            }
        }
        self.posted.notify_all();
    }
}

fn count<const WORDS: usize>(meeting: &mut Meeting, world: &World<WORDS>, variant: usize, by: u32) {
    meeting.slow[variant] = meeting.slow[variant].wrapping_add(by);
    world.ring.notices.slow[variant].store(meeting.slow[variant], Ordering::SeqCst);
    announce(world);
}

/// `RingMemory::announce`.
pub fn announce<const WORDS: usize>(world: &World<WORDS>) {
    let news = &world.ring.notices.news;
    news.fetch_add(1, Ordering::SeqCst);
    in_order();
    if world.ring.posts.iter().any(|post| post.sleeping.load(Ordering::SeqCst) != 0) {
        world.futexes.wake(address_of(news));
    }
}

/// A signal comes, or the monitor thinks that somebody waits in vain.
pub fn attract<const WORDS: usize>(world: &World<WORDS>, variant: usize) {
    world.ring.notices.attention[variant].store(1, Ordering::SeqCst);
    announce(world);
}

/// The next record that counts and that `variant` has not looked at. The one whose outputs the monitor hands out is
/// the call that the leader has come with.
fn unread<const WORDS: usize>(ring: &Shared<WORDS>, variant: usize) -> Option<(Cursor, Head)> {
    loop {
        let cursor = ring.cursor(variant);
        let head = ring.look(cursor)?;
        if head.phase != Phase::Cancelled && head.flags & BY_MONITOR == 0 {
            return (head.phase == Phase::Done).then_some((cursor, head));
        }
        ring.consume(variant, cursor, &head);
    }
}

fn catch_up<const WORDS: usize>(
    meeting: &mut Meeting,
    world: &World<WORDS>,
    variant: usize,
    call: &Call,
    head: &Head,
) {
    let cursor = world.ring.cursor(variant);
    assert_eq!(head.nr, call.nr(), "has strayed");
    assert!(head.inputs == call.inputs && same(&world.ring, cursor, 0, call.input_words()), "has strayed");
    take_over(call, &Seat { world, variant }, cursor, head);
    meeting.arrivals[variant] = None;
    count(meeting, world, variant, u32::MAX);
    world.ring.consume(variant, cursor, head);
    announce(world);
}
