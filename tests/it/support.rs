//! What the tests share.

use iomux::Signal;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::path::{Path, PathBuf};

/// The root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a folder of it")
}

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

/// Returns `true` if the tests run on another architecture than the one that built them. Tests that need the
/// host's compiler, cargo or tools are then skipped.
pub(crate) fn is_foreign() -> bool {
    std::env::var_os("IOMUX_FOREIGN").is_some()
}

/// Whether a sanitizer watches, which takes memory and makes system calls of its own.
pub(crate) fn is_sanitized() -> bool {
    std::env::var_os("IOMUX_SANITIZED").is_some()
}

/// Returns the folder of the calling thread in Linux's /proc.
pub(crate) fn own_folder() -> PathBuf {
    Path::new("/proc").join(std::fs::read_link("/proc/thread-self").expect("Linux 3.17"))
}

/// Returns the system call that a thread sleeps in, or `None`. `thread` is its folder in Linux's /proc.
pub(crate) fn sleeps_in(thread: &Path) -> io::Result<Option<libc::c_long>> {
    let call = std::fs::read_to_string(thread.join("syscall"))?;
    let number = call.split_whitespace().next().and_then(|number| number.parse().ok());
    Ok(number.filter(|number| *number >= 0))
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

/// A thread, to send signals to.
#[derive(Clone, Copy)]
pub(crate) struct Thread(libc::pthread_t);

// SAFETY: a name, which any thread may use, also where it is a pointer, as in musl.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

impl Thread {
    pub(crate) fn this() -> Self {
        // SAFETY: it has no requirement.
        Self(unsafe { libc::pthread_self() })
    }

    #[track_caller]
    pub(crate) fn send(self, signal: Signal) {
        // SAFETY: a test's threads end before the one that they send to.
        let answer = unsafe { libc::pthread_kill(self.0, signal.as_raw()) };
        assert_eq!(answer, 0, "pthread_kill");
    }
}
