//! A custom backend: select(2) behind `Multiplexer`, in one file. It passes the conformance suite
//! (`tests/select_backend.rs`).
//!
//! `cargo run --example select_backend`
//!
//! What to copy from it: the registrations are a list, and each call builds the arguments of the kernel from it.
//! `wait_with` handles the deadline and EINTR, and `WakerSource` provides the waker. What select(2) can't do is an
//! error.

use iomux::{Chunk, Interrupt, Outcome, WaitCall, wait_with};
use iomux_backend::{
    Capabilities, Error, Events, Interest, Mode, Multiplexer, Readiness, Timeout, Token, Waker, WakerSource,
};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::TimeVal;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

const NAME: &str = "select";

/// A multiplexer over select(2): fds below `FD_SETSIZE`, level and one-shot.
#[derive(Debug, Default)]
pub(crate) struct Select<'fd> {
    /// In the order of their last events, the oldest first.
    registered: Vec<Registration<'fd>>,
}

#[derive(Debug)]
struct Registration<'fd> {
    source: Source<'fd>,
    token: Token,
    interest: Interest,
    mode: Mode,
    /// `false` after the event of a one-shot registration, or if the fd is closed.
    is_armed: bool,
    was_reported: bool,
}

#[derive(Debug)]
enum Source<'fd> {
    Fd(BorrowedFd<'fd>),
    /// A waker is registered like any source.
    Waker(WakerSource),
}

impl AsFd for Source<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Fd(fd) => *fd,
            Self::Waker(source) => source.as_fd(),
        }
    }
}

impl Registration<'_> {
    fn is_of(&self, fd: BorrowedFd<'_>) -> bool {
        matches!(&self.source, Source::Fd(own) if own.as_raw_fd() == fd.as_raw_fd())
    }
}

/// The three sets that select(2) takes, and overwrites with its result.
struct Sets<'a> {
    read: FdSet<'a>,
    write: FdSet<'a>,
    except: FdSet<'a>,
}

/// The interest and the readiness of each set.
const READ: Interest = Interest::READABLE.union(Interest::READ_NORMAL);
const WRITE: Interest = Interest::WRITABLE.union(Interest::WRITE_NORMAL);
const EXCEPT: Interest = Interest::PRIORITY.union(Interest::READ_BAND);

impl<'a> Sets<'a> {
    fn of(registered: &'a [Registration<'_>]) -> Self {
        let mut sets = Self { read: FdSet::new(), write: FdSet::new(), except: FdSet::new() };
        for registration in registered.iter().filter(|registration| registration.is_armed) {
            let (fd, interest) = (registration.source.as_fd(), registration.interest);
            if interest.intersects(READ) {
                sets.read.insert(fd);
            }
            if interest.intersects(WRITE) {
                sets.write.insert(fd);
            }
            if interest.intersects(EXCEPT) {
                sets.except.insert(fd);
            }
        }
        sets
    }

    /// Returns the part of the interest that the sets contain.
    fn readiness(&self, registration: &Registration<'_>) -> Readiness {
        let fd = registration.source.as_fd();
        let mut ready = Interest::empty();
        if registration.is_armed {
            ready.set(READ, self.read.contains(fd));
            ready.set(WRITE, self.write.contains(fd));
            ready.set(EXCEPT, self.except.contains(fd));
        }
        Readiness::from_bits_retain((ready & registration.interest).bits())
    }
}

impl<'fd> Select<'fd> {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    fn index(&self, fd: BorrowedFd<'_>) -> Result<usize, Error> {
        let index = self.registered.iter().position(|registration| registration.is_of(fd));
        index.ok_or(Error::NotRegistered { fd: fd.as_raw_fd() })
    }

    fn push(
        &mut self,
        source: Source<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let number = source.as_fd().as_raw_fd();
        let number = usize::try_from(number).map_err(|_| Error::NegativeFd { fd: number })?;
        if number >= FD_SETSIZE {
            return Err(Error::Unsupported { what: "an fd of FD_SETSIZE or more", backend: NAME });
        }
        self.registered.push(Registration {
            source,
            token,
            interest,
            mode,
            is_armed: true,
            was_reported: false,
        });
        Ok(())
    }

    /// Pushes as many events as fit, and moves their registrations behind the others.
    fn report(&mut self, readiness: &[Readiness], events: &mut Events) -> usize {
        for (registration, readiness) in self.registered.iter_mut().zip(readiness) {
            registration.was_reported = events.push(registration.token, *readiness);
            if !registration.was_reported {
                continue;
            }
            if let Source::Waker(source) = &registration.source {
                source.drain();
            } else if registration.mode == Mode::OneShot || readiness.is_invalid() {
                registration.is_armed = false;
            }
        }
        self.registered.sort_by_key(|registration| registration.was_reported);
        events.len()
    }

