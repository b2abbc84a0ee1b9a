//! The best backend of the platform, and the names of all its backends.

use crate::error::Error;

// One branch per best mechanism. `ALL` also has backends for tests, which do without a call that older kernels lack.
cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        use crate::epoll::Epoll as Best;

        fn best<'fd>() -> Result<Best<'fd>, Error> {
            Best::new()
        }

        const BACKENDS: &[&str] = &["epoll", #[cfg(iomux_libkqueue)] "kqueue", "poll"];
        const ALL: &[&str] =
            &["epoll", "epoll-without-pwait2", #[cfg(iomux_libkqueue)] "kqueue", "poll", "poll-without-ppoll"];
    } else if #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        target_os = "dragonfly",
    ))] {
        use crate::kqueue::Kqueue as Best;

        fn best<'fd>() -> Result<Best<'fd>, Error> {
            Best::new()
        }

        const BACKENDS: &[&str] = &["kqueue", "poll"];
        const ALL: &[&str] = &["kqueue", "poll", "poll-without-ppoll"];
    } else {
        use crate::poll::Poll as Best;

        fn best<'fd>() -> Result<Best<'fd>, Error> {
            Ok(Best::new())
        }

        const BACKENDS: &[&str] = &["poll"];
        const ALL: &[&str] = &["poll", "poll-without-ppoll"];
    }
}

/// The best backend of the platform.
///
/// It is `Epoll` on Linux and Android, `Kqueue` on Apple's platforms and the BSDs, and [`Poll`](crate::Poll) elsewhere.
///
/// # Examples
/// ```
/// use iomux_backend::{Events, Multiplexer, NAMES, Native, native};
///
/// struct EventLoop<'fd> {
///     multiplexer: Native<'fd>,
///     events: Events,
/// }
///
/// let event_loop = EventLoop { multiplexer: native()?, events: Events::with_capacity(64) };
/// assert_eq!(event_loop.multiplexer.name(), NAMES[0]);
/// # Ok::<(), iomux_backend::Error>(())
/// ```
pub type Native<'fd> = Best<'fd>;

/// The names that [`by_name`](crate::by_name) accepts on this platform. The first is the name of [`Native`].
///
/// # Examples
/// ```
/// use iomux_backend::{NAMES, by_name};
///
/// for name in NAMES {
///     assert!(by_name(name).is_ok(), "{name}");
/// }
/// assert!(NAMES.contains(&"poll"), "available on every platform");
/// ```
pub const NAMES: &[&str] = BACKENDS;

/// The names for the tests of iomux: [`NAMES`], and those of backends that avoid a system call.
#[doc(hidden)]
pub const ALL_NAMES: &[&str] = ALL;

/// Creates a multiplexer of the best backend of the platform.
///
/// # Errors
/// Returns [`Error::Os`] if the process is out of file descriptors (EMFILE), and the backend needs one.
pub fn native<'fd>() -> Result<Native<'fd>, Error> {
    best()
}
