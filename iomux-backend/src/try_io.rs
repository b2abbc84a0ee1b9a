//! Non-blocking I/O without a `match` on `WouldBlock`.

use std::io::{self, ErrorKind, Read, Write};

/// Calls `call`, and returns its result, or `None` if it would block or a signal handler interrupted it.
///
/// `try_io` works with any function that returns an [`io::Result`]. In [`Mode::Level`](crate::Mode::Level), wait again
/// after `None`.
///
/// # Errors
/// Returns every other error of `call`.
///
/// # Examples
/// ```
/// use iomux_backend::try_io;
/// use std::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// listener.set_nonblocking(true)?;
/// assert!(try_io(|| listener.accept())?.is_none(), "no client has connected");
/// # std::io::Result::Ok(())
/// ```
#[inline]
pub fn try_io<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<Option<T>> {
    match call() {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads from a shared non-blocking source, for every type `S` where `&S` implements [`Read`].
///
/// The trait does not make the source non-blocking. On a blocking source, [`try_read`](Self::try_read) may block.
/// [`Reactor::next`](crate::Reactor::next) lends a `&S`. To read through it, `Read` requires a `&mut &S`, but this trait
/// requires only the `&S`.
///
/// # Examples
/// ```
/// use iomux_backend::{TryRead, TryWrite};
/// use std::os::unix::net::UnixStream;
///
/// let (ours, theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let mut buffer = [0; 16];
/// assert_eq!(ours.try_read(&mut buffer)?, None, "no data has arrived");
/// assert_eq!(theirs.try_write(b"hello")?, Some(5));
/// assert_eq!(ours.try_read(&mut buffer)?, Some(5));
/// drop(theirs);
/// assert_eq!(ours.try_read(&mut buffer)?, Some(0), "end of file");
/// # std::io::Result::Ok(())
/// ```
pub trait TryRead {
    /// Reads into `buffer`, and returns the number of bytes, or `None` if there is no data yet: read(2).
    ///
    /// `Some(0)` means end of file.
    ///
    /// # Errors
    /// Returns every error except `WouldBlock` and `Interrupted`, which become `None`.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>>;
}

impl<S: ?Sized> TryRead for S
where
    for<'a> &'a S: Read,
{
    #[inline]
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let mut source = self;
        try_io(|| source.read(buffer))
    }
}

/// Writes to a shared non-blocking source, for every type `S` where `&S` implements [`Write`].
///
/// The trait does not make the source non-blocking. On a blocking source, [`try_write`](Self::try_write) may block.
/// [`TryRead`] says why this trait exists, with an example.
pub trait TryWrite {
    /// Writes a prefix of `bytes`, and returns its length, or `None` if there is no room: write(2).
    ///
    /// # Errors
    /// Returns every error except `WouldBlock` and `Interrupted`, which become `None`.
    fn try_write(&self, bytes: &[u8]) -> io::Result<Option<usize>>;
}

impl<S: ?Sized> TryWrite for S
where
    for<'a> &'a S: Write,
{
    #[inline]
    fn try_write(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        let mut source = self;
        try_io(|| source.write(bytes))
    }
}
