//! The list of the headers that this crate declares for this target.

use crate::table::Header;

/// All headers, for the tests. The compiler warns of dead code if a header is missing here.
#[doc(hidden)]
pub const HEADERS: &[Header] = &[
    crate::poll::HEADER,
    #[cfg(any(target_os = "android", target_os = "illumos", target_os = "linux", target_os = "redox"))]
    crate::epoll::HEADER,
    #[cfg(target_os = "linux")]
    crate::epoll::PWAIT2_HEADER,
    #[cfg(target_os = "linux")]
    crate::epoll_params::HEADER,
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "illumos",
        target_os = "linux",
        target_os = "netbsd",
    ))]
    crate::eventfd::HEADER,
    #[cfg(any(
        target_vendor = "apple",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
    ))]
    crate::kqueue::HEADER,
    #[cfg(any(target_os = "android", target_os = "linux"))]
    crate::prctl::HEADER,
];
