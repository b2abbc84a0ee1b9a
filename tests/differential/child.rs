//! A child of fork(2), which has a copy of every fd until it is dropped.

use std::io::{PipeWriter, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

pub(crate) struct Child {
    process: libc::pid_t,
    /// A byte in this pipe ends the child, and so does its hangup.
    end: PipeWriter,
    /// The peers that the child keeps open until it was waited for.
    _peers: Vec<Rc<()>>,
}

impl Child {
    pub(crate) fn fork(peers: Vec<Rc<()>>) -> Self {
        let (reader, end) = std::io::pipe().unwrap();
        // SAFETY: the child makes three system calls and exits.
        match unsafe { libc::fork() } {
            0 => live(reader.as_raw_fd(), end.as_raw_fd()),
            process => {
                assert!(process > 0, "fork: {}", std::io::Error::last_os_error());
                Self { process, end, _peers: peers }
            }
        }
    }
}

/// Runs the child until the parent asks it to exit. It only makes calls that are safe after fork(2) in a program with threads.
fn live(reader: RawFd, end: RawFd) -> ! {
    let mut byte = 0_u8;
    // SAFETY: the copy belongs to this process, which does not use it.
    unsafe { libc::close(end) };
    // SAFETY: the buffer has room for a byte.
    unsafe { libc::read(reader, (&raw mut byte).cast(), 1) };
    // SAFETY: _exit(2) runs no destructors of the parent.
    unsafe { libc::_exit(0) }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Closing the pipe is not enough, since a younger child has a copy.
        let _ = self.end.write_all(b"!");
        // SAFETY: the status may be null. Nothing else waits for this child.
        unsafe { libc::waitpid(self.process, std::ptr::null_mut(), 0) };
    }
}
