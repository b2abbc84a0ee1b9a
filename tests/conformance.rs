//! The conformance suite over the backends of this repository.

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "differential/shared_epoll.rs"]
mod shared_epoll;

#[cfg(any(target_os = "linux", target_os = "android"))]
use iomux_backend::Epoll;
use iomux_backend::conformance::Backend;
use iomux_backend::{Any, Error, Multiplexer, Native, Poll, Spin, Traced, by_name, native};
#[cfg(any(target_os = "linux", target_os = "android"))]
use shared_epoll::SharedEpoll;

/// Defines a family of backends, with a test per property.
macro_rules! proved {
    ($module:ident: $mux:ty, $create:expr) => {
        mod $module {
            use super::*;

            struct Proved;

            impl Backend for Proved {
                type Mux<'fd> = $mux;

                fn create<'fd>() -> Result<Self::Mux<'fd>, Error> {
                    $create
                }
            }

            iomux_backend::conformance!(Proved);
        }
    };
}

proved!(poll: Poll<'fd>, Ok(Poll::new()));
proved!(poll_without_ppoll: Any<'fd>, Ok(by_name("poll-without-ppoll").expect("a known name")));
proved!(trait_object: Box<dyn Multiplexer<'fd> + Send + 'fd>, Ok(Box::new(Poll::new())));
proved!(native_trait_object: Box<dyn Multiplexer<'fd> + Send + 'fd>, Ok(Box::new(native()?)));
proved!(traced: Traced<Poll<'fd>>, Ok(Traced::new(Poll::new())));
proved!(spinning: Spin<Poll<'fd>>, Ok(Spin::new(Poll::new())));
proved!(spinning_native: Spin<Native<'fd>>, Ok(Spin::new(native()?)));
#[cfg(any(target_os = "linux", target_os = "android"))]
proved!(epoll: Epoll<'fd>, Epoll::new());
#[cfg(any(target_os = "linux", target_os = "android"))]
proved!(epoll_without_pwait2: Any<'fd>, Ok(by_name("epoll-without-pwait2").expect("a known name")));
#[cfg(any(target_os = "linux", target_os = "android"))]
proved!(shared: SharedEpoll<'fd>, SharedEpoll::new());

#[test]
fn property_names_are_unique() {
    let names: std::collections::BTreeSet<&str> =
        iomux_backend::conformance::PROPERTIES.iter().copied().collect();
    assert_eq!(names.len(), iomux_backend::conformance::PROPERTIES.len());
    assert!(names.len() >= 60, "{}", names.len());
}

#[test]
fn only_missing_features_are_skipped() {
    if std::env::var_os("IOMUX_EMULATED").is_some() {
        eprintln!("skipped: missing features: the emulator starts no other program");
        return;
    }
    let said = tempfile::NamedTempFile::new().expect("a file");
    let status = std::process::Command::new(std::env::current_exe().expect("a test knows its program"))
        .args(["poll::", "--skip", "epoll::", "--skip", "ppoll::"])
        .env("IOMUX_SKIPS", said.path())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("it runs");
    assert!(status.success());
    let said = std::fs::read_to_string(said.path()).expect("text");
    let is_of_limits = |line: &&str| line.contains("ten_thousand");
    let (of_limits, mut lines): (Vec<&str>, Vec<&str>) = said.lines().partition(is_of_limits);
    let is_low = iomux::max_open_files().is_some_and(|limit| limit < 10_700);
    assert_eq!(of_limits.len(), usize::from(is_low), "{of_limits:?}");
    lines.sort_unstable();
    let mut due = vec![
        "skipped: edge_one_shot_reports_once_until_modified: poll has no Capabilities(EDGE_ONE_SHOT)",
        "skipped: edge_reports_each_arrival_once: poll has no Capabilities(EDGE)",
        "skipped: exclusive_reports_like_level: poll has no Capabilities(EXCLUSIVE)",
        "skipped: unchanged_modify_rearms_edge: poll has no Capabilities(EDGE)",
        "skipped: unreported_edge_is_kept: poll has no Capabilities(EDGE)",
        "skipped: unsupported_waker_is_an_error: it has wakers",
    ];
    if iomux::HAS_PPOLL && iomux::HAS_READ_CLOSED {
        due.insert(5, "skipped: unsupported_mask_is_an_error: it has a mask");
        assert_eq!(lines, due);
    }
}
