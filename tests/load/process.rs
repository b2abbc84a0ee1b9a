//! The state of a running program, from Linux's /proc.

use crate::program::DEADLINE;
use std::fs;
use std::time::{Duration, Instant};

/// A running program, by process id.
#[derive(Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

impl Process {
    /// Returns its fd numbers.
    fn numbers(self) -> Option<impl Iterator<Item = usize>> {
        let names = fs::read_dir(format!("/proc/{}/fd", self.0)).ok()?.filter_map(Result::ok);
        Some(names.filter_map(|name| name.file_name().to_str()?.parse().ok()))
    }

    pub(crate) fn fds(self) -> Option<usize> {
        self.numbers().map(Iterator::count)
    }

    /// Returns the number of fds that it can have under this limit. Inherited fds may be above the limit.
    pub(crate) fn most_fds(self, limit: usize) -> Option<usize> {
        Some(limit + self.numbers()?.filter(|number| *number >= limit).count())
    }

    /// Returns a value of its `status` in KiB, such as `VmRSS`.
    pub(crate) fn kib(self, field: &str) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
        line.trim().strip_suffix(" kB")?.parse().ok()
    }

    /// Returns its CPU time, `utime` and `stime`, in hundredths of a second.
    pub(crate) fn ticks(self) -> Option<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).ok()?;
        let after_its_name = stat.rsplit_once(") ")?.1;
        let times = after_its_name.split(' ').skip(11).take(2);
        times.map(|time| time.parse::<u64>().ok()).sum()
    }

    /// Waits until it has so many fds, since it closes a connection a little later than its peer.
    #[track_caller]
    pub(crate) fn comes_to_fds(self, wanted: usize) {
        let begin = Instant::now();
        while self.fds() != Some(wanted) {
            assert!(begin.elapsed() < DEADLINE, "{:?} fds where {wanted} were expected", self.fds());
            iomux::wait(&mut [], Duration::from_millis(1)).unwrap();
        }
    }
}
