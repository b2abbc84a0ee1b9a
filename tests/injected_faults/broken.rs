//! Poll, with a fault.

use super::Fault;
use iomux_backend::{
    Capabilities, Error, Events, Interest, MaskTurns, Mode, Multiplexer, Poll, Readiness, SigSet, Timeout,
    Token, Waker, WakerSource,
};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::process;
use std::time::Duration;

#[derive(Clone, Copy)]
struct Registered {
    fd: RawFd,
    token: Token,
    interest: Interest,
    mode: Mode,
    is_modified: bool,
}

const BOTH: Readiness = Readiness::READABLE.union(Readiness::WRITABLE);

/// How late a wait ends that is late.
const LATE: Duration = Duration::from_millis(300);

/// Poll, with a fault.
pub(super) struct Broken<'fd> {
    poll: Poll<'fd>,
    fault: Fault,
    registered: Vec<Registered>,
    /// Of wakers that nobody waits for.
    unheard: Vec<WakerSource>,
    waker_token: Option<Token>,
    /// Whether a wake was found that is not reported yet.
    is_woken: bool,
    /// All tokens, the one whose last report is the oldest first.
    by_age: Vec<Token>,
    has_lost_one: bool,
    process: u32,
}

impl Broken<'_> {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            poll: Poll::new(),
            fault,
            registered: Vec::new(),
            unheard: Vec::new(),
            waker_token: None,
            is_woken: false,
            by_age: Vec::new(),
            has_lost_one: false,
            process: process::id(),
        }
    }

    fn remember(&mut self, fd: RawFd, token: Token, interest: Interest, mode: Mode) {
        let is_modified = self.registered.iter().any(|registered| registered.fd == fd);
        self.registered.retain(|registered| registered.fd != fd);
        self.registered.push(Registered { fd, token, interest, mode, is_modified });
    }

    fn of_token(&self, token: Token) -> Option<Registered> {
        self.registered.iter().copied().find(|registered| registered.token == token)
    }

    fn time(&self, timeout: Timeout) -> Timeout {
        match (self.fault, timeout) {
            (Fault::EndsAMillisecondEarly, Timeout::After(time)) => {
                time.saturating_sub(Duration::from_millis(1)).into()
            }
            (Fault::RoundsTimeDown, Timeout::After(time)) => {
                Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX)).into()
            }
            (Fault::EndsAnEndlessWaitAtOnce, Timeout::Infinite) => Timeout::Nowait,
            (Fault::ForgetsUntil, Timeout::Until(_)) => Timeout::Nowait,
            (Fault::IsLate, Timeout::Until(end)) => (end + LATE).into(),
            _ => timeout,
        }
    }

    fn wait_inside(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        if self.fault != Fault::IsEndedBySignals {
            return self.poll.wait(events, timeout);
        }
        let mask = SigSet::current().expect("a mask");
        match self.poll.wait_masked(events, timeout, &mask) {
            Err(Error::Interrupted) => Ok(0),
            answer => answer,
        }
    }

    /// Whether it takes what it is to wait for to be nothing, though it isn't.
    fn is_refused(&self, timeout: Timeout) -> bool {
        let without_sources = timeout == Timeout::Infinite && self.registered.is_empty();
        match self.fault {
            Fault::RefusesToWaitForASignal => without_sources,
            Fault::TakesAWakerForNothing => without_sources && self.waker_token.is_some(),
            _ => false,
        }
    }

    /// Whether those with the lowest tokens have every turn.
    fn starves(&self) -> bool {
        self.fault == Fault::StarvesWhatDoesNotFit
            || self.fault == Fault::ForgetsTurnsOnceOneHasLeft && self.has_lost_one
    }

    fn has_an_age_of_its_own(&self) -> bool {
        matches!(
            self.fault,
            Fault::ReportsNewcomersFirst | Fault::ForgetsAgesOnDeregister | Fault::ServesWakersLast
        )
    }

    /// Reports by age, except for the fault.
    fn wait_by_age(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let mut all = Events::with_capacity(1000);
        self.poll.wait(&mut all, timeout)?;
        let mut found = listed(&all);
        let is_waker = |token: Token| self.waker_token == Some(token);
        self.is_woken |= found.iter().any(|(token, _)| is_waker(*token));
        found.retain(|(token, _)| !is_waker(*token));
        found.extend(self.waker_token.filter(|_| self.is_woken).map(|token| (token, Readiness::READABLE)));
        found.sort_by_key(|(token, _)| {
            let is_last = self.fault == Fault::ServesWakersLast && is_waker(*token);
            (is_last, self.by_age.iter().position(|other| other == token))
        });
        replace(events, &found);
        for event in events.iter() {
            self.is_woken &= self.waker_token != Some(event.token());
            self.by_age.retain(|token| *token != event.token());
            self.by_age.push(event.token());
        }
        Ok(events.len())
    }

    fn masked_time(&self, timeout: Timeout) -> Timeout {
        match (self.fault, timeout) {
            (Fault::IgnoresUntilInAMaskedWait, Timeout::Until(_)) => Timeout::Nowait,
            (Fault::IsLateInAMaskedWait, Timeout::Until(end)) => (end + LATE).into(),
            (Fault::EndsAnEndlessMaskedWaitEarly, Timeout::Infinite) => Duration::from_millis(1).into(),
            _ => timeout,
        }
    }

    fn wait_masked_inside(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        mask: &SigSet,
    ) -> Result<usize, Error> {
        let timeout = self.masked_time(timeout);
        match self.fault {
            Fault::DropsTheMask => return self.poll.wait(events, Duration::from_millis(1).into()),
            Fault::ForgetsTheMaskOfNoTime if timeout == Timeout::Nowait => {
                return self.poll.wait(events, timeout);
            }
            Fault::LetsSourcesStarveSignals if self.poll.wait(events, Timeout::Nowait)? > 0 => {
                return Ok(events.len());
            }
            Fault::LetsSignalsStarveSources => {
                events.clear();
                // New turns owe no events, so they check for signals each time.
                MaskTurns::new().wait(mask, || Ok::<_, Error>(0))?;
            }
            Fault::RearmsInAMaskedWait => self.rearm(),
            Fault::StarvesInAMaskedWait => {
                let mut all = Events::with_capacity(1000);
                self.poll.wait_masked(&mut all, timeout, mask)?;
                let mut found = listed(&all);
                found.sort_by_key(|(token, _)| *token);
                replace(events, &found);
                return Ok(events.len());
            }
            _ => {}
        }
        self.poll.wait_masked(events, timeout, mask)
    }

    fn rearm(&mut self) {
        for Registered { fd, token, interest, mode, .. } in self.registered.clone() {
            let _ = self.poll.modify(by_number(fd), token, interest, mode);
        }
    }

    /// What is reported instead of what was found.
    fn distort(&mut self, found: &[(Token, Readiness)], earlier: &[(Token, Readiness)], events: &mut Events) {
        events.clear();
        let mut report = |token, readiness| {
            let _ = events.push(token, readiness);
        };
        for &(token, readiness) in found {
            let registered = self.of_token(token);
            let is_modified = registered.is_some_and(|it| it.is_modified);
            match self.fault {
                Fault::ReportsTwice => report(token, readiness),
                Fault::ReportsDirectionsApart if readiness.contains(BOTH) => {
                    report(token, readiness - Readiness::WRITABLE);
                    report(token, readiness - Readiness::READABLE);
                    continue;
                }
                Fault::HidesHangups | Fault::WakesUpForWhatNobodyAsks
                    if registered.is_some_and(|it| it.interest.is_empty()) =>
                {
                    continue;
                }
                Fault::HidesEndsOnceModified if is_modified && readiness.is_closed() => continue,
                Fault::SpinsForAClosedFd if is_modified && readiness.is_invalid() => continue,
                Fault::TakesASourceForItsWaker if self.waker_token == Some(token) && registered.is_some() => {
                    continue;
                }
                Fault::SaysAWakerIsWritable if self.waker_token == Some(token) => {
                    report(token, readiness | Readiness::WRITABLE);
                    continue;
                }
                _ => {}
            }
            report(token, readiness);
            if self.fault == Fault::StopsAtAHangup && readiness.is_closed() {
                break;
            }
        }
        if self.fault == Fault::AppendsToTheBuffer {
            earlier.iter().for_each(|&(token, readiness)| report(token, readiness));
        }
    }

    /// What it does to its registrations after a wait.
    fn meddle(&mut self, found: &[(Token, Readiness)]) {
        for &(token, readiness) in found {
            let Some(Registered { fd: number, interest, mode, .. }) = self.of_token(token) else { continue };
            let fd = by_number(number);
            if self.fault == Fault::ForgetsWhatItDisarms && mode == Mode::OneShot {
                let _ = self.poll.deregister(fd);
            }
            let is_looked_at =
                matches!(self.fault, Fault::ReportsAClosedFdForEver | Fault::SpinsForAClosedFd);
            if is_looked_at && readiness.is_invalid() {
                let _ = self.poll.modify(fd, token, interest, mode);
                self.remember(number, token, interest, mode);
            }
        }
    }
}

