//! What follows system calls in real programs, and all reasons not to patch.

use stretto_patcher::{DONE, Patch, Refusal, Site, TRACED, site};

const AT: u64 = 0x7f12_3456_789b;

/// The site with `follows` behind its `syscall`, and 16 bytes of `nop` behind that.
fn look(follows: &[u8]) -> Result<Site, Refusal> {
    let mut code = vec![0x0f, 0x05];
    code.extend(follows);
    code.extend([0x90; 16]);
    site(AT, &code)
}

/// The patch with the first stub that there is.
fn patch(site: &Site) -> Patch {
    let chunk = site.chunks().next().expect("there are chunks");
    let stub = site.place(chunk..chunk + 0x1_0000).expect("place succeeds in chunks");
    site.patch(stub).expect("what is accepted can be patched")
}

fn offsets(patch: &Patch) -> Vec<u64> {
    patch.copies().iter().map(|&(at, _)| at - patch.address()).collect()
}

/// The program's address `target` that the 32 bits before `end` of the stub lead to.
fn leads_to(patch: &Patch, end: usize, target: u64) -> bool {
    let field = patch.stub_bytes()[end - 4..end].try_into().expect("four bytes");
    (patch.stub() + end as u64).wrapping_add_signed(i32::from_le_bytes(field).into()) == target
}

#[test]
fn compare_with_errors() {
    for (follows, length) in [
        (&[0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff][..], 8), // cmp rax, -4096
        (&[0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff], 8),     // cmp rax, -4095
        (&[0x3d, 0x00, 0xf0, 0xff, 0xff], 7),           // cmp eax, -4096
    ] {
        let site = look(follows).expect("acceptable");
        assert_eq!(site.length(), length);
        assert_eq!(&site.original()[2..], follows);
        let patch = patch(&site);
        assert_eq!(offsets(&patch), [2]);
        assert_eq!(patch.window()[0], 0xe9);
        assert!(patch.window()[5..].iter().all(|&byte| byte == 0xcc));
        let done = DONE as usize;
        assert_eq!(&patch.stub_bytes()[done..done + follows.len()], follows);
        assert_eq!(patch.stub_bytes()[done + follows.len()], 0xe9);
        assert_eq!(patch.stub_bytes().len(), site.stub_length());
        assert!(leads_to(&patch, site.stub_length(), AT + length as u64));
    }
}

#[test]
fn layout_of_the_stub() {
    let patch = patch(&look(&[0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff]).expect("acceptable"));
    let mut expected =
        vec![0x48, 0x8d, 0x0d, 8, 0, 0, 0, 0x65, 0xff, 0x24, 0x25, 8, 0, 0, 0, 0x0f, 0x05, 0x48, 0xb9];
    expected.extend((AT + 2).to_le_bytes());
    assert_eq!(&patch.stub_bytes()[..DONE as usize], expected);
    assert_eq!(&patch.stub_bytes()[TRACED as usize..][..2], [0x0f, 0x05]);
    let jump = i32::from_le_bytes(patch.window()[1..5].try_into().expect("four bytes"));
    assert_eq!((AT + 5).wrapping_add_signed(jump.into()), patch.stub());
}

#[test]
fn return_and_padding() {
    // ret; nop dword ptr [rax+rax] / ret; int3; int3
    for follows in [&[0xc3, 0x0f, 0x1f, 0x84, 0x00][..], &[0xc3, 0xcc, 0xcc]] {
        let site = look(follows).expect("acceptable");
        assert_eq!(site.length(), 5);
        assert_eq!(site.stub_length(), DONE as usize + 1);
        let patch = patch(&site);
        assert_eq!(offsets(&patch), [2]);
        assert_eq!(patch.stub_bytes().last(), Some(&0xc3));
        for offset in 2..5 {
            assert!(traps(patch.window()[offset]), "{:x?}", patch.window());
        }
        assert_eq!(patch.copy_of(AT + 2), Some(patch.stub() + DONE));
        assert_eq!(patch.copy_of(AT + 3), None);
    }
}

