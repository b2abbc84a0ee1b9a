//! The best backend of this system, and the names of all that it has.

use crate::error::Error;

// One row per mechanism that is the best one of a system. `ALL` has what tests take as well: a backend without a call
// that older kernels lack.
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

/// The best backend of this system: `Epoll` on Linux and Android, `Kqueue` on Apple and the BSDs, otherwise
/// [`Poll`](crate::Poll).
///
/// ```
/// use iomux_backend::{Events, Multiplexer, NAMES, Native, native};
///
/// struct Loop<'fd> {
///     multiplexer: Native<'fd>,
///     events: Events,
/// }
///
/// let idle = Loop { multiplexer: native()?, events: Events::with_capacity(64) };
/// assert_eq!((idle.multiplexer.name(), idle.events.len()), (NAMES[0], 0));
/// # Ok::<(), iomux_backend::Error>(())
/// ```
pub type Native<'fd> = Best<'fd>;

/// The names that [`by_name`](crate::by_name) takes on this system. The first is [`Native`]'s.
///
/// ```
/// use iomux_backend::{NAMES, by_name};
///
/// for name in NAMES {
///     assert!(by_name(name).is_ok(), "{name}");
/// }
/// assert!(NAMES.contains(&"poll"), "it is on every system");
/// ```
pub const NAMES: &[&str] = BACKENDS;

/// For the tests of iomux: [`NAMES`], and the names of backends that do without a call.
#[doc(hidden)]
pub const ALL_NAMES: &[&str] = ALL;

/// Returns a multiplexer of the best backend of this system, with nothing registered.
///
/// # Errors
/// Returns [`Error::Os`] if the backend needs an fd and the process has none left.
pub fn native<'fd>() -> Result<Native<'fd>, Error> {
    best()
}
