//! Every `syscall` of the C library that this test runs with.

use std::collections::BTreeMap;
use std::ops::Range;

use iced_x86::{Code, Decoder, DecoderOptions};
use object::{Object, ObjectSection};
use stretto_patcher::{LOOK_AHEAD, site};

/// Where the library is loaded does not matter as long as it is where libraries are.
const BASE: u64 = 0x7f00_0000_0000;
const CHUNK: u64 = 0x1_0000;

fn library() -> String {
    let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted");
    let path = maps.lines().filter_map(|line| line.find('/').map(|begin| &line[begin..]));
    path.into_iter().find(|path| path.ends_with("/libc.so.6")).expect("linked with glibc").to_owned()
}

/// Offsets of all `syscall`s, decoding from the first byte on.
fn syscalls(text: &[u8]) -> Vec<usize> {
    let mut decoder = Decoder::new(64, text, DecoderOptions::NONE);
    let mut found = Vec::new();
    while decoder.can_decode() {
        let at = decoder.position();
        if decoder.decode().code() == Code::Syscall {
            found.push(at);
        }
    }
    found
}

/// Takes what is left of the chunks that are mapped already, or maps another, as the monitor does.
fn settle(site: &stretto_patcher::Site, free: &mut Vec<Range<u64>>) -> Option<u64> {
    for range in free.iter_mut() {
        if let Some(stub) = site.place(range.clone()) {
            range.start = stub + site.stub_length() as u64;
            return Some(stub);
        }
    }
    let chunk = site.chunks().find(|&chunk| free.iter().all(|range| range.end != chunk + CHUNK))?;
    let stub = site.place(chunk..chunk + CHUNK)?;
    free.push(stub + site.stub_length() as u64..chunk + CHUNK);
    Some(stub)
}

#[test]
fn nearly_all_can_be_patched() {
    let path = library();
    let file = std::fs::read(&path).expect("readable");
    let object = object::File::parse(&*file).expect("an ELF file");
    let section = object.section_by_name(".text").expect("has code");
    let text = section.data().expect("is in the file");

    let sites = syscalls(text);
    let (mut placed, mut free, mut refusals) = (0, Vec::new(), BTreeMap::new());
    for &at in &sites {
        let code = &text[at..text.len().min(at + LOOK_AHEAD)];
        let outcome = site(BASE + section.address() + at as u64, code).map(|site| {
            settle(&site, &mut free).is_some_and(|stub| {
                let patch = site.patch(stub).expect("what is accepted can be patched");
                patch.stub_bytes().len() == site.stub_length() && patch.stub_bytes()[15..17] == [0x0f, 0x05]
            })
        });
        match outcome {
            Ok(true) => placed += 1,
            Ok(false) => *refusals.entry("no place for the stub".to_owned()).or_insert(0) += 1,
            Err(refusal) => {
                let text = refusal.to_string();
                let reason = text.split_once(": ").map_or(text.as_str(), |(_, reason)| reason).to_owned();
                *refusals.entry(reason).or_insert(0) += 1;
            }
        }
    }
    println!("{path}: {placed} of {} sites, in {} chunks; others: {refusals:?}", sites.len(), free.len());
    assert!(sites.len() > 100, "this is not where the system calls are");
    assert!(placed * 100 >= sites.len() * 95);
}
