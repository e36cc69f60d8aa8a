//! Keyed digests: who does not know the key can't find bytes for a digest that he has seen, nor one for his bytes.
//!
//! SipHash-2-4 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012), over pieces of any length.

/// A digest in the making.
#[derive(Clone, Debug)]
pub struct Digest {
    state: [u64; 4],
    /// The bytes since the last whole word.
    word: u64,
    length: u64,
}

impl Digest {
    /// Of nothing yet.
    #[must_use]
    pub fn new([first, second]: [u64; 2]) -> Self {
        let state = [
            first ^ 0x736f_6d65_7073_6575,
            second ^ 0x646f_7261_6e64_6f6d,
            first ^ 0x6c79_6765_6e65_7261,
            second ^ 0x7465_6462_7974_6573,
        ];
        Self { state, word: 0, length: 0 }
    }

    /// More bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.word |= u64::from(byte) << (8 * (self.length % 8));
            self.length = self.length.wrapping_add(1);
            if self.length.is_multiple_of(8) {
                self.compress();
            }
        }
    }

    /// The digest of all bytes.
    #[must_use]
    pub fn finish(mut self) -> u64 {
        self.word |= self.length << 56;
        self.compress();
        self.state[2] ^= 0xff;
        for _ in 0..4 {
            self.round();
        }
        self.state.iter().fold(0, |all, word| all ^ word)
    }

    fn compress(&mut self) {
        self.state[3] ^= self.word;
        self.round();
        self.round();
        self.state[0] ^= core::mem::take(&mut self.word);
    }

    fn round(&mut self) {
        let [mut a, mut b, mut c, mut d] = self.state;
        a = a.wrapping_add(b);
        c = c.wrapping_add(d);
        b = b.rotate_left(13) ^ a;
        d = d.rotate_left(16) ^ c;
        a = a.rotate_left(32).wrapping_add(d);
        c = c.wrapping_add(b);
        d = d.rotate_left(21) ^ a;
        b = b.rotate_left(17) ^ c;
        c = c.rotate_left(32);
        self.state = [a, b, c, d];
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    /// Bytes of the key and of the example in the paper's appendix A.
    const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
    const MESSAGE: [u8; 15] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14];

    #[test]
    fn the_example_of_the_paper() {
        let mut digest = Digest::new(KEY);
        digest.bytes(&MESSAGE);
        assert_eq!(digest.finish(), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn how_bytes_are_divided_does_not_matter() {
        for first in 0..MESSAGE.len() {
            for second in first..MESSAGE.len() {
                let mut digest = Digest::new(KEY);
                for piece in [&MESSAGE[..first], &MESSAGE[first..second], &MESSAGE[second..]] {
                    digest.bytes(piece);
                }
                assert_eq!(digest.finish(), 0xa129_ca61_49be_45e5);
            }
        }
    }
}
