//! The public interface of each library, as it is written down in `docs/api/`: a change of it is one of that file, too.
//!
//! `IOMUX_BLESS=1 cargo test --test programs public_api` writes the files again.

use crate::support::{is_foreign, root, skip};
use std::fmt::Write;
use std::process::Command;

/// Of which Rust the files are: rustdoc's JSON, and how a type is written in it, are not the same in all.
const RUST: &str = "1.95.";

/// One item a line.
fn interface(package: &str) -> String {
    let target = root().join("target/api");
    let status = Command::new(env!("CARGO"))
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--package", package, "--target-dir"])
        .arg(&target)
        .args(["--", "-Zunstable-options", "--output-format", "json"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTDOCFLAGS")
        .current_dir(root())
        .status();
    assert!(status.unwrap().success(), "cargo rustdoc");
    let json = target.join("doc").join(package.replace('-', "_") + ".json");
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_derived_impls(true)
        .omit_auto_trait_impls(true)
        .build();
    let mut text = String::new();
    for item in api.unwrap().items() {
        writeln!(text, "{item}").unwrap();
    }
    text
}

#[test]
fn public_api_matches_docs_api() {
    let version = Command::new("rustc").arg("-V").output().map(|output| output.stdout).unwrap_or_default();
    let version = String::from_utf8_lossy(&version);
    if is_foreign() || !version.starts_with(&format!("rustc {RUST}")) {
        return skip("the public interface", &format!("written down by Rust {RUST}x on x86-64 Linux"));
    }
    for package in ["iomux-sys", "iomux", "iomux-backend"] {
        let file = root().join("docs/api").join(package.to_owned() + ".txt");
        let interface = interface(package);
        if std::env::var_os("IOMUX_BLESS").is_some() {
            std::fs::write(&file, &interface).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let only_in = |one: &str, other: &str, sign: char| -> String {
            let other: std::collections::BTreeSet<_> = other.lines().collect();
            let lines = one.lines().filter(|line| !other.contains(line));
            lines.map(|line| format!("{sign} {line}\n")).collect()
        };
        let differences = only_in(&written, &interface, '-') + &only_in(&interface, &written, '+');
        assert!(
            written == interface,
            "{} is not the interface of {package} any more; if that is meant, write it again with \
             IOMUX_BLESS=1, and add a line to CHANGELOG.md:\n{differences}",
            file.display()
        );
    }
}
