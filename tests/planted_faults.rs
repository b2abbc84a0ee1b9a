//! The conformance suite finds faults: broken backends, each caught by the property that is meant for it.

use iomux_backend::conformance::{Backend, run};
use iomux_backend::{
    Capabilities, Error, Events, Interest, Mode, Multiplexer, Poll, Readiness, SigSet, Timeout, Token, Waker,
    WakerSource,
};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    ReportsAfterDeregister,
    LosesWakes,
    EndsAMillisecondEarly,
    RoundsTimeDown,
    StarvesWhatDoesNotFit,
    ReportsTwice,
    NeverDisarms,
    ForgetsWhatItDisarms,
    AppendsToTheBuffer,
    KeepsTheOldToken,
    IsEndedBySignals,
    HidesHangups,
    ReportsAClosedFdForEver,
    RegistersDespiteAnError,
    TakesASourceForItsWaker,
    EndsAnEndlessWaitAtOnce,
    DropsTheMask,
    RearmsInAMaskedWait,
    LeavesOldEventsOnAnError,
    TakesNoRoomForNoEvent,
    StarvesInAMaskedWait,
    IgnoresUntilInAMaskedWait,
    ForgetsTheMaskOfNoTime,
    SwallowsWakesInAMaskedWait,
    EndsAnEndlessMaskedWaitEarly,
    LetsSignalsStarveSources,
    LetsSourcesStarveSignals,
    RefusesToWaitForASignal,
    EndsAWaitForNothingAtOnce,
    TakesAWakerForNothing,
    SaysAWakerIsWritable,
    IsLate,
    IsLateInAMaskedWait,
    SwallowsWakesWhenItDeregisters,
}

const FAULTS: [(Fault, &str); 34] = [
    (Fault::ReportsAfterDeregister, "nothing_is_reported_after_deregister"),
    (Fault::LosesWakes, "a_wake_before_the_wait_ends_it"),
    (Fault::EndsAMillisecondEarly, "no_wait_ends_early"),
    (Fault::RoundsTimeDown, "no_wait_ends_early"),
    (Fault::StarvesWhatDoesNotFit, "with_room_for_one_each_has_its_turn"),
    (Fault::ReportsTwice, "at_most_one_event_a_registration_and_wait"),
    (Fault::NeverDisarms, "one_shot_reports_once"),
    (Fault::ForgetsWhatItDisarms, "one_shot_that_has_reported_is_still_registered"),
    (Fault::AppendsToTheBuffer, "a_wait_overwrites_what_was_in_the_buffer"),
    (Fault::KeepsTheOldToken, "modify_changes_the_token"),
    (Fault::IsEndedBySignals, "signals_neither_end_nor_stretch_nor_cut_a_wait"),
    (Fault::HidesHangups, "a_hangup_is_reported_though_nothing_is_asked"),
    (Fault::ReportsAClosedFdForEver, "a_closed_fd_is_reported_at_most_once"),
    (Fault::RegistersDespiteAnError, "a_mode_that_is_not_there_is_an_error_and_registers_nothing"),
    (Fault::TakesASourceForItsWaker, "a_source_with_the_wakers_token_does_no_harm"),
    (Fault::EndsAnEndlessWaitAtOnce, "an_endless_wait_ends_when_something_is_ready"),
    (Fault::DropsTheMask, "a_masked_wait_ends_when_a_handler_runs"),
    (Fault::RearmsInAMaskedWait, "a_masked_wait_reports_a_one_shot_once"),
    (Fault::LeavesOldEventsOnAnError, "an_interrupted_masked_wait_empties_the_buffer"),
    (Fault::TakesNoRoomForNoEvent, "a_masked_wait_without_room_is_an_error"),
    (Fault::StarvesInAMaskedWait, "in_masked_waits_with_little_room_each_has_its_turn"),
    (Fault::IgnoresUntilInAMaskedWait, "a_masked_wait_until_a_time_ends_then"),
    (Fault::ForgetsTheMaskOfNoTime, "a_masked_wait_of_no_time_lets_a_signal_through"),
    (Fault::SwallowsWakesInAMaskedWait, "a_masked_wait_hears_a_wake_once"),
    (Fault::EndsAnEndlessMaskedWaitEarly, "an_endless_masked_wait_ends_when_something_is_ready"),
    (Fault::LetsSignalsStarveSources, "in_masked_waits_signals_and_sources_starve_neither"),
    (Fault::LetsSourcesStarveSignals, "in_masked_waits_signals_and_sources_starve_neither"),
    (Fault::RefusesToWaitForASignal, "an_endless_masked_wait_for_nothing_is_ended_by_a_signal"),
    (Fault::EndsAWaitForNothingAtOnce, "a_wait_that_could_never_end_is_an_error_or_is_ended_by_a_wake"),
    (Fault::TakesAWakerForNothing, "a_wait_that_could_never_end_is_an_error_or_is_ended_by_a_wake"),
    (Fault::SaysAWakerIsWritable, "a_wake_before_the_wait_ends_it"),
    (Fault::IsLate, "a_wait_until_a_time_is_not_late"),
    (Fault::IsLateInAMaskedWait, "a_masked_wait_until_a_time_ends_then"),
    (Fault::SwallowsWakesWhenItDeregisters, "a_wake_outlasts_what_is_done_to_sources"),
];

#[derive(Clone, Copy)]
struct Registered {
    fd: RawFd,
    token: Token,
    interest: Interest,
    mode: Mode,
}

/// How late a wait ends that is late.
const LATE: Duration = Duration::from_millis(300);

