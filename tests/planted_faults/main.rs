//! The conformance suite finds faults: broken backends, each caught by the property that is meant for it.

mod broken;
mod hopeless;

use broken::Broken;
use hopeless::Of;
use iomux_backend::Error;
use iomux_backend::conformance::{Backend, PROPERTIES, run};
use std::panic::{AssertUnwindSafe, catch_unwind};

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
    HidesEndsOnceModified,
    SpinsForAClosedFd,
    IsSilentInAChild,
    RepeatsInNoTime,
    ForgetsTurnsOnceOneHasLeft,
    ReportsDirectionsApart,
    ReportsAnotherThingInAChild,
    RefusesWhatItSaysIsThere,
    ForgetsUntil,
    WakesUpForWhatNobodyAsks,
    ModifiesDespiteAnError,
}

const FAULTS: [(Fault, &str); 46] = [
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
    (Fault::HidesEndsOnceModified, "an_end_that_was_reported_is_reported_again_after_a_modify"),
    (Fault::SpinsForAClosedFd, "a_closed_fd_is_reported_at_most_once"),
    (Fault::IsSilentInAChild, "it_works_in_a_child_after_fork"),
    (Fault::RepeatsInNoTime, "what_was_deregistered_can_be_registered_again"),
    (Fault::ForgetsTurnsOnceOneHasLeft, "turns_survive_a_deregister_of_whichever"),
    (Fault::StarvesWhatDoesNotFit, "what_did_not_fit_comes_first"),
    (Fault::ReportsDirectionsApart, "at_most_one_event_a_registration_and_wait"),
    (Fault::ReportsAnotherThingInAChild, "it_works_in_a_child_after_fork"),
    (Fault::RefusesWhatItSaysIsThere, "what_is_there_is_never_refused"),
    (Fault::ForgetsUntil, "a_wait_until_a_time_is_not_early"),
    (Fault::WakesUpForWhatNobodyAsks, "what_is_not_asked_does_not_end_a_wait"),
    (Fault::ModifiesDespiteAnError, "a_mode_that_is_not_there_leaves_a_registration_as_it_was"),
];

/// The family of backends with the fault of that index; past the last, with none.
struct Planted<const FAULT: usize>;

impl<const FAULT: usize> Backend for Planted<FAULT> {
    type Mux<'fd> = Broken<'fd>;

    fn create<'fd>() -> Result<Broken<'fd>, Error> {
        let fault = FAULTS.get(FAULT).map_or(Fault::None, |(fault, _)| *fault);
        Ok(Broken::new(fault))
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
    an_end_that_a_modify_hides_is_caught 34
    a_spin_for_a_closed_fd_is_caught 35
    silence_in_a_child_is_caught 36
    what_no_time_repeats_is_caught 37
    turns_that_are_forgotten_are_caught 38
    starvation_with_more_room_is_caught 39
    directions_reported_apart_are_caught 40
    another_thing_in_a_child_is_caught 41
    a_refusal_of_what_is_there_is_caught 42
    a_wait_that_knows_no_until_is_caught 43
    a_wait_that_ends_for_what_nobody_asks_is_caught 44
    a_modify_despite_an_error_is_caught 45
}

fn fails<B: Backend>(property: &str) -> bool {
    catch_unwind(|| run::<B>(property)).is_err()
}

/// Of those that catch no fault above; an empty one holds of whatever it is tried on.
#[test]
fn no_property_holds_of_all_backends_of_which_nothing_is_right() {
    // Wakers are the library's own.
    let never_fails = ["a_waker_outlives_its_multiplexer"];
    let proven = FAULTS.iter().map(|(_, property)| *property).chain(never_fails);
    let proven: Vec<_> = proven.collect();
    for property in PROPERTIES.iter().filter(|property| !proven.contains(property)) {
        let fails = fails::<Of<0>>(property)
            || fails::<Of<1>>(property)
            || fails::<Of<2>>(property)
            || fails::<Of<3>>(property);
        assert!(fails, "{property}");
    }
}
