//! The conformance suite finds faults: broken backends, each caught by the properties that are meant for it.

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

/// Makes of each row a fault, and a test that each of its properties catches it.
macro_rules! faults {
    ($($fault:ident: $($property:ident)+;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Fault {
            $($fault,)*
            None,
        }

        /// The properties that catch a fault.
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

// What a fault does is in `broken.rs`, where its name is.
faults! {
    ReportsAfterDeregister: deregistered_fd_is_not_reported;
    LosesWakes: wake_before_wait_ends_it;
    EndsAMillisecondEarly: no_wait_ends_early;
    RoundsTimeDown: no_wait_ends_early;
    StarvesWhatDoesNotFit: buffer_of_one_starves_none unreported_source_comes_first;
    ReportsTwice: one_event_per_registration_and_wait;
    NeverDisarms: one_shot_reports_once;
    ForgetsWhatItDisarms: disarmed_one_shot_is_registered;
    AppendsToTheBuffer: wait_overwrites_buffer;
    KeepsTheOldToken: modify_changes_token;
    IsEndedBySignals: timeout_survives_eintr;
    HidesHangups: empty_interest_reports_hangup;
    ReportsAClosedFdForEver: closed_fd_is_reported_at_most_once;
    RegistersDespiteAnError: register_in_unsupported_mode_is_an_error;
    TakesASourceForItsWaker: source_can_share_waker_token;
    EndsAnEndlessWaitAtOnce: infinite_wait_ends_when_ready;
    DropsTheMask: masked_wait_is_interrupted;
    RearmsInAMaskedWait: masked_wait_reports_one_shot_once;
    LeavesOldEventsOnAnError: interrupted_wait_clears_buffer;
    TakesNoRoomForNoEvent: masked_wait_rejects_empty_buffer;
    StarvesInAMaskedWait: masked_wait_starves_none;
    IgnoresUntilInAMaskedWait: masked_wait_meets_deadline;
    ForgetsTheMaskOfNoTime: zero_masked_wait_delivers_signal;
    SwallowsWakesInAMaskedWait: masked_wait_reports_wake_once;
    EndsAnEndlessMaskedWaitEarly: infinite_masked_wait_ends_when_ready;
    LetsSignalsStarveSources: masked_waits_alternate_signals_and_events;
    LetsSourcesStarveSignals: masked_waits_alternate_signals_and_events;
    RefusesToWaitForASignal: signal_ends_masked_wait_for_nothing;
    EndsAWaitForNothingAtOnce: wait_for_nothing_is_an_error_or_ended_by_wake;
    TakesAWakerForNothing: wait_for_nothing_is_an_error_or_ended_by_wake;
    SaysAWakerIsWritable: wake_before_wait_ends_it;
    IsLate: deadline_is_not_late;
    IsLateInAMaskedWait: masked_wait_meets_deadline;
    SwallowsWakesWhenItDeregisters: wake_survives_registrations;
    HidesEndsOnceModified: modify_reports_hangup_again;
    SpinsForAClosedFd: closed_fd_is_reported_at_most_once;
    IsSilentInAChild: works_after_fork;
    RepeatsInNoTime: deregistered_fd_can_be_registered_again;
    ForgetsTurnsOnceOneHasLeft: fairness_survives_any_deregister;
    ReportsDirectionsApart: one_event_per_registration_and_wait;
    ReportsAnotherThingInAChild: works_after_fork;
    RefusesWhatItSaysIsThere: supported_interest_is_accepted;
    ForgetsUntil: deadline_is_not_early;
    WakesUpForWhatNobodyAsks: uninteresting_data_does_not_end_wait;
    ModifiesDespiteAnError: modify_to_unsupported_mode_changes_nothing;
    ReportsNewcomersFirst: changing_sources_starve_no_waker;
    ForgetsAgesOnDeregister: changing_sources_starve_no_waker;
    StopsAtAHangup: room_left_means_nothing_else_ready;
    StopsAtAHangupInAMaskedWait: room_left_means_nothing_else_ready;
    ServesWakersLast: always_ready_sources_starve_no_waker changing_sources_starve_no_waker;
}

/// The fault of the multiplexers that each property creates. With a type for each fault, the whole suite would be compiled
/// once for each.
static FAULTS: [Mutex<Fault>; PROPERTIES.len()] = [const { Mutex::new(Fault::None) }; PROPERTIES.len()];
/// Held while a property is tried, since some are tried with several faults.
static TURNS: [Mutex<()>; PROPERTIES.len()] = [const { Mutex::new(()) }; PROPERTIES.len()];
/// What is wrong with the hopeless ones: one test creates them.
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
        // Each property runs in a thread of its name.
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
            eprintln!("skipped: {fault:?}: there is no masked wait here");
            continue;
        }
        let index = index_of(property);
        let _turn = lock(&TURNS[index]);
        *lock(&FAULTS[index]) = Fault::None;
        run::<Faulty>(property);
        *lock(&FAULTS[index]) = fault;
        // Again, since a property overlooks some faults if its thread is held up.
        let is_caught = (0..5).any(|_| fails::<Faulty>(property));
        assert!(is_caught, "{property} does not catch {fault:?}");
    }
}

/// Of those that catch no fault above; an empty one holds of whatever it is tried on.
#[test]
fn no_property_holds_of_all_backends_of_which_nothing_is_right() {
    // Wakers are the library's own.
    let never_fails = ["waker_outlives_multiplexer"];
    // Before they ask anything, where the system refuses a connection immediately, or has no such number.
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
