//! A suite of tests that checks a custom multiplexer against the contract.
//!
//! # Write a backend
//! 1. Implement [`Multiplexer`] for a type with the lifetime of its sources. The documentation of the trait is the
//!    contract. Keep the registrations in a list, or in a table indexed by fd, and derive the kernel's arguments from
//!    them. [`Poll`](crate::Poll) is a model that is short enough to read first.
//! 2. Wait with [`iomux::wait_with`]. It handles the deadline, the chunks of a long timeout and EINTR, and decides
//!    when a wait returns 0. You implement one system call, as a [`WaitCall`](iomux::WaitCall).
//! 3. Use [`WakerSource`](crate::WakerSource) for wakers. Register its fd like any other, and drain it when it is
//!    readable. Report the event with the token of the waker.
//! 4. Return the supported features from [`capabilities`](crate::Multiplexer::capabilities). For any other feature,
//!    return an error before you call the kernel.
//! 5. Implement [`Backend`] for a type, since each property creates multiplexers with a lifetime of its own. Then
//!    generate a test per property:
//!
//! ```
//! use iomux_backend::conformance::Backend;
//! use iomux_backend::{Error, Poll};
//!
//! struct OverPoll;
//!
//! impl Backend for OverPoll {
//!     type Mux<'fd> = Poll<'fd>;
//!
//!     fn create<'fd>() -> Result<Poll<'fd>, Error> {
//!         Ok(Poll::new())
//!     }
//! }
//!
//! iomux_backend::conformance!(OverPoll);
//! ```
//!
//! If the backend lacks a capability, a property that needs it is skipped. It prints
//! `skipped: PROPERTY: NAME has no CAPABILITY` on stderr. If the environment variable `IOMUX_SKIPS` names a file, the
//! line is also appended to that file.

mod backend;
mod closed;
mod fairness;
mod interests;
mod masked;
mod modes;
mod os;
mod readiness;
mod registration;
mod rig;
mod signals;
mod sockets;
mod time;
mod turns;
mod wake;

pub use backend::Backend;

use crate::{Capabilities, Multiplexer};
use std::io::Write;
use std::panic::resume_unwind;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Returns `true` if `B` lacks a capability that `property` needs, and prints that it is skipped.
fn lacks<B: Backend>(property: &str, needed: Capabilities) -> bool {
    let mux = B::create().expect("a new multiplexer");
    let lacking = needed - mux.capabilities();
    if lacking.is_empty() {
        return false;
    }
    skip(property, &format!("{} has no {lacking:?}", mux.name()));
    true
}

/// Prints that a property was skipped, and the reason.
pub(crate) fn skip(property: &str, reason: &str) {
    let line = format!("skipped: {property}: {reason}\n");
    eprint!("{line}");
    if let Some(path) = std::env::var_os("IOMUX_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(path);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("IOMUX_SKIPS must name a file that can be appended to");
    }
}

/// The time limit of a property. Even a slow machine needs less, unless a wait never ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// Runs a property in a new thread, so that it fails instead of hanging if a wait never ends.
fn with_patience(property: &str, test: fn()) {
    let (ends, has_ended) = mpsc::channel::<()>();
    let begun = thread::Builder::new().name(property.to_owned()).spawn(move || {
        let _ends = ends;
        test();
    });
    let thread = begun.expect("a thread");
    if has_ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
        panic!("{property} is still running after {PATIENCE:?}: a wait may never end");
    }
    if let Err(failure) = thread.join() {
        resume_unwind(failure);
    }
}

