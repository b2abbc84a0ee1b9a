//! The results, which are kept as JSON and printed as Markdown.

use crate::machine::Machine;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

#[derive(Deserialize, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) date: String,
    pub(crate) command: String,
    /// The number of turns of each competitor.
    pub(crate) runs: usize,
    /// What was limited or is missing, and why.
    pub(crate) notes: Vec<String>,
    pub(crate) tables: Vec<Table>,
}

/// One measure of one case of a benchmark.
#[derive(Deserialize, Serialize)]
pub(crate) struct Table {
    pub(crate) benchmark: String,
    pub(crate) case: String,
    pub(crate) at: Option<usize>,
    pub(crate) measure: String,
    pub(crate) unit: String,
    pub(crate) entries: Vec<Entry>,
}

/// The results of one competitor.
#[derive(Deserialize, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// The median of the distances from the median.
    pub(crate) mad: f64,
    /// The median of the ratios to the baseline in the same turn.
    pub(crate) ratio: Option<f64>,
}

impl Entry {
    pub(crate) fn new(name: &str, samples: &[f64], baseline: Option<&[f64]>) -> Self {
        let middle = median(samples.to_vec());
        let ratios = baseline.map(|base| samples.iter().zip(base).map(|(own, base)| own / base).collect());
        Self {
            name: name.into(),
            median: rounded(middle),
            min: rounded(samples.iter().copied().fold(f64::INFINITY, f64::min)),
            max: rounded(samples.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            mad: rounded(median(samples.iter().map(|sample| (sample - middle).abs()).collect())),
            ratio: ratios.map(median).filter(|ratio| ratio.is_finite()).map(rounded),
        }
    }
}

pub(crate) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

/// Rounds to four digits, which are more than a clock resolves and short in a file.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// Returns the results as JSON, with a line per competitor so that a person can read them.
pub(crate) fn json(reports: &[Report]) -> serde_json::Result<String> {
    let text = serde_json::to_string(reports)?;
    let starts = ["{\"machine\":", "{\"benchmark\":", "{\"name\":"];
    Ok(starts.iter().fold(text, |text, start| text.replace(start, &format!("\n{start}"))) + "\n")
}

/// Formats a value with enough digits to distinguish competitors.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { benchmark, case, measure, unit, .. } = self;
        let title = [case.as_str(), measure.as_str()].into_iter().filter(|part| !part.is_empty());
        writeln!(f, "`{benchmark}`: {}\n", title.collect::<Vec<_>>().join("; "))?;
        writeln!(f, "| | {unit} | min | max | MAD | ratio |\n|---|---|---|---|---|---|")?;
        for entry in &self.entries {
            let [median, min, max, mad] = [entry.median, entry.min, entry.max, entry.mad].map(number);
            let ratio = entry.ratio.map_or(String::new(), |ratio| format!("{ratio:.3}"));
            writeln!(f, "| {} | {median} | {min} | {max} | {mad} | {ratio} |", entry.name)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { machine, date, command, runs, .. } = self;
        writeln!(f, "{machine}; {date}; medians of {runs} turns; command: `{command}`.\n")?;
        let mut notes = String::new();
        self.notes.iter().try_for_each(|note| writeln!(notes, "- {note}"))?;
        if !notes.is_empty() {
            writeln!(f, "{notes}")?;
        }
        self.tables.iter().try_for_each(|table| writeln!(f, "{table}"))
    }
}
