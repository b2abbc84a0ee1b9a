//! Output that never blocks: a full pipe or a terminal under Ctrl-S must not stop the program.

use iomux::{Interest, PollFd, Timeout};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};

/// The number of bytes that a write to a writable pipe takes without blocking: the smallest `PIPE_BUF` that POSIX
/// allows. On Linux it is 4096.
pub(crate) const PIPE_ROOM: usize = 512;

/// Returns another file for an output. While it is writable, up to [`PIPE_ROOM`] bytes don't block.
pub(crate) fn reopen(output: impl AsFd) -> io::Result<File> {
    open_again(output.as_fd()).or_else(|_| output.as_fd().try_clone_to_owned().map(File::from))
}

/// Writes without blocking. Returns `WouldBlock` if bytes are left, and drops them.
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

/// Opens a terminal or a pipe again, as non-blocking.
///
/// A writable terminal may have room for one byte only, and another program may fill a pipe between poll(2) and write(2).
/// The shell shares `O_NONBLOCK` of the output itself, which would outlive the program. If the open fails, as for a pipe
/// without /proc, the program relies on poll(2). A regular file is not opened again: it never blocks, and the program
/// would overwrite it from its start.
fn open_again(output: BorrowedFd<'_>) -> io::Result<File> {
    let path = nix::unistd::ttyname(output)
        .unwrap_or_else(|_| format!("/proc/self/fd/{}", output.as_raw_fd()).into());
    let file_type = path.metadata()?.file_type();
    // All pty masters have the name `/dev/ptmx`. Opening it creates another pty.
    let is_master = path.ends_with("ptmx");
    if is_master || !(file_type.is_fifo() || file_type.is_char_device()) {
        return Err(ErrorKind::Unsupported.into());
    }
    File::options().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}
