//! The system calls of the backend over kqueue(2), and all of its `unsafe`.

use core::ffi::c_int;
use iomux::Timespec;
use iomux_sys::fcntl::{F_GETFD, F_GETFL, F_SETFD, FD_CLOEXEC, O_ACCMODE, O_WRONLY, fcntl};
use iomux_sys::kqueue::{self as c, EV_EOF, EV_ERROR, data_t, filter_t, flags_t, nevents_t};
use iomux_sys::time::timespec;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::ptr;

/// A change to a queue or an event from it: `struct kevent`.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Kevent(pub(super) c::kevent);

// SAFETY: its one pointer, `udata`, holds a number that `change` sets, and no code dereferences it.
unsafe impl Send for Kevent {}
// SAFETY: as above.
unsafe impl Sync for Kevent {}

impl Kevent {
    /// A placeholder for an event.
    pub(super) const EMPTY: Self = Self(c::EV_SET(0, c::EVFILT_READ, 0, 0, 0, ptr::null_mut()));

    /// Creates a change. The kernel returns `generation` with each event, as `udata`.
    pub(super) fn change(
        ident: usize,
        filter: filter_t,
        flags: flags_t,
        fflags: u32,
        data: data_t,
        generation: usize,
    ) -> Self {
        Self(c::EV_SET(ident, filter, flags, fflags, data, ptr::without_provenance_mut(generation)))
    }

    pub(super) fn generation(&self) -> usize {
        self.0.udata.addr()
    }

    /// Returns the errno or 0 if this is the result of a change, or `None` if it is an event.
    pub(super) fn change_result(&self) -> Option<c_int> {
        // Other flags may be set as well.
        (self.0.flags & EV_ERROR != 0).then(|| c_int::try_from(self.0.data).unwrap_or(c_int::MAX))
    }

    pub(super) fn is_end(&self) -> bool {
        self.0.flags & EV_EOF != 0
    }
}

/// A queue. Only the process that created it closes it.
#[derive(Debug)]
pub(super) struct Queue {
    fd: ManuallyDrop<OwnedFd>,
    owner: u32,
}

impl Queue {
    /// Creates a queue, close-on-exec: kqueue(2).
    pub(super) fn new() -> Result<Self, c_int> {
        // SAFETY: takes nothing, returns a number.
        let fd = unsafe { c::kqueue() };
        if fd < 0 {
            return Err(last_errno());
        }
        // SAFETY: the kernel has just opened it, so nothing else owns it.
        let fd = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(fd) });
        let queue = Self { fd, owner: std::process::id() };
        // There is no gap before this call, since a child made by fork(2) does not inherit a queue.
        // SAFETY: takes numbers, and the fd is open.
        match unsafe { fcntl(queue.fd.as_raw_fd(), F_SETFD, FD_CLOEXEC) } {
            -1 => Err(last_errno()),
            _ => Ok(queue),
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // In a child made by fork(2), the number is closed or belongs to another file.
        if std::process::id() == self.owner {
            // SAFETY: it is dropped once, here, and not used afterwards.
            unsafe { ManuallyDrop::drop(&mut self.fd) }
        }
    }
}

fn last_errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}

/// Submits `changes`, then waits for at most `events.len()` events, and returns their number: kevent(2).
///
/// The kernel has made the changes even if the call fails with EINTR.
pub(super) fn kevent(
    queue: BorrowedFd<'_>,
    changes: &[Kevent],
    events: &mut [Kevent],
    timeout: Option<Timespec>,
) -> Result<usize, c_int> {
    let timeout = timeout.map(to_c);
    let room = count(events);
    // SAFETY: the pointers are to `count(changes)` changes, to room for `room` events, and to a timespec or null. `Kevent`
    // is a `kevent` by `repr(transparent)`. All of them are borrowed for the whole call.
    let found = unsafe {
        c::kevent(
            queue.as_raw_fd(),
            changes.as_ptr().cast(),
            count(changes),
            events.as_mut_ptr().cast(),
            room,
            timeout.as_ref().map_or(ptr::null(), ptr::from_ref),
        )
    };
    usize::try_from(found).map_err(|_| last_errno())
}

