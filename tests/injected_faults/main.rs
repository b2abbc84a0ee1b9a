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
    ReportsAfterDeregister: nothing_is_reported_after_deregister;
    LosesWakes: a_wake_before_the_wait_ends_it;
    EndsAMillisecondEarly: no_wait_ends_early;
    RoundsTimeDown: no_wait_ends_early;
    StarvesWhatDoesNotFit: with_room_for_one_each_has_its_turn what_did_not_fit_comes_first;
    ReportsTwice: at_most_one_event_a_registration_and_wait;
    NeverDisarms: one_shot_reports_once;
    ForgetsWhatItDisarms: one_shot_that_has_reported_is_still_registered;
    AppendsToTheBuffer: a_wait_overwrites_what_was_in_the_buffer;
    KeepsTheOldToken: modify_changes_the_token;
    IsEndedBySignals: signals_neither_end_nor_stretch_nor_cut_a_wait;
    HidesHangups: a_hangup_is_reported_though_nothing_is_asked;
    ReportsAClosedFdForEver: a_closed_fd_is_reported_at_most_once;
    RegistersDespiteAnError: a_mode_that_is_not_there_is_an_error_and_registers_nothing;
    TakesASourceForItsWaker: a_source_with_the_wakers_token_does_no_harm;
    EndsAnEndlessWaitAtOnce: an_endless_wait_ends_when_something_is_ready;
    DropsTheMask: a_masked_wait_ends_when_a_handler_runs;
    RearmsInAMaskedWait: a_masked_wait_reports_a_one_shot_once;
    LeavesOldEventsOnAnError: an_interrupted_masked_wait_empties_the_buffer;
    TakesNoRoomForNoEvent: a_masked_wait_without_room_is_an_error;
    StarvesInAMaskedWait: in_masked_waits_with_little_room_each_has_its_turn;
    IgnoresUntilInAMaskedWait: a_masked_wait_until_a_time_ends_then;
    ForgetsTheMaskOfNoTime: a_masked_wait_of_no_time_lets_a_signal_through;
    SwallowsWakesInAMaskedWait: a_masked_wait_hears_a_wake_once;
    EndsAnEndlessMaskedWaitEarly: an_endless_masked_wait_ends_when_something_is_ready;
    LetsSignalsStarveSources: in_masked_waits_signals_and_sources_starve_neither;
    LetsSourcesStarveSignals: in_masked_waits_signals_and_sources_starve_neither;
    RefusesToWaitForASignal: an_endless_masked_wait_for_nothing_is_ended_by_a_signal;
    EndsAWaitForNothingAtOnce: a_wait_that_could_never_end_is_an_error_or_is_ended_by_a_wake;
    TakesAWakerForNothing: a_wait_that_could_never_end_is_an_error_or_is_ended_by_a_wake;
    SaysAWakerIsWritable: a_wake_before_the_wait_ends_it;
    IsLate: a_wait_until_a_time_is_not_late;
    IsLateInAMaskedWait: a_masked_wait_until_a_time_ends_then;
    SwallowsWakesWhenItDeregisters: a_wake_outlasts_what_is_done_to_sources;
    HidesEndsOnceModified: an_end_that_was_reported_is_reported_again_after_a_modify;
    SpinsForAClosedFd: a_closed_fd_is_reported_at_most_once;
    IsSilentInAChild: it_works_in_a_child_after_fork;
    RepeatsInNoTime: what_was_deregistered_can_be_registered_again;
    ForgetsTurnsOnceOneHasLeft: turns_survive_a_deregister_of_whichever;
    ReportsDirectionsApart: at_most_one_event_a_registration_and_wait;
    ReportsAnotherThingInAChild: it_works_in_a_child_after_fork;
    RefusesWhatItSaysIsThere: what_is_there_is_never_refused;
    ForgetsUntil: a_wait_until_a_time_is_not_early;
    WakesUpForWhatNobodyAsks: what_is_not_asked_does_not_end_a_wait;
    ModifiesDespiteAnError: a_mode_that_is_not_there_leaves_a_registration_as_it_was;
    ReportsNewcomersFirst: sources_that_come_and_go_starve_neither_a_source_nor_a_waker;
    ForgetsAgesOnDeregister: sources_that_come_and_go_starve_neither_a_source_nor_a_waker;
    StopsAtAHangup: with_room_left_nothing_else_was_ready;
    StopsAtAHangupInAMaskedWait: with_room_left_nothing_else_was_ready;
    ServesWakersLast: sources_that_are_always_ready_do_not_starve_a_waker sources_that_come_and_go_starve_neither_a_source_nor_a_waker;
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
    let never_fails = ["a_waker_outlives_its_multiplexer"];
    // Before they ask anything, where the system refuses a connection immediately, or has no such number.
    let may_be_skipped = ["a_refused_connection_is_reported", "a_large_number_is_as_good_as_any"];
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