    /// Returns `INVALID` for each closed fd: select(2) fails with EBADF, and does not say which fd is closed.
    fn closed(&self) -> Vec<Readiness> {
        let is_closed = |fd: BorrowedFd<'_>| fcntl(fd, FcntlArg::F_GETFD) == Err(Errno::EBADF);
        let of = |registration: &Registration<'_>| match registration.is_armed {
            true if is_closed(registration.source.as_fd()) => Readiness::INVALID,
            _ => Readiness::empty(),
        };
        self.registered.iter().map(of).collect()
    }
}

/// Rejects the modes and interests that select(2) can't express.
fn check(interest: Interest, mode: Mode) -> Result<(), Error> {
    if !matches!(mode, Mode::Level | Mode::OneShot) {
        return Err(Error::UnsupportedMode { mode, backend: NAME });
    }
    if interest.intersects(Interest::READ_CLOSED) {
        return Err(Error::Unsupported { what: "Interest::READ_CLOSED", backend: NAME });
    }
    Ok(())
}

/// Returns the time in µs, rounded up. `None` is infinite.
fn time(chunk: Chunk) -> Option<TimeVal> {
    let time = chunk.timespec()?;
    let micros = time.tv_sec * 1_000_000 + (time.tv_nsec + 999) / 1_000;
    #[allow(clippy::unnecessary_cast, reason = "their types differ between systems; a chunk fits them all")]
    Some(TimeVal::new((micros / 1_000_000) as _, (micros % 1_000_000) as _))
}

/// select(2) over the registrations.
struct SelectCall<'a, 'fd> {
    select: &'a mut Select<'fd>,
    events: &'a mut Events,
}

impl WaitCall for SelectCall<'_, '_> {
    type Error = Error;

    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        let mut sets = Sets::of(&self.select.registered);
        let result = select(None, &mut sets.read, &mut sets.write, &mut sets.except, time(chunk).as_mut());
        let readiness: Vec<_> = match result {
            Ok(0) => return Ok(Outcome::Ready(0)),
            Ok(_) => self.select.registered.iter().map(|registration| sets.readiness(registration)).collect(),
            Err(Errno::EINTR) => return Ok(Outcome::Interrupted),
            Err(Errno::EBADF) => self.select.closed(),
            Err(error) => return Err(Error::Os { call: "select", code: error as i32 }),
        };
        Ok(Outcome::Ready(self.select.report(&readiness, self.events)))
    }
}

impl<'fd> Multiplexer<'fd> for Select<'fd> {
    fn name(&self) -> &'static str {
        NAME
    }

    // Without HANGUP and READ_CLOSED, which select(2) can't report, and without MASK, which needs pselect(2).
    fn capabilities(&self) -> Capabilities {
        Capabilities::ONE_SHOT
            | Capabilities::WAKER
            | Capabilities::PRIORITY
            | Capabilities::FILES
            | Capabilities::REPORTS_CLOSED
            | Capabilities::FORK
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        check(interest, mode)?;
        if self.index(fd).is_ok() {
            return Err(Error::AlreadyRegistered { fd: fd.as_raw_fd() });
        }
        self.push(Source::Fd(fd), token, interest, mode)
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        check(interest, mode)?;
        let index = self.index(fd)?;
        let registration = &mut self.registered[index];
        (registration.token, registration.interest) = (token, interest);
        (registration.mode, registration.is_armed) = (mode, true);
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let index = self.index(fd)?;
        self.registered.remove(index);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        events.clear();
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let can_end = self.registered.iter().any(|registration| registration.is_armed);
        wait_with(&mut SelectCall { select: self, events }, timeout, Interrupt::Resume, can_end)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let waker = source.waker();
        self.push(Source::Waker(source), token, Interest::READABLE, Mode::Level)?;
        Ok(waker)
    }
}

fn main() -> std::io::Result<()> {
    let (reader, mut writer) = std::io::pipe()?;
    let mut select = Select::new();
    select.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
    let waker = select.waker(Token(2))?;
    writer.write_all(b"!")?;
    let mut events = Events::with_capacity(8);
    std::thread::scope(|scope| {
        scope.spawn(|| waker.wake()).join().expect("a wake does not panic");
        select.wait(&mut events, Timeout::Infinite)
    })?;
    for event in &events {
        let what = if event.token() == Token(2) { "the waker" } else { "the pipe" };
        writeln!(std::io::stdout(), "{what}: {:?}", event.readiness())?;
    }
    Ok(())
}