/// Returns the length of a slice as the kernel's type, or that type's maximum.
fn count(kevents: &[Kevent]) -> nevents_t {
    nevents_t::try_from(kevents.len()).unwrap_or(nevents_t::MAX)
}

#[allow(clippy::cast_possible_truncation, clippy::unnecessary_cast, reason = "half an hour at most")]
fn to_c(time: Timespec) -> timespec {
    timespec { tv_sec: time.tv_sec as _, tv_nsec: time.tv_nsec as _ }
}

/// Returns `true` if a number is an open fd: fcntl(2).
pub(super) fn is_open(fd: RawFd) -> bool {
    // SAFETY: takes numbers, and changes nothing.
    unsafe { fcntl(fd, F_GETFD) != -1 }
}

/// Returns `true` if an fd is open for writing only: fcntl(2).
pub(super) fn is_write_only(fd: RawFd) -> bool {
    // SAFETY: takes numbers, and changes nothing.
    let flags = unsafe { fcntl(fd, F_GETFL) };
    // An error, -1, has every bit set, and so equals no access mode.
    flags & O_ACCMODE == O_WRONLY
}

/// The kind of an fd's file, as far as kqueue treats it differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A socket, whose directions are closed separately.
    Socket,
    /// A regular file, a directory or a block device: always ready.
    File,
    /// A pipe, a terminal or a character device, which is closed as a whole.
    Other,
}

/// Returns the kind of an fd's file: fstat(2). After an error it is `Other`, and kevent(2) decides.
pub(super) fn kind(fd: BorrowedFd<'_>) -> Kind {
    // SAFETY: the fd is open while it is borrowed, and `ManuallyDrop` prevents closing it.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd.as_raw_fd()) });
    match file.metadata().map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_socket() => Kind::Socket,
        Ok(kind) if kind.is_file() || kind.is_dir() || kind.is_block_device() => Kind::File,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iomux::{Interest, PollFd};
    use std::fs::OpenOptions;
    use std::time::Duration;

    #[test]
    fn queue_is_close_on_exec() {
        let queue = Queue::new().unwrap();
        // SAFETY: takes numbers, and the fd is open.
        let flags = unsafe { fcntl(queue.fd().as_raw_fd(), F_GETFD) };
        assert_eq!(flags & FD_CLOEXEC, FD_CLOEXEC);
    }

    #[test]
    fn to_c_keeps_time() {
        let time = to_c(Timespec { tv_sec: 3, tv_nsec: 5 });
        assert_eq!((time.tv_sec, time.tv_nsec), (3, 5));
    }

    #[test]
    fn is_write_only_reads_access_mode() {
        // Not a pipe, since on some platforms both of its ends are open for both directions.
        let reader = File::open("/dev/null").unwrap();
        let writer = OpenOptions::new().write(true).open("/dev/null").unwrap();
        assert!(is_write_only(writer.as_raw_fd()) && !is_write_only(reader.as_raw_fd()));
        assert!(!is_write_only(-1));
    }

    #[test]
    fn drop_closes_own_queue() {
        let (reader, writer) = io::pipe().unwrap();
        drop(Queue { fd: ManuallyDrop::new(writer.into()), owner: std::process::id() });
        let mut ends = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        // A child of another test may hold the writer for a moment, so wait.
        assert_eq!(iomux::poll(&mut ends, Duration::from_secs(10)), Ok(1), "no writer is left");
    }

    #[test]
    fn drop_keeps_queue_of_another_process() {
        let mut queue = Queue::new().unwrap();
        let number = queue.fd().as_raw_fd();
        queue.owner += 1;
        drop(queue);
        assert!(is_open(number));
        // SAFETY: still open, and nothing else owns it now.
        drop(unsafe { OwnedFd::from_raw_fd(number) });
    }

    #[test]
    fn error_flag_is_read_among_others() {
        let result = Kevent::change(1, c::EVFILT_READ, EV_ERROR | c::EV_ADD, 0, 9, 0);
        assert_eq!(result.change_result(), Some(9));
        assert_eq!(Kevent::change(1, c::EVFILT_READ, c::EV_ADD, 0, 9, 0).change_result(), None);
    }
}
