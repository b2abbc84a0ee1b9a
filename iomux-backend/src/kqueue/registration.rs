//! A registered fd: which filters the kernel has, which it should have, and what their events mean.

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

    pub(super) fn of(event: &Kevent) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|filter| filter.number().is_some_and(|(number, _)| number == event.0.filter))
    }

    /// Returns its number, and the `fflags` that it is added with; `None` where the system does not have it.
    fn number(self) -> Option<(filter_t, u32)> {
        match self {
            Self::Read => Some((EVFILT_READ, 0)),
            Self::Write => Some((EVFILT_WRITE, 0)),
            Self::Urgent => URGENT,
        }
    }
}

/// What an fd is registered with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registration {
    pub(super) token: Token,
    /// The number of this registration, which comes back with its events. An earlier owner of the fd number had another.
    generation: usize,
    /// What the next report returns to the caller.
    pub(super) pending: Readiness,
    interest: Interest,
    mode: Mode,
    kind: Kind,
    state: State,
    /// The table has it in its list of changes.
    pub(super) is_listed: bool,
    filters: [InKernel; 3],
}

/// Which filters the kernel should have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Those of interest and mode.
    Armed,
    /// The same, and those with edges are added again, so that the kernel checks them whatever it has reported.
    Renewed,
    /// Those that it has, until what is pending is reported: then `Renewed`. So one wait does not ask again and again.
    Held,
    /// None: one-shot and reported, or refused by the kernel.
    Disarmed,
}

/// How the kernel has a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InKernel {
    Absent,
    Armed(Mode),
    /// Once, and it has been reported.
    Disabled,
}

impl Registration {
    pub(super) fn new(token: Token, interest: Interest, mode: Mode, kind: Kind, generation: usize) -> Self {
        let (pending, filters) = (Readiness::empty(), [InKernel::Absent; 3]);
        let (state, is_listed) = (State::Armed, false);
        Self { token, generation, pending, interest, mode, kind, state, is_listed, filters }
    }

    pub(super) fn modify(&mut self, token: Token, interest: Interest, mode: Mode) {
        let (state, pending) = (State::Renewed, Readiness::empty());
        *self = Self { token, interest, mode, state, pending, ..*self };
    }

    /// Returns `true` if the interest has what `filter` waits for, beyond end of file.
    fn is_interested(&self, filter: Filter) -> bool {
        self.interest.intersects(match filter {
            Filter::Read => Interest::READABLE,
            Filter::Write => Interest::WRITABLE,
            Filter::Urgent => Interest::PRIORITY,
        })
    }

    /// Returns how the kernel should have a filter.
    ///
    /// With interest in neither direction both filters wait for end of file. They are edge-triggered, so that data
    /// does not wake the process up again and again.
    fn wanted(&self, filter: Filter) -> InKernel {
        let is_neither = !self.interest.intersects(Interest::READABLE | Interest::WRITABLE);
        let is_read_closed = self.interest.contains(Interest::READ_CLOSED);
        let is_socket = self.kind == Kind::Socket;
        match filter {
            _ if self.state == State::Disarmed => InKernel::Absent,
            // Nothing but a socket has urgent data, and systems refuse the filter elsewhere. Apple's fires for other
            // data and for end of file, too: by the edge, since it would for as long as that lasts.
            Filter::Urgent if is_socket && self.is_interested(filter) => InKernel::Armed(Mode::Edge),
            Filter::Urgent => InKernel::Absent,
            _ if self.is_interested(filter) => InKernel::Armed(self.mode),
            Filter::Read if is_neither || is_read_closed => InKernel::Armed(Mode::Edge),
            // Of a socket the other filter reports a hangup as well.
            Filter::Write if is_neither && !(is_read_closed && is_socket) => InKernel::Armed(Mode::Edge),
            _ => InKernel::Absent,
        }
    }

    /// Returns `true` if the kernel's filters should change now.
    pub(super) fn is_changed(&self) -> bool {
        self.state != State::Held && Filter::ALL.into_iter().any(|filter| self.is_filter_changed(filter))
    }

    fn is_filter_changed(&self, filter: Filter) -> bool {
        let is = self.filters[filter as usize];
        let is_by_edge = matches!(is, InKernel::Armed(Mode::Edge | Mode::EdgeOneShot));
        is != self.wanted(filter) || self.state == State::Renewed && is_by_edge
    }

    /// Appends to `changes` what turns the filters that the kernel has into those that it should have: a change each,
    /// two where the mode is another, since adding again what is there does not change its flags.
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

