//! Each system call of iomux fails with each errno of its man page. The result is a clear error or another attempt.
//! Nothing is lost or leaked, and the objects still work afterwards.
//!
//! A seccomp filter makes the calls of one thread fail in the kernel. The checks afterwards run without the filter.

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
fn faults_need_seccomp() {
    support::skip("faults", "seccomp filters need Linux on x86_64, aarch64 or riscv64");
}
