//! Which system calls are made, and how many: seen by strace, in a process that runs one test once more.

mod backend_poll;
#[cfg(target_os = "linux")]
mod epoll;
mod reactor;
mod slots;

use crate::support::{is_foreign, is_sanitized, skip};
use std::process::Command;

/// Whether this is the process that [`traced`] has started.
pub(crate) fn is_traced() -> bool {
    std::env::var_os("IOMUX_TRACED").is_some()
}

/// Runs the test `name` once more, in a process under strace, and gives what it says of `calls`; `None` if
/// there is no strace. The test tells by [`is_traced`] which of the two processes it is in.
pub(crate) fn traced(name: &str, calls: &str) -> Option<String> {
    under_strace(name, &[&format!("trace={calls}")])
}

/// As [`traced`], where calls are not made, but answered as `injection` says (strace(1), `-e inject`).
#[cfg(target_os = "linux")]
pub(crate) fn sandboxed(name: &str, calls: &str, injection: &str) -> Option<String> {
    under_strace(name, &[&format!("trace={calls}"), &format!("inject={injection}")])
}

fn under_strace(name: &str, expressions: &[&str]) -> Option<String> {
    if is_foreign() || Command::new("strace").arg("-V").output().is_err() {
        skip(name, "no strace for this processor here");
        return None;
    }
    if is_sanitized() {
        skip(name, "LeakSanitizer can't work under strace");
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
