//! The compiler's results for programs that use the libraries.

use crate::support;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler's result for a program: the codes of its errors, or that it compiles.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) compiled: bool,
    pub(crate) codes: BTreeSet<String>,
    pub(crate) rendered: String,
}

/// Compiles all programs in one run of cargo, offline, with the versions in Cargo.lock.
pub(crate) fn compile(package: &str, programs: &BTreeMap<String, PathBuf>) -> BTreeMap<String, Verdict> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (target, package) = (temporary.parent().expect("target/tmp"), temporary.join(package));
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("Cargo.toml"), manifest(programs)).unwrap();
    fs::copy(support::root().join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
        .args(["check", "--offline", "--keep-going", "--message-format=json"])
        .current_dir(&package)
        // The tests' own, which has compiled the procedural macros already.
        .env("CARGO_TARGET_DIR", target)
        // A user's flags may turn warnings into errors.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let mut verdicts: BTreeMap<_, _> =
        programs.keys().map(|name| (name.clone(), Verdict::default())).collect();
    for line in output.stdout.split(|&byte| byte == b'\n').filter(|line| line.starts_with(b"{")) {
        note(&serde_json::from_slice(line).expect("cargo speaks JSON"), &mut verdicts);
    }
    let judged = verdicts.values().all(|verdict| verdict.compiled || !verdict.codes.is_empty());
    assert!(judged, "cargo returned no result for some programs:\n{stderr}");
    verdicts
}

/// A package with a program for each file.
fn manifest(programs: &BTreeMap<String, PathBuf>) -> String {
    let mut text = String::from(
        "[package]\nname = \"programs\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
         libc = \"*\"\nsignal-hook = \"*\"\nsocket2 = { version = \"*\", features = [\"all\"] }\n",
    );
    for (library, features) in
        [("iomux-sys", ""), ("iomux", ""), ("iomux-backend", "'conformance', 'tracing'")]
    {
        let path = support::root().join(library);
        text += &format!("{library} = {{ path = '{}', features = [{features}] }}\n", path.display());
    }
    for (name, path) in programs {
        text += &format!("\n[[bin]]\nname = \"{name}\"\npath = '{}'\n", path.display());
    }
    text
}

/// Records what a cargo message reports of a program. An error in another crate fails the test.
fn note(message: &Value, verdicts: &mut BTreeMap<String, Verdict>) {
    let target = &message["target"];
    let program = target["name"].as_str().filter(|_| target["kind"][0] == "bin");
    let verdict = program.and_then(|name| verdicts.get_mut(name));
    let said = &message["message"];
    let text = said["message"].as_str().unwrap_or_default();
    match (message["reason"].as_str(), verdict) {
        (Some("compiler-artifact"), Some(verdict)) => verdict.compiled = true,
        (Some("compiler-message"), verdict)
            if said["level"] == "error" && !text.starts_with("aborting due to") =>
        {
            let rendered = said["rendered"].as_str().unwrap_or(text);
            let verdict =
                verdict.unwrap_or_else(|| panic!("{} does not compile itself:\n{rendered}", target["name"]));
            verdict
                .codes
                .insert(said["code"]["code"].as_str().unwrap_or("an error without a code").to_owned());
            verdict.rendered += rendered;
        }
        _ => {}
    }
}
