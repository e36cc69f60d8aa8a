//! Messages between tracer threads.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock};

use stretto_tracee::{Awaited, SignalInfo, Sleeper};

use crate::lock;
use crate::notify_unsafe::Asked;
use crate::padded::Padded;
use crate::result::{ImageInfo, LeaderResult};
use crate::taskset::TaskSet;
use crate::tracer::{Next, ToCome};

/// Where the leader's thread stands, as to its turn among the threads of its process, that takes a signal outside any
/// rendezvous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In its own code.
    Within,
    /// In a call that every variant makes at its own pace; or there are no turns.
    Outside,
    /// Behind such a call.
    Before,
}

/// What a tracer has to do with its task of a set. Small, because it crosses from CPU to CPU with every call.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Leader: carry the call out.
    Execute,
    /// Carry the call out, here and in every variant.
    ExecuteEach,
    /// Follower: the leader carries the call out; do meanwhile what will have to be done, if that can't do harm.
    Alongside,
    /// Skip the call, with this error number.
    Refuse(i32),
    /// Skip the call, with a result that the monitor knows.
    Swallow,
    /// Follower: take over what the leader's call gave, and then perhaps a signal.
    Result(Arc<LeaderResult>, Option<Box<SignalInfo>>),
    /// Follower: the leader's call was interrupted by a signal that has a handler. What the call gave until then
    /// (the time left to sleep) comes with it.
    Interrupted(i64, Box<SignalInfo>, Arc<LeaderResult>),
    /// Take the signal first; the call comes again afterwards.
    SignalAtEntry(Box<SignalInfo>),
    /// All have carried the call out and agree; the leader's result, then perhaps a signal.
    Agreed(u64, Option<Box<SignalInfo>>),
    /// Follower: the leader's child has this id.
    Forked(Arc<TaskSet>, i32),
    /// Follower: what the kernel mapped in the leader at exec.
    Image(Arc<ImageInfo>),
    /// All variants took the same fault: let it be delivered.
    Fault,
    /// The time stamp that all variants read.
    Timestamp(u64),
    /// Take this signal wherever you are: the leader takes it outside any rendezvous.
    SignalAnywhere(Box<SignalInfo>, Standing),
    /// Leader: all followers have taken that signal.
    SignalTaken,
    /// The leader is gone: end this task's process.
    Kill,
    /// Follower: the leader's process is gone, and had told nobody before: end this task's when it has looked at what the
    /// leader's has left.
    Outlive,
    /// This variant is dropped: end all of it.
    Drop,
    /// Follower: it has come here with records of the ring that it has not looked at.
    CatchUp,
    /// Goes on behind a call that the agent has made.
    Proceed,
    /// Some variant was dropped: look at every set again.
    Recheck,
    /// Follower: who has got the turn in the leader's process.
    Turn { process: u32, next: Next, counted: Option<ToCome> },
    /// Leader: a follower has come near that was too many turns behind.
    Followed { process: u32 },
    /// Leader: a thread asks whether its call may pass.
    Asked(Box<Asked>),
    /// Time has passed.
    Tick,
    /// Tell where every thread is.
    Dump,
}

/// One message: the set it is about (0: none), and what to do.
#[derive(Debug)]
pub struct Message {
    pub set: u32,
    pub decision: Decision,
}

/// The mailbox of one tracer thread.
#[derive(Debug, Default)]
pub struct Mailbox {
    pub sleeper: Padded<Sleeper>,
    queue: Padded<Mutex<VecDeque<Message>>>,
    /// For whom the reader waits when it does not look here.
    awaited: OnceLock<Arc<Awaited>>,
}

impl Mailbox {
    /// Makes the calling thread the reader.
    pub fn adopt(&self) {
        self.sleeper.adopt();
        let _ = self.awaited.set(Awaited::by_this_thread());
    }

    /// The one tracee that the reader waits for, and the number of that wait.
    #[must_use]
    pub fn awaited(&self) -> Option<(i32, u32)> {
        self.awaited.get()?.now()
    }

    /// Adds a message and wakes the reader if it sleeps.
    pub fn post(&self, set: u32, decision: Decision) {
        lock(&self.queue).push_back(Message { set, decision });
        self.sleeper.wake();
    }

    /// The next message.
    pub fn take(&self) -> Option<Message> {
        if !self.sleeper.called() {
            return None;
        }
        let mut queue = lock(&self.queue);
        let message = queue.pop_front();
        if queue.is_empty() {
            self.sleeper.clear();
        }
        message
    }
}
