//! The description of the backend under test.

use crate::{Error, Multiplexer};

/// A family of multiplexers, one per lifetime of the sources.
///
/// # Examples
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
    /// The multiplexer for sources with the lifetime `'fd`.
    type Mux<'fd>: Multiplexer<'fd>;

    /// Creates a multiplexer without registrations.
    ///
    /// # Errors
    /// Returns any error of the backend. The property then fails.
    fn create<'fd>() -> Result<Self::Mux<'fd>, Error>;

    /// Returns the reason why the platform violates `property`, or `None` if it does not.
    ///
    /// A property with an excuse is skipped, and the reason is printed. Use it for faults of the platform, not of the
    /// backend.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::conformance::{Backend, run};
    /// use iomux_backend::{Error, Poll};
    ///
    /// struct OverPoll;
    ///
    /// impl Backend for OverPoll {
    ///     type Mux<'fd> = Poll<'fd>;
    ///
    ///     fn create<'fd>() -> Result<Poll<'fd>, Error> {
    ///         Ok(Poll::new())
    ///     }
    ///
    ///     fn excuse(property: &str) -> Option<&'static str> {
    ///         (property == "reset_is_reported").then_some("this emulator loses it")
    ///     }
    /// }
    ///
    /// run::<OverPoll>("reset_is_reported"); // prints that it is skipped
    /// ```
    #[must_use]
    fn excuse(property: &str) -> Option<&'static str> {
        let _ = property;
        None
    }
}
