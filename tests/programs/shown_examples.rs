//! Readers copy examples from the documentation as a browser shows them, without the lines that rustdoc hides.

use crate::compiler::compile;
use crate::support;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn examples_compile_without_their_hidden_lines() {
    if support::is_foreign() || cfg!(not(target_os = "linux")) {
        return support::skip("examples as shown", "the test needs Linux and cargo");
    }
    support::skip("examples of Kqueue as shown", "Linux does not compile it");
    let folder = tempfile::tempdir().unwrap();
    let (mut programs, mut examples) = (BTreeMap::new(), 0);
    for source in sources() {
        let (program, count) = program(&source);
        let name =
            source.strip_prefix(support::root()).unwrap().display().to_string().replace(['/', '.'], "_");
        let path = folder.path().join(&name).with_extension("rs");
        fs::write(&path, program).unwrap();
        programs.insert(name, path);
        examples += count;
    }
    assert!(examples > 100, "{examples} examples were found");
    let verdicts = compile("shown_examples", &programs);
    let wrong: String = verdicts.into_values().map(|verdict| verdict.rendered).collect();
    assert!(wrong.is_empty(), "{wrong}");
}

/// The sources of the libraries and the guide's pages.
fn sources() -> Vec<PathBuf> {
    let mut folders =
        ["iomux-sys/src", "iomux/src", "iomux-backend/src"].map(|path| support::root().join(path)).to_vec();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let is_source = path.extension().is_some_and(|extension| extension == "rs" || extension == "md");
            if path.ends_with("kqueue") || path.ends_with("kqueue.rs") {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if is_source {
                sources.push(path);
            }
        }
    }
    sources
}

/// Returns a program with a function per example of a source, and the number of examples.
fn program(source: &Path) -> (String, usize) {
    let (mut program, mut count, mut is_example, mut is_other) = (String::new(), 0, false, false);
    let is_page = source.extension().is_some_and(|extension| extension == "md");
    for (index, line) in fs::read_to_string(source).unwrap().lines().enumerate() {
        let text = line.trim_start().strip_prefix("///").or_else(|| line.trim_start().strip_prefix("//!"));
        let Some(text) = (if is_page { Some(line) } else { text }) else { continue };
        match text.trim().strip_prefix("```") {
            Some(_) if is_other => is_other = false,
            Some(_) if is_example => {
                is_example = false;
                program += "Ok(())\n}\n";
            }
            // An output, or a program that must not compile.
            Some(info) if info.starts_with("text") || info.starts_with("compile_fail") => is_other = true,
            Some(_) => {
                (is_example, count) = (true, count + 1);
                writeln!(program, "fn line_{}() -> std::io::Result<()> {{", index + 1).unwrap();
            }
            None if is_example && !is_hidden(text.trim()) => writeln!(program, "{text}").unwrap(),
            None => {}
        }
    }
    (format!("#![allow(warnings)]\n{program}fn main() {{}}\n"), count)
}

/// Returns `true` if rustdoc hides a line of an example.
fn is_hidden(line: &str) -> bool {
    line == "#" || line.starts_with("# ")
}
