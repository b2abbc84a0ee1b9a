//! The fds that benchmarks use.

use crate::runner::Runner;
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// The fds that are left for other uses: the standard three, the multiplexers and their helpers.
const RESERVED: u64 = 64;

/// Returns `wanted`, or as many as the open-files limit allows at `each` fds per item. A note says so.
pub(crate) fn as_many(runner: &mut Runner, what: &str, wanted: usize, each: u64) -> usize {
    let limit = runner.report.machine.open_files;
    let room = usize::try_from(limit.saturating_sub(RESERVED) / each).unwrap_or(usize::MAX);
    if wanted > room {
        runner.note(format!("{what}: {room} instead of {wanted}, since the open-files limit is {limit}"));
    }
    wanted.min(room)
}

/// Creates eventfds with a count of 0. A nonzero count makes one ready.
pub(crate) fn eventfds(count: usize) -> io::Result<Vec<OwnedFd>> {
    (0..count)
        .map(|_| Ok(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?.into()))
        .collect()
}

/// Creates the same eventfds, as files.
pub(crate) fn files(fds: &[OwnedFd]) -> io::Result<Vec<File>> {
    fds.iter().map(|fd| fd.try_clone().map(File::from)).collect()
}

pub(crate) fn fill(mut eventfd: &File) -> io::Result<()> {
    eventfd.write_all(&1_u64.to_ne_bytes())
}

pub(crate) fn drain(mut eventfd: &File) -> io::Result<()> {
    eventfd.read_exact(&mut [0; 8])
}

/// Creates pipes. Returns the reading ends and the writing ends.
pub(crate) fn pipes(count: usize) -> io::Result<(Vec<OwnedFd>, Vec<io::PipeWriter>)> {
    let pipes = (0..count).map(|_| io::pipe().map(|(reader, writer)| (reader.into(), writer)));
    pipes.collect::<io::Result<Vec<_>>>().map(|pipes| pipes.into_iter().unzip())
}

/// Creates pairs of non-blocking sockets.
pub(crate) fn pairs(count: usize) -> io::Result<(Vec<UnixStream>, Vec<UnixStream>)> {
    let pair = || {
        let (one, other) = UnixStream::pair()?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        Ok((one, other))
    };
    let pairs = (0..count).map(|_| pair()).collect::<io::Result<Vec<_>>>();
    pairs.map(|pairs| pairs.into_iter().unzip())
}
