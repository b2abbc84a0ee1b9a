//! Programs that must not compile don't, each for the reason that its first line states.
//!
//! Each file of `tests/no_compile` is a program. Its first line is `//! E0505: why`, the one error that
//! the compiler must report, or `//! compiles`, so that the others can't fail because everything does.

use crate::compiler::compile;
use crate::support;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn programs_compile_or_fail_as_declared() {
    if support::is_foreign() {
        support::skip("no_compile", "cargo does not run on the processor that is tested");
        return;
    }
    let programs = programs();
    let verdicts = compile("no_compile", &programs);
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
