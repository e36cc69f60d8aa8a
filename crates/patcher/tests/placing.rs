//! Where stubs may be.

use stretto_patcher::{Refusal, Site, site};

const CHUNK: u64 = 0x1_0000;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

fn at(address: u64, follows: &[u8]) -> Site {
    let mut code = vec![0x0f, 0x05];
    code.extend(follows);
    code.extend([0x90; 16]);
    site(address, &code).expect("acceptable")
}

/// With one, two and three constrained bytes.
fn sites(address: u64) -> [Site; 3] {
    [
        at(address, &[0x48, 0x3d, 0, 0xf0, 0xff, 0xff]),
        at(address, &[0x31, 0xc0, 0x31, 0xc0]),
        at(address, &[0xc3]),
    ]
}

#[test]
fn place_is_the_lowest() {
    for site in sites(0x5555_5555_1234) {
        for start in [site.address() - GIB, site.address() - 17 * MIB, site.address() + 0x6ccc_0000] {
            let free = start..start + 64 * MIB;
            let brute = (free.clone()).take(40_000_000).find(|&stub| site.accepts(stub));
            assert_eq!(site.place(free.clone()), brute, "{start:x}");
            if let Some(stub) = brute {
                let length = site.stub_length() as u64;
                assert_eq!(site.place(stub..stub + length), Some(stub));
                assert_eq!(site.place(stub..stub + length - 1), None);
            }
        }
        assert_eq!(site.place(0..u64::MAX), site.place(site.address() - 2 * GIB..site.address() + 2 * GIB));
        assert!(site.place(0..u64::MAX).is_some());
        assert_eq!(site.place(site.address() + 3 * GIB..u64::MAX), None);
        assert_eq!(site.place(0..site.address() - 3 * GIB), None);
        let (high, low) = (10 * GIB, GIB);
        assert_eq!(site.place(high..low), None);
    }
}

#[test]
fn chunks_are_ordered_and_in_bounds() {
    for address in [0x40_1000, 0x5555_5555_1234, 0x7ffe_ffff_f000] {
        for site in sites(address) {
            let chunks: Vec<u64> = site.chunks().collect();
            let (below, above): (Vec<u64>, Vec<u64>) = chunks.iter().partition(|&&chunk| chunk < address);
            assert_eq!([below.clone(), above.clone()].concat(), chunks, "those below come first");
            assert!(below.is_sorted_by(|a, b| a > b) && above.is_sorted_by(|a, b| a > b));
            for &chunk in &chunks {
                assert_eq!(chunk % CHUNK, 0);
                assert!(chunk >= 0x1_0000 && chunk + CHUNK <= 0x7fff_ffff_0000);
                let distance = if chunk < address { address - (chunk + CHUNK) } else { chunk - address };
                assert!((16 * MIB..2 * GIB).contains(&distance));
                let stub = site.place(chunk..chunk + CHUNK).expect("place succeeds in chunks");
                assert!(site.accepts(stub) && site.patch(stub).is_ok());
            }
            // Near the bottom of the address space three constrained bytes leave only what is above.
            assert!(chunks.len() > 8, "{address:x}: {}", chunks.len());
        }
    }
}

#[test]
fn chunks_are_many_where_one_byte_is_constrained() {
    let [one, two, _] = sites(0x7f12_3456_789b);
    assert_eq!(one.chunks().next(), Some((one.address() - 16 * MIB) / CHUNK * CHUNK - CHUNK));
    assert!(one.chunks().count() > 30_000);
    assert!(two.chunks().count() > 3_000);
}

#[test]
fn other_places_are_refused() {
    for site in sites(0x5555_5555_1234) {
        let stub = site.place(0..u64::MAX).expect("there is a place");
        for wrong in [0, stub - 1, site.address(), site.address() + 5 * GIB, u64::MAX] {
            assert!(!site.accepts(wrong));
            let refusal = Refusal::WrongPlace { at: site.address(), stub: wrong };
            assert_eq!(site.patch(wrong).err(), Some(refusal));
        }
    }
}
