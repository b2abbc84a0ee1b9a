//! The pipe or socket of a source, with its peer and the readiness that the model expects.

use iomux_backend::{Interest, Readiness};
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::{Rc, Weak};

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    PipeReader,
    PipeWriter,
    Socket,
}

/// The other end, in this process.
struct Peer {
    file: File,
    /// One per process that has the end open.
    is_open: Rc<()>,
}

/// The open file description of a source's fd and its dups.
pub(crate) struct Channel {
    pub(crate) kind: Kind,
    peer: RefCell<Option<Peer>>,
    /// The other end, in any process.
    anywhere: Weak<()>,
    /// The number of readable bytes.
    pending: Cell<usize>,
    /// The bytes that the peer has not read: none, or a full buffer.
    sent: Cell<usize>,
    peer_writes_no_more: Cell<bool>,
}

/// The same open file description, to read or write.
fn file(fd: BorrowedFd<'_>) -> File {
    fd.try_clone_to_owned().unwrap().into()
}

impl Channel {
    /// Creates a source and its channel.
    pub(crate) fn open(kind: Kind) -> (OwnedFd, Self) {
        let (fd, peer): (OwnedFd, OwnedFd) = match kind {
            Kind::PipeReader => {
                let (reader, writer) = std::io::pipe().unwrap();
                (reader.into(), writer.into())
            }
            Kind::PipeWriter => {
                let (reader, writer) = std::io::pipe().unwrap();
                (writer.into(), reader.into())
            }
            Kind::Socket => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                (ours.into(), theirs.into())
            }
        };
        let is_open = Rc::new(());
        let channel = Self {
            kind,
            anywhere: Rc::downgrade(&is_open),
            peer: RefCell::new(Some(Peer { file: peer.into(), is_open })),
            pending: Cell::new(0),
            sent: Cell::new(0),
            peer_writes_no_more: Cell::new(false),
        };
        (fd, channel)
    }

    /// Returns the readiness that `interest` must lead to, with all flags of poll(2).
    pub(crate) fn readiness(&self, interest: Interest) -> Readiness {
        let peer_is_gone = self.anywhere.strong_count() == 0;
        let has_ended = peer_is_gone || self.peer_writes_no_more.get();
        let (is_socket, is_full) = (self.kind == Kind::Socket, self.sent.get() > 0);
        let is_writable = match self.kind {
            Kind::PipeReader => false,
            Kind::PipeWriter => !is_full,
            Kind::Socket => !is_full || peer_is_gone,
        };
        let mut is = Readiness::empty();
        is.set(Readiness::READABLE, self.pending.get() > 0 || is_socket && has_ended);
        is.set(Readiness::READ_CLOSED, is_socket && has_ended);
        is.set(Readiness::WRITABLE, is_writable);
        is &= Readiness::from_bits_retain(interest.bits());
        if peer_is_gone {
            is.set(Readiness::HANGUP, self.kind != Kind::PipeWriter);
            // The reader of a pipe was closed, or a socket's peer with unread bytes.
            is.set(Readiness::ERROR, self.kind == Kind::PipeWriter || is_socket && is_full);
        }
        is
    }

    pub(crate) fn peer_writes(&self) {
        let may_write = !self.peer_writes_no_more.get() && self.kind != Kind::PipeWriter;
        if let (Some(peer), true, 0..100) = (&mut *self.peer.borrow_mut(), may_write, self.pending.get()) {
            peer.file.write_all(b"!").unwrap();
            self.pending.set(self.pending.get() + 1);
        }
    }

    pub(crate) fn read(&self, source: BorrowedFd<'_>) {
        if self.pending.get() > 0 {
            let count = file(source).read(&mut [0; 3]).unwrap();
            self.pending.set(self.pending.get() - count);
        }
    }

    /// Writes until the buffer is full.
    pub(crate) fn write(&self, source: BorrowedFd<'_>) {
        let peer_is_gone = self.anywhere.strong_count() == 0;
        if self.kind == Kind::PipeReader || peer_is_gone || self.sent.get() > 0 {
            return;
        }
        set_nonblocking(source, true);
        let rejected = loop {
            match file(source).write(&[b'!'; 1 << 16]) {
                Ok(count) => self.sent.set(self.sent.get() + count),
                Err(error) => break error.kind(),
            }
        };
        assert_eq!(rejected, ErrorKind::WouldBlock);
        set_nonblocking(source, false);
    }

    /// The peer reads all bytes.
    pub(crate) fn peer_reads(&self) {
        if let Some(peer) = &mut *self.peer.borrow_mut() {
            let sent = u64::try_from(self.sent.take()).unwrap();
            let read = std::io::copy(&mut (&mut peer.file).take(sent), &mut std::io::sink());
            assert_eq!(read.unwrap(), sent);
        }
    }

    pub(crate) fn peer_ends_writing(&self) {
        if let (Kind::Socket, Some(peer)) = (self.kind, &*self.peer.borrow()) {
            let socket = UnixStream::from(peer.file.as_fd().try_clone_to_owned().unwrap());
            socket.shutdown(Shutdown::Write).unwrap();
            self.peer_writes_no_more.set(true);
        }
    }

    pub(crate) fn peer_closes(&self) {
        self.peer.take();
    }

    /// Returns the copy of the peer for a child.
    pub(crate) fn copy_of_peer(&self) -> Option<Rc<()>> {
        self.peer.borrow().as_ref().map(|peer| Rc::clone(&peer.is_open))
    }
}

fn set_nonblocking(fd: BorrowedFd<'_>, is: bool) {
    let flags = if is { libc::O_NONBLOCK } else { 0 };
    // SAFETY: it takes numbers, and the fd is open. It has no other status flag.
    let answer = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags) };
    assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
}
