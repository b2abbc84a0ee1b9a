//! What is asked of the program, and who does it.

use crate::machine::{self, Machine};
use crate::report::{self, Report};
use crate::runner::Runner;
use crate::works::{
    addrm, build, call, chain, churn, echo, memory, returns, scale, scan, share, slot, spin, timeout, timers,
    wake,
};
use crate::{page, peers};
use clap::{Parser, Subcommand};
use std::error::Error;
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(Parser)]
#[command(version, about = "iomux beside its peers, on the same works in the same run")]
struct Options {
    #[command(subcommand)]
    command: Command,
    /// How often each contestant takes its turn
    #[arg(long, global = true, default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// How many ms the measured part of a turn lasts at least, where it can be repeated
    #[arg(long, global = true, default_value_t = 20)]
    ms: u64,
    /// Only contestants whose name has one of these in it, and what they are held against
    #[arg(long, global = true, value_delimiter = ',')]
    only: Vec<String>,
    /// Keeps the results in this file, next to those of other commands
    #[arg(long, global = true)]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// poll(2) on N fds, the last one ready, and finding it
    Call(call::Options),
    /// Going through N slots of which some are ready
    Scan(scan::Options),
    /// A slot set, looked at, modified
    Slot(slot::Options),
    /// Interest changed between waits, once and there and back
    Churn(churn::Options),
    /// An fd registered and deregistered among others
    Addrm(addrm::Options),
    /// A wait ended from elsewhere
    Wake(wake::Options),
    /// What is waited on an idle set
    Timeout(timeout::Options),
    /// A deadline moved among many, and a wait with deadlines
    Timers(timers::Options),
    /// The classic benchmark of libevent
    Chain(chain::Options),
    /// An event among few and among many registered fds
    Scale(scale::Options),
    /// Bytes a registered fd, allocations a wait
    Memory(memory::Options),
    /// A TCP echo server: requests a second, CPU, latencies
    Echo(echo::Options),
    /// Short connections to workers that share a port: how even the shares are, and the CPU
    Share(share::Options),
    /// A spin before the sleep: round trips and wakes, and the CPU that they take
    Spin(spin::Options),
    /// What a return costs after a system call
    Returns,
    /// How long a clean build takes, and how many crates it has
    Build,
    /// All works but `build`, with the numbers that they have by themselves
    All,
    /// Shows all results that `--json` has kept in a file
    Report { results: PathBuf },
    /// Makes `results.md` and the pictures of the `results.json` in a folder
    Page { folder: PathBuf },
    #[command(hide = true)]
    Hold { wanted: usize },
}

fn measure(work: &Command, runner: &mut Runner) -> io::Result<()> {
    match work {
        Command::Call(options) => call::run(runner, options),
        Command::Scan(options) => scan::run(runner, options),
        Command::Returns => returns::run(runner),
        Command::Slot(options) => slot::run(runner, options),
        Command::Churn(options) => churn::run(runner, options),
        Command::Addrm(options) => addrm::run(runner, options),
        Command::Wake(options) => wake::run(runner, options),
        Command::Timeout(options) => timeout::run(runner, options),
        Command::Timers(options) => timers::run(runner, options),
        Command::Chain(options) => chain::run(runner, options),
        Command::Scale(options) => scale::run(runner, options),
        Command::Memory(options) => memory::run(runner, options),
        Command::Echo(options) => echo::run(runner, options),
        Command::Share(options) => share::run(runner, options),
        Command::Spin(options) => spin::run(runner, options),
        Command::Build => build::run(runner),
        Command::All => measure_all(runner),
        Command::Page { .. } | Command::Report { .. } | Command::Hold { .. } => Ok(()),
    }
}

/// As if each had been asked for, without any options of its own.
fn measure_all(runner: &mut Runner) -> io::Result<()> {
    const WORKS: [&str; 15] = [
        "call", "scan", "slot", "churn", "addrm", "wake", "timeout", "timers", "chain", "scale", "memory",
        "echo", "share", "spin", "returns",
    ];
    WORKS.iter().try_for_each(|work| measure(&Options::parse_from(["iomux-bench", work]).command, runner))
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
        work => run_work(work, options),
    }
}

fn read(results: &Path) -> Result<Vec<Report>, Box<dyn Error>> {
    let said = |error: &dyn fmt::Display| format!("{}: {error}", results.display());
    let text = std::fs::read_to_string(results).map_err(|error| said(&error))?;
    Ok(serde_json::from_str(&text).map_err(|error| said(&error))?)
}

/// Puts a report into the file, in the place of what the same command has said before.
fn keep(report: Report, results: &Path) -> Result<(), Box<dyn Error>> {
    let mut reports = if results.exists() { read(results)? } else { Vec::new() };
    match reports.iter_mut().find(|other| other.command == report.command) {
        Some(other) => *other = report,
        None => reports.push(report),
    }
    Ok(std::fs::write(results, report::json(&reports)?)?)
}

fn run_work(work: &Command, options: &Options) -> Result<(), Box<dyn Error>> {
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
    measure(work, &mut runner)?;
    let report = runner.finish();
    write!(io::stdout(), "{report}")?;
    if let Some(path) = &options.json {
        keep(report, path)?;
    }
    Ok(())
}
