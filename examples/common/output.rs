//! Output that a loop never waits for: a pipe that is full and a terminal under Ctrl-S must not stop the program.

use iomux::{Interest, PollFd, Timeout};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

/// What can be written to a pipe that poll calls writable without blocking: the least `PIPE_BUF` that POSIX
/// allows. (Linux has room for 4096.)
pub(crate) const PIPE_ROOM: usize = 512;

/// Returns another file for an output: after poll has called it writable, up to [`PIPE_ROOM`] bytes don't block.
pub(crate) fn reopen(output: impl AsFd) -> io::Result<File> {
    open_again(output.as_fd()).or_else(|_| output.as_fd().try_clone_to_owned().map(File::from))
}

/// Writes what an output takes immediately. Returns `WouldBlock` if that is not all, and the rest is dropped.
pub(crate) fn write_now(output: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let mut fds = [PollFd::new(output.as_fd(), Interest::WRITABLE)?];
        if iomux::wait(&mut fds, Timeout::Nowait)? == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = nix::unistd::write(&output, &bytes[..bytes.len().min(PIPE_ROOM)])?;
        bytes = &bytes[count..];
    }
    Ok(())
}

/// Opens a terminal or a pipe once more, non-blocking.
///
/// A terminal that is writable may have room for one byte only, and another program may fill a pipe between poll and write.
/// `O_NONBLOCK` of the output itself would be shared with the shell and outlive the program. Where this fails, as for a
/// pipe without Linux's /proc, poll has to do. A regular file never blocks, and opened again it would be
/// overwritten from its beginning.
fn open_again(output: BorrowedFd<'_>) -> io::Result<File> {
    let path = nix::unistd::ttyname(output)
        .unwrap_or_else(|_| format!("/proc/self/fd/{}", output.as_raw_fd()).into());
    let file_type = path.metadata()?.file_type();
    // All pty masters have the name `/dev/ptmx`, and opening it makes another pty.
    let is_master = path.ends_with("ptmx");
    if is_master || !(file_type.is_fifo() || file_type.is_char_device()) {
        return Err(ErrorKind::Unsupported.into());
    }
    File::options().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}
