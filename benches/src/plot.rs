//! Draws the ratio to the bare system calls: a curve per competitor where a benchmark has several sizes, bars elsewhere.

use crate::report::{Entry, Table};
use plotters::prelude::*;
use std::error::Error;
use std::path::Path;

/// A picture of the results page.
pub(crate) struct Picture {
    /// The name of its file, without the extension.
    pub(crate) file: &'static str,
    /// The benchmark, and a part of the case, of the tables that it shows.
    pub(crate) benchmark: &'static str,
    pub(crate) case: &'static str,
    pub(crate) measure: &'static str,
    pub(crate) title: &'static str,
    /// The title of the axis of sizes.
    pub(crate) size: &'static str,
    /// At most six competitors, so that a reader can tell them apart.
    pub(crate) names: &'static [&'static str],
}

/// A ratio to the bare calls, with its spread.
#[derive(Clone, Copy)]
struct Ratio {
    low: f64,
    middle: f64,
    high: f64,
}

impl Ratio {
    /// The spread is the median distance from the median, relative to it.
    fn of(entry: &Entry) -> Option<Self> {
        let middle = entry.ratio?;
        let spread = middle * entry.mad / entry.median;
        Some(Self { low: middle - spread, middle, high: middle + spread })
    }
}

const SIZE: (u32, u32) = (900, 480);
const BAR: u32 = 44;
const RATIO: &str =
    "time, as a ratio to bare libc calls (1.0: the same; lower is faster; whiskers: median deviation)";
const COLOURS: [RGBColor; 6] = [
    RGBColor(200, 30, 30),
    RGBColor(240, 140, 20),
    RGBColor(40, 90, 180),
    RGBColor(30, 140, 80),
    RGBColor(130, 70, 160),
    RGBColor(100, 100, 100),
];

impl Picture {
    /// Draws the tables of this picture into a file, and returns `true` if there are any.
    pub(crate) fn draw(&self, path: &Path, tables: &[&Table]) -> Result<bool, Box<dyn Error>> {
        let is_shown = |table: &&Table| {
            table.benchmark == self.benchmark
                && table.measure == self.measure
                && table.case.contains(self.case)
        };
        let mut tables: Vec<_> = tables.iter().copied().filter(is_shown).collect();
        tables.sort_by_key(|table| table.at);
        // What two commands have measured is drawn once.
        tables.dedup_by_key(|table| table.at);
        match tables.as_slice() {
            [] => return Ok(false),
            [table] => self.bars(path, table)?,
            tables => self.curves(path, tables)?,
        }
        Ok(true)
    }

    fn curves(&self, path: &Path, tables: &[&Table]) -> Result<(), Box<dyn Error>> {
        let curves = self.points(tables);
        let points = || curves.iter().flat_map(|(_, points)| points);
        let (left, right) = extent(points().map(|(size, _)| *size));
        let (low, high) = extent(points().flat_map(|(_, ratio)| [ratio.low, ratio.high, 1.0]));
        let (span, margin) = (high - low, (high - low) * 0.1);
        // The legend stands above the curves.
        let top = high + margin + span * 0.075 * curves.len() as f64;
        let digits = if span < 0.1 { 3 } else { 2 };
        let root = SVGBackend::new(path, SIZE).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .margin_right(30)
            .x_label_area_size(48)
            .y_label_area_size(70)
            .build_cartesian_2d((left / 1.2..right * 1.2).log_scale(), low - margin..top)?;
        chart
            .configure_mesh()
            .max_light_lines(0)
            .x_labels(4)
            .x_desc(self.size)
            .y_desc("time / bare libc, with median deviation")
            .x_label_formatter(&short)
            .y_label_formatter(&|value| format!("{value:.digits$}"))
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .draw()?;
        let one = [(left / 1.2, 1.0), (right * 1.2, 1.0)];
        chart.draw_series(LineSeries::new(one, BLACK.stroke_width(1)))?;
        for ((name, points), colour) in curves.into_iter().zip(COLOURS) {
            let line = points.iter().map(|(size, ratio)| (*size, ratio.middle));
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)).point_size(3))?
                .label(name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
            chart.draw_series(points.iter().map(|(size, ratio)| {
                PathElement::new([(*size, ratio.low), (*size, ratio.high)], colour.stroke_width(1))
            }))?;
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.3))
            .label_font(("sans-serif", 14))
            .draw()?;
        root.present()?;
        Ok(())
    }

    /// Returns the curve of each competitor: sizes and ratios.
    fn points(&self, tables: &[&Table]) -> Vec<(&'static str, Vec<(f64, Ratio)>)> {
        let mut curves = Vec::new();
        for name in self.names {
            let points = tables.iter().filter_map(|table| Some((table.at? as f64, ratio_of(table, name)?)));
            curves.push((*name, points.collect::<Vec<_>>()));
        }
        // A competitor that was not measured needs no line in the legend.
        curves.retain(|(_, points)| !points.is_empty());
        curves
    }

    fn bars(&self, path: &Path, table: &Table) -> Result<(), Box<dyn Error>> {
        let bars: Vec<_> =
            self.names.iter().filter_map(|name| Some((*name, ratio_of(table, name)?))).rev().collect();
        let count = u32::try_from(bars.len())?;
        let root = SVGBackend::new(path, (SIZE.0, count * BAR + 110)).into_drawing_area();
        root.fill(&WHITE)?;
        let high = bars.iter().map(|(_, ratio)| ratio.high).fold(1.0, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(&root)
            .caption(self.title, ("sans-serif", 18))
            .margin(12)
            .margin_right(30)
            .x_label_area_size(48)
            .y_label_area_size(190)
            .build_cartesian_2d(0.0..high, (0..i32::try_from(count)?).into_segmented())?;
        let label = |row: &SegmentValue<i32>| {
            let SegmentValue::CenterOf(row) = row else { return String::new() };
            let bar = usize::try_from(*row).ok().and_then(|row| bars.get(row));
            bar.map_or(String::new(), |(name, ratio)| format!("{name}: {}", number(ratio.middle)))
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .y_labels(bars.len())
            .y_label_formatter(&label)
            .x_desc(RATIO)
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .draw()?;
        for (index, (name, ratio)) in bars.iter().enumerate() {
            let row = i32::try_from(index)?;
            let corners = [(0.0, SegmentValue::Exact(row)), (ratio.middle, SegmentValue::Exact(row + 1))];
            let mut bar = Rectangle::new(corners, colour_of(name).filled());
            bar.set_margin(8, 8, 0, 0);
            let middle = SegmentValue::CenterOf(row);
            let whisker =
                PathElement::new([(ratio.low, middle.clone()), (ratio.high, middle)], BLACK.stroke_width(2));
            chart.draw_series([bar])?;
            chart.draw_series([whisker])?;
        }
        let line = [(1.0, SegmentValue::Exact(0)), (1.0, SegmentValue::Exact(i32::try_from(count)?))];
        chart.draw_series([PathElement::new(line, BLACK.stroke_width(1))])?;
        root.present()?;
        Ok(())
    }
}

fn colour_of(name: &str) -> RGBColor {
    if name.starts_with("iomux") { COLOURS[0] } else { COLOURS[2] }
}

fn ratio_of(table: &Table, name: &str) -> Option<Ratio> {
    table.entries.iter().find(|entry| entry.name == name).and_then(Ratio::of)
}

fn number(ratio: f64) -> String {
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that the crate asks for")]
fn short(value: &f64) -> String {
    match *value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{value}"),
    }
}

fn extent(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)))
}
