//! What the build says of the agent's stack, of code that is put together by hand. The agent itself is looked at when
//! the monitor is built.

#[path = "../build/calls.rs"]
mod calls;
#[path = "../build/stack.rs"]
mod stack;

const RED_ZONE: u64 = 128;
const LIMIT: u64 = 10;
/// Where the functions begin that the agent calls.
const FUNCTION: usize = 64;
/// Where the gate would stand; it uses no stack, and what it does is not looked at.
const GATE: u64 = 0x1000;
/// Where the agent's body stands.
const BODY: usize = 9;

/// `mov rsp, gs:[16]`, then `body`, `pop rsp` and the jump out of the agent; functions follow at [`FUNCTION`].
fn agent(body: &[u8], functions: &[u8]) -> Vec<u8> {
    let mut code = vec![0x65, 0x48, 0x8b, 0x24, 0x25, 16, 0, 0, 0];
    code.extend(body);
    code.extend([0x5c, 0x65, 0xff, 0x24, 0x25, 24, 0, 0, 0]);
    code.resize(FUNCTION, 0xcc);
    code.extend(functions);
    code
}

/// The same with a body that pushes a word and calls the first of the functions.
fn calling(functions: &[u8]) -> Vec<u8> {
    let mut body = vec![0x51];
    body.extend(call(BODY + 1, FUNCTION));
    agent(&body, functions)
}

fn call(from: usize, to: usize) -> Vec<u8> {
    let distance = i32::try_from(to).expect("small") - i32::try_from(from).expect("small") - 5;
    [&[0xe8], &distance.to_le_bytes()[..]].concat()
}

/// A function at `at` that pushes a word and calls the one at `to`; eight bytes.
fn pushing(at: usize, to: usize) -> Vec<u8> {
    [&[0x50], &call(at + 1, to)[..], &[0x58, 0xc3]].concat()
}

fn need(code: &[u8], in_data: &[u64], counting: &[u64]) -> Result<u64, String> {
    let code = stack::Code::new(code, in_data, GATE);
    calls::Calls::new(&code, 0, counting, LIMIT)?.need(0)
}

fn refused(code: &[u8], words: &str) {
    let why = need(code, &[], &[]).expect_err(words);
    assert!(why.contains(words), "{why}, not {words}");
}

#[test]
fn pushes_frames_and_calls_add_up() {
    // sub rsp, 0x100; add rsp, 0x100; ret
    let code = calling(&[0x48, 0x81, 0xec, 0, 1, 0, 0, 0x48, 0x81, 0xc4, 0, 1, 0, 0, 0xc3]);
    assert_eq!(need(&code, &[], &[]), Ok(8 + 8 + 0x100 + RED_ZONE));
}

#[test]
fn the_deepest_way_counts() {
    // test eax, eax; je over; push rax; pop rax; over: ret
    let code = calling(&[0x85, 0xc0, 0x74, 2, 0x50, 0x58, 0xc3]);
    assert_eq!(need(&code, &[], &[]), Ok(8 + 8 + 8 + RED_ZONE));
}

#[test]
fn a_tail_jump_is_followed() {
    // jmp over; int3; over: push rax; pop rax; ret
    let code = calling(&[0xeb, 1, 0xcc, 0x50, 0x58, 0xc3]);
    assert_eq!(need(&code, &[], &[]), Ok(8 + 8 + 8 + RED_ZONE));
}

#[test]
fn nothing_need_follow_a_call_that_never_returns() {
    // push rax; call the one behind it: int3; jmp to the int3
    let mut functions = vec![0x50];
    functions.extend(call(FUNCTION + 1, FUNCTION + 6));
    functions.extend([0xeb, 0xfe]);
    assert_eq!(need(&calling(&functions), &[], &[]), Ok(8 + 8 + 8 + 8 + RED_ZONE));
}

#[test]
fn a_call_through_a_pointer_may_go_to_each_function_that_has_one() {
    // push rcx; call rax: at the first function `ret`, at the second `push rax; pop rax; ret`
    let code = agent(&[0x51, 0xff, 0xd0], &[0xc3, 0x50, 0x58, 0xc3]);
    let function = FUNCTION as u64;
    assert_eq!(need(&code, &[function], &[]), Ok(8 + 8 + RED_ZONE));
    assert_eq!(need(&code, &[function, function + 1], &[]), Ok(8 + 8 + 8 + RED_ZONE));
}

