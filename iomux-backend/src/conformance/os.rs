//! What the suite asks of the system beyond std, and all of its `unsafe`.

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

/// Taken by properties that close fds by number or open very many, so that they don't meet.
static NUMBERS: Mutex<()> = Mutex::new(());

/// Taken by properties that count signals.
static SIGNALS: Mutex<()> = Mutex::new(());

/// How many times the handler has run.
static HANDLED: AtomicU32 = AtomicU32::new(0);

/// Has fd numbers to itself, of all properties that would disturb others there.
pub(super) fn numbers() -> MutexGuard<'static, ()> {
    NUMBERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn check(answer: c_int) -> io::Result<c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

/// Takes an fd that a call has just opened.
fn owned(fd: c_int) -> io::Result<OwnedFd> {
    let fd = check(fd)?;
    // SAFETY: the kernel has just opened it, and nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: takes numbers, and the fd is open.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(fd)
}

/// pipe(2): the end to read from, the end to write to.
pub(super) fn pipe() -> io::Result<(File, File)> {
    let mut fds = [0; 2];
    // SAFETY: `fds` has room for two.
    check(unsafe { libc::pipe(fds.as_mut_ptr()) })?;
    Ok((owned(fds[0])?.into(), owned(fds[1])?.into()))
}

/// Has reads and writes fail rather than block.
pub(super) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes numbers, and the fd is open.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

/// A pseudo-terminal: the end that plays the person, the end that programs see.
pub(super) fn terminal() -> io::Result<(File, File)> {
    // SAFETY: takes a number.
    let person = owned(unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY) })?;
    // SAFETY: takes a number, and the fd is open.
    check(unsafe { libc::grantpt(person.as_raw_fd()) })?;
    // SAFETY: as above.
    check(unsafe { libc::unlockpt(person.as_raw_fd()) })?;
    // ptsname(3) has one buffer for all threads.
    let alone = numbers();
    // SAFETY: as above, and no other thread of the suite is in here.
    let name = unsafe { libc::ptsname(person.as_raw_fd()) };
    if name.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: not null, so a C string, and it stays until the next call.
    let name = std::ffi::OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()).to_owned();
    drop(alone);
    let program = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(name)?;
    Ok((person.into(), program))
}

/// dup(2), to the lowest free number from `lowest` on.
pub(super) fn dup_from(fd: BorrowedFd<'_>, lowest: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers, and the fd is open.
    owned(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) })
}

/// dup(2), to a number that no other property is given meanwhile. macOS lets a process have 256 fds, OpenBSD 128 or 512,
/// unless it asks for more, so this does. The caller holds [`numbers`].
pub(super) fn dup_far_away(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (far_away, enough) = (700, 1024);
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: fills in `limit`.
    check(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) })?;
    if limit.rlim_cur < enough {
        limit.rlim_cur = limit.rlim_max.min(enough);
        // SAFETY: reads `limit`.
        check(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) })?;
    }
    dup_from(fd, far_away)
}

/// dup2(2): closes what `number` stood for and has it stand for `file`, with no moment in between.
pub(super) fn replace(number: &OwnedFd, file: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: takes numbers; both are open, and whose `number` is sees it change.
    check(unsafe { libc::dup2(file.as_raw_fd(), number.as_raw_fd()) })?;
    Ok(())
}

/// An fd by its number, which may not be open: for `modify` and `deregister`.
pub(super) fn by_number(fd: RawFd) -> BorrowedFd<'static> {
    assert!(fd != -1, "-1 is no `BorrowedFd`");
    // SAFETY: not -1. A number that is not open is an error to the kernel, and touches no other file.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// `register_raw`, for fds that a property closes or whose number it gives to another file.
pub(super) fn register_number<'fd>(
    mux: &mut impl Multiplexer<'fd>,
    fd: RawFd,
    token: usize,
    interest: Interest,
    mode: Mode,
) -> Result<(), Error> {
    // SAFETY: not kept where a property is about just that; then the fd is one of the property's own,
    // and all that can be reported of another is its readiness.
    unsafe { mux.register_raw(fd, Token(token), interest, mode) }
}

fn socket() -> io::Result<OwnedFd> {
    // SAFETY: takes numbers.
    owned(unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) })
}

