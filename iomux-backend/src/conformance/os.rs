//! The system calls of the suite that std lacks, and all of its `unsafe`.

use crate::{Error, Interest, Mode, Multiplexer, Signal, Token};
use libc::c_int;
use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held by properties that close fds by number or open very many, so that they don't run at the same time.
static NUMBERS: Mutex<()> = Mutex::new(());

/// Held by properties that count signals.
static SIGNALS: Mutex<()> = Mutex::new(());

/// The number of times that the handler has run.
static HANDLED: AtomicU32 = AtomicU32::new(0);

/// Locks the fd numbers for a property that would disturb others.
pub(super) fn numbers() -> MutexGuard<'static, ()> {
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the result of a system call, or the error in `errno`.
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Takes ownership of an fd that a call has just opened, and sets `FD_CLOEXEC`.
fn owned(fd: c_int) -> io::Result<OwnedFd> {
    let fd = check(fd)?;
    // SAFETY: the kernel has just opened it, so nothing else owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: takes numbers, and the fd is open.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(fd)
}

/// Creates a pipe, and returns its reader and its writer: pipe(2).
pub(super) fn pipe() -> io::Result<(File, File)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for two.
    check(unsafe { libc::pipe(fds.as_mut_ptr()) })?;
    Ok((owned(fds[0])?.into(), owned(fds[1])?.into()))
}

/// Sets `O_NONBLOCK`.
pub(super) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes numbers, and the fd is open.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

/// Creates a pseudo-terminal, and returns the side of the user and the side of programs.
pub(super) fn terminal() -> io::Result<(File, File)> {
    // SAFETY: takes a number.
    let person = owned(unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY) })?;
    // SAFETY: takes a number, and the fd is open.
    check(unsafe { libc::grantpt(person.as_raw_fd()) })?;
    // SAFETY: as above.
    check(unsafe { libc::unlockpt(person.as_raw_fd()) })?;
    // ptsname(3) has one buffer for all threads.
    let alone = numbers();
    // SAFETY: as above, and the lock keeps other threads of the suite out.
    let name = unsafe { libc::ptsname(person.as_raw_fd()) };
    if name.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: not null, so a C string that is valid until the next call.
    let name = std::ffi::OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()).to_owned();
    drop(alone);
    let program = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name)?;
    Ok((person.into(), program))
}

/// Duplicates an fd to the lowest free number that is at least `lowest`: fcntl(2).
pub(super) fn dup_from(fd: BorrowedFd<'_>, lowest: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers, and the fd is open.
    owned(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) })
}

/// Duplicates `fd` to a number that no other property uses, dup(2). The caller holds [`numbers`].
///
/// By default, macOS limits a process to 256 fds, and OpenBSD to 128 or 512, so this raises the soft limit.
pub(super) fn dup_to_free_number(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (free, enough) = (700, 1024);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills `limit`.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < enough {
        limit.rlim_cur = limit.rlim_max.min(enough);
        // SAFETY: reads `limit`.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    dup_from(fd, free)
}

/// Makes `number` a duplicate of `file`, and closes its old file atomically: dup2(2).
pub(super) fn replace(number: &OwnedFd, file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes numbers. Both are open, and the owner of `number` expects the change.
    check(unsafe { libc::dup2(file.as_raw_fd(), number.as_raw_fd()) })?;
    Ok(())
}

/// Returns an fd by its number, which may be closed, for `modify` and `deregister`.
pub(super) fn by_number(fd: RawFd) -> BorrowedFd<'static> {
    assert!(fd != -1, "-1 is no `BorrowedFd`");
    // SAFETY: not -1. The kernel rejects a number that is not open, so no file is affected.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Calls `register_raw`, for fds that a property closes or whose number it reuses.
pub(super) fn register_number<'fd>(
    mux: &mut impl Multiplexer<'fd>,
    fd: RawFd,
    token: usize,
    interest: Interest,
    mode: Mode,
) -> Result<(), Error> {
    // SAFETY: violated by the properties about closed fds. The fd is then one of the property's own, and the worst
    // result is an event of another file.
    unsafe { mux.register_raw(fd, Token(token), interest, mode) }
}

fn socket() -> io::Result<OwnedFd> {
    // SAFETY: takes numbers.
    owned(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) })
}

/// Returns the C struct of an address, and its size.
fn address(to: SocketAddrV4) -> (libc::sockaddr_in, libc::socklen_t) {
    // SAFETY: all of its fields are numbers, for which 0 is a value.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    // The types of these fields differ between platforms; AF_INET is 2 on all of them.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2")]
    {
        address.sin_family = libc::AF_INET as libc::sa_family_t;
    }
    address.sin_port = to.port().to_be();
    address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
    #[allow(clippy::cast_possible_truncation, reason = "16")]
    let size = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    (address, size)
}

