//! Programs that must not compile don't, each for the reason that its first line states.
//!
//! Each file of `tests/no_compile` is a program. Its first line is `//! E0505: why`, the one error that
//! the compiler must report, or `//! compiles`, so that the others can't fail because everything does.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support;

/// The compiler's result for a program: the codes of its errors, or that it compiles.
#[derive(Default)]
struct Verdict {
    compiled: bool,
    codes: BTreeSet<String>,
    rendered: String,
}

#[test]
fn programs_compile_or_fail_as_declared() {
    if support::is_foreign() {
        support::skip("no_compile", "cargo does not run on the processor that is tested");
        return;
    }
    let programs = programs();
    let verdicts = compile(&programs);
    let mut wrong = String::new();
    for (name, path) in &programs {
        let expected = expectation(path);
        let verdict = &verdicts[name];
        let fits = match &expected {
            None => verdict.compiled && verdict.codes.is_empty(),
            Some(code) => !verdict.compiled && verdict.codes.iter().eq([code]),
        };
        if !fits {
            wrong += &format!(
                "tests/no_compile/{name}.rs: expected {}, got {}\n{}\n",
                expected.as_deref().unwrap_or("no error"),
                if verdict.codes.is_empty() { "no error".into() } else { format!("{:?}", verdict.codes) },
                verdict.rendered,
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(programs.values().any(|path| expectation(path).is_none()), "no program says `//! compiles`");
}

/// The programs, by name.
fn programs() -> BTreeMap<String, PathBuf> {
    let folder = support::root().join("tests/no_compile");
    fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path))
        .filter(|(name, _)| cfg!(target_os = "linux") || !name.starts_with("epoll_"))
        .collect()
}

/// The error code that a program's first line asks for; `None` if it must compile.
fn expectation(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).unwrap();
    let first = text.lines().next().unwrap_or_default();
    if first == "//! compiles" {
        return None;
    }
    let code = first.strip_prefix("//! ").and_then(|rest| rest.split_once(": ")).map(|(code, _)| code);
    let code = code.filter(|code| code.len() == 5 && code.starts_with('E'));
    Some(
        code.unwrap_or_else(|| {
            panic!("{}:1: is neither `//! E0000: why` nor `//! compiles`", path.display())
        })
        .into(),
    )
}

/// Compiles all programs in one run of cargo, without a network, with the workspace's own versions.
fn compile(programs: &BTreeMap<String, PathBuf>) -> BTreeMap<String, Verdict> {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (target, package) = (temporary.parent().expect("target/tmp"), temporary.join("no_compile"));
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("Cargo.toml"), manifest(programs)).unwrap();
    fs::copy(support::root().join("Cargo.lock"), package.join("Cargo.lock")).unwrap();
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
        .args(["check", "--offline", "--keep-going", "--message-format=json"])
        .current_dir(&package)
        // The one that the tests are built in: the compiler's plugins are there already.
        .env("CARGO_TARGET_DIR", target)
        // A user's flags that deny warnings would make errors of them here.
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
    assert!(judged, "cargo did not come to all of the programs:\n{stderr}");
    verdicts
}

/// A package with a program for each file.
fn manifest(programs: &BTreeMap<String, PathBuf>) -> String {
    let mut text = String::from(
        "[package]\nname = \"no-compile\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\nlibc = \"0.2\"\n",
    );
    for library in ["iomux-sys", "iomux", "iomux-backend"] {
        text += &format!("{library} = {{ path = '{}/{library}' }}\n", support::root().display());
    }
    for (name, path) in programs {
        text += &format!("\n[[bin]]\nname = \"{name}\"\npath = '{}'\n", path.display());
    }
    text
}

/// Takes down what one message of cargo says of a program; an error anywhere else ends the test.
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
