//! Where cargo has put the examples: `cargo test` builds them before it runs a test, `cargo test -p iomux-tests` does not.

use std::path::PathBuf;

/// The program of an example, which cargo has built next to this test.
#[track_caller]
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its program");
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/PROFILE/deps/TEST");
    let program = profile.join("examples").join(name);
    assert!(program.exists(), "{} is missing: `cargo build --examples` makes it", program.display());
    program
}