/// Starts a connection without waiting until it is established: connect(2).
pub(super) fn connect(to: SocketAddrV4) -> io::Result<TcpStream> {
    connect_from(socket()?, to)
}

/// Starts a connection from `socket`.
fn connect_from(socket: OwnedFd, to: SocketAddrV4) -> io::Result<TcpStream> {
    set_nonblocking(socket.as_fd())?;
    let (address, size) = address(to);
    // SAFETY: `address` is a `sockaddr_in` of that size.
    match check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), size) }) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Binds a socket to a free port, and returns it and its address.
fn bound() -> io::Result<(OwnedFd, SocketAddrV4)> {
    let socket = socket()?;
    let (address, size) = address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    // SAFETY: `address` is a `sockaddr_in` of that size.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) })?;
    let socket = TcpStream::from(socket);
    match socket.local_addr()? {
        std::net::SocketAddr::V4(address) => Ok((socket.into(), address)),
        std::net::SocketAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// Starts a connection that is refused, since nothing has the port any more.
///
/// The socket at the port is closed first. OpenBSD does not answer a connection to a socket that is only bound. The client
/// is bound before that, so that the kernel does not give it the port to which it connects.
pub(super) fn refused_connection() -> io::Result<TcpStream> {
    let ((deaf, address), (client, _)) = (bound()?, bound()?);
    drop(deaf);
    connect_from(client, address)
}

/// Closes a connection with a reset.
pub(super) fn reset(connection: TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    #[allow(clippy::cast_possible_truncation, reason = "8")]
    let size = size_of::<libc::linger>() as libc::socklen_t;
    let value = (&raw const linger).cast();
    // SAFETY: `value` is a `linger` of that size.
    let result =
        unsafe { libc::setsockopt(connection.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, size) };
    check(result)?;
    drop(connection);
    Ok(())
}

/// Sends a byte of urgent data.
pub(super) fn send_urgent(connection: &TcpStream) -> io::Result<()> {
    // SAFETY: there is a byte to send.
    let sent = unsafe { libc::send(connection.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Returns the result of `holds` in a child made by fork(2).
pub(super) fn holds_in_a_child(holds: impl FnOnce() -> bool) -> io::Result<bool> {
    // SAFETY: the child calls `holds`, which takes no lock of another thread's, and ends.
    let child = check(unsafe { libc::fork() })?;
    if child == 0 {
        // SAFETY: takes a number. The alarm ends a child that hangs.
        unsafe { libc::alarm(30) };
        let code = c_int::from(!holds());
        // SAFETY: takes a number, and runs no destructor or exit handler of the parent.
        unsafe { libc::_exit(code) };
    }
    let mut status = 0;
    // SAFETY: `status` has room for one.
    check(unsafe { libc::waitpid(child, &raw mut status, 0) })?;
    Ok(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0)
}

/// The signal that the properties send.
pub(super) const SIGNAL: Signal = Signal::USR1;

extern "C" fn count(_: c_int) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// The handler that counts signals, for one property at a time.
///
/// It stays installed, since the signal would terminate the process without it.
pub(super) struct Handler(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Handler {
    pub(super) fn new() -> Self {
        let alone = SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: all of its fields are numbers, sets or nullable functions, for which zero is valid.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = count as extern "C" fn(c_int) as libc::sighandler_t;
        let (new, old) = (&raw const action, std::ptr::null_mut());
        // SAFETY: `count` touches an atomic number only.
        check(unsafe { libc::sigaction(SIGNAL.as_raw(), new, old) }).expect("a handler");
        HANDLED.store(0, Ordering::SeqCst);
        Self(alone)
    }

    /// Returns the number of times that it has run.
    #[allow(clippy::unused_self, reason = "only the holder of the lock may call it")]
    pub(super) fn runs(&self) -> u32 {
        HANDLED.load(Ordering::SeqCst)
    }
}

/// A thread to send signals to.
#[derive(Clone, Copy)]
pub(super) struct Thread(libc::pthread_t);

// SAFETY: an id, which any thread may use.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

impl Thread {
    pub(super) fn this() -> Self {
        // SAFETY: takes nothing, returns an id.
        Self(unsafe { libc::pthread_self() })
    }

    /// Sends `SIGNAL` to the thread.
    pub(super) fn signal(self) {
        // SAFETY: the property that sends signals ends before the thread that it runs in.
        let result = unsafe { libc::pthread_kill(self.0, SIGNAL.as_raw()) };
        assert_eq!(result, 0, "pthread_kill");
    }
}
