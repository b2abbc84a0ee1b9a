//! iomux beside its peers, on the same works in the same run.
//!
//! `iomux-bench WORK` prints Markdown; `--json FILE` keeps the numbers, of which `iomux-bench plot` draws
//! and `iomux-bench report` writes.

mod fds;
mod machine;
mod peers;
mod report;
mod runner;
mod works;

use clap::{Parser, Subcommand};
use machine::Machine;
use report::Report;
use runner::Runner;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use works::{addrm, call, chain, churn, scale, scan, slot, timeout, wake};

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
    /// Keeps the results in this file
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
    /// The classic benchmark of libevent
    Chain(chain::Options),
    /// An event among few and among many registered fds
    Scale(scale::Options),
    #[command(hide = true)]
    Hold { wanted: usize },
}

impl Command {
    fn run(&self, runner: &mut Runner) -> io::Result<()> {
        match self {
            Self::Call(options) => call::run(runner, options),
            Self::Scan(options) => scan::run(runner, options),
            Self::Slot(options) => slot::run(runner, options),
            Self::Churn(options) => churn::run(runner, options),
            Self::Addrm(options) => addrm::run(runner, options),
            Self::Wake(options) => wake::run(runner, options),
            Self::Timeout(options) => timeout::run(runner, options),
            Self::Chain(options) => chain::run(runner, options),
            Self::Scale(options) => scale::run(runner, options),
            Self::Hold { wanted } => scale::hold(*wanted),
        }
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("iomux-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> io::Result<()> {
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
    options.command.run(&mut runner)?;
    if matches!(options.command, Command::Hold { .. }) {
        return Ok(());
    }
    let report = runner.finish();
    print!("{report}");
    if let Some(path) = &options.json {
        let file = io::BufWriter::new(std::fs::File::create(path)?);
        serde_json::to_writer_pretty(file, &report)?;
    }
    Ok(())
}
