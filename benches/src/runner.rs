//! Runs the competitors in turns, so that other load on the machine affects all of them.

use crate::report::{Entry, Report, Table};
use indicatif::{ProgressBar, ProgressStyle};
use std::io;
use std::time::{Duration, Instant};

/// The results of one repetition: a number per measure of its case.
pub(crate) type Sample = Vec<f64>;

pub(crate) struct Competitor<'a> {
    pub(crate) name: &'static str,
    once: Box<dyn FnMut() -> io::Result<Sample> + 'a>,
}

impl<'a> Competitor<'a> {
    pub(crate) fn new(name: &'static str, once: impl FnMut() -> io::Result<Sample> + 'a) -> Self {
        Self { name, once: Box::new(once) }
    }
}

/// A benchmark with one choice of its parameters.
pub(crate) struct Case<'a> {
    pub(crate) benchmark: &'static str,
    pub(crate) name: String,
    /// The parameter that differs between the cases of a benchmark, if a curve can be drawn over it.
    pub(crate) at: Option<usize>,
    /// The name and unit of each number of a sample.
    pub(crate) measures: &'static [(&'static str, &'static str)],
    /// The others are compared with the first competitor whose name starts with this.
    pub(crate) baseline: &'static str,
    pub(crate) competitors: Vec<Competitor<'a>>,
}

pub(crate) struct Runner {
    pub(crate) report: Report,
    /// The minimum time of the measured part of a repetition, where it can be repeated.
    pub(crate) time: Duration,
    only: Vec<String>,
    bar: ProgressBar,
}

impl Runner {
    pub(crate) fn new(report: Report, time: Duration, only: Vec<String>) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} {wide_msg}");
        let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { report, time, only, bar }
    }

    /// Adds a note to the results, such as a limit or a missing competitor.
    pub(crate) fn note(&mut self, note: String) {
        if !self.report.notes.contains(&note) {
            self.bar.suspend(|| eprintln!("note: {note}"));
            self.report.notes.push(note);
        }
    }

    pub(crate) fn run(&mut self, mut case: Case<'_>) -> io::Result<()> {
        let baseline = case.baseline;
        case.competitors.retain(|competitor| {
            let is_named = |only: &String| competitor.name.contains(only.as_str());
            self.only.is_empty() || competitor.name.starts_with(baseline) || self.only.iter().any(is_named)
        });
        let count = case.competitors.len();
        let mut samples = vec![Vec::new(); count];
        self.bar.inc_length((self.report.runs * count) as u64);
        for run in 0..self.report.runs {
            for turn in 0..count {
                // The first competitor changes each turn, so that the order favours none.
                let index = (turn + run) % count;
                let competitor = &mut case.competitors[index];
                self.bar.set_message(format!("{} {}: {}", case.benchmark, case.name, competitor.name));
                let sample = (competitor.once)().map_err(|error| {
                    io::Error::new(error.kind(), format!("{}, {}: {error}", case.benchmark, competitor.name))
                })?;
                assert_eq!(
                    sample.len(),
                    case.measures.len(),
                    "{}: a number for each measure",
                    case.benchmark
                );
                samples[index].push(sample);
                self.bar.inc(1);
            }
        }
        self.report.tables.extend(tables(&case, &samples));
        Ok(())
    }

    pub(crate) fn finish(self) -> Report {
        self.bar.finish_and_clear();
        self.report
    }
}

fn tables<'a>(case: &'a Case<'_>, samples: &'a [Vec<Sample>]) -> impl Iterator<Item = Table> + 'a {
    case.measures.iter().enumerate().map(move |(index, (measure, unit))| {
        let of = |samples: &Vec<Sample>| samples.iter().map(|sample| sample[index]).collect::<Vec<_>>();
        let base = case.competitors.iter().position(|one| one.name.starts_with(case.baseline));
        let base = base.map(|base| of(&samples[base]));
        let entries = case.competitors.iter().zip(samples);
        Table {
            benchmark: case.benchmark.into(),
            case: case.name.clone(),
            at: case.at,
            measure: (*measure).into(),
            unit: (*unit).into(),
            entries: entries.map(|(one, all)| Entry::new(one.name, &of(all), base.as_deref())).collect(),
        }
    })
}

/// Returns the ns per round, over as many rounds as last for `time`, after a warm-up.
///
/// `round` is called in one place, so that it is inlined for every competitor. Otherwise a larger one would pay for one
/// more return after its system call (`iomux-bench returns`).
pub(crate) fn ns_a_round(time: Duration, mut round: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let mut rounds: u32 = 1;
    loop {
        let begin = Instant::now();
        for _ in 0..rounds {
            round()?;
        }
        let taken = begin.elapsed();
        if taken >= time || rounds > u32::MAX / 4 {
            return Ok(nanos(taken) / f64::from(rounds));
        }
        // Fewer steps, once the first rounds show how long one takes.
        let missing = time.as_secs_f64() / taken.as_secs_f64().max(1e-9);
        rounds *= if missing > 4.0 { 4 } else { 2 };
    }
}

pub(crate) fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
