//! The system calls of epoll(7), and all `unsafe` that they need.

use crate::event::{Event, Events};
use core::ffi::c_int;
use iomux::{SigSet, Timespec};
use iomux_sys::epoll::{
    __kernel_timespec, EPOLL_CLOEXEC, EPOLL_PWAIT2, epoll_create1, epoll_ctl, epoll_event, epoll_pwait,
    epoll_wait,
};
use iomux_sys::errno::ENOSYS;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// Whether this system may be asked for epoll_pwait2(2) at all.
pub(super) const HAS_PWAIT2: bool = EPOLL_PWAIT2.is_some();

#[cold]
fn errno() -> c_int {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}

#[inline]
#[allow(clippy::cast_sign_loss, reason = "not negative")]
fn answer(returned: c_int) -> Result<usize, c_int> {
    if returned < 0 { Err(errno()) } else { Ok(returned as usize) }
}

/// epoll_create1(2), close-on-exec.
pub(super) fn create() -> Result<OwnedFd, c_int> {
    // SAFETY: takes and returns numbers.
    let fd = unsafe { epoll_create1(EPOLL_CLOEXEC) };
    answer(fd)?;
    // SAFETY: the kernel has just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// epoll_ctl(2).
#[inline]
pub(super) fn ctl(
    epoll: BorrowedFd<'_>,
    operation: c_int,
    fd: RawFd,
    mut event: epoll_event,
) -> Result<(), c_int> {
    // SAFETY: the event is ours alone; a number that is no fd, or no epoll's, is an error.
    let returned = unsafe { epoll_ctl(epoll.as_raw_fd(), operation, fd, &raw mut event) };
    answer(returned).map(|_| ())
}

// The kernel writes one where the other is.
const _: () = assert!(size_of::<Event>() == size_of::<epoll_event>());

/// Where there is room for events, and for how many.
#[inline]
fn room(events: &mut Events) -> (*mut epoll_event, c_int) {
    let room = events.room();
    (room.as_mut_ptr().cast(), length(room.len()))
}

/// As many as the calls take: they refuse more.
#[inline]
const fn length(events: usize) -> c_int {
    const MOST: usize = c_int::MAX as usize / size_of::<epoll_event>();
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most `MOST`")]
    let length = (if events < MOST { events } else { MOST }) as c_int;
    length
}

/// Takes down how many events the kernel has written.
#[inline]
fn found(events: &mut Events, returned: c_int) -> Result<(), c_int> {
    events.filled(answer(returned)?);
    Ok(())
}

/// epoll_wait(2), after what is in `events`.
#[inline(always)]
pub(super) fn wait(epoll: BorrowedFd<'_>, events: &mut Events, ms: c_int) -> Result<(), c_int> {
    let (first, length) = room(events);
    // SAFETY: `room` is of that length, and ours alone.
    let returned = unsafe { epoll_wait(epoll.as_raw_fd(), first, length, ms) };
    found(events, returned)
}

/// epoll_pwait(2), after what is in `events`.
pub(super) fn pwait(
    epoll: BorrowedFd<'_>,
    events: &mut Events,
    ms: c_int,
    mask: &SigSet,
) -> Result<(), c_int> {
    let (first, length) = room(events);
    // SAFETY: as in `wait`, and the mask is a set.
    let returned = unsafe { epoll_pwait(epoll.as_raw_fd(), first, length, ms, mask.as_ptr().cast()) };
    found(events, returned)
}

/// epoll_pwait2(2), after what is in `events`: ENOSYS where it must not be called.
pub(super) fn pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut Events,
    time: Option<Timespec>,
    mask: Option<&SigSet>,
) -> Result<(), c_int> {
    let epoll_pwait2 = EPOLL_PWAIT2.ok_or(ENOSYS)?;
    let time = time.map(|Timespec { tv_sec, tv_nsec }| __kernel_timespec { tv_sec, tv_nsec });
    let time = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let mask = mask.map_or(core::ptr::null(), |mask| mask.as_ptr().cast());
    let (first, length) = room(events);
    // SAFETY: as in `wait`; time and mask are null or point to what they say.
    let returned = unsafe { epoll_pwait2(epoll.as_raw_fd(), first, length, time, mask) };
    found(events, returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_cut_to_the_most_that_the_kernel_takes() {
        const MOST: c_int = length(usize::MAX);
        assert_eq!([0, 1, 64, MOST as usize].map(length), [0, 1, 64, MOST]);
        assert_eq!([MOST as usize + 1, 1 << (usize::BITS - 1)].map(length), [MOST, MOST]);

        let epoll = create().unwrap();
        let refused = |length| {
            // SAFETY: nothing is registered, so nothing is written.
            let answer = unsafe { epoll_wait(epoll.as_raw_fd(), core::ptr::dangling_mut(), length, 0) };
            answer < 0
        };
        assert!(refused(0) && refused(MOST + 1), "what the kernel does not take");
        // An emulator looks for all of the memory first.
        assert!(std::env::var_os("IOMUX_EMULATED").is_some() || !refused(MOST));
    }
}
