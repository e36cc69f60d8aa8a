//! Bytes out of words that variants may write meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};

/// Copies the bytes from `at` on, word by word; how many there are.
pub fn copy(words: &[AtomicU64], at: usize, buffer: &mut [u8]) -> usize {
    let mut words =
        words.get(at / 8..).unwrap_or(&[]).iter().map(|word| word.load(Ordering::Relaxed).to_le_bytes());
    let (inside, mut done) = (at % 8, 0);
    if inside != 0 {
        let first = words.next();
        let rest = first.as_ref().map_or(&[][..], |word| &word[inside..]);
        done = put(buffer, rest);
    }
    for (place, word) in buffer[done..].chunks_mut(8).zip(words) {
        done += put(place, &word);
    }
    done
}

/// Copies as much as there is, and room for; how much.
fn put(place: &mut [u8], bytes: &[u8]) -> usize {
    let length = place.len().min(bytes.len());
    place[..length].copy_from_slice(&bytes[..length]);
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_copied_from_any_place_for_any_length() {
        let bytes: Vec<u8> = (1..=32).collect();
        let (words, _) = bytes.as_chunks();
        let words: Vec<_> = words.iter().map(|word| AtomicU64::new(u64::from_le_bytes(*word))).collect();
        for at in 0..40 {
            for length in 0..40 {
                let mut buffer = vec![0; length];
                let there = bytes.get(at..).unwrap_or(&[]);
                let done = copy(&words, at, &mut buffer);
                assert_eq!(done, length.min(there.len()), "{length} from {at}");
                assert_eq!(buffer[..done], there[..done], "{length} from {at}");
            }
        }
    }
}
