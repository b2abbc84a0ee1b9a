//! Every work, once and with small numbers, for every contestant: each of them panics if a wrong event comes.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::process::Command;

const OURS: [&str; 3] = ["iomux Epoll", "iomux Poll", "iomux Slots"];
const PEERS: [&str; 5] = ["mio", "polling", "rustix", "nix", "popol"];

/// Runs the program, and returns what it says.
#[track_caller]
fn run(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_iomux-bench")).args(words).output().unwrap();
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{words:?}: {}: {complaint}", output.status);
    said.into_owned()
}

/// Runs a work, and looks who took part.
#[track_caller]
fn takes_part(words: &[&str], wanted: &[&str]) {
    let words: Vec<_> = words.iter().chain(&["--runs", "1", "--ms", "0"]).copied().collect();
    let said = run(&words);
    let names: BTreeSet<_> =
        said.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next()).collect();
    for one in ["raw"].iter().chain(wanted) {
        assert!(names.iter().any(|name| name.starts_with(one)), "{one} is not among {names:?}");
    }
}

#[test]
fn call() {
    takes_part(&["call", "--fds", "1,8,40"], &["iomux Poll", "iomux Slots", "rustix", "nix", "popol"]);
}

#[test]
fn scan() {
    takes_part(&["scan", "--slots", "200"], &["iomux Slots", "rustix", "nix"]);
}

#[test]
fn slot() {
    takes_part(&["slot"], &["iomux Slots", "rustix", "nix", "popol"]);
}

#[test]
fn churn() {
    takes_part(&["churn", "--fds", "8"], &[&OURS[..], &PEERS].concat());
}

#[test]
fn addrm() {
    takes_part(&["addrm", "--others", "20"], &[&OURS[..], &PEERS].concat());
}

#[test]
fn wake() {
    takes_part(
        &["wake", "--burst", "10", "--rallies", "10"],
        &["iomux Epoll", "iomux Poll", "mio", "polling", "popol"],
    );
}

#[test]
fn timeout() {
    takes_part(&["timeout", "--waits", "1"], &[&OURS[..], &PEERS].concat());
}

#[test]
fn chain() {
    takes_part(&["chain", "--pairs", "20,40", "--writes", "100"], &[&OURS[..], &PEERS].concat());
}

#[test]
fn scale() {
    takes_part(
        &["scale", "--registered", "300", "--active", "50"],
        &["iomux Epoll", "iomux Poll", "iomux Slots"],
    );
}

#[test]
fn memory() {
    takes_part(&["memory", "--fds", "100"], &[&OURS[..], &PEERS].concat());
}

#[test]
fn echo() {
    let ours = ["iomux Epoll", "iomux Reactor", "iomux Poll", "iomux Slots"];
    takes_part(&["echo", "--connections", "1,10", "--requests", "50"], &[&ours[..], &PEERS].concat());
}

#[test]
fn share() {
    let said = run(&["share", "--connections", "20", "--bursts", "1,5", "--runs", "1", "--ms", "0"]);
    let count = |name: &str| said.lines().filter(|line| line.starts_with(&format!("| {name} | "))).count();
    let ways = ["SO_REUSEPORT", "exclusive", "exclusive, requeued", "handed over"];
    assert_eq!(ways.map(count), [2 * 3; 4], "{said}");
    assert_eq!(["registers first", "reads first"].map(count), [1; 2], "{said}");
}

#[test]
fn spin() {
    let said = run(&["spin", "--gaps", "0,10", "--trips", "20", "--runs", "1", "--ms", "0"]);
    let tables = said.lines().filter(|line| line.starts_with("| iomux Spin | ")).count();
    assert_eq!(tables, 4 * 3 + 2, "{said}");
}

#[test]
fn what_is_kept_is_shown_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (json, out) = (folder.path().join("results.json"), folder.path().to_str().unwrap());
    let json = json.to_str().unwrap();
    let call = ["call", "--fds", "1,8", "--runs", "1", "--ms", "0", "--json", json];
    let wake = ["wake", "--burst", "1000", "--rallies", "10", "--runs", "1", "--ms", "0", "--json", json];
    run(&call);
    let said = [run(&call), run(&wake)].concat();
    assert_eq!(run(&["report", json]), said);
    assert_eq!(run(&["page", out]), "results.md\nwake.svg\n");
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    assert!(read("wake.svg").contains("iomux Epoll") && read("wake.svg").contains("</svg>"));
    let page = read("results.md");
    for text in ["\n| raw poll | ", "\n| iomux Slots | ", "1,000 wakes", "(wake.svg)", "`iomux-bench wake "] {
        assert!(page.contains(text), "{text:?} is not in {page}");
    }
}

#[test]
fn the_page_in_docs_is_made_of_its_results() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bench");
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(format!("{docs}/results.json"), folder.path().join("results.json")).unwrap();
    for name in run(&["page", folder.path().to_str().unwrap()]).lines() {
        let made = std::fs::read_to_string(folder.path().join(name)).unwrap();
        let kept = std::fs::read_to_string(format!("{docs}/{name}")).unwrap();
        assert!(made == kept, "docs/bench/{name} is another: `iomux-bench page docs/bench` makes it");
    }
}
