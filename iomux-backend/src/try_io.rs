//! Non-blocking I/O without a `match` on `WouldBlock`.

use std::io::{self, ErrorKind, Read, Write};

/// Returns `None` if `call` would block or was interrupted by a signal handler, and otherwise its result.
///
/// In [`Mode::Level`](crate::Mode::Level) `None` means: wait again. It suits whatever returns an [`io::Result`].
///
/// ```
/// use iomux_backend::try_io;
/// use std::net::TcpListener;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// listener.set_nonblocking(true)?;
/// assert!(try_io(|| listener.accept())?.is_none(), "no client is there");
/// # std::io::Result::Ok(())
/// ```
///
/// # Errors
/// Returns every other error of `call`.
#[inline]
pub fn try_io<T>(call: impl FnOnce() -> io::Result<T>) -> io::Result<Option<T>> {
    match call() {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads from a shared non-blocking source, for every type whose `&S` is [`Read`].
///
/// [`Reactor::next`](crate::Reactor::next) lends `&S`, and `Read` for `&TcpStream` needs a `&mut &TcpStream`: with this
/// trait a shared reference will do.
///
/// ```
/// use iomux_backend::{TryRead, TryWrite};
/// use std::os::unix::net::UnixStream;
///
/// let (ours, theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// let mut buffer = [0; 16];
/// assert_eq!(ours.try_read(&mut buffer)?, None, "nothing has arrived");
/// assert_eq!(theirs.try_write(b"hello")?, Some(5));
/// assert_eq!(ours.try_read(&mut buffer)?, Some(5));
/// drop(theirs);
/// assert_eq!(ours.try_read(&mut buffer)?, Some(0), "end of file");
/// # std::io::Result::Ok(())
/// ```
pub trait TryRead {
    /// Reads into `buffer`, read(2), and returns how many bytes; `Some(0)` is the end of file, `None` nothing yet.
    ///
    /// # Errors
    /// Returns every error but `WouldBlock` and `Interrupted`, which are `None`.
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

/// Writes to a shared non-blocking source, for every type whose `&S` is [`Write`]; see [`TryRead`].
pub trait TryWrite {
    /// Writes a part of `bytes`, write(2), and returns how many; `None` if there is no room now.
    ///
    /// # Errors
    /// Returns every error but `WouldBlock` and `Interrupted`, which are `None`.
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
