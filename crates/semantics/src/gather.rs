//! The inputs of a call, in one canonical form: equal bytes mean equal inputs.

use stretto_abi::table::{DIR_IN, DIR_OUT, Kind, NONE, Node, Table};

use crate::canon::Canon;
use crate::expr::Scope;
use crate::memory::{Memory, NoBefore, integer};
use crate::shape::vector_count;
use crate::{DEPTH, MAX_BYTES, MAX_ELEMENTS, MAX_STRING, MAX_STRINGS, MAX_VECTORS};

/// Where the bytes that follow come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub argument: u8,
    pub depth: u8,
    pub node: u32,
    /// String offset of the field's name, 0 if there is none.
    pub field: u32,
    /// 0 for a register.
    pub address: u64,
}

/// Receives gathered inputs.
pub trait Sink {
    /// A part begins.
    fn part(&mut self, part: Part);
    /// Bytes of it.
    fn bytes(&mut self, bytes: &[u8]);
    /// The first `width` bytes of `value`, at most eight: what most parts are.
    fn word(&mut self, value: u64, width: usize) {
        let bytes = value.to_le_bytes();
        self.bytes(bytes.get(..width).unwrap_or(&bytes));
    }
    /// `length` bytes of it, which stand at `address`. Returns how many could be read.
    fn fill<M: Memory>(&mut self, memory: &mut M, address: u64, length: usize) -> usize;
    /// Memory that the call may overwrite.
    fn before(&mut self, address: u64, bytes: &[u8]);
    /// Nothing more is to come: there is no end to what the call names.
    fn is_full(&self) -> bool {
        false
    }
}

/// How many vectors are fetched together.
const TOGETHER: usize = 16;

/// Follows a byte that could not be read: variants that fault at the same place agree.
const FAULT: &[u8] = b"\xffFAULT";

struct Gatherer<'g, 't, M, C, S> {
    scope: Scope<'g, 't, NoBefore>,
    memory: &'g mut M,
    canon: &'g C,
    sink: &'g mut S,
    argument: u8,
}

/// Where the walk is: address, direction, name of the field, enclosing structure, depth.
#[derive(Clone, Copy)]
struct Place {
    address: u64,
    dir: u8,
    field: u32,
    base: u64,
    depth: u8,
}

/// Gathers the inputs of a call: its registers, which `nodes` describe, and the memory that they point at.
pub fn gather<M: Memory, C: Canon, S: Sink>(
    table: &Table<'_>,
    nodes: &[u32; 6],
    args: &[u64; 6],
    memory: &mut M,
    canon: &C,
    sink: &mut S,
) {
    let scope = Scope { table, args, ret: 0, before: &NoBefore };
    let mut gatherer = Gatherer { scope, memory, canon, sink, argument: 0 };
    for (argument, (&node, &value)) in nodes.iter().zip(args).enumerate() {
        if node == NONE {
            break;
        }
        #[allow(clippy::cast_possible_truncation)] // below six
        {
            gatherer.argument = argument as u8;
        }
        gatherer.register(node, value);
    }
}

impl<M: Memory, C: Canon, S: Sink> Gatherer<'_, '_, M, C, S> {
    #[inline(always)]
    fn begin(&mut self, node: u32, place: Place) {
        self.sink.part(Part {
            argument: self.argument,
            depth: place.depth,
            node,
            field: place.field,
            address: place.address,
        });
    }

    #[inline(always)]
    fn register(&mut self, index: u32, value: u64) {
        let Some(node) = self.scope.table.node(index) else {
            return;
        };
        let place = Place { address: 0, dir: DIR_IN, field: 0, base: 0, depth: 0 };
        self.scalar(index, &node, value, place);
    }

    /// A value that is in a register or was read from memory.
    #[inline(always)]
    fn scalar(&mut self, index: u32, node: &Node, value: u64, place: Place) {
        if node.kind != Kind::Switch {
            return self.plain(index, node, value, place);
        }
        // An expression-sized thing in a register: a union argument.
        let selector = self.scope.value(node.b, place.base, self.memory).unwrap_or(0);
        if let Some(case) = self.scope.table.case(node, selector).filter(|&case| case != NONE)
            && let Some(inner) = self.scope.table.node(case)
        {
            self.plain(case, &inner, value, place);
        }
    }

