//! A registered fd: which of its filters the kernel has, which it is to have, and what their events mean.

use super::sys::{Kevent, Kind};
use super::system::URGENT;
use crate::event::Token;
use crate::multiplexer::Mode;
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
            .find(|filter| filter.number().is_some_and(|(number, _)| number == event.filter()))
    }

    /// Its number, and the `fflags` that it is added with; `None` where the system does not have it.
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
    /// No other registration has had it: events of an earlier owner of the number have another.
    generation: usize,
    /// What is to be reported to the caller, and comes with the next `report`.
    reported: Readiness,
    interest: Interest,
    mode: Mode,
    kind: Kind,
    /// One-shot, and reported: no filter is wanted.
    is_disarmed: bool,
    /// What the kernel has told of an edge is to be looked for anew, whatever has been reported.
    is_renewed: bool,
    /// A filter was refused that is to be tried again, once this is reported: not again and again in one wait.
    is_put_off: bool,
    /// It is in the list of those whose filters in the kernel are not the ones that are wanted.
    pub(super) is_listed: bool,
    filters: [State; 3],
}

/// How the kernel has a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InKernel {
    Absent,
    Armed(Mode),
    /// Once, and it has been reported.
    Disabled,
}

/// Where a filter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    is: InKernel,
    /// The end, which alone is wanted of it, has come.
    is_over: bool,
}

const ABSENT: State = State { is: InKernel::Absent, is_over: false };

const EITHER: Interest = Interest::READABLE.union(Interest::WRITABLE);

impl Registration {
    pub(super) fn new(token: Token, interest: Interest, mode: Mode, kind: Kind, generation: usize) -> Self {
        Self {
            token,
            generation,
            reported: Readiness::empty(),
            interest,
            mode,
            kind,
            is_disarmed: false,
            is_renewed: false,
            is_put_off: false,
            is_listed: false,
            filters: [ABSENT; 3],
        }
    }

    pub(super) fn modify(&mut self, token: Token, interest: Interest, mode: Mode) {
        self.token = token;
        self.interest = interest;
        self.mode = mode;
        self.is_disarmed = false;
        self.is_put_off = false;
        self.is_renewed = true;
        self.reported = Readiness::empty();
        for filter in &mut self.filters {
            filter.is_over = false;
        }
    }

    /// Whether what `filter` waits for is asked, and not just its end.
    fn asks(&self, filter: Filter) -> bool {
        self.interest.intersects(match filter {
            Filter::Read => Interest::READABLE,
            Filter::Write => Interest::WRITABLE,
            Filter::Urgent => Interest::PRIORITY,
        })
    }

    /// The mode in which the kernel is to have a filter, if it is.
    ///
    /// Where neither direction is asked, both filters listen for the end. So that data does not wake them
    /// up again and again they are edge-triggered until there is an end to be reported for as long as it lasts.
    fn wants(&self, filter: Filter) -> Option<Mode> {
        if self.is_disarmed {
            return None;
        }
        if self.asks(filter) {
            return match filter {
                Filter::Read | Filter::Write => Some(self.mode),
                // Nothing but a socket has urgent data, and systems refuse to look for it elsewhere. Apple's filter
                // fires for other data and for the end, too: by the edge, since it would for as long as that lasts.
                Filter::Urgent => (self.kind == Kind::Socket).then_some(Mode::Edge),
            };
        }
        let (is_neither, is_read_closed) =
            (!self.interest.intersects(EITHER), self.interest.contains(Interest::READ_CLOSED));
        let listens = match filter {
            Filter::Read => is_neither || is_read_closed,
            // Of a socket the other filter hears of a hangup as well.
            Filter::Write => is_neither && !(is_read_closed && self.kind == Kind::Socket),
            Filter::Urgent => false,
        };
        let lasts = self.mode == Mode::Level && self.filters[filter as usize].is_over;
        listens.then_some(if lasts { Mode::Level } else { Mode::Edge })
    }

    fn wanted(&self, filter: Filter) -> InKernel {
        self.wants(filter).map_or(InKernel::Absent, InKernel::Armed)
    }

    pub(super) fn is_waker(&self) -> bool {
        self.kind == Kind::Waker
    }

    /// Whether the kernel is to be told something.
    pub(super) fn is_changed(&self) -> bool {
        !self.is_put_off && Filter::ALL.into_iter().any(|filter| self.is_filter_changed(filter))
    }

    fn is_filter_changed(&self, filter: Filter) -> bool {
        let State { is, .. } = self.filters[filter as usize];
        let is_by_edge = matches!(is, InKernel::Armed(Mode::Edge | Mode::EdgeOneShot));
        is != self.wanted(filter) || self.is_renewed && is_by_edge
    }

    /// Tells `tell` what turns the filters that the kernel has into those that it is to have: a change each,
    /// two where the mode is another, since adding again what is there does not change its flags.
    pub(super) fn settle(&mut self, fd: RawFd, mut tell: impl FnMut(Kevent)) {
        for filter in Filter::ALL {
            if !self.is_filter_changed(filter) {
                continue;
            }
            if self.filters[filter as usize].is != InKernel::Absent {
                tell(self.change(fd, filter, EV_DELETE));
            }
            if let Some(mode) = self.wants(filter) {
                tell(self.change(fd, filter, EV_ADD | flags_of(mode)));
            }
            self.filters[filter as usize].is = self.wanted(filter);
        }
        self.is_renewed = false;
    }

