//! How often a registration reports.

/// How often a registration reports.
///
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let mut poll = Poll::new();
/// for (mode, second) in [(Mode::Level, 1), (Mode::OneShot, 0)] {
///     poll.register(writer.as_fd(), Token(0), Interest::WRITABLE, mode)?;
///     let mut events = Events::with_capacity(1);
///     assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 1);
///     assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, second, "{mode:?}");
///     poll.deregister(writer.as_fd())?; // one that is disarmed is still registered
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// At every wait for as long as the fd is ready. Every backend has it.
    #[default]
    Level,
    /// Once for each change to ready: read or write until it would block.
    Edge,
    /// Once, then not until it is modified; the registration stays.
    OneShot,
    /// Once for the next change to ready, then not until it is modified.
    EdgeOneShot,
    /// As `Level`, but of several multiplexers that wait for the same file, not all are woken.
    Exclusive,
}
