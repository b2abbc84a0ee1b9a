//! The constants and structs of iomux-sys, against the headers that this machine's C compiler reads.

use crate::support::{is_foreign, skip};
use iomux_sys::{Constant, HEADERS, Header, Struct};
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Output};
use std::{env, fs};

/// What no system's headers lack: the test can't pass on nothing.
const NEVER_SKIPPED: [&str; 11] = [
    "POLLIN",
    "POLLPRI",
    "POLLOUT",
    "POLLERR",
    "POLLHUP",
    "POLLNVAL",
    "POLLRDNORM",
    "POLLRDBAND",
    "POLLWRNORM",
    "POLLWRBAND",
    "sizeof(struct pollfd)",
];

#[test]
fn constants_and_structs_match_the_c_headers() {
    if is_foreign() {
        return skip("c_headers", "the C compiler is of another processor");
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut compared = Vec::new();
    for (index, header) in HEADERS.iter().enumerate() {
        let source = directory.join(format!("c_headers_{index}.c"));
        let program = directory.join(format!("c_headers_{index}"));
        fs::write(&source, c_program(header)).unwrap();
        match Command::new(&compiler).arg(&source).arg("-o").arg(&program).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return skip("c_headers", "no C compiler");
            }
            built => assert_succeeded(&built.unwrap(), &source),
        }
        let ran = Command::new(&program).output().unwrap();
        assert_succeeded(&ran, &program);
        compared.extend(compare(header, &String::from_utf8(ran.stdout).unwrap()));
    }
    for name in NEVER_SKIPPED {
        assert!(compared.iter().any(|compared| compared == name), "{name} was not compared");
    }
}

/// Compares the program's lines, `name value` or `name -` where the header has none, with ours.
fn compare(header: &Header, printed: &str) -> Vec<String> {
    let mut ours = expected(header).into_iter();
    let (mut compared, mut lacking) = (Vec::new(), Vec::new());
    for line in printed.lines() {
        let (name, value) = ours.next().expect("the program prints no more than was asked");
        let (printed_name, theirs) = line.split_once('\t').unwrap();
        assert_eq!(printed_name, name);
        if theirs == "-" {
            lacking.push(name);
            continue;
        }
        assert_eq!(value.to_string(), theirs, "{name}");
        compared.push(name);
    }
    assert_eq!(ours.next(), None, "the program prints all that was asked");
    if !lacking.is_empty() {
        let includes = header.includes.join(">, <");
        skip("c_headers", &format!("not in <{includes}> here: {}", lacking.join(", ")));
    }
    compared
}

/// What a constant's bits are, as wide as ours: C's type may be wider, or signed otherwise.
fn bits(constant: &Constant) -> (i128, i128) {
    let mask = (1 << (8 * constant.size)) - 1;
    (constant.value & mask, mask)
}

/// The names of what is measured of a struct, as C writes them, and our answers.
fn measures(layout: &Struct) -> Vec<(String, usize)> {
    let name = layout.name;
    let mut measures = vec![
        (format!("sizeof(struct {name})"), layout.size),
        (format!("_Alignof(struct {name})"), layout.align),
    ];
    for field in layout.fields {
        measures.push((format!("offsetof(struct {name}, {})", field.name), field.offset));
        measures.push((format!("sizeof(((struct {name} *)0)->{})", field.name), field.size));
    }
    measures
}

fn expected(header: &Header) -> Vec<(String, i128)> {
    let constants = header.constants.iter().map(|constant| (constant.name.to_owned(), bits(constant).0));
    let structs = header.structs.iter().flat_map(measures);
    constants.chain(structs.map(|(name, value)| (name, i128::try_from(value).unwrap()))).collect()
}

/// A program that prints the same as [`expected`], by the header itself.
fn c_program(header: &Header) -> String {
    let mut c = "#define _GNU_SOURCE\n#include <stdio.h>\n#include <stddef.h>\n".to_owned();
    for include in header.includes {
        writeln!(c, "#include <{include}>").unwrap();
    }
    c.push_str("int main(void) {\n");
    for constant in header.constants {
        let (name, mask) = (constant.name, bits(constant).1);
        let value = format!("(unsigned long long)({name}) & {mask:#x}ULL");
        print(&mut c, Some(name), name, &value);
    }
    for (name, _) in header.structs.iter().flat_map(measures) {
        let value = format!("(unsigned long long){name}");
        print(&mut c, header.guard, &name, &value);
    }
    c.push_str("    return 0;\n}\n");
    c
}

/// Prints a line, or `-` where the header, of an older version, lacks the macro.
fn print(c: &mut String, guard: Option<&str>, name: &str, value: &str) {
    if let Some(guard) = guard {
        writeln!(c, "#ifndef {guard}\n    printf(\"{name}\\t-\\n\");\n#else").unwrap();
    }
    writeln!(c, "    printf(\"{name}\\t%llu\\n\", {value});").unwrap();
    if guard.is_some() {
        c.push_str("#endif\n");
    }
}

#[track_caller]
fn assert_succeeded(output: &Output, what: &Path) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", what.display());
}
