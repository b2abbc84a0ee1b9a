//! A child made by fork(2), which has a copy of every fd until it is dropped.

use std::io::{PipeWriter, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

pub(crate) struct Child {
    process: libc::pid_t,
    /// A byte in it ends the child, and so does the end of who holds it.
    end: PipeWriter,
    /// The peers that it keeps open, until it has been waited for.
    _peers: Vec<Rc<()>>,
}

impl Child {
    pub(crate) fn fork(peers: Vec<Rc<()>>) -> Self {
        let (reader, end) = std::io::pipe().unwrap();
        // SAFETY: the child makes three system calls, and is gone.
        match unsafe { libc::fork() } {
            0 => live(reader.as_raw_fd(), end.as_raw_fd()),
            process => {
                assert!(process > 0, "fork: {}", std::io::Error::last_os_error());
                Self { process, end, _peers: peers }
            }
        }
    }
}

/// The life of a child: it waits for its end, and does only what is safe after fork(2) in a program with threads.
fn live(reader: RawFd, end: RawFd) -> ! {
    let mut byte = 0_u8;
    // SAFETY: the copy is this process's own, and nobody uses it here.
    unsafe { libc::close(end) };
    // SAFETY: there is room for a byte.
    unsafe { libc::read(reader, (&raw mut byte).cast(), 1) };
    // SAFETY: runs nothing of the parent's.
    unsafe { libc::_exit(0) }
}

impl Drop for Child {
    fn drop(&mut self) {
        // To close the pipe would not do: a younger child has a copy.
        let _ = self.end.write_all(b"!");
        // SAFETY: the status may be null. It is our child, and nobody else waits for it.
        unsafe { libc::waitpid(self.process, std::ptr::null_mut(), 0) };
    }
}
