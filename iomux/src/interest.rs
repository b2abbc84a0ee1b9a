//! `Interest` and `Readiness`: two types over the bits of poll(2).

use core::fmt;
use iomux_sys::poll as c;

/// Whether poll(2) of this platform can report [`Interest::READ_CLOSED`].
pub const HAS_READ_CLOSED: bool = c::RDHUP.is_some();

/// The bit of [`Interest::READ_CLOSED`]: that of poll(2), or a bit that poll(2) of this platform does not use.
const READ_CLOSED: i16 = match c::RDHUP {
    Some(bit) => bit,
    None => highest_bit_free_of(TAKEN),
};

/// The bits of poll(2) that have another meaning.
const TAKEN: i16 = c::POLLIN
    | c::POLLPRI
    | c::POLLOUT
    | c::POLLERR
    | c::POLLHUP
    | c::POLLNVAL
    | c::POLLRDNORM
    | c::POLLRDBAND
    | c::POLLWRNORM
    | c::POLLWRBAND;

/// Returns the highest bit below the sign bit that `taken` leaves free.
const fn highest_bit_free_of(taken: i16) -> i16 {
    let mut bit = 1 << 14;
    while bit & taken != 0 {
        bit >>= 1;
    }
    bit
}

bitflags::bitflags! {
    /// The events to poll an fd for: the `events` of `struct pollfd`.
    ///
    /// Errors, hangups and closed fds are reported whatever the interest, so only [`Readiness`] has flags for
    /// them.
    ///
    /// # Platform notes
    /// With an empty interest, poll(2) of macOS reports no hangup, and poll(2) of NetBSD reports no hangup of a
    /// socket.
    ///
    /// On FreeBSD, the hangup of a socket wakes poll(2) only if the interest includes data to read or write. For an
    /// empty interest, iomux therefore polls for urgent data, and hides it. Once urgent data has arrived, a hangup is
    /// not reported until the interest is set again.
    ///
    /// [`from_bits_retain`](Self::from_bits_retain) sets bits that have no name here. They reach the kernel
    /// unchanged.
    ///
    /// # Examples
    /// ```
    /// use iomux::Interest;
    ///
    /// let both = Interest::READABLE | Interest::WRITABLE;
    /// assert!(both.contains(Interest::READABLE));
    /// assert_eq!(format!("{both:?}"), "Interest(READABLE | WRITABLE)");
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Interest: i16 {
        /// There is data to read, a connection to accept, or the end of file.
        #[doc(alias = "POLLIN")]
        const READABLE = c::POLLIN;
        /// Writing would not block.
        #[doc(alias = "POLLOUT")]
        const WRITABLE = c::POLLOUT;
        /// There is an exceptional condition: urgent TCP data, a state change of a pseudo-terminal or a GPIO
        /// line.
        #[doc(alias = "POLLPRI")]
        const PRIORITY = c::POLLPRI;
        /// The peer has closed its writing half, or the whole connection.
        ///
        /// # Platform notes
        /// poll(2) reports it on Linux, Android, FreeBSD and illumos
        /// ([`HAS_READ_CLOSED`](crate::HAS_READ_CLOSED)). Elsewhere, a slot with this interest is
        /// [`Error::Unsupported`](crate::Error::Unsupported), and the bit never reaches the kernel. FreeBSD 13.0 and
        /// earlier accept the bit, but never report it.
        #[doc(alias = "POLLRDHUP")]
        #[doc(alias = "EPOLLRDHUP")]
        const READ_CLOSED = READ_CLOSED;
        /// There is normal data to read; the same as `READABLE` for most fds.
        ///
        /// # Platform notes
        /// Linux never reports it for an eventfd(2), a timerfd(2) or a signalfd(2). An epoll fd that becomes ready does
        /// not wake a wait for this flag, and an outer epoll never reports it. Use `READABLE` for such fds.
        #[doc(alias = "POLLRDNORM")]
        const READ_NORMAL = c::POLLRDNORM;
        /// There is data of a priority band to read.
        #[doc(alias = "POLLRDBAND")]
        const READ_BAND = c::POLLRDBAND;
        /// Normal data may be written; the same as `WRITABLE` for most fds.
        #[doc(alias = "POLLWRNORM")]
        const WRITE_NORMAL = c::POLLWRNORM;
        /// Data of a priority band may be written.
        #[doc(alias = "POLLWRBAND")]
        const WRITE_BAND = c::POLLWRBAND;
    }
}

