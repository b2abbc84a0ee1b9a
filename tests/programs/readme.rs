//! The README's programs are the examples, and print what the README shows.

use crate::example;
use std::process::Command;

const README: &str = include_str!("../../README.md");

/// A line of the program, without the number of its fd.
fn without_fd(line: &str) -> (&str, i32) {
    let parts = line.strip_prefix("fd ").and_then(|line| line.split_once(' '));
    let (number, rest) = parts.unwrap_or_else(|| panic!("no fd: {line}"));
    (rest, number.parse().unwrap_or_else(|_| panic!("no number: {line}")))
}

#[test]
fn the_program_prints_what_the_readme_shows() {
    let output = Command::new(example("readme")).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    let shown =
        README.split("```text\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the output");
    let (printed, reader_and_writer): (Vec<_>, Vec<_>) = printed.lines().map(without_fd).unzip();
    let (shown, _): (Vec<_>, Vec<_>) = shown.lines().map(without_fd).unzip();
    assert_eq!(printed, shown);
    let [reader, writer] = reader_and_writer[..] else { panic!("not two lines: {printed:?}") };
    assert!(reader >= 3 && writer > reader, "the fds of a pipe: {reader_and_writer:?}");
}

#[test]
fn readme_server_is_the_example() {
    let example = include_str!("../../iomux-backend/examples/listener.rs");
    let shown = README.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = example.lines().skip_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    assert_eq!(shown.unwrap().trim(), program.trim());
    assert!(example.lines().count() <= 60, "it is to be read at a glance");
}