    /// A value that is no union.
    #[inline(always)]
    fn plain(&mut self, index: u32, node: &Node, value: u64, place: Place) {
        match node.kind {
            Kind::Int => {
                self.begin(index, place);
                self.sink.word(value, usize::from(node.width));
            }
            Kind::Address | Kind::Opaque => {
                self.begin(index, place);
                self.sink.word(self.canon.to_leader(value), 8);
            }
            Kind::Ptr => {
                self.begin(index, place);
                self.sink.word(u64::from(value != 0), 1);
                if value != 0 && node.dir != 0 {
                    let inside = Place { address: value, dir: node.dir, depth: place.depth + 1, ..place };
                    self.target(node.a, inside);
                }
            }
            _ => {}
        }
    }

    /// Something in memory.
    #[inline(always)]
    fn target(&mut self, index: u32, place: Place) {
        let Some(node) = self.scope.table.node(index).filter(|_| place.depth <= DEPTH) else {
            return;
        };
        // What most calls have, and agents deal with all the time.
        if node.kind == Kind::Bytes {
            if place.dir & DIR_IN != 0 {
                let length = self.scope.value(node.b, place.base, self.memory).unwrap_or(0);
                self.buffer(index, length, place);
            }
            return;
        }
        self.compound(index, &node, place);
    }

    /// What may have parts.
    #[inline(never)]
    fn compound(&mut self, index: u32, node: &Node, place: Place) {
        match node.kind {
            Kind::Struct => return self.structure(node, place),
            Kind::Array => return self.array(node, place),
            Kind::Switch => {
                let selector = self.scope.value(node.b, place.base, self.memory).unwrap_or(0);
                if let Some(case) = self.scope.table.case(node, selector).filter(|&case| case != NONE) {
                    self.target(case, Place { depth: place.depth + 1, ..place });
                }
                return;
            }
            Kind::Iovec => return self.vectors(index, node, place),
            Kind::Ignore => return,
            _ => {}
        }
        if place.dir & DIR_IN == 0 {
            // A nested pointer is the program's even where the memory around it is the kernel's.
            if node.kind == Kind::Ptr {
                let value = integer(self.memory, place.address, 8);
                self.scalar(index, node, value, place);
            }
            return;
        }
        match node.kind {
            Kind::Int | Kind::Address | Kind::Opaque => self.cell(index, node, place),
            Kind::Ptr => {
                let value = integer(self.memory, place.address, 8);
                self.scalar(index, node, value, place);
            }
            Kind::CStr => self.string(index, place),
            Kind::CStrVec => self.strings(index, place),
            Kind::Control => self.control(index, node, place),
            _ => {}
        }
    }

    /// An integer or address in memory.
    fn cell(&mut self, index: u32, node: &Node, place: Place) {
        let width = if node.kind == Kind::Int { usize::from(node.width).min(8) } else { 8 };
        let mut bytes = [0u8; 8];
        let Some(part) = bytes.get_mut(..width) else {
            return;
        };
        if self.memory.read(place.address, part) != width {
            self.begin(index, place);
            return self.sink.bytes(FAULT);
        }
        if place.dir & DIR_OUT != 0 {
            self.sink.before(place.address, part);
        }
        self.scalar(index, node, u64::from_le_bytes(bytes), place);
    }

    fn buffer(&mut self, index: u32, length: u64, place: Place) {
        self.begin(index, place);
        #[allow(clippy::cast_possible_truncation)] // below 2 GiB
        let length = length.min(MAX_BYTES) as usize;
        let got = self.sink.fill(self.memory, place.address, length);
        if got < length {
            self.sink.bytes(FAULT);
        }
        if place.dir & DIR_OUT != 0 && length <= 256 {
            self.keep(place.address, got.min(length));
        }
    }

    /// Remembers what the call may overwrite.
    #[inline(never)]
    fn keep(&mut self, address: u64, length: usize) {
        let mut copy = [0u8; 256];
        if let Some(part) = copy.get_mut(..length)
            && self.memory.read(address, part) == part.len()
        {
            self.sink.before(address, part);
        }
    }

