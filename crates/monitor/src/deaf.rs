//! Tracers that hear nothing, since they wait for what one thread does next.
//!
//! What they wait for comes at once from honest variants (a signal that has been sent, the end of a call of the
//! monitor's), but a thread that has been taken over may have seen to it that it never comes. Then it is late as others
//! are; and where its variant is to end, somebody else has to end it.

use std::time::Duration;

use crate::clock_unsafe::Moment;
use crate::lag::Lag;
use crate::procfs::{other_own_threads, scheduled};
use crate::rendezvous;
use crate::session::Session;
use crate::signals_unsafe;

/// How long a tracer may wait for a thread that is to end, in seconds.
const MERCY: f64 = 0.5;

/// When this process itself was stopped for so long, nobody is late.
const MISSED: Duration = Duration::from_secs(2);

/// The waits of all tracers, looked at now and then.
#[derive(Debug)]
pub struct Deaf {
    waits: Vec<Option<Wait>>,
    looked: Moment,
}

#[derive(Debug)]
struct Wait {
    /// The thread, and which of its tracer's waits it is.
    what: (i32, u32),
    lag: Lag,
}

impl Deaf {
    /// Of so many variants.
    #[must_use]
    pub fn new(variants: usize) -> Self {
        Self { waits: (0..variants).map(|_| None).collect(), looked: Moment::now() }
    }

    /// Looks at all tracers: reports threads that are late, and ends those that ought to have ended.
    pub fn look(&mut self, session: &Session) {
        let missed = std::mem::replace(&mut self.looked, Moment::now()).elapsed() > MISSED;
        for (variant, wait) in self.waits.iter_mut().enumerate() {
            let Some(what) = session.mailboxes[variant].awaited() else {
                *wait = None;
                continue;
            };
            match wait {
                Some(known) if known.what == what && !missed => known.look(session, variant),
                _ => *wait = Some(Wait { what, lag: Lag::begin() }),
            }
        }
    }
}

impl Wait {
    fn look(&mut self, session: &Session, variant: usize) {
        let (tid, _) = self.what;
        if self.lag.is_unwatched() {
            self.lag.watch(other_own_threads().into_iter().chain([tid]));
        }
        if session.has_done_with(variant) {
            if self.lag.exceeds(MERCY) && session.mailboxes[variant].awaited() == Some(self.what) {
                signals_unsafe::send(tid, libc::SIGKILL);
            }
        } else if is_stopped(tid) {
            self.lag = Lag::begin();
        } else if self.lag.exceeds(session.config.timeout) {
            self.lag = Lag::begin();
            if let Some(set) = session.all_sets().into_iter().find(|set| set.tid(variant) == tid) {
                rendezvous::too_late(session, &set, variant);
            }
        }
    }
}

/// Whether job control has stopped a thread: somebody else may let it go on later.
fn is_stopped(tid: i32) -> bool {
    scheduled(tid).is_some_and(|now| !now.runnable && !now.sleeps)
}
