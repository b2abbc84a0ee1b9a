//! What is wrong with the arguments of every example.

use crate::example;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

#[test]
fn non_utf8_argument_is_rejected() {
    let names =
        ["chat", "echo_server", "executor", "load", "nc", "proxy", "sharded_echo", "supervise", "watch"];
    for name in names {
        // To supervise it is a command, to the others a path or an address.
        let mut command = Command::new(example(name));
        command.arg(OsStr::from_bytes(b"echo \xff")).stdin(Stdio::null());
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), &b""[..]), "{name}: {said}");
        assert!(said.starts_with(&format!("{name}: the argument \"echo \\xFF\" is not UTF-8\n")), "{said}");
    }
}
