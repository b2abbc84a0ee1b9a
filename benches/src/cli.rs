//! The command line, and the function of each command.

use crate::benchmarks::{
    addrm, build, call, chain, churn, echo, memory, nowait, request, returns, scale, scan, share, slot, spin,
    timeout, timers, wake,
};
use crate::machine::{self, Machine};
use crate::report::{self, Report};
use crate::runner::Runner;
use crate::{page, peers};
use clap::{Parser, Subcommand};
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(version, about = "Compares iomux with its competitors, in the same benchmarks and the same run")]
struct Options {
    #[command(subcommand)]
    command: Command,
    /// Number of turns per competitor
    #[arg(long, global = true, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Minimum time of the measured part of a turn, in ms, where it can be repeated
    #[arg(long, global = true, default_value_t = 20)]
    ms: u64,
    /// Run only competitors whose name contains one of these words, and their baseline
    #[arg(long, global = true, value_delimiter = ',')]
    only: Vec<String>,
    /// Keep the results in this file, next to those of other commands
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// poll(2) on N fds of which the last is ready, and the search for it
    Call(call::Options),
    /// Iterate over N slots of which some are ready
    Scan(scan::Options),
    /// Set, read and modify slots
    Slot(slot::Options),
    /// Change interest between waits, once or back and forth
    Churn(churn::Options),
    /// Register and deregister an fd among others
    Addrm(addrm::Options),
    /// End a wait with a waker
    Wake(wake::Options),
    /// Waits with a zero timeout
    Nowait,
    /// Short timeouts on an idle set
    Timeout(timeout::Options),
    /// Move a deadline among many, and wait with deadlines
    Timers(timers::Options),
    /// libevent's chain of socket pairs
    Chain(chain::Options),
    /// The cost of an event among few and many registered fds
    Scale(scale::Options),
    /// Bytes per registered fd, and allocations per wait
    Memory(memory::Options),
    /// A TCP echo server: requests per second, CPU, latencies
    Echo(echo::Options),
    /// A request to a server with one client: the server's CPU, by the kind of its waits
    Request(request::Options),
    /// Short connections to workers that share a port: their shares and the CPU time
    Share(share::Options),
    /// A spin before the sleep: round trips, wakes and CPU time
    Spin(spin::Options),
    /// The cost of a return after a system call
    Returns,
    /// The time and the number of crates of a clean build
    Build,
    /// All benchmarks except `build`, with their default options
    All,
    /// Print all results that `--json` has kept in a file
    Report { results: PathBuf },
    /// Write `results.md` and the pictures from the `results.json` in a folder
    Page { folder: PathBuf },
    #[command(hide = true)]
    Hold { wanted: usize },
}

fn measure(benchmark: &Command, runner: &mut Runner) -> io::Result<()> {
    match benchmark {
        Command::Call(options) => call::run(runner, options),
        Command::Scan(options) => scan::run(runner, options),
        Command::Returns => returns::run(runner),
        Command::Slot(options) => slot::run(runner, options),
        Command::Churn(options) => churn::run(runner, options),
        Command::Addrm(options) => addrm::run(runner, options),
        Command::Wake(options) => wake::run(runner, options),
        Command::Nowait => nowait::run(runner),
        Command::Timeout(options) => timeout::run(runner, options),
        Command::Timers(options) => timers::run(runner, options),
        Command::Chain(options) => chain::run(runner, options),
        Command::Scale(options) => scale::run(runner, options),
        Command::Memory(options) => memory::run(runner, options),
        Command::Echo(options) => echo::run(runner, options),
        Command::Request(options) => request::run(runner, options),
        Command::Share(options) => share::run(runner, options),
        Command::Spin(options) => spin::run(runner, options),
        Command::Build => build::run(runner),
        Command::All => measure_all(runner),
        Command::Page { .. } | Command::Report { .. } | Command::Hold { .. } => Ok(()),
    }
}

/// Runs each benchmark as if it had been named without options.
fn measure_all(runner: &mut Runner) -> io::Result<()> {
    const BENCHMARKS: [&str; 17] = [
        "call", "scan", "slot", "churn", "addrm", "wake", "nowait", "timeout", "timers", "chain", "scale",
        "memory", "echo", "request", "share", "spin", "returns",
    ];
    BENCHMARKS
        .iter()
        .try_for_each(|benchmark| measure(&Options::parse_from(["iomux-bench", benchmark]).command, runner))
}

pub(crate) fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iomux-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    match &options.command {
        Command::Hold { wanted } => Ok(scale::hold(*wanted)?),
        Command::Report { results } => {
            let reports = read(results)?;
            Ok(reports.iter().try_for_each(|report| write!(io::stdout(), "{report}"))?)
        }
        Command::Page { folder } => {
            let names = page::write(&read(&folder.join(page::RESULTS))?, folder)?;
            Ok(names.iter().try_for_each(|name| writeln!(io::stdout(), "{name}"))?)
        }
        benchmark => run_benchmark(benchmark, options),
    }
}

fn read(results: &Path) -> Result<Vec<Report>, Box<dyn Error>> {
    let said = |error: &dyn fmt::Display| format!("{}: {error}", results.display());
    let text = std::fs::read_to_string(results).map_err(|error| said(&error))?;
    Ok(serde_json::from_str(&text).map_err(|error| said(&error))?)
}

/// Puts a report into the file, replacing the earlier one of the same command.
fn keep(report: Report, results: &Path) -> Result<(), Box<dyn Error>> {
    let mut reports = if results.exists() { read(results)? } else { Vec::new() };
    match reports.iter_mut().find(|other| other.command == report.command) {
        Some(other) => *other = report,
        None => reports.push(report),
    }
    Ok(std::fs::write(results, report::json(&reports)?)?)
}

fn run_benchmark(benchmark: &Command, options: &Options) -> Result<(), Box<dyn Error>> {
    let report = Report {
        machine: Machine::here(),
        date: machine::date(),
        command: machine::command(),
        runs: options.runs.into(),
        notes: Vec::new(),
        tables: Vec::new(),
    };
    let mut runner = Runner::new(report, Duration::from_millis(options.ms), options.only.clone());
    for absent in peers::ABSENT {
        runner.note(format!("skipped: {absent}"));
    }
    measure(benchmark, &mut runner)?;
    let report = runner.finish();
    write!(io::stdout(), "{report}")?;
    if let Some(path) = &options.json {
        keep(report, path)?;
    }
    Ok(())
}
