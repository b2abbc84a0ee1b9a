//! The registration of an fd: the filters that the kernel has and should have, and the meaning of their events.

use super::sys::{Kevent, Kind};
use super::system::URGENT;
use crate::event::Token;
use crate::fd_table::index;
use crate::mode::Mode;
use iomux::{Interest, Readiness};
use iomux_sys::kqueue::{
    EV_ADD, EV_CLEAR, EV_DELETE, EV_DISPATCH, EVFILT_READ, EVFILT_WRITE, filter_t, flags_t,
};
use std::os::fd::RawFd;

/// The filters of an fd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filter {
    Read,
    Write,
    Urgent,
}

impl Filter {
    const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Urgent];

    fn bit(self) -> u8 {
        1 << self as u8
    }

    pub(super) fn of(event: &Kevent) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|filter| filter.number().is_some_and(|(number, _)| number == event.0.filter))
    }

    /// Returns the number of the filter and its `fflags`, or `None` if the platform does not have it.
    fn number(self) -> Option<(filter_t, u32)> {
        match self {
            Self::Read => Some((EVFILT_READ, 0)),
            Self::Write => Some((EVFILT_WRITE, 0)),
            Self::Urgent => URGENT,
        }
    }
}

/// The registration of an fd.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registration {
    pub(super) token: Token,
    /// The generation, which the kernel returns with each event. A stale registration of the fd number has another.
    generation: usize,
    /// The readiness to report.
    pub(super) pending: Readiness,
    /// A bit per filter that contributed to `pending`.
    reporting: u8,
    interest: Interest,
    mode: Mode,
    kind: Kind,
    state: State,
    /// `true` if the table has the fd in its list of changes.
    pub(super) is_listed: bool,
    filters: [InKernel; 3],
}

/// Which filters the kernel should have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The filters of interest and mode.
    Armed,
    /// The same, but edge-triggered filters are added again, so that the kernel checks them again.
    Renewed,
    /// The current filters until the pending readiness is reported, then `Renewed`. It avoids a loop within a wait.
    Held,
    /// No filters: the registration is one-shot and was reported, or the kernel rejected a filter.
    Disarmed,
}

/// The state of a filter in the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InKernel {
    Absent,
    Armed(Mode),
    /// Reported once, and then disabled by the kernel.
    Disabled,
}

impl Registration {
    pub(super) fn new(token: Token, interest: Interest, mode: Mode, kind: Kind, generation: usize) -> Self {
        let (pending, reporting, filters) = (Readiness::empty(), 0, [InKernel::Absent; 3]);
        let (state, is_listed) = (State::Armed, false);
        Self { token, generation, pending, reporting, interest, mode, kind, state, is_listed, filters }
    }

    pub(super) fn modify(&mut self, token: Token, interest: Interest, mode: Mode) {
        let (state, pending, reporting) = (State::Renewed, Readiness::empty(), 0);
        *self = Self { token, interest, mode, state, pending, reporting, ..*self };
    }

    /// Returns `true` if the interest contains the readiness of `filter`, not only end of file.
    fn is_interested(&self, filter: Filter) -> bool {
        self.interest.intersects(match filter {
            Filter::Read => Interest::READABLE,
            Filter::Write => Interest::WRITABLE,
            Filter::Urgent => Interest::PRIORITY,
        })
    }

