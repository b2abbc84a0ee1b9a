//! What the suite is told of who it is to prove.

use crate::{Error, Multiplexer};

/// A family of multiplexers: one for each lifetime of the sources.
///
/// ```
/// use iomux_backend::conformance::{Backend, run};
/// use iomux_backend::{Error, Native, native};
///
/// struct Best;
///
/// impl Backend for Best {
///     type Mux<'fd> = Native<'fd>;
///
///     fn create<'fd>() -> Result<Native<'fd>, Error> {
///         native()
///     }
/// }
///
/// run::<Best>("no_wait_ends_early");
/// ```
pub trait Backend {
    /// The multiplexer, for sources that live for `'fd`.
    type Mux<'fd>: Multiplexer<'fd>;

    /// A new one, with nothing registered.
    ///
    /// # Errors
    /// Whatever keeps it from being made; a property fails then.
    fn create<'fd>() -> Result<Self::Mux<'fd>, Error>;

    /// Why the system behind the multiplexer, not the multiplexer, is known not to have `property`: it is
    /// skipped then, and said.
    ///
    /// ```
    /// use iomux_backend::conformance::{Backend, run};
    /// use iomux_backend::{Error, Poll};
    ///
    /// struct OverPoll;
    ///
    /// impl Backend for OverPoll {
    ///     # type Mux<'fd> = Poll<'fd>;
    ///     # fn create<'fd>() -> Result<Poll<'fd>, Error> { Ok(Poll::new()) }
    ///     // as in the example of the trait
    ///     fn excuse(property: &str) -> Option<&'static str> {
    ///         (property == "a_reset_is_reported").then_some("this emulator loses it")
    ///     }
    /// }
    ///
    /// assert!(OverPoll::excuse("a_reset_is_reported").is_some(), "skipped, which `run` says");
    /// run::<OverPoll>("a_half_closed_connection_is_readable_and_still_writable"); // tried
    /// ```
    #[must_use]
    fn excuse(property: &str) -> Option<&'static str> {
        let _ = property;
        None
    }
}