    /// Appends to `changes` what takes all filters from the kernel.
    pub(super) fn end(&mut self, fd: RawFd, changes: &mut Vec<Kevent>) {
        self.state = State::Disarmed;
        self.settle(fd, changes);
    }

    fn change(&self, fd: RawFd, filter: Filter, flags: flags_t) -> Kevent {
        let (number, fflags) = filter.number().unwrap_or((EVFILT_READ, 0));
        Kevent::change(index(fd), number, flags, fflags, 0, self.generation)
    }

    /// Returns `true` if an event is of this registration, and of a filter that the kernel has armed.
    pub(super) fn is_of(&self, event: &Kevent, filter: Filter) -> bool {
        event.generation() == self.generation && matches!(self.filters[filter as usize], InKernel::Armed(_))
    }

    /// Returns `true` if the kernel has a filter level-triggered.
    pub(super) fn is_level(&self, filter: Filter) -> bool {
        self.filters[filter as usize] == InKernel::Armed(Mode::Level)
    }

    /// Takes an event of its own. Returns the readiness that it adds.
    pub(super) fn take(&mut self, event: &Kevent, filter: Filter) -> Readiness {
        let readiness = self.meaning(event, filter);
        let is = &mut self.filters[filter as usize];
        match *is {
            InKernel::Armed(Mode::OneShot | Mode::EdgeOneShot) => *is = InKernel::Disabled,
            // The caller does not know that it is an edge: the next wait checks again.
            InKernel::Armed(Mode::Edge)
                if (self.mode, self.state) == (Mode::Level, State::Armed) && !readiness.is_empty() =>
            {
                self.state = State::Held;
            }
            _ => {}
        }
        self.add_pending(readiness);
        readiness
    }

    /// Returns the readiness that an event stands for.
    fn meaning(&self, event: &Kevent, filter: Filter) -> Readiness {
        let (is_read, is_end) = (filter == Filter::Read, event.is_end());
        if filter == Filter::Urgent {
            // At end of file `fflags` is an errno.
            let is_urgent = |(_, note)| !is_end && event.0.fflags & note != 0;
            return if URGENT.is_some_and(is_urgent) { Readiness::PRIORITY } else { Readiness::empty() };
        }
        let is_interested = self.is_interested(filter);
        let wants_end = self.interest.contains(Interest::READ_CLOSED);
        let parts = [
            (Readiness::READABLE, is_read && is_interested),
            (Readiness::WRITABLE, !is_read && is_interested),
            (Readiness::READ_CLOSED, is_end && is_read && wants_end),
            // End of file of a socket's input is one half of a hangup; of anything else it is all.
            (Readiness::HANGUP, is_end && !(is_read && self.kind == Kind::Socket)),
            // The error of the socket.
            (Readiness::ERROR, is_end && event.0.fflags != 0),
        ];
        parts.into_iter().filter(|(_, is_there)| *is_there).map(|(readiness, _)| readiness).collect()
    }

    /// Returns `true` if the fd does without a filter: with interest in neither direction, the filter of the direction
    /// that it is open for reports end of file.
    pub(super) fn can_spare(&self, filter: Filter, is_write_only: bool) -> bool {
        !self.is_interested(filter)
            && match filter {
                Filter::Read => is_write_only,
                Filter::Write => !is_write_only,
                Filter::Urgent => false,
            }
    }

    /// Takes the kernel's refusal of a change, with what is reported then.
    pub(super) fn refuse(&mut self, filter: Filter, is_peer_gone: bool) {
        self.filters[filter as usize] = InKernel::Absent;
        if !is_peer_gone {
            self.state = State::Disarmed;
            self.pending = Readiness::INVALID;
            return;
        }
        if self.mode == Mode::Edge {
            // An edge is reported once, so no later wait tries again.
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

    /// Takes the pending readiness to report it.
    pub(super) fn take_pending(&mut self) -> Readiness {
        if self.state == State::Held {
            self.state = State::Renewed;
        }
        std::mem::replace(&mut self.pending, Readiness::empty())
    }
}

/// The flags that a filter is added with.
///
/// EV_DISPATCH rather than EV_ONESHOT, which the BSDs report without a check that it is still so. To rearm it, it is
/// added again: that checks the fd's state on every system; on whether enabling does, they disagree.
fn flags_of(mode: Mode) -> flags_t {
    match mode {
        Mode::Edge => EV_CLEAR,
        Mode::OneShot => EV_DISPATCH,
        Mode::EdgeOneShot => EV_CLEAR | EV_DISPATCH,
        _ => 0,
    }
}

// One per fd number below the highest.
const _: () = assert!(size_of::<Option<Registration>>() <= 32);

#[cfg(test)]
mod tests;