    /// Returns the state that a filter should have in the kernel.
    ///
    /// For an interest without a direction, both filters wait for end of file. They are edge-triggered, so that data
    /// does not wake the process repeatedly.
    fn wanted(&self, filter: Filter) -> InKernel {
        let is_neither = !self.interest.intersects(Interest::READABLE | Interest::WRITABLE);
        let is_read_closed = self.interest.contains(Interest::READ_CLOSED);
        let is_socket = self.kind == Kind::Socket;
        match filter {
            _ if self.state == State::Disarmed => InKernel::Absent,
            // Only sockets have urgent data, and kernels reject the filter for other files. Apple's filter also fires
            // for other data and for end of file. It is edge-triggered, so that it does not fire repeatedly.
            Filter::Urgent if is_socket && self.is_interested(filter) => InKernel::Armed(Mode::Edge),
            Filter::Urgent => InKernel::Absent,
            _ if self.is_interested(filter) => InKernel::Armed(self.mode),
            Filter::Read if is_neither || is_read_closed => InKernel::Armed(Mode::Edge),
            // For a socket, the other filter reports a hangup as well.
            Filter::Write if is_neither && !(is_read_closed && is_socket) => InKernel::Armed(Mode::Edge),
            _ => InKernel::Absent,
        }
    }

    /// Returns `true` if there are changes to submit.
    pub(super) fn is_changed(&self) -> bool {
        self.state != State::Held && Filter::ALL.into_iter().any(|filter| self.is_filter_changed(filter))
    }

    fn is_filter_changed(&self, filter: Filter) -> bool {
        let is = self.filters[filter as usize];
        let is_by_edge = matches!(is, InKernel::Armed(Mode::Edge | Mode::EdgeOneShot));
        is != self.wanted(filter) || self.state == State::Renewed && is_by_edge
    }

    /// Appends the changes that give the kernel the wanted filters.
    ///
    /// Each changed filter needs one change. Another mode needs two, since adding an existing filter keeps its flags.
    pub(super) fn settle(&mut self, fd: RawFd, changes: &mut Vec<Kevent>) {
        for filter in Filter::ALL {
            let wanted = self.wanted(filter);
            if !self.is_filter_changed(filter) {
                continue;
            }
            if self.filters[filter as usize] != InKernel::Absent {
                changes.push(self.change(fd, filter, EV_DELETE));
            }
            if let InKernel::Armed(mode) = wanted {
                changes.push(self.change(fd, filter, EV_ADD | flags_of(mode)));
            }
            self.filters[filter as usize] = wanted;
        }
        if self.state == State::Renewed {
            self.state = State::Armed;
        }
    }

    /// Appends the changes that delete all filters from the kernel.
    pub(super) fn end(&mut self, fd: RawFd, changes: &mut Vec<Kevent>) {
        self.state = State::Disarmed;
        self.settle(fd, changes);
    }

    fn change(&self, fd: RawFd, filter: Filter, flags: flags_t) -> Kevent {
        let (number, fflags) = filter.number().unwrap_or((EVFILT_READ, 0));
        Kevent::change(index(fd), number, flags, fflags, 0, self.generation)
    }

    /// Returns `true` if an event belongs to this registration and to an armed filter.
    pub(super) fn is_of(&self, event: &Kevent, filter: Filter) -> bool {
        event.generation() == self.generation && matches!(self.filters[filter as usize], InKernel::Armed(_))
    }

    /// Returns `true` if a filter is level-triggered in the kernel.
    pub(super) fn is_level(&self, filter: Filter) -> bool {
        self.filters[filter as usize] == InKernel::Armed(Mode::Level)
    }

    /// Returns `true` if a filter contributed to the pending readiness.
    pub(super) fn is_reporting(&self, filter: Filter) -> bool {
        self.reporting & filter.bit() != 0
    }

    /// Takes an event of this registration. Returns the readiness that it adds.
    pub(super) fn take(&mut self, event: &Kevent, filter: Filter) -> Readiness {
        let readiness = self.meaning(event, filter);
        let is = &mut self.filters[filter as usize];
        match *is {
            InKernel::Armed(Mode::OneShot | Mode::EdgeOneShot) => *is = InKernel::Disabled,
            // The mode of the registration is level, so the next wait must check again.
            InKernel::Armed(Mode::Edge)
                if (self.mode, self.state) == (Mode::Level, State::Armed) && !readiness.is_empty() =>
            {
                self.state = State::Held;
            }
            _ => {}
        }
        self.add_pending(readiness);
        if !readiness.is_empty() {
            self.reporting |= filter.bit();
        }
        readiness
    }