/// Poll, with a fault.
struct Broken<'fd> {
    poll: Poll<'fd>,
    fault: Fault,
    registered: Vec<Registered>,
    /// Of wakers that nobody waits for.
    unheard: Vec<WakerSource>,
    waker_token: Option<Token>,
}

impl Broken<'_> {
    fn remember(&mut self, fd: RawFd, token: Token, interest: Interest, mode: Mode) {
        self.registered.retain(|registered| registered.fd != fd);
        self.registered.push(Registered { fd, token, interest, mode });
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
                iomux::ppoll(&mut [], Timeout::Nowait, Some(mask)).map_err(|_| Error::Interrupted)?;
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
        for Registered { fd, token, interest, mode } in self.registered.clone() {
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
            match self.fault {
                Fault::ReportsTwice => report(token, readiness),
                Fault::HidesHangups if registered.is_some_and(|it| it.interest.is_empty()) => continue,
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
        }
        if self.fault == Fault::AppendsToTheBuffer {
            earlier.iter().for_each(|&(token, readiness)| report(token, readiness));
        }
    }

    /// What it does to its registrations after a wait.
    fn meddle(&mut self, found: &[(Token, Readiness)]) {
        for &(token, readiness) in found {
            let Some(Registered { fd, interest, mode, .. }) = self.of_token(token) else { continue };
            let fd = by_number(fd);
            if self.fault == Fault::ForgetsWhatItDisarms && mode == Mode::OneShot {
                let _ = self.poll.deregister(fd);
            }
            if self.fault == Fault::ReportsAClosedFdForEver && readiness.is_invalid() {
                let _ = self.poll.modify(fd, token, interest, mode);
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
        let asked = if self.fault == Fault::NeverDisarms { Mode::Level } else { mode };
        let answer = self.poll.register(fd, token, interest, asked).map_err(named);
        if answer.is_ok() {
            self.remember(fd.as_raw_fd(), token, interest, mode);
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
        self.registered.retain(|registered| registered.fd != fd.as_raw_fd());
        self.poll.deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let (earlier, timeout) = (listed(events), self.time(timeout));
        if self.is_refused(timeout) {
            return Err(Error::NothingToWaitFor);
        }
        if self.fault == Fault::StarvesWhatDoesNotFit {
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
        if self.fault != Fault::None {
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

/// The family of backends with the fault of that index; past the last, with none.
struct Planted<const FAULT: usize>;

impl<const FAULT: usize> Backend for Planted<FAULT> {
    type Mux<'fd> = Broken<'fd>;

    fn create<'fd>() -> Result<Broken<'fd>, Error> {
        let fault = FAULTS.get(FAULT).map_or(Fault::None, |(fault, _)| *fault);
        let (registered, unheard) = (Vec::new(), Vec::new());
        Ok(Broken { poll: Poll::new(), fault, registered, unheard, waker_token: None })
    }
}

fn is_caught<const FAULT: usize>() {
    let (fault, property) = FAULTS[FAULT];
    if property.contains("masked") && !iomux::HAS_PPOLL {
        eprintln!("skipped: {fault:?}: there is no masked wait here");
        return;
    }
    run::<Planted<{ usize::MAX }>>(property);
    let caught = catch_unwind(AssertUnwindSafe(|| run::<Planted<FAULT>>(property)));
    assert!(caught.is_err(), "{property} does not catch {fault:?}");
}

macro_rules! caught {
    ($($name:ident $fault:literal)*) => {
        $(
            #[test]
            fn $name() {
                is_caught::<$fault>();
            }
        )*

        #[test]
        fn there_is_a_test_of_each_fault() {
            assert_eq!([$($fault),*], std::array::from_fn::<usize, { FAULTS.len() }, _>(|fault| fault));
        }
    };
}

caught! {
    an_event_after_deregister_is_caught 0
    a_lost_wake_is_caught 1
    a_wait_that_is_a_millisecond_short_is_caught 2
    time_rounded_down_is_caught 3
    starvation_is_caught 4
    an_event_reported_twice_is_caught 5
    a_one_shot_that_never_disarms_is_caught 6
    a_one_shot_that_is_forgotten_is_caught 7
    events_that_pile_up_are_caught 8
    a_token_that_does_not_change_is_caught 9
    a_wait_that_signals_end_is_caught 10
    a_hidden_hangup_is_caught 11
    a_closed_fd_that_is_reported_for_ever_is_caught 12
    a_registration_despite_an_error_is_caught 13
    a_source_taken_for_the_waker_is_caught 14
    an_endless_wait_that_ends_at_once_is_caught 15
    a_dropped_mask_is_caught 16
    a_one_shot_that_a_masked_wait_arms_is_caught 17
    old_events_after_an_interruption_are_caught 18
    a_masked_wait_without_room_that_is_no_error_is_caught 19
    starvation_in_masked_waits_is_caught 20
    a_masked_wait_that_knows_no_until_is_caught 21
    a_mask_forgotten_when_there_is_no_time_is_caught 22
    a_wake_that_a_masked_wait_swallows_is_caught 23
    an_endless_masked_wait_that_ends_is_caught 24
    sources_that_signals_starve_are_caught 25
    signals_that_sources_starve_are_caught 26
    a_wait_for_a_signal_that_is_refused_is_caught 27
    a_wait_for_nothing_that_ends_is_caught 28
    a_wait_for_a_waker_alone_that_is_refused_is_caught 29
    a_writable_waker_is_caught 30
    a_late_end_is_caught 31
    a_late_end_of_a_masked_wait_is_caught 32
    a_wake_that_deregister_swallows_is_caught 33
}
