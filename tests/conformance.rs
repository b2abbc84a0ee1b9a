//! The conformance suite over this repository's own backends.

use iomux_backend::conformance::Backend;
use iomux_backend::{Any, Error, Multiplexer, NAMES, Poll};

mod poll {
    use super::{Backend, Error, Poll};

    struct Native;

    impl Backend for Native {
        type Mux<'fd> = Poll<'fd>;

        fn create<'fd>() -> Result<Poll<'fd>, Error> {
            Ok(Poll::new())
        }
    }

    iomux_backend::conformance!(Native);
}

mod poll_without_ppoll {
    use super::{Any, Backend, Error};

    struct ByName;

    impl Backend for ByName {
        type Mux<'fd> = Any<'fd>;

        fn create<'fd>() -> Result<Any<'fd>, Error> {
            Ok(iomux_backend::by_name("poll-without-ppoll").expect("a name that there is"))
        }
    }

    iomux_backend::conformance!(ByName);
}

mod trait_object {
    use super::{Backend, Error, Multiplexer, Poll};

    struct Boxed;

    impl Backend for Boxed {
        type Mux<'fd> = Box<dyn Multiplexer<'fd> + Send + 'fd>;

        fn create<'fd>() -> Result<Self::Mux<'fd>, Error> {
            Ok(Box::new(Poll::new()))
        }
    }

    iomux_backend::conformance!(Boxed);
}

#[test]
fn there_are_more_than_sixty_properties_each_of_its_own_name() {
    let names: std::collections::BTreeSet<&str> =
        iomux_backend::conformance::PROPERTIES.iter().copied().collect();
    assert_eq!(names.len(), iomux_backend::conformance::PROPERTIES.len());
    assert!(names.len() >= 60, "{}", names.len());
}

#[test]
fn what_a_backend_lacks_is_skipped_and_said_and_nothing_else() {
    if std::env::var_os("IOMUX_EMULATED").is_some() {
        eprintln!("skipped: what a backend lacks: the emulator starts no other program");
        return;
    }
    let said = tempfile::NamedTempFile::new().expect("a file");
    let status = std::process::Command::new(std::env::current_exe().expect("a test knows its program"))
        .arg("trait_object::")
        .env("IOMUX_SKIPS", said.path())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("it runs");
    assert!(status.success());
    let said = std::fs::read_to_string(said.path()).expect("text");
    let mut lines: Vec<&str> = said.lines().filter(|line| !line.contains("ten_thousand")).collect();
    lines.sort_unstable();
    let mut due = vec![
        "skipped: edge_is_armed_again_by_a_modify_that_changes_nothing: poll has no Capabilities(EDGE)",
        "skipped: edge_one_shot_reports_once_until_modified: poll has no Capabilities(EDGE_ONE_SHOT)",
        "skipped: edge_reports_once_for_each_arrival: poll has no Capabilities(EDGE)",
        "skipped: edge_that_did_not_fit_is_not_lost: poll has no Capabilities(EDGE)",
        "skipped: exclusive_reports_like_level: poll has no Capabilities(EXCLUSIVE)",
        "skipped: without_wakers_asking_for_one_is_an_error: it has wakers",
    ];
    if iomux::HAS_PPOLL && iomux::HAS_READ_CLOSED {
        due.insert(5, "skipped: without_a_mask_a_masked_wait_is_an_error: it has a mask");
        assert_eq!(lines, due);
    }
}