/// Defines the list of properties, and the macro that generates a test per property.
macro_rules! suite {
    ($dollar:tt $($module:ident { $($name:ident)* })*) => {
        /// The names of all properties.
        ///
        /// # Examples
        /// A test program without `#[test]` can run them itself:
        ///
        /// ```
        /// use iomux_backend::conformance::{Backend, PROPERTIES, run};
        /// # use iomux_backend::{Error, Poll};
        /// # struct OverPoll;
        /// # impl Backend for OverPoll {
        /// #     type Mux<'fd> = Poll<'fd>;
        /// #     fn create<'fd>() -> Result<Poll<'fd>, Error> { Ok(Poll::new()) }
        /// # }
        ///
        /// for property in PROPERTIES.iter().filter(|property| property.contains("_wake_")) {
        ///     run::<OverPoll>(property);
        /// }
        /// ```
        pub const PROPERTIES: &[&str] = &[$($(stringify!($name),)*)*];

        /// Runs the test of one property on `B`.
        ///
        /// # Panics
        /// Panics if `B` does not have the property, or if no property has the name.
        ///
        /// # Examples
        /// ```
        /// use iomux_backend::conformance::{Backend, run};
        /// use iomux_backend::{Error, Poll};
        ///
        /// struct OverPoll;
        ///
        /// impl Backend for OverPoll {
        ///     type Mux<'fd> = Poll<'fd>;
        ///
        ///     fn create<'fd>() -> Result<Poll<'fd>, Error> {
        ///         Ok(Poll::new())
        ///     }
        /// }
        ///
        /// run::<OverPoll>("a_thousand_wakes_are_one_event"); // alone, for example in a debugger
        /// ```
        pub fn run<B: Backend>(property: &str) {
            let test: fn() = match property {
                $($(stringify!($name) => $module::$name::<B>,)*)*
                _ => panic!("unknown property '{property}': see conformance::PROPERTIES"),
            };
            match B::excuse(property) {
                Some(reason) => skip(property, reason),
                None => with_patience(property, test),
            }
        }

        /// Generates a `#[test]` per property of the conformance suite, for a
        /// [`Backend`](crate::conformance::Backend).
        ///
        /// # Examples
        /// ```
        /// mod over_poll {
        ///     use iomux_backend::conformance::Backend;
        ///     use iomux_backend::{Error, Poll};
        ///
        ///     struct OverPoll;
        ///
        ///     impl Backend for OverPoll {
        ///         type Mux<'fd> = Poll<'fd>;
        ///
        ///         fn create<'fd>() -> Result<Poll<'fd>, Error> {
        ///             Ok(Poll::new())
        ///         }
        ///     }
        ///
        ///     // One module per backend, since a test has the name of its property.
        ///     iomux_backend::conformance!(OverPoll);
        /// }
        /// ```
        #[macro_export]
        macro_rules! conformance {
            ($dollar backend:ty) => {
                $($(
                    #[test]
                    fn $name() {
                        $dollar crate::conformance::run::<$dollar backend>(stringify!($name));
                    }
                )*)*
            };
        }
    };
}