fn traps(opcode: u8) -> bool {
    matches!(opcode, 0xcc | 0xf4 | 0xfa | 0xfb | 0x6c..=0x6f | 0xe4..=0xe7 | 0xec..=0xef)
}

#[test]
fn several_displaced() {
    // push rax; push rbx; push rcx; the fourth begins behind the jump
    let site = look(&[0x50, 0x53, 0x51, 0x52]).expect("acceptable");
    assert_eq!(site.length(), 5);
    let patch = patch(&site);
    assert_eq!(offsets(&patch), [2, 3, 4]);
    assert!(patch.window()[2..].iter().all(|&byte| traps(byte)));
    let copies = [(AT + 2, DONE), (AT + 3, DONE + 1), (AT + 4, DONE + 2)];
    for (at, offset) in copies {
        assert_eq!(patch.copy_of(at), Some(patch.stub() + offset));
        assert_eq!(patch.program_address(patch.stub() + offset), Some(at));
    }
    assert_eq!(patch.program_address(patch.stub() + DONE + 3), Some(AT + 5));
    // push rax; cmp rax, 0: sticks out by one
    assert_eq!(look(&[0x50, 0x48, 0x83, 0xf8, 0x00]).expect("acceptable").length(), 7);
}

#[test]
fn places_translate() {
    let patch = patch(&look(&[0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff]).expect("acceptable"));
    let stub = patch.stub();
    for (offset, native) in
        [(0, 0), (7, 0), (15, 0), (17, 2), (27, 2), (33, 8)].map(|(offset, native)| (offset, AT + native))
    {
        assert_eq!(patch.program_address(stub + offset), Some(native), "+{offset}");
        assert!(patch.in_stub(stub + offset));
    }
    let end = stub + patch.stub_bytes().len() as u64;
    for outside in [stub - 1, end, AT] {
        assert_eq!(patch.program_address(outside), None);
        assert!(!patch.in_stub(outside));
    }
    assert!(
        patch.in_window(AT)
            && patch.in_window(AT + 7)
            && !patch.in_window(AT + 8)
            && !patch.in_window(AT - 1)
    );
    assert_eq!(patch.copy_of(AT), None);
    assert_eq!(patch.copy_of(AT + 5), None);
}

#[test]
fn branches_are_widened() {
    // jae +0x10; then a nop begins at offset 4
    let site = look(&[0x73, 0x10]).expect("acceptable");
    let patch = patch(&site);
    assert_eq!(offsets(&patch), [2, 4]);
    assert_eq!(&patch.stub_bytes()[27..29], [0x0f, 0x83]);
    assert!(leads_to(&patch, 33, AT + 0x14));
    assert_eq!(patch.stub_bytes()[33], 0x90);
}

#[test]
fn loops_stand_for_what_they_decided() {
    let patch = patch(&look(&[0xe2, 0x20]).expect("acceptable")); // loop +0x20; nop
    assert_eq!(&patch.stub_bytes()[27..32], [0xe2, 2, 0xeb, 5, 0xe9]);
    assert!(leads_to(&patch, 36, AT + 0x24));
    assert_eq!(patch.copy_of(AT + 4), Some(patch.stub() + 36));
    let natives = [(27, 2), (29, 4), (31, 0x24), (36, 4), (37, 5)];
    for (offset, native) in natives {
        assert_eq!(patch.program_address(patch.stub() + offset), Some(AT + native), "+{offset}");
    }
}

#[test]
fn branches_inside_the_window() {
    // dec bl; jnz: to the displaced `dec`, to the site
    let to_copy = patch(&look(&[0xfe, 0xcb, 0x75, 0xfc]).expect("acceptable"));
    assert!(leads_to(&to_copy, 27 + 2 + 6, to_copy.stub() + DONE));
    let to_site = patch(&look(&[0xfe, 0xcb, 0x75, 0xfa]).expect("acceptable"));
    assert!(leads_to(&to_site, 27 + 2 + 6, AT));
    // to the middle of `dec`, and to what follows the end of the flow
    assert_eq!(look(&[0xfe, 0xcb, 0x75, 0xfd]).err(), Some(Refusal::BranchIntoWindow { at: AT + 4 }));
    assert_eq!(look(&[0xeb, 0x00]).err(), Some(Refusal::BranchIntoWindow { at: AT + 2 }));
}

