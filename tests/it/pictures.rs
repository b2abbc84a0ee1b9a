//! The pictures of the guide: drawn from what the kernel reports in this very run, and compared with the pages.
//!
//! `IOMUX_BLESS=1 cargo test --test it pictures` draws them again.

use crate::support::{full_pipe, root};
use iomux::{Interest, PollFd, Readiness, Timeout};
use iomux_backend::{Epoll, Events, Mode, Multiplexer, Token};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

const BEGIN: &str = "<!-- drawn by tests/it/pictures.rs -->\n";
const END: &str = "</svg>\n";

const LEFT: usize = 96;
const TOP: usize = 44;
const WIDTH: usize = 96;
const HEIGHT: usize = 30;

/// The steps in their order, with the readiness of each row after the step; empty for none.
struct Picture {
    steps: &'static [&'static str],
    rows: Vec<(&'static str, Vec<String>)>,
}

impl Picture {
    /// In the colours of the page, light or dark.
    fn draw(&self) -> String {
        let (width, height) = (LEFT + WIDTH * self.steps.len() + 4, TOP + HEIGHT * self.rows.len() + 4);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-size=\"11\" \
             font-family=\"sans-serif\" fill=\"currentColor\" stroke=\"none\" role=\"img\">\n"
        );
        for (column, step) in self.steps.iter().enumerate() {
            let middle = LEFT + WIDTH * column + WIDTH / 2;
            for (line, words) in step.split('\n').enumerate() {
                let y = 16 + 13 * line;
                writeln!(svg, "<text x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{words}</text>")
                    .unwrap();
            }
        }
        for (row, (label, reports)) in self.rows.iter().enumerate() {
            let middle = TOP + HEIGHT * row + HEIGHT / 2;
            writeln!(svg, "<text x=\"4\" y=\"{}\">{label}</text>", middle + 4).unwrap();
            let line = format!("x1=\"{LEFT}\" y1=\"{middle}\" x2=\"{}\" y2=\"{middle}\"", width - 4);
            writeln!(svg, "<line {line} stroke=\"currentColor\" stroke-opacity=\"0.3\"/>").unwrap();
            for (column, report) in reports.iter().enumerate().filter(|(_, report)| !report.is_empty()) {
                cell(&mut svg, LEFT + WIDTH * column, middle, report);
            }
        }
        svg + END
    }
}

/// The readiness, line by line, in a separate box.
fn cell(svg: &mut String, left: usize, middle: usize, report: &str) {
    let (x, y, width, height) = (left + 4, middle - HEIGHT / 2 + 2, WIDTH - 8, HEIGHT - 4);
    let place = format!("x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"5\"");
    writeln!(svg, "<rect {place} fill=\"#2a7ab5\"/>").unwrap();
    let lines: Vec<_> = report.split('\n').collect();
    let first = if lines.len() == 1 { middle + 4 } else { middle - 1 };
    for (number, line) in lines.iter().enumerate() {
        let (x, y) = (left + WIDTH / 2, first + 10 * number);
        writeln!(
            svg,
            "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" fill=\"#fff\" font-size=\"9\">{line}</text>"
        )
        .unwrap();
    }
}

/// Holds the picture in a page of the guide against this one.
#[track_caller]
fn compare(page: &str, picture: &Picture) {
    let path = root().join("iomux-backend/src/guide").join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the page has a place for its picture");
    let (shown, after) = rest.split_once(END).map_or(("", rest), |(shown, after)| (shown, after));
    let (shown, drawn) = (format!("{shown}{END}"), picture.draw());
    if std::env::var_os("IOMUX_BLESS").is_some() {
        std::fs::write(&path, [before, BEGIN, &drawn, after].concat()).unwrap();
    } else {
        assert!(shown == drawn, "{page} shows another picture; IOMUX_BLESS=1 redraws it:\n{drawn}");
    }
}

#[test]
fn modes_match_the_guides_timelines() {
    let modes = [
        ("Level", Mode::Level),
        ("Edge", Mode::Edge),
        ("OneShot", Mode::OneShot),
        ("EdgeOneShot", Mode::EdgeOneShot),
    ];
    let steps = &[
        "data\narrives",
        "nothing\nis read",
        "more\narrives",
        "half of it\nis read",
        "modify",
        "all is read,\nmodify",
        "data\narrives",
    ];
    let rows = modes.map(|(label, mode)| {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(ours.as_fd(), Token(0), Interest::READABLE, mode).unwrap();
        let mut events = Events::with_capacity(1);
        let read = || (&ours).read_exact(&mut [0; 4]).unwrap();
        let reports = (0..steps.len()).map(|step| {
            match step {
                0 | 2 | 6 => theirs.write_all(b"data").unwrap(),
                3 | 5 => read(),
                _ => {}
            }
            if matches!(step, 4 | 5) {
                epoll.modify(ours.as_fd(), Token(0), Interest::READABLE, mode).unwrap();
            }
            let count = epoll.wait(&mut events, Timeout::Nowait).unwrap();
            if count == 1 { "event".to_owned() } else { String::new() }
        });
        (label, reports.collect())
    });
    compare("modes.md", &Picture { steps, rows: rows.into() });
}

/// The names of the readiness, one per line.
fn reported(fd: BorrowedFd<'_>, interest: Interest) -> String {
    let mut fds = [PollFd::new(fd, interest).unwrap()];
    iomux::poll(&mut fds, Timeout::Nowait).unwrap();
    let names = |readiness: Readiness| readiness.iter_names().map(|(name, _)| name).collect::<Vec<_>>();
    names(fds[0].readiness()).join("\n")
}

#[test]
fn pipe_readiness_matches_the_guide() {
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let mut reading = Vec::new();
    let mut writing = Vec::new();
    for step in 0..4 {
        match step {
            1 => writer.write_all(b"!").unwrap(),
            2 => fill(&writer),
            3 => empty(&mut reader, &writer),
            _ => {}
        }
        reading.push(reported(reader.as_fd(), Interest::READABLE));
        writing.push(reported(writer.as_fd(), Interest::WRITABLE));
    }
    drop(writer);
    reading.push(reported(reader.as_fd(), Interest::READABLE));
    writing.push(String::new());
    let (reader, writer) = full_pipe();
    drop(reader);
    reading.push(String::new());
    writing.push(reported(writer.as_fd(), Interest::WRITABLE));
    let steps = &[
        "a new\npipe",
        "a byte\nis written",
        "the pipe\nis full",
        "the pipe\nis emptied",
        "the writer\nis closed",
        "the reader\nis closed",
    ];
    compare(
        "readiness.md",
        &Picture { steps, rows: vec![("reading end", reading), ("writing end", writing)] },
    );
}

fn fill(mut writer: &std::io::PipeWriter) {
    while reported(writer.as_fd(), Interest::WRITABLE) == "WRITABLE" {
        writer.write_all(&[0; 4096]).unwrap();
    }
}

fn empty(reader: &mut std::io::PipeReader, _open: &std::io::PipeWriter) {
    while !reported(reader.as_fd(), Interest::READABLE).is_empty() {
        assert_ne!(reader.read(&mut [0; 4096]).unwrap(), 0);
    }
}
