//! A follower's half of a call: wait for the leader's, compare, agree, take over.

use stretto_abi::ring::{AHEAD, Cursor, Head, Phase};

use super::payload_unsafe::bytes;
use super::seat::{low, low_half};
use super::variant::Variant;

impl Variant<'_> {
    /// Takes one call of the leader's over. `None`: the variants disagree, or somebody has ended.
    pub fn follow(&mut self) -> Option<i64> {
        let seat = self.seat;
        let ring = seat.ring;
        let cursor = ring.cursor(seat.variant);
        let tag = ring.tag_word(cursor);
        let mut head = seat.until(low_half(tag), || low(tag), || ring.look(cursor))?;
        if i64::from(head.nr) != self.target.kind.nr() || !self.same_inputs(cursor, &head) {
            return None;
        }
        if head.phase == Phase::Published {
            ring.agree(seat.variant, cursor);
            seat.wake(1, std::ptr::from_ref(&ring.posts[seat.variant].agreed) as u64);
            let ended = || ring.look(cursor).filter(|head| head.phase != Phase::Published);
            head = seat.until(low_half(tag), || low(tag), ended)?;
        }
        let outputs = bytes(ring, cursor, head.outputs_at(), head.outputs);
        self.buffer.get_mut(..outputs.len())?.copy_from_slice(outputs);
        ring.consume(seat.variant, cursor, &head);
        if head.flags & AHEAD != 0 {
            seat.wake(1, low_half(&ring.posts[seat.variant].at));
        }
        Some(head.result)
    }

    fn same_inputs(&self, cursor: Cursor, head: &Head) -> bool {
        let (ring, input) = (self.seat.ring, self.input());
        head.inputs == self.inputs()
            && bytes(ring, cursor, 0, input.len()) == input
            && bytes(ring, cursor, input.len(), self.scalars.len()) == self.scalars
    }
}