#[test]
fn operands_relative_to_rip() {
    // cmp dword ptr [rip+0x1000], 7: the constant follows the displacement
    let site = look(&[0x83, 0x3d, 0x00, 0x10, 0x00, 0x00, 0x07]).expect("acceptable");
    let compare = patch(&site);
    let text = compare.stub_bytes();
    let field = i32::from_le_bytes(text[29..33].try_into().expect("four bytes"));
    assert_eq!((compare.stub() + 34).wrapping_add_signed(field.into()), AT + 9 + 0x1000);
    assert_eq!(text[33], 7);
    // lea rax, [rip-9]: the address of the site stays what it is
    let lea = patch(&look(&[0x48, 0x8d, 0x05, 0xf7, 0xff, 0xff, 0xff]).expect("acceptable"));
    assert!(leads_to(&lea, 27 + 7, AT));
    // lea rax, [rip-7]: so does that of a displaced instruction
    let lea = patch(&look(&[0x48, 0x8d, 0x05, 0xf9, 0xff, 0xff, 0xff]).expect("acceptable"));
    assert!(leads_to(&lea, 27 + 7, AT + 2));
}

#[test]
fn operands_far_away() {
    // mov eax, [rip+0x7fff_0000], near the upper end of the reach: the stub can't be far below
    let site = look(&[0x8b, 0x05, 0x00, 0x00, 0xff, 0x7f]).expect("acceptable");
    let chunk = site.chunks().next().expect("there are chunks");
    assert!(chunk > AT);
    assert!(!site.accepts(AT - 0x1000_0000));
    patch(&site);
}

#[test]
fn refusals() {
    let refused = |follows: &[u8]| look(follows).err().unwrap_or_else(|| panic!("{follows:x?}"));
    let second = AT + 2;
    assert_eq!(refused(&[0xe8, 0, 0, 0, 0]), Refusal::Call { at: second });
    assert_eq!(refused(&[0xff, 0xd0]), Refusal::Call { at: second }); // call rax
    assert_eq!(refused(&[0x90, 0xff, 0x13]), Refusal::Call { at: AT + 3 }); // call [rbx]
    assert_eq!(refused(&[0x0f, 0x05]), Refusal::SecondSystemCall { at: second });
    assert_eq!(refused(&[0x0f, 0x34]), Refusal::SecondSystemCall { at: second }); // sysenter
    assert_eq!(refused(&[0xcd, 0x80]), Refusal::SecondSystemCall { at: second });
    assert_eq!(refused(&[0xcc]), Refusal::Breakpoint { at: second });
    assert_eq!(refused(&[0x90, 0xcc]), Refusal::Breakpoint { at: AT + 3 });
    assert_eq!(refused(&[0x06]), Refusal::Undecodable { at: second }); // push es
    assert_eq!(refused(&[0x0f, 0xb9, 0xc0]), Refusal::Undecodable { at: second }); // ud1
    assert_eq!(refused(&[0xcb]), Refusal::FarTransfer { at: second }); // retf
    assert_eq!(refused(&[0x48, 0xcf]), Refusal::FarTransfer { at: second }); // iretq
    assert_eq!(refused(&[0xff, 0x28]), Refusal::FarTransfer { at: second }); // jmp far [rax]
    assert_eq!(refused(&[0x66, 0xeb, 0x10]), Refusal::PrefixedBranch { at: second });
    assert_eq!(refused(&[0x3e, 0x75, 0x10]), Refusal::PrefixedBranch { at: second });
    assert_eq!(refused(&[0x67, 0xe3, 0x10]), Refusal::PrefixedBranch { at: second }); // jecxz
    assert_eq!(refused(&[0xc7, 0xf8, 0, 0, 0, 0]), Refusal::Transaction { at: second }); // xbegin
    assert_eq!(refused(&[0xfa]), Refusal::Privileged { at: second }); // cli
    assert_eq!(refused(&[0xec]), Refusal::Privileged { at: second }); // in al, dx
    assert_eq!(refused(&[0x0f, 0x01, 0xf8]), Refusal::Privileged { at: second }); // swapgs
    for x87 in [[0xd9, 0xe8], [0xdb, 0x08], [0xdf, 0xc0], [0xda, 0xc1], [0xd9, 0x38], [0xdb, 0xe1]] {
        assert!(
            matches!(refused(&x87), Refusal::RecordsItsAddress { .. } | Refusal::Undecodable { .. }),
            "{x87:x?}"
        );
    }
    assert_eq!(refused(&[0xd9, 0xe8]), Refusal::RecordsItsAddress { at: second }); // fld1
    assert_eq!(refused(&[0xdd, 0x08]), Refusal::RecordsItsAddress { at: second }); // fisttp
    assert_eq!(refused(&[0x8e, 0xd0]), Refusal::SegmentLoad { at: second }); // mov ss, eax
    assert_eq!(refused(&[0x0f, 0xa9]), Refusal::SegmentLoad { at: second }); // pop gs
    assert_eq!(refused(&[0x48, 0x0f, 0xb2, 0x00]), Refusal::SegmentLoad { at: second }); // lss rax, [rax]
    assert_eq!(refused(&[0x9d]), Refusal::LoadsFlags { at: second });
    assert_eq!(refused(&[0x67, 0x8b, 0x05, 0, 0, 0, 0]), Refusal::EipRelative { at: second });
    // mov rax, [rip-10]: begins before the site and ends in it
    assert_eq!(refused(&[0x48, 0x8b, 0x05, 0xf6, 0xff, 0xff, 0xff]), Refusal::OperandInWindow { at: second });
}

