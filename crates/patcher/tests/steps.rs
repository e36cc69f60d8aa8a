//! Whatever has been written so far, a thread that comes to an instruction of the program finds all of it as it was, or
//! traps, or jumps to the stub.

use stretto_patcher::{Patch, Steps, Write, site, whole};

const AT: u64 = 0x7f12_3456_789b;
const TRAPPING: [u8; 16] =
    [0x6c, 0x6d, 0x6e, 0x6f, 0xcc, 0xe4, 0xe5, 0xe6, 0xe7, 0xec, 0xed, 0xee, 0xef, 0xf4, 0xfa, 0xfb];

/// What follows a `syscall`, and the offsets behind the site at which instructions begin.
const FOLLOWS: [(&[u8], &[usize]); 6] = [
    (&[0x48, 0x05, 1, 2, 3, 4, 0x90, 0xc3], &[2, 8, 9]), // add rax; nop; ret
    (&[0x90, 0x90, 0x90, 0xc3, 0x90, 0x90], &[2, 3, 4, 5, 6, 7]), // nops
    (&[0x90, 0x48, 0xff, 0xc0, 0x90, 0x90], &[2, 3, 6, 7]), // nop; inc rax
    (&[0xc3, 0xb8, 39, 0, 0, 0, 0x90], &[2, 3, 8]),      // ret; mov eax
    (&[0xc3, 0x90, 0xb8, 39, 0, 0, 0], &[2, 3, 4]),      // ret; nop; mov eax
    (&[0xeb, 0x06, 0xb8, 39, 0, 0, 0, 0x90, 0x90, 0x90], &[2, 4, 9]), // jmp; mov eax
];

fn patch(follows: &[u8]) -> Patch {
    let mut code = vec![0x0f, 0x05];
    code.extend(follows);
    code.extend([0x90; 16]);
    let site = site(AT, &code).expect("acceptable");
    let chunk = site.chunks().next().expect("there are chunks");
    let stub = site.place(chunk..chunk + 0x1_0000).expect("place succeeds in chunks");
    site.patch(stub).expect("what is accepted can be patched")
}

/// Calls `look` with the bytes after each byte that is written, and says what they are in the end.
fn write(patch: &Patch, from: &[u8], steps: &Steps, mut look: impl FnMut(&[u8])) -> Vec<u8> {
    let mut bytes = from.to_vec();
    for write in steps.iter().flatten() {
        for (index, byte) in write.bytes.iter().enumerate() {
            bytes[usize::try_from(write.address - patch.address()).expect("in the window") + index] = *byte;
            look(&bytes);
        }
    }
    bytes
}

/// What a thread finds that begins to execute in `bytes` at one of `heads`.
fn check(patch: &Patch, heads: &[usize], bytes: &[u8]) {
    let (original, window) = (patch.original(), patch.window());
    assert!(bytes[..2] == original[..2] || bytes[0] == 0xcc || bytes[..5] == window[..5], "{bytes:x?}");
    for (index, &head) in heads.iter().enumerate().filter(|(_, head)| **head < bytes.len()) {
        let end = heads.get(index + 1).copied().unwrap_or(bytes.len()).min(bytes.len());
        let whole = bytes[head..end] == original[head..end];
        assert!(whole || TRAPPING.contains(&bytes[head]), "at {head}: {bytes:x?}");
    }
}

#[test]
fn no_instruction_is_ever_half_changed() {
    for (follows, heads) in FOLLOWS {
        let patch = patch(follows);
        let patched = write(&patch, patch.original(), &patch.steps_in(), |bytes| check(&patch, heads, bytes));
        assert_eq!(patched, patch.window());
        let restored = write(&patch, &patched, &patch.steps_out(), |bytes| check(&patch, heads, bytes));
        assert_eq!(restored, patch.original());
        let all = |bytes: &[u8]| Write { address: AT, bytes: bytes.to_vec() };
        assert_eq!(whole(&patch.steps_in()), all(patch.window()));
        assert_eq!(whole(&patch.steps_out()), all(patch.original()));
    }
}

#[test]
fn a_tail_is_written_only_between_two_steps_in_which_its_head_traps() {
    for (follows, heads) in FOLLOWS {
        let patch = patch(follows);
        for steps in [patch.steps_in(), patch.steps_out()] {
            let [first, second, third] = steps.map(|step| {
                let offsets = step.iter().flat_map(|write| {
                    let begin = usize::try_from(write.address - AT).expect("in the window");
                    begin..begin + write.bytes.len()
                });
                offsets.collect::<Vec<usize>>()
            });
            assert!(first.contains(&0) && third.contains(&0) && !second.contains(&0));
            for offset in first.iter().chain(&third) {
                assert!(*offset == 0 || heads.contains(offset), "{offset}");
            }
        }
    }
}