#[test]
fn the_code_goes_on_behind_a_jump_to_the_gate() {
    // jmp gate; push rax; pop rax; ret
    let distance = i32::try_from(GATE).expect("small") - i32::try_from(FUNCTION).expect("small") - 5;
    let code = calling(&[&[0xe9], &distance.to_le_bytes()[..], &[0x50, 0x58, 0xc3]].concat());
    assert_eq!(need(&code, &[], &[]), Ok(8 + 8 + 8 + RED_ZONE));
}

#[test]
fn the_way_out_begins_where_the_programs_registers_are_kept() {
    // The entry keeps 15 words, and leaves with 16 bytes below them, wherever the stack is: lea rsp, [rax - 16]; add rsp, 136
    let leave = [0x48, 0x8d, 0x60, 0xf0, 0x48, 0x81, 0xc4, 136, 0, 0, 0];
    assert_eq!(need(&agent(&leave, &[]), &[], &[]), Ok(136 + RED_ZONE));
    refused(&agent(&[0x48, 0x8d, 0x60, 0x10], &[]), "what becomes of rsp"); // lea rsp, [rax + 16]
}

#[test]
fn recursion_is_refused_unless_it_counts() {
    let code = calling(&pushing(FUNCTION, FUNCTION));
    refused(&code, "recursion through 0x40");
    assert_eq!(need(&code, &[], &[FUNCTION as u64]), Ok(8 + 8 + (LIMIT + 1) * 16 + 8 + RED_ZONE));
}

#[test]
fn all_of_a_circle_count() {
    let code = calling(&[pushing(FUNCTION, FUNCTION + 8), pushing(FUNCTION + 8, FUNCTION)].concat());
    refused(&code, "recursion");
    assert_eq!(need(&code, &[], &[FUNCTION as u64]), Ok(8 + 8 + (LIMIT + 1) * 32 + 8 + RED_ZONE));
}

#[test]
fn a_circle_beside_one_that_counts_is_refused() {
    // The second calls both itself and the first, and only the first counts.
    let second =
        [&[0x50], &call(FUNCTION + 9, FUNCTION)[..], &call(FUNCTION + 14, FUNCTION + 8), &[0x58, 0xc3]];
    let code = calling(&[&pushing(FUNCTION, FUNCTION + 8)[..], &second.concat()].concat());
    let why = need(&code, &[], &[FUNCTION as u64]).expect_err("it does not count");
    assert!(why.contains("recursion through 0x48"), "{why}");
}

#[test]
fn what_is_not_clear_is_refused() {
    for (function, words) in [
        (&[0x48, 0x29, 0xc4, 0xc3][..], "what becomes of rsp"), // sub rsp, rax
        (&[0x48, 0x83, 0xe4, 0xf0, 0xc3], "what becomes of rsp"), // and rsp, -16
        (&[0xc9, 0xc3], "what becomes of rsp"),                 // leave
        (&[0x58, 0xc3], "what becomes of rsp"),                 // pop rax
        (&[0xff, 0xe0], "where the code goes on"),              // jmp rax
        (&[0x50, 0xc3], "where the code goes on"),              // push rax; ret
        (&[0x90], "where there is none"),                       // nop
        (&[0x06, 0xc3], "no instruction"),
        (&[0x85, 0xc0, 0x74, 1, 0x50, 0xc3], "bytes of stack"), // test eax, eax; je over; push rax; over: ret
    ] {
        refused(&calling(function), words);
    }
}

#[test]
fn the_programs_stack_is_not_used() {
    refused(&[0x50, 0xff, 0xe1], "the program's stack is used"); // push rax; jmp rcx
    refused(&[0xe8, 0, 0, 0, 0, 0xff, 0xe1], "a call on the program's stack");
    assert_eq!(need(&[0xff, 0xe1], &[], &[]), Ok(RED_ZONE)); // jmp rcx
}