#[test]
fn not_refused() {
    for follows in [
        &[0x0f, 0xa8][..],                           // push gs
        &[0x8c, 0xd8],                               // mov eax, ds
        &[0x9c],                                     // pushf
        &[0x0f, 0x0b],                               // ud2, nothing is decoded behind it
        &[0xf4, 0xcc],                               // hlt, likewise
        &[0xf2, 0xc3],                               // bnd ret
        &[0xff, 0x25, 0, 0, 0, 0],                   // jmp [rip]
        &[0xc5, 0xf9, 0x6f, 0x05, 0, 1, 0, 0],       // vmovdqa xmm0, [rip+256]
        &[0x48, 0x8b, 0x05, 0xef, 0xff, 0xff, 0xff], // mov rax, [rip-17]: ends before the site
        &[0xf3, 0x0f, 0x1e, 0xfa],                   // endbr64
    ] {
        let site = look(follows).unwrap_or_else(|refusal| panic!("{follows:x?}: {refusal}"));
        patch(&site);
    }
}

#[test]
fn bounds() {
    assert_eq!(site(AT, &[0x0f]).err(), Some(Refusal::NotASyscall { at: AT }));
    assert_eq!(site(AT, &[0x0f, 0x34, 0x90, 0x90, 0x90]).err(), Some(Refusal::NotASyscall { at: AT }));
    assert_eq!(site(AT, &[0x0f, 0x05]).err(), Some(Refusal::TooFewBytes { at: AT + 2 }));
    assert_eq!(site(AT, &[0x0f, 0x05, 0x48, 0x3d, 0, 0]).err(), Some(Refusal::TooFewBytes { at: AT + 2 }));
    assert_eq!(site(AT, &[0x0f, 0x05, 0xc3, 0xcc]).err(), Some(Refusal::TooFewBytes { at: AT }));
    assert!(site(AT, &[0x0f, 0x05, 0xc3, 0xcc, 0xcc]).is_ok());
    let code = [0x0f, 0x05, 0x90, 0x90, 0x90];
    for address in [0, 0xffff, 0x7fff_ffff_0000, 0xffff_ffff_8000_0000, u64::MAX] {
        assert_eq!(site(address, &code).err(), Some(Refusal::NotAUserAddress { at: address }));
    }
}

#[test]
fn messages() {
    let refusal = look(&[0xe8, 0, 0, 0, 0]).expect_err("a call");
    assert_eq!(refusal.to_string(), "a call follows the system call too closely");
}