    /// Returns the readiness that an event means.
    fn meaning(&self, event: &Kevent, filter: Filter) -> Readiness {
        let (is_read, is_end) = (filter == Filter::Read, event.is_end());
        if filter == Filter::Urgent {
            // At end of file `fflags` is an errno.
            let is_urgent = |(_, note)| !is_end && event.0.fflags & note != 0;
            return if URGENT.is_some_and(is_urgent) { Readiness::PRIORITY } else { Readiness::empty() };
        }
        let is_interested = self.is_interested(filter);
        let has_read_closed = self.interest.contains(Interest::READ_CLOSED);
        let parts = [
            (Readiness::READABLE, is_read && is_interested),
            (Readiness::WRITABLE, !is_read && is_interested),
            (Readiness::READ_CLOSED, is_end && is_read && has_read_closed),
            // End of file of a socket's input closes one direction. For other files it is a hangup.
            (Readiness::HANGUP, is_end && !(is_read && self.kind == Kind::Socket)),
            // The error of the socket.
            (Readiness::ERROR, is_end && event.0.fflags != 0),
        ];
        parts.into_iter().filter(|(_, is_there)| *is_there).map(|(readiness, _)| readiness).collect()
    }

    /// Returns `true` if the registration works without a filter.
    ///
    /// For an interest without a direction, the filter of the direction that the fd is open for reports end of file.
    pub(super) fn can_spare(&self, filter: Filter, is_write_only: bool) -> bool {
        !self.is_interested(filter)
            && match filter {
                Filter::Read => is_write_only,
                Filter::Write => !is_write_only,
                Filter::Urgent => false,
            }
    }

    /// Handles a change that the kernel rejected, and sets the readiness to report.
    pub(super) fn reject(&mut self, filter: Filter, is_peer_gone: bool) {
        self.filters[filter as usize] = InKernel::Absent;
        if !is_peer_gone {
            self.state = State::Disarmed;
            self.pending = Readiness::INVALID;
            return;
        }
        if self.mode == Mode::Edge {
            // An edge is reported once, so later waits must not submit the filter again.
            self.filters[filter as usize] = InKernel::Armed(Mode::Edge);
        } else if self.state != State::Disarmed {
            self.state = State::Held;
        }
        let writable = if self.is_interested(filter) { Readiness::WRITABLE } else { Readiness::empty() };
        self.add_pending(Readiness::HANGUP | writable);
    }

    fn add_pending(&mut self, readiness: Readiness) {
        self.pending |= readiness;
        if !readiness.is_empty() && matches!(self.mode, Mode::OneShot | Mode::EdgeOneShot) {
            self.state = State::Disarmed;
        }
    }

    /// Removes the pending readiness, and returns it to be reported.
    pub(super) fn take_pending(&mut self) -> Readiness {
        if self.state == State::Held {
            self.state = State::Renewed;
        }
        self.reporting = 0;
        std::mem::replace(&mut self.pending, Readiness::empty())
    }
}

/// Returns the flags with which a filter is added.
///
/// One-shot uses EV_DISPATCH. The BSDs report EV_ONESHOT without checking that the fd is still ready. To rearm a
/// filter, it is deleted and added. Adding checks the fd's state on every platform, but enabling does so only on some.
fn flags_of(mode: Mode) -> flags_t {
    match mode {
        Mode::Edge => EV_CLEAR,
        Mode::OneShot => EV_DISPATCH,
        Mode::EdgeOneShot => EV_CLEAR | EV_DISPATCH,
        _ => 0,
    }
}

// The table has one element per fd number up to the highest.
const _: () = assert!(size_of::<Option<Registration>>() <= 32);

#[cfg(test)]
mod tests;
