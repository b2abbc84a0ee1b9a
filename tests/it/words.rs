//! The words of the documentation, as far as a program can check them.

use crate::support::root;
use std::fs;
use std::path::PathBuf;

const SOURCES: [&str; 6] =
    ["iomux-sys/src", "iomux/src", "iomux-backend/src", "examples", "benches/src", "tests"];
const PAGES: [&str; 6] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "examples/README.md"];
const FOLDERS_OF_PAGES: [&str; 2] = ["docs", "iomux-backend/src/guide"];

const LONGEST_README: usize = 900;

/// The verbs that a function's summary may start with.
const VERBS: &str = "
    Adds Allocates Allows Appends Applies Attaches Binds Blocks Borrows Builds Calculates Calls Cancels Changes
    Checks Clears Clones Closes Collects Compares Completes Computes Consumes Continues Controls Converts Copies
    Counts Creates Decides Defers Deletes Deregisters Detaches Disables Discards Drains Drops Emits Empties
    Enables Ends Exchanges Expires Fills Finds Formats Forwards Frees Grows Handles Hides Ignores Increments
    Initializes Inserts Interrupts Iterates Keeps Leaves Lends Limits Lists Locks Makes Marks Modifies Moves Names
    Opens Overwrites Panics Parses Pauses Polls Prevents Pushes Reads Rearms Receives Records Registers Releases
    Removes Replaces Reports Reserves Resets Restores Resumes Retains Returns Runs Schedules Sends Sets Shares
    Shrinks Skips Starts Stops Submits Takes Tries Triggers Unblocks Waits Wakes Watches Wraps Writes
";

/// Words and phrases that don't appear, and what to write. A phrase is also found across a line break.
const WORDS: [(&str, &str); 61] = [
    ("a contestant", "a competitor"),
    ("a look", "a check"),
    ("a walk", "an iteration"),
    ("anew", "again"),
    ("armed again", "rearmed"),
    ("armed anew", "rearmed"),
    ("arms again", "rearms"),
    ("are asked for", "interest"),
    ("asked of", "interest"),
    ("asks for nothing", "an empty interest"),
    ("at full speed", "a busy loop"),
    ("at once", "immediately; at the same time"),
    ("become one", "are coalesced"),
    ("beside", "next to; compared with"),
    ("by fd number", "indexed by fd"),
    ("contestants", "competitors"),
    ("deadline is over", "the deadline has expired"),
    ("earlier owner", "a reused fd number"),
    ("file behind", "the open file description"),
    ("for ever", "indefinitely"),
    ("for want of", "without; out of"),
    ("goes on", "continues, is restarted"),
    ("has its turn", "is not starved"),
    ("time has passed", "timed out, expired"),
    ("imitate", "emulate"),
    ("imitated", "emulated"),
    ("imitates", "emulates"),
    ("imitation", "emulation"),
    ("in pieces", "in chunks"),
    ("in place of", "instead of"),
    ("is asked for", "interest"),
    ("is said", "name the actor"),
    ("left behind", "a stale registration"),
    ("looked at", "checked"),
    ("mended", "fixed"),
    ("mends", "fixes"),
    ("nobody", "name the actor; no caller, no thread"),
    ("of one's own", "custom"),
    ("of your own", "custom"),
    ("pass over", "skip"),
    ("passed over", "skipped"),
    ("passes over", "skips"),
    ("planted", "injected"),
    ("refuse", "reject"),
    ("refused", "rejected"),
    ("refuses", "rejects"),
    ("reported of", "the returned events"),
    ("said of", "the returned events"),
    ("time is over", "timed out, expired"),
    ("told", "name the call"),
    ("vacant", "empty"),
    ("walked", "iterated"),
    ("walks", "iterates"),
    ("was asked for", "interest"),
    ("was said", "name the actor"),
    ("were asked for", "interest"),
    ("what is reported", "the returned events"),
    ("what was reported", "the returned events"),
    ("whoever", "name the actor"),
    ("whom", "name the actor"),
    ("with no end", "with an infinite timeout"),
];

/// A line next to "refused" that has one of these is about a connection that the peer refused, ECONNREFUSED.
const REFUSED_BY_PEER: [&str; 5] =
    ["connect", "ECONNREFUSED", "peer", "127.0.0.1:40000", "Connection refused"];

/// A line of a file, as `file:line`, and what is wrong with it.
struct Offence {
    path: String,
    line: usize,
    what: String,
}

/// The files of `SOURCES`, or the pages, by their paths from the root.
fn files(extension: &str) -> Vec<(String, String)> {
    let starts: Vec<&str> = match extension {
        "rs" => SOURCES.to_vec(),
        _ => PAGES.into_iter().chain(FOLDERS_OF_PAGES).collect(),
    };
    let mut waiting: Vec<PathBuf> = starts.iter().map(|start| root().join(start)).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|found| found == extension) && !path.ends_with("it/words.rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root()).unwrap().display().to_string(), text));
        }
    }
    assert!(found.len() > 15, "the {extension} files are not where they were: {starts:?}");
    found.sort();
    found
}

/// Fails with all offences, if there are any.
#[track_caller]
fn assert_none(offences: &[Offence], what_to_do: &str) {
    let lines = offences.iter().map(|Offence { path, line, what }| format!("{path}:{line}: {what}\n"));
    let text: String = lines.collect();
    assert!(text.is_empty(), "{what_to_do}:\n{text}");
}