/// An fd of which only the number is looked at.
fn by_number(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: whether or not it is still open, it is given to no call of the kernel.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Reports these instead, as many as there is room for.
fn replace(events: &mut Events, found: &[(Token, Readiness)]) {
    events.clear();
    for &(token, readiness) in found {
        let _ = events.push(token, readiness);
    }
}

fn listed(events: &Events) -> Vec<(Token, Readiness)> {
    events.iter().map(|event| (event.token(), event.readiness())).collect()
}

impl<'fd> Multiplexer<'fd> for Broken<'fd> {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn capabilities(&self) -> Capabilities {
        self.poll.capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        if self.fault == Fault::RefusesWhatItSaysIsThere && interest.contains(Interest::PRIORITY) {
            return Err(Error::Unsupported { what: "an interest", backend: "broken" });
        }
        let asked = if self.fault == Fault::NeverDisarms { Mode::Level } else { mode };
        let heard = if self.fault == Fault::WakesUpForWhatNobodyAsks { Interest::READABLE } else { interest };
        let answer = self.poll.register(fd, token, heard, asked).map_err(named);
        if answer.is_ok() {
            self.remember(fd.as_raw_fd(), token, interest, mode);
            let index = if self.fault == Fault::ReportsNewcomersFirst { 0 } else { self.by_age.len() };
            self.by_age.insert(index, token);
        } else if self.fault == Fault::RegistersDespiteAnError {
            let _ = self.poll.register(fd, token, interest, Mode::Level);
        }
        answer
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let old = self.registered.iter().find(|registered| registered.fd == fd.as_raw_fd());
        let token = old.filter(|_| self.fault == Fault::KeepsTheOldToken).map_or(token, |old| old.token);
        let answer = self.poll.modify(fd, token, interest, mode).map_err(named);
        if answer.is_ok() {
            self.remember(fd.as_raw_fd(), token, interest, mode);
        } else if self.fault == Fault::ModifiesDespiteAnError {
            let _ = self.poll.modify(fd, token, interest, Mode::Level);
        }
        answer
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        match self.fault {
            Fault::ReportsAfterDeregister => return Ok(()),
            Fault::SwallowsWakesWhenItDeregisters => {
                self.poll.wait(&mut Events::with_capacity(1000), Timeout::Nowait)?;
            }
            _ => {}
        }
        self.has_lost_one = true;
        self.registered.retain(|registered| registered.fd != fd.as_raw_fd());
        self.by_age.retain(|token| {
            let is_registered = self.registered.iter().any(|registered| registered.token == *token);
            is_registered || self.waker_token == Some(*token)
        });
        if self.fault == Fault::ForgetsAgesOnDeregister {
            self.by_age.sort();
        }
        self.poll.deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let (earlier, timeout) = (listed(events), self.time(timeout));
        if self.is_refused(timeout) {
            return Err(Error::NothingToWaitFor);
        }
        if self.has_an_age_of_its_own() {
            return self.wait_by_age(events, timeout);
        }
        if self.starves() {
            let mut all = Events::with_capacity(1000);
            self.wait_inside(&mut all, timeout)?;
            let mut found = listed(&all);
            found.sort_by_key(|(token, _)| *token);
            self.distort(&found, &earlier, events);
            return Ok(events.len());
        }
        match self.wait_inside(events, timeout) {
            Err(Error::NothingToWaitFor) if self.fault == Fault::EndsAWaitForNothingAtOnce => return Ok(0),
            answer => answer?,
        };
        let found = listed(events);
        if self.fault == Fault::RepeatsInNoTime && timeout == Timeout::Nowait && found.is_empty() {
            replace(events, &earlier);
        } else if self.fault == Fault::IsSilentInAChild && process::id() != self.process {
            events.clear();
        } else if self.fault == Fault::ReportsAnotherThingInAChild && process::id() != self.process {
            replace(
                events,
                &found.iter().map(|(token, _)| (*token, Readiness::WRITABLE)).collect::<Vec<_>>(),
            );
        } else if self.fault != Fault::None {
            self.distort(&found, &earlier, events);
            self.meddle(&found);
        }
        Ok(events.len())
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        if self.fault == Fault::TakesNoRoomForNoEvent && events.capacity() == 0 {
            return Ok(0);
        }
        if self.is_refused(timeout) {
            return Err(Error::NothingToWaitFor);
        }
        let earlier = listed(events);
        let answer = self.wait_masked_inside(events, timeout, mask);
        match self.fault {
            Fault::LeavesOldEventsOnAnError if answer.is_err() => replace(events, &earlier),
            Fault::StopsAtAHangupInAMaskedWait => {
                let mut found = listed(events);
                let hangup = found.iter().position(|(_, readiness)| readiness.is_closed());
                found.truncate(hangup.map_or(found.len(), |index| index + 1));
                replace(events, &found);
            }
            Fault::SwallowsWakesInAMaskedWait => {
                let mut found = listed(events);
                found.retain(|(token, _)| self.waker_token != Some(*token));
                replace(events, &found);
            }
            _ => {}
        }
        answer.map(|_| events.len())
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.waker_token = Some(token);
        self.by_age.push(token);
        if self.fault == Fault::LosesWakes {
            let source = WakerSource::new()?;
            let waker = source.waker();
            self.unheard.push(source);
            return Ok(waker);
        }
        self.poll.waker(token)
    }
}

/// Errors name the backend.
fn named(error: Error) -> Error {
    match error {
        Error::UnsupportedMode { mode, .. } => Error::UnsupportedMode { mode, backend: "broken" },
        other => other,
    }
}
