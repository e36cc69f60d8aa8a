//! The leader's half of a call: publish, wait for agreement, execute, hand out.

use std::sync::atomic::Ordering;

use stretto_abi::ring::{AHEAD, Cursor, Head, MAX_VARIANTS, Phase};

use super::Mode;
use super::payload_unsafe::{bytes, put};
use super::seat::{low, low_half};
use super::variant::Variant;

impl Variant<'_> {
    /// Makes one call for all variants. `None`: somebody has ended.
    pub fn lead(&mut self) -> Option<i64> {
        let seat = self.seat;
        let ring = seat.ring;
        let cursor = ring.cursor(0);
        self.wait_for_room(cursor)?;
        let lockstep = self.mode == Mode::Lockstep && seat.followers != 0;
        let inputs = self.inputs();
        put(ring, cursor, 0, self.input());
        put(ring, cursor, self.input().len(), &self.scalars);
        if lockstep {
            ring.describe(cursor, self.nr(), 0, inputs);
            ring.publish(cursor, 0);
            seat.wake(seat.followers, low_half(ring.tag_word(cursor)));
            self.wait_for_agreement(cursor)?;
        }
        let result = self.execute(cursor);
        let head = self.hand_out(cursor, if lockstep { 0 } else { AHEAD }, inputs, result);
        put(ring, cursor, head.arguments_at(), &[0; 48]);
        ring.finish(cursor, &head);
        seat.wake(seat.followers, low_half(ring.tag_word(cursor)));
        Some(result)
    }

    /// The kernel reads what was compared.
    fn execute(&mut self, cursor: Cursor) -> i64 {
        if self.target.kind.writes() {
            self.target.write(bytes(self.seat.ring, cursor, 0, self.buffer.len()))
        } else {
            self.target.call(&mut self.buffer)
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a small number
    fn nr(&self) -> u32 {
        self.target.kind.nr() as u32
    }

    /// Writes the outputs behind the inputs; says where they are.
    fn hand_out(&self, cursor: Cursor, flags: u8, inputs: usize, result: i64) -> Head {
        let reads = self.target.kind.reads();
        let outputs = if reads { usize::try_from(result).unwrap_or(0).min(self.buffer.len()) } else { 0 };
        let head = Head { phase: Phase::Done, epoch: 0, nr: self.nr(), flags, inputs, outputs, result };
        put(self.seat.ring, cursor, head.outputs_at(), &self.buffer[..outputs]);
        head
    }

    fn wait_for_room(&self, cursor: Cursor) -> Option<()> {
        let seat = self.seat;
        if seat.ring.has_room(cursor, seat.followers) {
            return Some(());
        }
        self.followers().try_for_each(|follower| {
            let at = &seat.ring.posts[follower].at;
            seat.until(low_half(at), || low(at), || seat.ring.has_room(cursor, 1 << follower).then_some(()))
        })
    }

    fn wait_for_agreement(&self, cursor: Cursor) -> Option<()> {
        let seat = self.seat;
        self.followers().try_for_each(|follower| {
            let agreed = &seat.ring.posts[follower].agreed;
            seat.until(
                std::ptr::from_ref(agreed) as u64,
                || agreed.load(Ordering::SeqCst),
                || seat.ring.has_agreed(cursor, follower).then_some(()),
            )
        })
    }

    fn followers(&self) -> impl Iterator<Item = usize> {
        let followers = self.seat.followers;
        (1..MAX_VARIANTS).filter(move |&variant| followers & 1 << variant != 0)
    }
}