/// The lines of each doc comment, with their numbers, and the first line of what it documents.
fn doc_comments(text: &str) -> Vec<(Vec<(usize, &str)>, &str)> {
    let mut found = Vec::new();
    let mut doc = Vec::new();
    let mut open_attribute = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let content = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        if let Some(content) = content.filter(|content| !content.starts_with('/')) {
            doc.push((index + 1, content.strip_prefix(' ').unwrap_or(content)));
        } else if open_attribute || line.starts_with("#[") {
            open_attribute = !line.ends_with(']');
        } else if !doc.is_empty() {
            found.push((std::mem::take(&mut doc), line));
        }
    }
    found
}

/// Whether the line begins a function that others call: of an interface, or of a trait.
fn is_public_fn(line: &str, in_trait: bool) -> bool {
    let words: Vec<_> = line.split_whitespace().take(5).collect();
    words.contains(&"fn") && (words[0] == "pub" || in_trait && ["fn", "unsafe"].contains(&words[0]))
}

/// The numbers of the lines that are within a public trait.
fn lines_of_traits(text: &str) -> Vec<bool> {
    let mut within = false;
    let lines = text.lines().map(|line| {
        within = match line {
            _ if line.starts_with("pub trait") || line.starts_with("pub unsafe trait") => true,
            "}" => false,
            _ => within,
        };
        within
    });
    lines.collect()
}

#[test]
fn a_summary_starts_with_a_verb() {
    let mut offences = Vec::new();
    let mut checked = 0;
    for (path, text) in files("rs") {
        let traits = lines_of_traits(&text);
        for (doc, item) in doc_comments(&text) {
            let (line, summary) = doc[0];
            if !is_public_fn(item, traits[line - 1]) {
                continue;
            }
            checked += 1;
            let first = summary.split([' ', ',']).next().unwrap_or_default();
            if !VERBS.split_whitespace().any(|verb| verb == first) {
                offences.push(Offence { path: path.clone(), line, what: summary.to_owned() });
            }
        }
    }
    assert!(checked > 100, "the functions are not found: {checked}");
    assert_none(&offences, "start the summary with a verb in the third person, of VERBS: Returns, Creates");
}

#[test]
fn an_error_is_returned() {
    let mut offences = Vec::new();
    let mut checked = 0;
    for (path, text) in files("rs") {
        for (doc, _) in doc_comments(&text) {
            let mut is_first = false;
            let mut is_within = false;
            for (line, content) in doc {
                if content.starts_with("# ") {
                    is_within = content == "# Errors";
                    is_first = is_within;
                    continue;
                }
                let item = content.strip_prefix("- ");
                if !is_within || content.is_empty() || item.is_none() && !is_first {
                    continue;
                }
                is_first = false;
                checked += 1;
                if !item.unwrap_or(content).starts_with("Returns ") {
                    offences.push(Offence { path: path.clone(), line, what: content.to_owned() });
                }
            }
        }
    }
    assert!(checked > 50, "the sections are not found: {checked}");
    assert_none(&offences, "write `Returns [`Error::X`] if …`, as a list if there are several");
}

/// What is written for people in a line of Rust: its comment, or its strings.
fn prose(line: &str) -> String {
    let line = line.trim();
    if line.starts_with("//") {
        return line.to_owned();
    }
    let (code, comment) = line.split_once(" // ").unwrap_or((line, ""));
    let strings: Vec<_> = code.split('"').skip(1).step_by(2).collect();
    format!("{} {comment}", strings.join(" "))
}

/// The words of a text in lower case, with the numbers of their lines. A full stop and the like is a word.
fn words<'a>(lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in lines {
        let mut word = String::new();
        for c in line.chars().chain([' ']) {
            if c.is_alphanumeric() || ['\'', '_', '-'].contains(&c) {
                word.extend(c.to_lowercase());
                continue;
            }
            if !word.is_empty() {
                found.push((number, std::mem::take(&mut word)));
            }
            if ".;:()|`".contains(c) {
                found.push((number, c.to_string()));
            }
        }
    }
    found
}

#[test]
fn words_of_the_glossary_are_used() {
    let mut offences = Vec::new();
    for (path, text) in files("rs").into_iter().chain(files("md")) {
        let is_code = path.ends_with(".rs");
        let lines: Vec<String> =
            text.lines().map(|line| if is_code { prose(line) } else { line.to_owned() }).collect();
        let words = words(lines.iter().enumerate().map(|(index, line)| (index + 1, line.as_str())));
        for (phrase, instead) in WORDS {
            let phrase: Vec<_> = phrase.split(' ').collect();
            for found in words.windows(phrase.len()) {
                let (line, _) = found[0];
                let is_found = found.iter().map(|(_, word)| word).eq(&phrase);
                let nearby = &lines[line.saturating_sub(2)..lines.len().min(line + 1)];
                let is_by_peer =
                    || REFUSED_BY_PEER.iter().any(|word| nearby.iter().any(|line| line.contains(word)));
                if is_found && !(phrase[0].starts_with("refuse") && is_by_peer()) {
                    let what = format!("\"{}\": write \"{instead}\"", phrase.join(" "));
                    offences.push(Offence { path: path.clone(), line, what });
                }
            }
        }
    }
    offences.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    assert_none(&offences, "use the words of man pages and of std");
}

#[test]
fn the_readme_is_short() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let count = readme.split_whitespace().count();
    let what = format!("{count} words, at most {LONGEST_README}");
    let line = readme.lines().count();
    let offences = [Offence { path: "README.md".into(), line, what }];
    let offences = if count > LONGEST_README { &offences[..] } else { &[] };
    assert_none(offences, "move what a first reader can do without to docs/ or the guide");
}
