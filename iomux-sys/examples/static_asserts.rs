//! A C file with a `_Static_assert` for each constant, size and offset that iomux-sys declares for the target.
//!
//! A C compiler for the target checks them against the C headers of the platform. The text is built at compile time and
//! stored in the library, so the check neither runs nor links a program for the target.
//! ```sh
//! cargo build -p iomux-sys --example static_asserts --target x86_64-unknown-freebsd
//! sed -n '/^#define _GNU_SOURCE$/,/^#undef _GNU_SOURCE$/p' libstatic_asserts.rlib > check.c
//! ```
#![no_std]

use iomux_sys::{Constant, HEADERS, Header, Struct};

/// The room for the text. A longer text does not compile.
const ROOM: usize = 64 * 1024;

/// The text. Its first line and its last line occur nowhere else in the library.
#[used]
pub static STATIC_ASSERTS: [u8; ROOM] = {
    let mut text = Text { bytes: [b' '; ROOM], length: 0 };
    // Each line is split, because a literal of the whole line would also be in the library.
    text.add("\n#define ");
    text.add("_GNU_SOURCE\n#include <stddef.h>\n");
    let mut index = 0;
    while index < HEADERS.len() {
        text.header(&HEADERS[index]);
        index += 1;
    }
    text.add("#undef ");
    text.add("_GNU_SOURCE\n");
    text.bytes
};

struct Text {
    bytes: [u8; ROOM],
    length: usize,
}

// All functions are `const`, so they can't use `for`, `write!` or slices of `str`.
impl Text {
    const fn add(&mut self, text: &str) {
        let mut index = 0;
        while index < text.len() {
            self.bytes[self.length] = text.as_bytes()[index];
            self.length += 1;
            index += 1;
        }
    }

    const fn number(&mut self, number: u128) {
        if number >= 16 {
            self.number(number / 16);
        }
        self.bytes[self.length] = b"0123456789abcdef"[(number % 16) as usize];
        self.length += 1;
    }

    const fn header(&mut self, header: &Header) {
        let mut index = 0;
        while index < header.includes.len() {
            self.add("#include <");
            self.add(header.includes[index]);
            self.add(">\n");
            index += 1;
        }
        if let Some(guard) = header.guard {
            self.add("#ifdef ");
            self.add(guard);
            self.add("\n");
        }
        let mut index = 0;
        while index < header.constants.len() {
            self.constant(&header.constants[index]);
            index += 1;
        }
        let mut index = 0;
        while index < header.structs.len() {
            self.layout(&header.structs[index]);
            index += 1;
        }
        if let Some(guard) = header.guard {
            self.otherwise_lacks(guard);
        }
    }

    /// Adds the assertion of a constant, unless an older header lacks the constant.
    const fn constant(&mut self, constant: &Constant) {
        // Only the bytes of the Rust type are compared. The C type may be wider, or of another sign.
        let mask = u64::MAX >> (64 - 8 * constant.size);
        self.add("#ifdef ");
        self.add(constant.name);
        self.add("\n_Static_assert(((unsigned long long)(");
        self.add(constant.name);
        self.add(") & 0x");
        self.number(mask as u128);
        self.add("ULL) == 0x");
        self.number((constant.value & mask as i128).unsigned_abs());
        self.add("ULL, \"");
        self.add(constant.name);
        self.add("\");\n");
        self.otherwise_lacks(constant.name);
    }

    /// Adds a warning with the name of what the header lacks.
    const fn otherwise_lacks(&mut self, name: &str) {
        self.add("#else\n#warning no ");
        self.add(name);
        self.add("\n#endif\n");
    }

    const fn layout(&mut self, layout: &Struct) {
        self.measure(&["sizeof(struct ", layout.name, ")"], "==", layout.size);
        // A larger alignment than C's is sound. The compilers for m68k differ in it.
        self.measure(&["_Alignof(struct ", layout.name, ")"], "<=", layout.align);
        let mut index = 0;
        while index < layout.fields.len() {
            let field = &layout.fields[index];
            self.measure(&["offsetof(struct ", layout.name, ", ", field.name, ")"], "==", field.offset);
            self.measure(&["sizeof(((struct ", layout.name, " *)0)->", field.name, ")"], "==", field.size);
            index += 1;
        }
    }

    const fn measure(&mut self, measure: &[&str], is: &str, value: usize) {
        self.add("_Static_assert(");
        let mut index = 0;
        while index < measure.len() {
            self.add(measure[index]);
            index += 1;
        }
        self.add(" ");
        self.add(is);
        self.add(" 0x");
        self.number(value as u128);
        self.add(", \"layout\");\n");
    }
}