bitflags::bitflags! {
    /// The events that the kernel returned for an fd: the `revents` of `struct pollfd`.
    ///
    /// Bits that this crate has no name for are kept as the kernel set them.
    ///
    /// [`is_readable`](Self::is_readable) and [`is_writable`](Self::is_writable) mean "would not block". So a
    /// program that only reads or only writes needs no check for errors and hangups. Its next read or write
    /// returns them.
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::io::{Read, Write};
    /// use std::os::fd::AsFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (stream, peer) = UnixStream::pair()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, stream.as_fd(), Interest::READABLE | Interest::WRITABLE)?;
    /// (&peer).write_all(b"ping")?;
    /// slots.poll(Timeout::Infinite)?;
    /// for ready in slots.ready() {
    ///     if ready.readiness().is_readable() {
    ///         let mut bytes = [0; 64];
    ///         match (&stream).read(&mut bytes)? {
    ///             0 => println!("end of file"),
    ///             count => println!("read {count} bytes"),
    ///         }
    ///     }
    ///     if ready.readiness().is_writable() {
    ///         (&stream).write_all(b"pong")?;
    ///     }
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Readiness: i16 {
        /// There is data to read, a connection to accept, or the end of file.
        #[doc(alias = "POLLIN")]
        const READABLE = c::POLLIN;
        /// Writing would not block.
        #[doc(alias = "POLLOUT")]
        const WRITABLE = c::POLLOUT;
        /// There is an exceptional condition: urgent TCP data, a state change of a pseudo-terminal or a GPIO
        /// line.
        #[doc(alias = "POLLPRI")]
        const PRIORITY = c::POLLPRI;
        /// The peer has closed its writing half, or the whole connection.
        #[doc(alias = "POLLRDHUP")]
        #[doc(alias = "EPOLLRDHUP")]
        const READ_CLOSED = READ_CLOSED;
        /// There is an error, which the next read or write returns. On a pipe's writing end, no reader is
        /// left; FreeBSD reports [`HANGUP`](Self::HANGUP) for that.
        #[doc(alias = "POLLERR")]
        const ERROR = c::POLLERR;
        /// The peer has hung up. What it sent before can still be read.
        #[doc(alias = "POLLHUP")]
        const HANGUP = c::POLLHUP;
        /// The fd is not open.
        ///
        /// # Platform notes
        /// macOS also reports it for open devices that its poll(2) does not support, such as `/dev/tty`.
        #[doc(alias = "POLLNVAL")]
        const INVALID = c::POLLNVAL;
        /// There is normal data to read.
        #[doc(alias = "POLLRDNORM")]
        const READ_NORMAL = c::POLLRDNORM;
        /// There is data of a priority band to read.
        #[doc(alias = "POLLRDBAND")]
        const READ_BAND = c::POLLRDBAND;
        /// Normal data may be written.
        #[doc(alias = "POLLWRNORM")]
        const WRITE_NORMAL = c::POLLWRNORM;
        /// Data of a priority band may be written.
        #[doc(alias = "POLLWRBAND")]
        const WRITE_BAND = c::POLLWRBAND;

        // Every other bit that a kernel reports is valid, too.
        const _ = !0;
    }
}

