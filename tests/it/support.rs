//! What the tests share.

use std::io::{self, PipeReader, PipeWriter, Write};

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
