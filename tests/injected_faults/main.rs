//! The conformance suite finds faults: each broken backend is caught by the properties for its fault.

mod broken;
mod hopeless;

use broken::Broken;
use hopeless::{Hopeless, VICES, Vice, WAS_ASKED};
use iomux_backend::Error;
use iomux_backend::conformance::{Backend, PROPERTIES, run};
use std::panic::catch_unwind;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

/// Defines a fault per row, and a test that each of its properties catches it.
macro_rules! faults {
    ($($fault:ident: $($property:ident)+;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Fault {
            $($fault,)*
            None,
        }

        /// The properties that have caught a fault.
        const PROVEN: &[&str] = &[$($(stringify!($property)),+),*];

        $(
            #[test]
            #[allow(non_snake_case, reason = "a test has the name of its fault")]
            fn $fault() {
                is_caught(Fault::$fault, &[$(stringify!($property)),+]);
            }
        )*
    };
}

// `broken.rs` has the effect of each fault, next to its name.
faults! {
    ReportsAfterDeregister: deregistered_fd_is_not_reported;
    LosesWakes: wake_before_wait_ends_it;
    EndsAMillisecondEarly: no_wait_ends_early;
    RoundsTimeoutDown: no_wait_ends_early;
    StarvesSourcesThatDoNotFit: buffer_of_one_starves_none unreported_source_comes_first;
    ReportsTwice: one_event_per_registration_and_wait;
    NeverDisarms: one_shot_reports_once;
    ForgetsWhatItDisarms: disarmed_one_shot_is_registered;
    AppendsToTheBuffer: wait_overwrites_buffer;
    KeepsTheOldToken: modify_changes_token;
    IsEndedBySignals: timeout_survives_eintr;
    HidesHangups: empty_interest_reports_hangup;
    ReportsClosedFdForever: closed_fd_is_reported_at_most_once;
    RegistersDespiteAnError: register_in_unsupported_mode_is_an_error;
    TakesASourceForItsWaker: source_can_share_waker_token;
    EndsInfiniteWaitImmediately: infinite_wait_ends_when_ready;
    DropsTheMask: masked_wait_is_interrupted;
    RearmsInAMaskedWait: masked_wait_reports_one_shot_once;
    KeepsOldEventsOnError: interrupted_wait_clears_buffer;
    AcceptsMaskedWaitWithoutRoom: masked_wait_rejects_empty_buffer;
    StarvesInAMaskedWait: masked_wait_starves_none;
    IgnoresUntilInAMaskedWait: masked_wait_meets_deadline;
    ForgetsMaskWithZeroTimeout: zero_masked_wait_delivers_signal;
    SwallowsWakesInAMaskedWait: masked_wait_reports_wake_once;
    EndsInfiniteMaskedWaitEarly: infinite_masked_wait_ends_when_ready;
    LetsSignalsStarveSources: masked_waits_alternate_signals_and_events;
    LetsSourcesStarveSignals: masked_waits_alternate_signals_and_events;
    RejectsWaitForSignal: signal_ends_masked_wait_for_nothing;
    EndsWaitForNothingImmediately: wait_for_nothing_is_an_error_or_ended_by_wake;
    OverlooksWakerAsReasonToWait: wait_for_nothing_is_an_error_or_ended_by_wake;
    ReportsWakerWritable: wake_before_wait_ends_it;
    IsLate: deadline_is_not_late;
    IsLateInAMaskedWait: masked_wait_meets_deadline;
    SwallowsWakesWhenItDeregisters: wake_survives_registrations;
    HidesHangupAfterModify: modify_reports_hangup_again;
    SpinsForAClosedFd: closed_fd_is_reported_at_most_once;
    IsSilentInAChild: works_after_fork;
    RepeatsWithZeroTimeout: deregistered_fd_can_be_registered_again;
    ForgetsOrderAfterRemoval: fairness_survives_any_deregister;
    ReportsDirectionsApart: one_event_per_registration_and_wait;
    ReportsWrongEventInChild: works_after_fork;
    RejectsItsOwnCapabilities: supported_interest_is_accepted;
    ForgetsUntil: deadline_is_not_early;
    WakesUpWithoutInterest: uninteresting_data_does_not_end_wait;
    ModifiesDespiteAnError: modify_to_unsupported_mode_changes_nothing;
    ReportsNewcomersFirst: changing_sources_starve_no_waker;
    ForgetsAgesOnDeregister: changing_sources_starve_no_waker;
    StopsAtAHangup: room_left_means_nothing_else_ready;
    StopsAtAHangupInAMaskedWait: room_left_means_nothing_else_ready;
    ServesWakersLast: always_ready_sources_starve_no_waker changing_sources_starve_no_waker;
}

/// The fault of the multiplexers that each property creates. A type per fault would compile the whole suite once per
/// fault.
static FAULTS: [Mutex<Fault>; PROPERTIES.len()] = [const { Mutex::new(Fault::None) }; PROPERTIES.len()];
/// Held while a property runs, since some run with several faults.
static TURNS: [Mutex<()>; PROPERTIES.len()] = [const { Mutex::new(()) }; PROPERTIES.len()];
/// The vice of the hopeless backends, which only one test creates.
static VICE: Mutex<Vice> = Mutex::new(Vice::Deaf);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn index_of(property: &str) -> usize {
    PROPERTIES.iter().position(|name| *name == property).expect("the name of a property")
}

struct Faulty;

impl Backend for Faulty {
    type Mux<'fd> = Broken<'fd>;

    fn create<'fd>() -> Result<Broken<'fd>, Error> {
        // Each property runs in a thread that has its name.
        let thread = thread::current();
        let fault = &FAULTS[index_of(thread.name().expect("the name of a property"))];
        Ok(Broken::new(*lock(fault)))
    }
}

struct AllWrong;

impl Backend for AllWrong {
    type Mux<'fd> = Hopeless<'fd>;

    fn create<'fd>() -> Result<Hopeless<'fd>, Error> {
        Ok(Hopeless::new(*lock(&VICE)))
    }
}

fn fails<B: Backend>(property: &str) -> bool {
    catch_unwind(|| run::<B>(property)).is_err()
}

fn is_caught(fault: Fault, properties: &[&str]) {
    for property in properties {
        if property.contains("masked") && !iomux::HAS_PPOLL {
            eprintln!("skipped: {fault:?}: this platform has no masked wait");
            continue;
        }
        let index = index_of(property);
        let _turn = lock(&TURNS[index]);
        *lock(&FAULTS[index]) = Fault::None;
        run::<Faulty>(property);
        *lock(&FAULTS[index]) = fault;
        // Several attempts, since a property misses some faults if its thread is delayed.
        let is_caught = (0..5).any(|_| fails::<Faulty>(property));
        assert!(is_caught, "{property} does not catch {fault:?}");
    }
}

/// Checks the properties that catch no fault above, since an empty property would pass on any backend.
#[test]
fn every_property_fails_on_a_hopeless_backend() {
    // No backend can break this one, since the library provides the wakers.
    let never_fails = ["waker_outlives_multiplexer"];
    // Before they ask anything, where the platform rejects a connection immediately, or has no such number.
    let may_be_skipped = ["refused_connection_is_reported", "large_fd_number_works"];
    let is_proven = |property: &&str| PROVEN.contains(property) || never_fails.contains(property);
    for property in PROPERTIES.iter().filter(|property| !is_proven(property)) {
        let fails_with = |vice| {
            *lock(&VICE) = vice;
            fails::<AllWrong>(property)
        };
        WAS_ASKED.store(false, Ordering::Relaxed);
        let is_caught = VICES.into_iter().any(fails_with);
        let is_skipped = may_be_skipped.contains(property) && !WAS_ASKED.load(Ordering::Relaxed);
        assert!(is_caught || is_skipped, "{property}");
    }
}
