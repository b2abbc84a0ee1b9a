//! Writes the page and the pictures of `docs/bench` from the results that `--json` keeps.

use crate::plot::Picture;
use crate::report::{Entry, Report, Table, number};
use std::error::Error;
use std::fmt::Write;
use std::path::Path;

/// The name of the file with the results.
pub(crate) const RESULTS: &str = "results.json";

const INTRODUCTION: &str = "\
# iomux compared with its competitors

A row that starts with `raw` is a program that calls libc directly. Its cells are measurements, in the unit of the
column. All other cells are ratios to these: 0.94 took 6 % less time. Columns marked \"no ratio\" have measurements only.
Rows and columns with `over poll` are compared with `raw poll`, unless a column says otherwise.

In each turn every competitor runs once. A ratio is the median of the ratios of all turns. The machine has two cores,
which other work shares, so check the spread before you believe a difference:
`cargo run --release -p iomux-bench --bin iomux-bench -- report docs/bench/results.json`. This command writes this page and
its pictures from that file: `cargo run --release -p iomux-bench --bin iomux-bench -- page docs/bench`.
";

/// A column of the page: all tables of a benchmark whose case contains `case`.
struct Column {
    benchmark: &'static str,
    case: &'static str,
    measure: &'static str,
    heading: &'static str,
}

const fn column(
    benchmark: &'static str,
    case: &'static str,
    measure: &'static str,
    heading: &'static str,
) -> Column {
    Column { benchmark, case, measure, heading }
}

const SECTIONS: [(&str, &[Column]); 5] = [
    (
        "Multiplexers",
        &[
            column("chain", "100 pairs", "", "chain, 100 pairs, ns per byte"),
            column("chain", "1000 pairs", "", "chain, 1,000 pairs, ns per byte"),
            column("chain", "9968 pairs", "", "chain, 9,968 pairs, ns per byte"),
            column("addrm", "register", "", "register and deregister, ns"),
            column("churn", "once", "with the wait's share", "modify, ns"),
            column("churn", "there", "with the wait's share", "modify there and back, ns per modify"),
            column("wake", "one wake", "", "wake and wait, ns"),
            column("wake", "1000 wakes", "", "1,000 wakes and one wait, ns per wake"),
            column("memory", "19936 fds", "", "memory, bytes per fd, no ratio"),
        ],
    ),
    (
        "Servers and timeouts, all compared with `raw epoll`",
        &[
            column("echo", "100 conn", "throughput", "echo, 100 connections, requests per s"),
            column("echo", "100 conn", "the server's CPU", "its CPU, µs per request"),
            column("echo", "5000 conn", "throughput", "echo, 5,000 connections, requests per s"),
            column("echo", "5000 conn", "the server's CPU", "its CPU, µs per request"),
            column("request", "one conn", "the server's CPU", "one client, the server's CPU, µs per request"),
            column("addrm", "a short", "the server's part", "a short TCP connection, ns"),
            column("nowait", "a wait", "", "a wait with a zero timeout, ns"),
            column("timeout", "a timeout of 200 µs", "", "a wait of 200 µs, µs"),
        ],
    ),
    (
        "poll(2) and its table",
        &[
            column("call", "call and search, 1 fds", "", "poll, 1 fd, ns"),
            column("call", "call and search, 64 fds", "", "64 fds, ns"),
            column("call", "call and search, 1024 fds", "", "1,024 fds, ns"),
            column("call", "call and search, 16384 fds", "", "16,384 fds, ns"),
            column("scan", "the last one of 16384", "", "find 1 ready of 16,384, ns per slot"),
            column("scan", "50 % of 16384", "", "find half of 16,384, ns per slot"),
            column("slot", "64 slots", "set", "set a slot, ns"),
            column("slot", "64 slots", "get", "get, ns"),
            column("slot", "64 slots", "modify", "modify, ns"),
        ],
    ),
    (
        "Few and many registered fds",
        &[
            column("scale", "1000 registered", "", "1,000: ns per event or slot"),
            column("scale", "10000 registered", "", "10,000"),
            column("scale", "19936 registered", "", "19,936"),
            column("scale", "100000 registered", "", "100,000"),
            column("scale", "1000000 registered", "", "1,000,000"),
        ],
    ),
    (
        "Clean builds, and returns after a system call",
        &[
            column("build", "a program", "", "release build, s"),
            column("build", "a program", "dependencies", "crates, no ratio"),
            column("returns", "getppid(2)", "", "returns after getppid(2), ns, no ratio"),
        ],
    ),
];

const OVER_EPOLL: &[&str] = &["iomux Epoll", "iomux Reactor", "mio", "polling", "rustix epoll", "libevent"];
const OVER_POLL: &[&str] =
    &["iomux Poll", "iomux Slots", "rustix poll", "nix poll", "popol", "libevent, over poll"];