/// The address that C expects, and its size.
fn address(to: SocketAddrV4) -> (libc::sockaddr_in, libc::socklen_t) {
    // SAFETY: all of its fields are numbers, for which 0 is a value.
    let mut address: libc::sockaddr_in = unsafe { zeroed() };
    // The types of these fields differ between systems; AF_INET is 2 on all of them.
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

/// A connection that is being made, or has been: without waiting for it.
pub(super) fn connect(to: SocketAddrV4) -> io::Result<TcpStream> {
    connect_from(socket()?, to)
}

fn connect_from(socket: OwnedFd, to: SocketAddrV4) -> io::Result<TcpStream> {
    set_nonblocking(socket.as_fd())?;
    let (address, size) = address(to);
    // SAFETY: `address` is a `sockaddr_in` of that size.
    match check(unsafe { libc::connect(socket.as_raw_fd(), (&raw const address).cast(), size) }) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// A socket that is bound to a free port, and its address.
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

/// A connection that is being refused, or has been.
///
/// Nobody has the port any more: OpenBSD leaves a connection without an answer if the socket at the port is only bound. The
/// client has its own port before that, so it is not given the one to which it connects.
pub(super) fn refused_connection() -> io::Result<TcpStream> {
    let ((deaf, address), (client, _)) = (bound()?, bound()?);
    drop(deaf);
    connect_from(client, address)
}

/// Closes a connection by a reset.
pub(super) fn reset(connection: TcpStream) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    #[allow(clippy::cast_possible_truncation, reason = "8")]
    let size = size_of::<libc::linger>() as libc::socklen_t;
    let value = (&raw const linger).cast();
    // SAFETY: `value` is a `linger` of that size.
    let answer =
        unsafe { libc::setsockopt(connection.as_raw_fd(), libc::SOL_SOCKET, libc::SO_LINGER, value, size) };
    check(answer)?;
    drop(connection);
    Ok(())
}

/// Sends a byte of urgent data.
pub(super) fn send_urgent(connection: &TcpStream) -> io::Result<()> {
    // SAFETY: there is a byte to send.
    let sent = unsafe { libc::send(connection.as_raw_fd(), b"!".as_ptr().cast(), 1, libc::MSG_OOB) };
    if sent == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether `holds` in a child made by fork(2), which ends with it.
pub(super) fn holds_in_a_child(holds: impl FnOnce() -> bool) -> io::Result<bool> {
    // SAFETY: the child calls `holds`, which takes no lock of another thread's, and ends.
    let child = check(unsafe { libc::fork() })?;
    if child == 0 {
        // SAFETY: takes a number. No child outlives its test.
        unsafe { libc::alarm(30) };
        let code = c_int::from(!holds());
        // SAFETY: takes a number, and runs nothing of the parent's.
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

/// The handler that counts, for one property at a time. It stays installed: the signal would end the
/// process without it.
pub(super) struct Handler(#[allow(dead_code, reason = "held")] MutexGuard<'static, ()>);

impl Handler {
    pub(super) fn new() -> Self {
        let alone = SIGNALS.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: all of its fields are numbers, sets or functions that may be null: no flag, no signal.
        let mut action: libc::sigaction = unsafe { zeroed() };
        action.sa_sigaction = count as extern "C" fn(c_int) as libc::sighandler_t;
        let (new, old) = (&raw const action, std::ptr::null_mut());
        // SAFETY: `count` touches an atomic number only.
        check(unsafe { libc::sigaction(SIGNAL.as_raw(), new, old) }).expect("a handler");
        HANDLED.store(0, Ordering::SeqCst);
        Self(alone)
    }

    /// How many times it has run.
    #[allow(clippy::unused_self, reason = "only whoever has it may ask")]
    pub(super) fn runs(&self) -> u32 {
        HANDLED.load(Ordering::SeqCst)
    }
}

/// A thread, to send a signal to.
#[derive(Clone, Copy)]
pub(super) struct Thread(libc::pthread_t);

// SAFETY: a name, which any thread may use.
unsafe impl Send for Thread {}
// SAFETY: as above.
unsafe impl Sync for Thread {}

impl Thread {
    pub(super) fn this() -> Self {
        // SAFETY: asks for nothing.
        Self(unsafe { libc::pthread_self() })
    }

    /// Sends `SIGNAL`.
    pub(super) fn signal(self) {
        // SAFETY: the property that sends signals ends before the thread that it runs in.
        let answer = unsafe { libc::pthread_kill(self.0, SIGNAL.as_raw()) };
        assert_eq!(answer, 0, "pthread_kill");
    }
}