impl Readiness {
    /// Returns `true` if a read or an accept would not block: there is data, the end of file, or an error.
    ///
    /// Errors and hangups are reported whatever the interest, so this may be `true` without
    /// [`Interest::READABLE`]. The read may return 0 bytes.
    #[inline]
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.intersects(
            Self::READABLE
                .union(Self::READ_NORMAL)
                .union(Self::READ_BAND)
                .union(Self::READ_CLOSED)
                .union(Self::HANGUP)
                .union(Self::ERROR)
                .union(Self::INVALID),
        )
    }

    /// Returns `true` if a write would not block: there is room, or it fails immediately.
    ///
    /// As [`is_readable`](Self::is_readable), it may be `true` without [`Interest::WRITABLE`].
    #[inline]
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.intersects(
            Self::WRITABLE
                .union(Self::WRITE_NORMAL)
                .union(Self::WRITE_BAND)
                .union(Self::HANGUP)
                .union(Self::ERROR)
                .union(Self::INVALID),
        )
    }

    /// Returns `true` if there is an exceptional condition: [`PRIORITY`](Self::PRIORITY).
    #[inline]
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.intersects(Self::PRIORITY)
    }

    /// Returns `true` if the peer will send no more: [`READ_CLOSED`](Self::READ_CLOSED) or
    /// [`HANGUP`](Self::HANGUP).
    #[inline]
    #[must_use]
    pub const fn is_read_closed(self) -> bool {
        self.intersects(Self::READ_CLOSED.union(Self::HANGUP))
    }

    /// Returns `true` if the peer has hung up: [`HANGUP`](Self::HANGUP).
    #[inline]
    #[must_use]
    pub const fn is_closed(self) -> bool {
        self.intersects(Self::HANGUP)
    }

    /// Returns `true` if the next read or write returns an error: [`ERROR`](Self::ERROR).
    #[inline]
    #[must_use]
    pub const fn is_error(self) -> bool {
        self.intersects(Self::ERROR)
    }

    /// Returns `true` if the fd is not open: [`INVALID`](Self::INVALID).
    #[inline]
    #[must_use]
    pub const fn is_invalid(self) -> bool {
        self.intersects(Self::INVALID)
    }
}

/// The C names of flags, in the order in which strace prints them; a name of two bits comes first.
const C_NAMES: [(i16, &str); 11] = [
    (c::POLLIN, "POLLIN"),
    (c::POLLPRI, "POLLPRI"),
    (c::POLLOUT, "POLLOUT"),
    (c::POLLERR, "POLLERR"),
    (c::POLLHUP, "POLLHUP"),
    (c::POLLNVAL, "POLLNVAL"),
    (c::POLLRDNORM, "POLLRDNORM"),
    (c::POLLRDBAND, "POLLRDBAND"),
    (c::POLLWRNORM, "POLLWRNORM"),
    (c::POLLWRBAND, "POLLWRBAND"),
    (READ_CLOSED, "POLLRDHUP"),
];

/// Prints flags as strace does: `POLLIN|POLLHUP`, bits without a name in hexadecimal, no flags as `0`.
pub(crate) struct CNames(pub(crate) i16);

impl fmt::Display for CNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut left = self.0;
        let mut separator = "";
        for (bits, name) in C_NAMES {
            if left & bits == bits {
                write!(f, "{separator}{name}")?;
                left &= !bits;
                separator = "|";
            }
        }
        match (left, separator) {
            (0, "") => f.write_str("0"),
            (0, _) => Ok(()),
            _ => write!(f, "{separator}{left:#x}"),
        }
    }
}

/// Prints the names of the flags, joined by ` | `.
impl fmt::Display for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// Prints the names of the flags, joined by ` | `.
impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_closed_gets_a_free_bit() {
        for (bits, name) in C_NAMES {
            assert!(name == "POLLRDHUP" || TAKEN & bits == bits, "{name}");
        }
        for taken in [0, TAKEN, 0x4000, 0x6000, 0x7000, i16::MAX & !1] {
            let free = highest_bit_free_of(taken);
            assert_eq!((free.count_ones(), free & taken), (1, 0), "{taken:#x}");
            assert!(free > 0, "the sign is AIX's POLLNVAL");
        }
        assert_eq!(highest_bit_free_of(0), 0x4000);
        assert_eq!(highest_bit_free_of(0x4000), 0x2000);
        assert_eq!(highest_bit_free_of(i16::MAX & !1), 1);
    }
}