    /// Tells `tell` what takes all filters from the kernel.
    pub(super) fn end(&mut self, fd: RawFd, tell: impl FnMut(Kevent)) {
        self.is_disarmed = true;
        self.settle(fd, tell);
    }

    fn change(&self, fd: RawFd, filter: Filter, flags: flags_t) -> Kevent {
        let (number, fflags) = filter.number().unwrap_or((EVFILT_READ, 0));
        #[allow(clippy::cast_sign_loss, reason = "a negative number is not registered")]
        Kevent::change(fd as usize, number, flags, fflags, 0, self.generation)
    }

    /// Whether an event is this registration's, of a filter that the kernel has for it and that is armed.
    pub(super) fn is_of(&self, event: &Kevent, filter: Filter) -> bool {
        event.generation() == self.generation
            && matches!(self.filters[filter as usize].is, InKernel::Armed(_))
    }

    /// Whether the kernel has a filter level-triggered.
    pub(super) fn is_level(&self, filter: Filter) -> bool {
        self.filters[filter as usize].is == InKernel::Armed(Mode::Level)
    }

    /// Takes an event of its own. Returns what is to be reported of it.
    pub(super) fn take(&mut self, event: &Kevent, filter: Filter) -> Readiness {
        let readiness = self.meaning(event, filter);
        let state = &mut self.filters[filter as usize];
        if matches!(state.is, InKernel::Armed(Mode::OneShot | Mode::EdgeOneShot)) {
            state.is = InKernel::Disabled;
        }
        state.is_over = !readiness.is_empty();
        if filter == Filter::Urgent && self.mode == Mode::Level && !readiness.is_empty() {
            // By the edge, as the caller does not know: the next wait asks anew.
            self.is_renewed = true;
            self.is_put_off = true;
        }
        self.report(readiness);
        readiness
    }

    fn meaning(&self, event: &Kevent, filter: Filter) -> Readiness {
        let mut readiness = match filter {
            // At the end `fflags` is an errno.
            Filter::Urgent if !event.is_end() && says_urgent(event) => return Readiness::PRIORITY,
            Filter::Urgent => return Readiness::empty(),
            Filter::Read if self.asks(filter) => Readiness::READABLE,
            Filter::Write if self.asks(filter) => Readiness::WRITABLE,
            _ => Readiness::empty(),
        };
        if !event.is_end() {
            return readiness;
        }
        if filter == Filter::Read && self.interest.contains(Interest::READ_CLOSED) {
            readiness |= Readiness::READ_CLOSED;
        }
        // The end of what a socket reads is one half of a hangup; of anything else it is all.
        if filter == Filter::Write || self.kind != Kind::Socket {
            readiness |= Readiness::HANGUP;
        }
        if event.fflags() != 0 {
            // The error of the socket.
            readiness |= Readiness::ERROR;
        }
        readiness
    }

    /// Whether the fd does without a filter: where nothing is asked, the one of what it is open for hears of the end.
    pub(super) fn can_spare(&self, filter: Filter, is_write_only: bool) -> bool {
        !self.asks(filter)
            && match filter {
                Filter::Read => is_write_only,
                Filter::Write => !is_write_only,
                Filter::Urgent => false,
            }
    }

    /// Takes the kernel's refusal of a change, with what is to be reported then.
    pub(super) fn refuse(&mut self, filter: Filter, is_peer_gone: bool) {
        // An edge is reported once, so it is not tried again with each wait.
        let is_edge = is_peer_gone && self.mode == Mode::Edge;
        self.filters[filter as usize].is =
            if is_edge { InKernel::Armed(Mode::Edge) } else { InKernel::Absent };
        if is_peer_gone {
            self.is_put_off = true;
            let asked = if self.asks(filter) { Readiness::WRITABLE } else { Readiness::empty() };
            self.report(Readiness::HANGUP | asked);
        } else {
            self.is_disarmed = true;
            self.reported = Readiness::INVALID;
        }
    }

    fn report(&mut self, readiness: Readiness) {
        self.reported |= readiness;
        if !readiness.is_empty() && matches!(self.mode, Mode::OneShot | Mode::EdgeOneShot) {
            self.is_disarmed = true;
        }
    }

    /// What is to be reported to the caller.
    pub(super) fn reported(&self) -> Readiness {
        self.reported
    }

    /// The same, which is then no longer to be reported.
    pub(super) fn take_reported(&mut self) -> Readiness {
        self.is_put_off = false;
        std::mem::replace(&mut self.reported, Readiness::empty())
    }
}

/// Whether an event of [`Filter::Urgent`] is of urgent data.
fn says_urgent(event: &Kevent) -> bool {
    URGENT.is_some_and(|(_, out_of_band)| event.fflags() & out_of_band != 0)
}

/// The flags that a filter is added with.
///
/// EV_DISPATCH rather than EV_ONESHOT, which the BSDs report without looking whether it is still so. To arm it again
/// it is added anew: that looks at the fd's state on every system; whether enabling does, they disagree on.
fn flags_of(mode: Mode) -> flags_t {
    match mode {
        Mode::Edge => EV_CLEAR,
        Mode::OneShot => EV_DISPATCH,
        Mode::EdgeOneShot => EV_CLEAR | EV_DISPATCH,
        _ => 0,
    }
}

// One for each fd number below the highest.
const _: () = assert!(size_of::<Option<Registration>>() <= 32);

#[cfg(test)]
mod tests;
