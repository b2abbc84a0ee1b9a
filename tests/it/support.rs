//! What the tests share.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::process::Command;

/// Says that something was not tested, and why: on stderr, and in the file that `IOMUX_SKIPS` names.
pub(crate) fn skip(name: &str, reason: &str) {
    let line = format!("skipped: {name}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("IOMUX_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("IOMUX_SKIPS is a file to append to");
    }
}

/// Whether the tests run on another processor than the one that they were built on: what needs the
/// host's compiler, cargo or tools is then skipped.
pub(crate) fn is_foreign() -> bool {
    std::env::var_os("IOMUX_FOREIGN").is_some()
}

/// Whether the tests run in an emulator, which has faults of its own and takes a hundred times as long.
pub(crate) fn is_emulated() -> bool {
    std::env::var_os("IOMUX_EMULATED").is_some()
}

/// A pipe with a byte in it.
pub(crate) fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().expect("a pipe");
    writer.write_all(b"!").expect("room for a byte");
    (reader, writer)
}

/// A pipe with nothing in it.
pub(crate) fn empty_pipe() -> (PipeReader, PipeWriter) {
    io::pipe().expect("a pipe")
}

/// Whether this is the process that [`traced`] has started.
pub(crate) fn is_traced() -> bool {
    std::env::var_os("IOMUX_TRACED").is_some()
}

/// Runs the test `name` once more, in a process under strace, and gives what it says of `calls`; `None` if
/// there is no strace. The test tells by [`is_traced`] which of the two processes it is in.
pub(crate) fn traced(name: &str, calls: &str) -> Option<String> {
    under_strace(name, &[&format!("trace={calls}")])
}

/// As [`traced`], where each of `call` fails with `error` and is not made.
pub(crate) fn sandboxed(name: &str, calls: &str, call: &str, error: &str) -> Option<String> {
    under_strace(name, &[&format!("trace={calls}"), &format!("inject={call}:error={error}")])
}

fn under_strace(name: &str, expressions: &[&str]) -> Option<String> {
    if is_foreign() || Command::new("strace").arg("-V").output().is_err() {
        skip(name, "no strace for this processor here");
        return None;
    }
    let output = Command::new("strace")
        .args(["-f", "-qq", "-e", "signal=none"])
        .args(expressions.iter().flat_map(|expression| ["-e", expression]))
        .arg(std::env::current_exe().expect("a test knows its program"))
        .args(["--exact", name, "--test-threads=1"])
        .env("IOMUX_TRACED", "1")
        .output()
        .expect("strace runs");
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8(output.stderr).expect("text"))
}