    fn string(&mut self, index: u32, place: Place) {
        self.begin(index, place);
        let mut chunk = [0u8; 256];
        let mut done = 0;
        while done < MAX_STRING {
            let address = place.address.wrapping_add(done as u64);
            let page_left = 4096 - (address % 4096) as usize;
            let want = chunk.len().min(page_left);
            let got = chunk.get_mut(..want).map_or(0, |part| self.memory.read(address, part));
            let Some(part) = chunk.get(..got) else { return };
            if let Some(end) = part.iter().position(|&byte| byte == 0) {
                return self.sink.bytes(part.get(..=end).unwrap_or(part));
            }
            self.sink.bytes(part);
            if got < want {
                return self.sink.bytes(FAULT);
            }
            done += got;
        }
    }

    fn strings(&mut self, index: u32, place: Place) {
        for element in 0..MAX_STRINGS {
            if self.sink.is_full() {
                return;
            }
            let address = place.address.wrapping_add(8 * element);
            let mut word = [0u8; 8];
            if self.memory.read(address, &mut word) != 8 {
                self.begin(index, place);
                return self.sink.bytes(FAULT);
            }
            let pointer = u64::from_le_bytes(word);
            if pointer == 0 {
                self.begin(index, Place { address, ..place });
                return self.sink.bytes(&[0]);
            }
            self.string(index, Place { address: pointer, ..place });
        }
    }

    fn structure(&mut self, node: &Node, place: Place) {
        for index in node.a..node.a.saturating_add(node.b) {
            let Some(field) = self.scope.table.field(index) else {
                return;
            };
            let inside = Place {
                address: place.address.wrapping_add(field.offset.into()),
                dir: if field.dir == 0 { place.dir } else { field.dir },
                field: field.name,
                base: place.address,
                depth: place.depth + 1,
            };
            self.target(field.node, inside);
        }
    }

    fn array(&mut self, node: &Node, place: Place) {
        if place.dir & DIR_IN == 0
            && !self.scope.table.node(node.a).is_some_and(|inner| inner.kind == Kind::Struct)
        {
            return;
        }
        let count = self.scope.value(node.b, place.base, self.memory).unwrap_or(0).min(MAX_ELEMENTS);
        for element in 0..count {
            if self.sink.is_full() {
                return;
            }
            let address = place.address.wrapping_add(element * u64::from(node.c));
            self.target(node.a, Place { address, depth: place.depth + 1, ..place });
        }
    }

    fn vectors(&mut self, index: u32, node: &Node, place: Place) {
        let count = vector_count(self.scope.value(node.b, place.base, self.memory));
        if place.dir & DIR_IN != 0 && count > 1 {
            self.announce_vectors(place.address, count);
        }
        let mut left = MAX_BYTES;
        for element in 0..count {
            let at = place.address.wrapping_add(16 * element);
            let base = integer(self.memory, at, 8);
            let length = integer(self.memory, at.wrapping_add(8), 8);
            self.begin(index, Place { address: at, ..place });
            self.sink.word(length, 8);
            if place.dir & DIR_IN != 0 {
                let take = length.min(left);
                left -= take;
                self.buffer(index, take, Place { address: base, ..place });
            }
        }
    }

    /// Lets the contents of the first vectors be fetched together.
    fn announce_vectors(&mut self, vectors: u64, count: u64) {
        let mut ranges = [(0, 0); TOGETHER];
        let mut announced = 0;
        for (element, range) in (0..count).zip(&mut ranges) {
            let at = vectors.wrapping_add(16 * element);
            let length = integer(self.memory, at.wrapping_add(8), 8).min(MAX_BYTES);
            #[allow(clippy::cast_possible_truncation)] // below 2 GiB
            {
                *range = (integer(self.memory, at, 8), length as usize);
            }
            announced += 1;
        }
        self.memory.announce(ranges.get(..announced).unwrap_or(&[]));
    }

    /// Control data: headers and contents, without the padding that programs leave uninitialised.
    fn control(&mut self, index: u32, node: &Node, place: Place) {
        let total = self.scope.value(node.b, place.base, self.memory).unwrap_or(0).min(MAX_BYTES);
        let mut at = 0u64;
        for _ in 0..MAX_VECTORS {
            if at.saturating_add(16) > total {
                return;
            }
            let address = place.address.wrapping_add(at);
            let length = integer(self.memory, address, 8);
            self.buffer(index, 16, Place { address, dir: DIR_IN, ..place });
            if length < 16 {
                return;
            }
            let content = length.min(total - at) - 16;
            self.buffer(index, content, Place { address: address.wrapping_add(16), dir: DIR_IN, ..place });
            at = at.saturating_add(length.saturating_add(7) & !7);
        }
    }
}
