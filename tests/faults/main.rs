//! Each system call that is made here fails, with each errno that its manual lists: it is a clear error or is tried
//! again, nothing is lost or leaked, and what was used goes on working.
//!
//! A seccomp filter makes the calls of one thread fail, in the kernel; what survives is then looked at without it.

#[path = "../it/support.rs"]
#[allow(dead_code, reason = "what other tests need")]
mod support;

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
))]
mod linux;

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")
)))]
#[test]
fn every_system_call_fails_once() {
    support::skip("faults", "seccomp filters are made for Linux on x86_64, aarch64 and riscv64 only");
}
