//! The main job: the README's program as a process of its own.

use crate::example;
use std::process::Command;

#[test]
fn the_readme_program_prints_what_the_models_does_with_the_fds_that_the_kernel_gave() {
    let output = Command::new(example("readme")).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let lines: Vec<&str> = text.lines().collect();
    let [read, written] = lines[..] else { panic!("not two lines: {text}") };
    let fd_of = |line: &str, rest: &str| -> i32 {
        let number = line.strip_prefix("fd ").and_then(|line| line.strip_suffix(rest));
        number.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("not as promised: {line}"))
    };
    let reader = fd_of(read, " (from index 0) can be read without blocking");
    let writer = fd_of(written, " (from index 7) can be written without blocking");
    assert!(reader >= 3 && writer > reader, "the fds of a pipe, past the standard three: {text}");
}

#[test]
fn the_first_program_of_the_readme_is_the_example() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../iomux/examples/readme.rs");
    let shown = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = example.lines().skip_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    assert_eq!(shown.unwrap().trim(), program.trim());
}

#[test]
fn the_server_of_the_readme_is_the_example() {
    let readme = include_str!("../../README.md");
    let example = include_str!("../../iomux-backend/examples/listener.rs");
    let shown = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    let program = example.lines().skip_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
    assert_eq!(shown.unwrap().trim(), program.trim());
    assert!(example.lines().count() <= 60, "it is to be read at a glance");
}

#[test]
fn the_shell_commands_of_the_readme_copy_a_file() {
    if crate::is_foreign() {
        return crate::support::skip(
            "the README's commands",
            "cargo does not run on the processor that is tested",
        );
    }
    let block = include_str!("../../README.md").split("```sh\n").find(|block| block.contains("--example nc"));
    let block = block.and_then(|block| block.split("```").next()).expect("the README shows them");
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|any| any.local_addr()).unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).display().to_string();
    let script = block
        .replace("cargo build -q --example nc\n", "")
        .replace("target/debug/examples/nc", &example("nc").display().to_string())
        .replace("4000", &port.to_string())
        .replace("copy", &file("copy"))
        .replace("said", &file("said"));
    let status = Command::new("sh").args(["-e", "-c", &script]).current_dir(crate::support::root()).status();
    assert!(status.unwrap().success(), "{script}");
}
