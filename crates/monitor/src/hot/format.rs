//! What a file of hot sites looks like: a line that names the format, one line for each site, and a last line, without
//! which the file is not whole. A site is its offset in the ELF file, in hexadecimal digits, ascending.

use std::collections::BTreeSet;
use std::fmt::Write;

/// More sites of one image are not remembered: all that glibc has are fewer (a test of `super::elf` counts them).
pub const MOST: usize = 2048;
/// A larger file is not read: `MOST` lines of any offset fit.
pub const LARGEST: u64 = 64 << 10;

const FIRST: &str = "stretto hot sites 1";
const LAST: &str = "end";

/// The text for these sites; of too many, the lowest.
#[must_use]
pub fn text(sites: &BTreeSet<u64>) -> String {
    let mut text = format!("{FIRST}\n");
    for site in sites.iter().take(MOST) {
        let _ = writeln!(text, "{site:x}");
    }
    text.push_str(LAST);
    text.push('\n');
    text
}

/// The sites in a file, or why it is none.
///
/// # Errors
/// What is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<BTreeSet<u64>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is no text")?;
    let body = text.strip_prefix(FIRST).and_then(|rest| rest.strip_prefix('\n'));
    let body = body.ok_or("has another format")?;
    let body = body.strip_suffix('\n').and_then(|rest| rest.strip_suffix(LAST)).ok_or("has no end")?;
    let mut sites = BTreeSet::new();
    for line in body.lines() {
        let site = Some(line).filter(|line| line.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let site =
            site.and_then(|line| u64::from_str_radix(line, 16).ok()).ok_or("has a line without a site")?;
        if sites.last().is_some_and(|last| *last >= site) {
            return Err("is not in order");
        }
        if sites.len() == MOST {
            return Err("has too many sites");
        }
        sites.insert(site);
    }
    Ok(sites)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::collection::{btree_set, vec};
    use proptest::prelude::*;

    use super::{FIRST, LARGEST, MOST, parse, text};

    proptest! {
        #[test]
        fn what_is_written_is_read(sites in btree_set(any::<u64>(), 0..100)) {
            prop_assert_eq!(parse(text(&sites).as_bytes()), Ok(sites));
        }

        #[test]
        fn garbage_is_refused(bytes in vec(any::<u8>(), 0..4096)) {
            prop_assert!(parse(&bytes).is_err());
        }

        #[test]
        fn a_file_that_is_not_whole_is_refused(sites in btree_set(any::<u64>(), 1..100), cut in any::<prop::sample::Index>()) {
            let text = text(&sites);
            prop_assert!(parse(&text.as_bytes()[..cut.index(text.len())]).is_err());
        }

        #[test]
        fn a_changed_file_is_refused_or_read_within_bounds(
            sites in btree_set(any::<u64>(), 0..100), place in any::<prop::sample::Index>(), byte in any::<u8>()
        ) {
            let mut bytes = text(&sites).into_bytes();
            let index = place.index(bytes.len());
            bytes[index] = byte;
            if let Ok(read) = parse(&bytes) {
                prop_assert!(read.len() <= sites.len() + 1);
            }
        }
    }

    #[test]
    fn the_greatest_file_is_read_and_no_greater_one() {
        let sites: BTreeSet<u64> = (u64::MAX - MOST as u64..u64::MAX).collect();
        let whole = text(&sites);
        assert!(whole.len() as u64 <= LARGEST);
        assert_eq!(parse(whole.as_bytes()).map(|read| read.len()), Ok(MOST));
        let more = whole.replace(FIRST, &format!("{FIRST}\n1"));
        assert_eq!(parse(more.as_bytes()), Err("has too many sites"));
    }

    #[test]
    fn sites_are_in_order_and_nothing_but_digits() {
        for lines in ["2\n1\n", "1\n1\n", "+1\n", " 1\n", "\n", "12345678123456781\n"] {
            assert!(parse(format!("{FIRST}\n{lines}end\n").as_bytes()).is_err(), "{lines:?}");
        }
    }
}
