//! The modes of a registration.

/// The mode of a registration: when, and how often, it reports a ready fd.
///
/// # Examples
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let mut poll = Poll::new();
/// let mut events = Events::with_capacity(8);
/// poll.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::OneShot)?;
/// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 1);
/// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 0, "disarmed, but still registered");
///
/// poll.modify(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?;
/// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 1);
/// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 1, "still ready");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Level-triggered: every wait reports the fd while it is ready. Every backend supports this mode.
    #[default]
    Level,
    /// Edge-triggered: each change to ready is reported once. Read or write until the call would block.
    Edge,
    /// Level-triggered and one-shot: an event disarms the registration until a modify rearms it.
    OneShot,
    /// Edge-triggered and one-shot: the next change to ready disarms the registration until a modify rearms it.
    EdgeOneShot,
    /// Level-triggered, but the kernel does not wake all multiplexers that wait for the same file.
    ///
    /// Only `Epoll` supports this mode, and only for `READABLE` and `WRITABLE`.
    Exclusive,
}