suite! { $
    registration {
        it_has_a_name_in_lower_case
        its_capabilities_do_not_change
        registering_twice_is_an_error_and_changes_nothing
        modifying_what_is_not_registered_is_an_error
        deregistering_what_is_not_registered_is_an_error
        deregistering_twice_is_an_error
        a_negative_number_is_no_fd
        what_was_deregistered_can_be_registered_again
        a_mode_that_is_not_there_is_an_error_and_registers_nothing
        a_mode_that_is_not_there_leaves_a_registration_as_it_was
        a_dup_is_another_fd
        several_fds_may_have_one_token
        modify_changes_the_token
        modify_changes_the_interest
        any_number_is_a_token
        a_buffer_without_room_is_an_error
        dropping_it_leaves_the_fds_open
        nothing_is_reported_after_deregister
        a_deregister_leaves_the_others_as_they_were
        what_was_ready_and_did_not_fit_is_not_reported_after_deregister
        ten_thousand_sources_are_told_apart
    }
    readiness {
        a_pipe_with_data_is_readable
        a_pipe_without_data_is_silent
        a_pipe_with_room_is_writable
        a_full_pipe_is_not_writable_until_it_is_read
        a_pipe_whose_writer_is_gone_is_readable
        a_hangup_comes_after_the_data
        a_hangup_is_reported_though_nothing_is_asked
        an_error_is_reported_though_nothing_is_asked
        only_what_is_asked_is_reported
        both_directions_come_in_one_event
        asked_for_nothing_it_is_silent_and_asked_again_it_is_there
        regular_files_are_always_ready_or_refused
        directories_are_always_ready_or_refused
        dev_null_is_always_ready_or_refused
        a_terminal_reports_input_and_its_end
    }
    sockets {
        a_socket_pair_is_writable_and_readable_once_the_other_writes
        a_peer_that_is_gone_makes_a_socket_readable
        a_listener_is_readable_when_somebody_connects
        a_connection_is_writable_once_it_is_made
        a_refused_connection_is_reported
        a_half_closed_connection_is_readable_and_still_writable
        read_closed_is_reported_to_who_asks_for_it
        a_reset_is_reported
        urgent_data_is_priority
        data_that_is_not_urgent_is_no_priority
    }
    modes {
        level_reports_for_as_long_as_it_is_ready
        one_shot_reports_once
        one_shot_is_armed_again_by_modify
        one_shot_that_has_reported_is_still_registered
        one_shot_disarms_itself_alone
        one_shot_for_nothing_hears_a_hangup_once
        a_modify_that_is_refused_does_not_arm
        a_level_registration_can_become_one_shot_and_back
        edge_reports_once_for_each_arrival
        edge_one_shot_reports_once_until_modified
        exclusive_reports_like_level
        edge_is_armed_again_by_a_modify_that_changes_nothing
        one_shot_that_has_reported_and_is_asked_for_nothing_hears_a_hangup
    }
    fairness {
        at_most_one_event_a_registration_and_wait
        a_wait_overwrites_what_was_in_the_buffer
        with_room_for_one_each_has_its_turn
        with_room_for_two_of_five_each_has_its_turn
        turns_are_kept_when_another_is_deregistered
        a_source_that_is_always_ready_starves_no_other
        constant_wakes_starve_nobody
        sources_that_are_always_ready_do_not_starve_a_waker
        a_large_buffer_takes_all_at_once
    }
    time {
        no_time_is_no_wait
        no_wait_ends_early
        a_wait_until_a_time_is_not_early
        a_time_that_has_passed_is_no_wait
        the_longest_time_does_not_end_at_once
        an_endless_wait_ends_when_something_is_ready
        signals_neither_end_nor_stretch_nor_cut_a_wait
        a_wait_that_could_never_end_is_an_error_or_is_ended_by_a_wake
        what_is_not_asked_does_not_end_a_wait
        a_wait_until_a_time_is_not_late
    }
    masked {
        a_masked_wait_ends_when_a_handler_runs
        a_masked_wait_lets_a_pending_signal_through_though_fds_are_ready
        a_masked_wait_reports_what_is_ready
        a_masked_wait_is_not_early
        without_a_mask_a_masked_wait_is_an_error
        a_masked_wait_reports_a_one_shot_once
        an_interrupted_masked_wait_empties_the_buffer
        a_masked_wait_without_room_is_an_error
        in_masked_waits_with_little_room_each_has_its_turn
        a_masked_wait_until_a_time_ends_then
        a_masked_wait_of_no_time_lets_a_signal_through
        a_masked_wait_hears_a_wake_once
        a_masked_wait_sees_what_was_modified
        an_endless_masked_wait_ends_when_something_is_ready
        an_endless_masked_wait_for_nothing_is_ended_by_a_signal
        in_masked_waits_signals_and_sources_starve_neither
    }
    wake {
        a_wake_before_the_wait_ends_it
        a_wake_during_the_wait_ends_it
        a_thousand_wakes_are_one_event
        a_wake_is_reported_once
        wakes_of_eight_threads_are_not_lost
        several_wakers_have_their_own_tokens
        a_source_with_the_wakers_token_does_no_harm
        a_clone_wakes_as_well
        a_waker_outlives_its_multiplexer
        without_wakers_asking_for_one_is_an_error
        a_wake_after_a_wait_is_for_the_next
        a_waker_without_its_multiplexer_writes_to_nobody
        a_wake_outlasts_what_is_done_to_sources
    }
    closed {
        a_closed_fd_is_reported_at_most_once
        a_closed_fd_does_not_disturb_the_others
        a_number_that_was_closed_deregistered_and_used_again_is_the_new_owners
        a_closed_fd_can_be_deregistered
        an_fd_that_is_closed_after_deregister_is_not_heard_of
        it_works_in_a_child_after_fork
    }
    interests {
        an_interest_that_is_not_there_is_an_error_and_changes_nothing
        what_is_there_is_never_refused
        bits_without_a_name_never_panic
        normal_and_band_interests_are_reported_or_refused
        asked_for_nothing_by_a_modify_it_still_hears_a_hangup
        an_end_that_was_reported_is_reported_again_after_a_modify
        a_reset_is_reported_though_nothing_is_asked
        a_modify_to_nothing_and_back_loses_nothing
        a_modify_just_before_a_deregister_leaves_nothing_behind
        two_multiplexers_may_watch_the_same_fd
        a_counter_is_readable_until_it_is_drained
        a_large_number_is_as_good_as_any
    }
    turns {
        no_more_is_reported_than_there_is_room_for
        with_room_left_nothing_else_was_ready
        what_did_not_fit_comes_first
        what_did_not_fit_and_is_no_longer_ready_is_not_reported
        turns_survive_a_deregister_of_whichever
        a_newcomer_gets_its_turn_and_takes_nobodys
        sources_that_come_and_go_starve_neither_a_source_nor_a_waker
        one_shot_that_did_not_fit_is_still_armed
        edge_that_did_not_fit_is_not_lost
        what_did_not_fit_is_not_reported_of_the_next_owner_of_the_number
    }
    signals {
        signals_hide_no_event
        an_interrupted_wait_loses_no_event
        an_empty_mask_lets_every_signal_through
        a_full_mask_keeps_signals_for_later
        a_full_mask_holds_back_what_the_thread_lets_through
        no_signal_is_lost_between_a_check_and_a_masked_wait
    }
}