const PICTURES: [Picture; 6] = [
    Picture {
        file: "chain-epoll",
        benchmark: "chain",
        case: "over epoll",
        measure: "",
        title: "chain: a byte passes through all pairs of sockets, over epoll",
        size: "pairs of sockets",
        names: OVER_EPOLL,
    },
    Picture {
        file: "chain-poll",
        benchmark: "chain",
        case: "over poll",
        measure: "",
        title: "chain: a byte passes through all pairs of sockets, over poll",
        size: "pairs of sockets",
        names: OVER_POLL,
    },
    Picture {
        file: "modify",
        benchmark: "churn",
        case: "there and back, 64 fds, over epoll",
        measure: "with the wait's share",
        title: "an interest changed there and back between two waits, 64 fds, over epoll",
        size: "",
        names: OVER_EPOLL,
    },
    Picture {
        file: "wake",
        benchmark: "wake",
        case: "1000 wakes, one wait",
        measure: "",
        title: "1,000 wakes and one wait",
        size: "",
        names: &["iomux Epoll", "iomux Poll", "mio", "polling", "libev", "libuv"],
    },
    Picture {
        file: "echo",
        benchmark: "echo",
        case: "",
        measure: "the server's CPU",
        title: "echo server: CPU time per request",
        size: "connections",
        names: OVER_EPOLL,
    },
    Picture {
        file: "scale",
        benchmark: "scale",
        case: "over epoll",
        measure: "",
        title: "an event among many registered fds, 1,000 of them active, over epoll",
        size: "registered fds",
        names: OVER_EPOLL,
    },
];

/// Writes `results.md` and the pictures into the folder, and returns their names.
pub(crate) fn write(reports: &[Report], folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let tables: Vec<_> = reports.iter().flat_map(|report| &report.tables).collect();
    let mut names = vec!["results.md".to_owned()];
    let mut page = INTRODUCTION.to_owned();
    for (title, columns) in SECTIONS {
        page += &section(title, columns, &tables);
    }
    writeln!(page, "\n## Pictures\n")?;
    for picture in PICTURES {
        let name = format!("{}.svg", picture.file);
        if picture.draw(&folder.join(&name), &tables)? {
            writeln!(page, "![{}]({name})", picture.title)?;
            names.push(name);
        }
    }
    writeln!(page, "\n## Commands\n")?;
    let mut last_machine = String::new();
    for Report { machine, date, command, runs, notes, .. } in reports {
        let machine = machine.to_string();
        if machine != last_machine {
            // A blank line, so that it is no part of the list before it.
            let end_of_list = if last_machine.is_empty() { "" } else { "\n" };
            writeln!(page, "{end_of_list}{machine}:\n")?;
        }
        last_machine = machine;
        let facts = [format!("{runs} turns"), date.clone()];
        writeln!(page, "- `{command}`: {}", [&facts[..], notes].concat().join("; "))?;
    }
    std::fs::write(folder.join("results.md"), page)?;
    Ok(names)
}

/// Returns a row per competitor, or nothing if no column was measured.
fn section(title: &str, columns: &[Column], tables: &[&Table]) -> String {
    let measured: Vec<_> = columns.iter().filter_map(|column| column.of(tables)).collect();
    let mut names: Vec<&str> = Vec::new();
    for entry in measured.iter().flat_map(|(_, entries)| entries) {
        if !names.contains(&entry.name.as_str()) {
            names.push(&entry.name);
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let headings: Vec<_> = measured.iter().map(|(heading, _)| *heading).collect();
    let mut text = format!("\n## {title}\n\n| | {} |\n|---|", headings.join(" | "));
    text += &"---|".repeat(headings.len());
    for name in names {
        let cells: Vec<_> = measured
            .iter()
            .map(|(heading, entries)| {
                let entry = entries.iter().find(|entry| entry.name == name);
                entry.map_or(String::new(), |entry| cell(entry, heading.ends_with("no ratio")))
            })
            .collect();
        text += &format!("\n| {name} | {} |", cells.join(" | "));
    }
    text + "\n"
}

impl Column {
    /// Returns its heading, and its entries in all tables.
    fn of<'a>(&self, tables: &[&'a Table]) -> Option<(&'static str, Vec<&'a Entry>)> {
        let is_mine = |table: &&&Table| {
            table.benchmark == self.benchmark
                && table.measure == self.measure
                && table.case.contains(self.case)
        };
        let entries: Vec<_> = tables.iter().filter(is_mine).flat_map(|table| &table.entries).collect();
        (!entries.is_empty()).then_some((self.heading, entries))
    }
}

fn cell(entry: &Entry, is_absolute: bool) -> String {
    match entry.ratio {
        Some(ratio) if !is_absolute && !entry.name.starts_with("raw") => {
            if ratio < 0.1 {
                format!("{ratio:.3}")
            } else {
                format!("{ratio:.2}")
            }
        }
        _ => number(entry.median),
    }
}
