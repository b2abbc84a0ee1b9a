//! Draws results: a curve for each competitor where a benchmark has several sizes, bars elsewhere.

use crate::report::Table;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

const WIDTH: u32 = 900;
const BAR: u32 = 24;

/// Draws all tables with this title into a file. Returns `true` if there are any.
pub(crate) fn draw(path: &Path, wanted: &str, tables: &[&Table]) -> Result<bool, Box<dyn Error>> {
    let tables: Vec<_> = tables.iter().copied().filter(|table| title(table) == wanted).collect();
    if tables.is_empty() {
        return Ok(false);
    }
    if tables.iter().filter(|table| table.at.is_some()).count() > 1 {
        curves(path, wanted, &tables)?;
    } else {
        bars(path, wanted, &tables)?;
    }
    Ok(true)
}

/// Returns the title that the tables of one picture share, without the number that a curve is drawn over.
fn title(table: &Table) -> String {
    let Table { benchmark, case, measure, unit, at, .. } = table;
    let words = case.split(' ').filter(|word| at.is_none_or(|at| *word != at.to_string()));
    let case = words.collect::<Vec<_>>().join(" ");
    let parts = [case.as_str(), measure.as_str()].into_iter().filter(|part| !part.is_empty());
    format!("{benchmark}: {}, {unit}", parts.collect::<Vec<_>>().join(", "))
}

/// Returns warm colours for iomux, black for the baseline, and thin lines for the others.
fn style(name: &str, index: usize) -> ShapeStyle {
    match name {
        "iomux Epoll" | "iomux Poll" | "iomux poll" => RGBColor(200, 30, 30).stroke_width(3),
        "iomux Slots" | "iomux Epoll, edge" => RGBColor(240, 130, 20).stroke_width(3),
        name if name.starts_with("iomux") => RGBColor(200, 60, 140).stroke_width(3),
        "raw epoll" | "raw poll" => BLACK.stroke_width(2),
        name if name.starts_with("raw") => RGBColor(110, 110, 110).stroke_width(2),
        _ => Palette99::pick(index).stroke_width(1),
    }
}

fn bar_colour(name: &str) -> RGBAColor {
    let is_a_peer = !name.starts_with("raw") && !name.starts_with("iomux");
    if is_a_peer { RGBColor(130, 160, 200).to_rgba() } else { style(name, 0).color }
}

fn curves(path: &Path, title: &str, tables: &[&Table]) -> Result<(), Box<dyn Error>> {
    let mut series: BTreeMap<&str, BTreeMap<usize, f64>> = BTreeMap::new();
    for table in tables {
        let Some(at) = table.at else { continue };
        for entry in &table.entries {
            // Two commands may have measured the same point.
            series.entry(&entry.name).or_default().entry(at).or_insert(entry.median);
        }
    }
    let points = || series.values().flatten().map(|(at, y)| (*at as f64, *y)).filter(|(_, y)| *y > 0.0);
    let (left, right) = bounds(points().map(|(x, _)| x));
    let (low, high) = bounds(points().map(|(_, y)| y));
    let root = SVGBackend::new(path, (WIDTH, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(70)
        .build_cartesian_2d((left..right).log_scale(), (low..high * 1.2).log_scale())?;
    chart.configure_mesh().x_label_formatter(&short).y_label_formatter(&short).draw()?;
    for (index, (name, points)) in series.into_iter().enumerate() {
        let points = points.into_iter().map(|(at, y)| (at as f64, y));
        let style = style(name, index);
        chart
            .draw_series(LineSeries::new(points, style).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}

fn bars(path: &Path, title: &str, tables: &[&Table]) -> Result<(), Box<dyn Error>> {
    let entries: Vec<_> = tables.iter().flat_map(|table| &table.entries).collect();
    let count = u32::try_from(entries.len())?;
    let root = SVGBackend::new(path, (WIDTH, count * BAR + 90)).into_drawing_area();
    root.fill(&WHITE)?;
    // A logarithmic axis keeps short bars visible next to a long one.
    let positive = entries.iter().map(|entry| entry.median).filter(|median| *median > 0.0);
    let (low, high) = bounds(positive);
    let (low, high) = (low / 2.0, high * 2.0);
    let rows = 0..i32::try_from(count)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(format!("{title} (logarithmic)"), ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(200)
        .build_cartesian_2d((low..high).log_scale(), rows.into_segmented())?;
    let name = |row: &SegmentValue<i32>| match row {
        SegmentValue::CenterOf(row) => name_of(&entries, *row),
        _ => String::new(),
    };
    mesh(&mut chart, entries.len(), &name)?;
    chart.draw_series(entries.iter().enumerate().map(|(index, entry)| {
        let row = |row: usize| SegmentValue::Exact(i32::try_from(row).unwrap_or(i32::MAX));
        let last = entries.len() - 1 - index;
        let corners = [(low, row(last)), (entry.median.max(low), row(last + 1))];
        let mut bar = Rectangle::new(corners, bar_colour(&entry.name).filled());
        bar.set_margin(4, 4, 0, 0);
        bar
    }))?;
    root.present()?;
    Ok(())
}

fn name_of(entries: &[&crate::report::Entry], row: i32) -> String {
    let row = usize::try_from(row).ok().filter(|row| *row < entries.len());
    row.map_or(String::new(), |row| {
        let entry = entries[entries.len() - 1 - row];
        format!("{}: {}", entry.name, crate::report::number(entry.median))
    })
}

fn mesh<X, Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<X, Y>>,
    rows: usize,
    name: &dyn Fn(&Y::ValueType) -> String,
) -> Result<(), Box<dyn Error>>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged + ValueFormatter<Y::ValueType>,
{
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows)
        .y_label_formatter(&name)
        .x_label_formatter(&short)
        .draw()?;
    Ok(())
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that the crate asks for")]
fn short(value: &f64) -> String {
    match *value {
        value if value >= 1e6 => format!("{}M", value / 1e6),
        value if value >= 1e3 => format!("{}k", value / 1e3),
        value => format!("{value}"),
    }
}

fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) =
        values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    // The axis needs an extent, even for a single value or none.
    if low < high {
        (low, high)
    } else if high > 0.0 {
        (high / 2.0, high * 2.0)
    } else {
        (0.5, 2.0)
    }
}
