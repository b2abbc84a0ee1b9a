//! Compares iomux with its competitors, in the same benchmarks and the same run.
//!
//! `iomux-bench BENCHMARK` prints Markdown, and `--json FILE` keeps the numbers. `iomux-bench report` prints the kept
//! results. `iomux-bench page` writes the page and the pictures of `docs/bench` from them.

#[cfg(target_os = "linux")]
mod benchmarks;
#[cfg(target_os = "linux")]
mod cli;
#[cfg(target_os = "linux")]
mod fds;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod peers;
#[cfg(target_os = "linux")]
mod plot;
#[cfg(target_os = "linux")]
mod report;
#[cfg(target_os = "linux")]
mod runner;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    cli::main()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("skipped: iomux-bench: it needs epoll(7) and eventfd(2), which this platform lacks");
}
