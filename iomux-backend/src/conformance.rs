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
    let mux = B::create().expect("Backend::create");
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
        /// for property in PROPERTIES.iter().filter(|property| property.starts_with("wake_")) {
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
        /// run::<OverPoll>("thousand_wakes_are_one_event"); // alone, for example in a debugger
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
        name_is_lower_case
        capabilities_are_constant
        second_register_is_an_error
        modify_unregistered_is_an_error
        deregister_unregistered_is_an_error
        second_deregister_is_an_error
        negative_fd_is_an_error
        deregistered_fd_can_be_registered_again
        register_in_unsupported_mode_is_an_error
        modify_to_unsupported_mode_changes_nothing
        dup_is_another_fd
        fds_can_share_a_token
        modify_changes_token
        modify_changes_interest
        any_number_is_a_token
        empty_buffer_is_an_error
        drop_keeps_fds_open
        deregistered_fd_is_not_reported
        deregister_keeps_others
        deregister_drops_pending_event
        ten_thousand_sources_are_distinguished
    }
    readiness {
        pipe_with_data_is_readable
        empty_pipe_is_not_readable
        pipe_with_room_is_writable
        full_pipe_is_not_writable
        pipe_without_writer_is_readable
        hangup_follows_data
        empty_interest_reports_hangup
        empty_interest_reports_error
        only_interest_is_reported
        both_directions_are_one_event
        empty_interest_reports_no_data
        regular_file_is_ready_or_rejected
        directory_is_ready_or_rejected
        dev_null_is_ready_or_rejected
        terminal_reports_input_and_hangup
    }
    sockets {
        socket_pair_reports_both_directions
        closed_peer_makes_socket_readable
        listener_is_readable_on_connect
        established_connection_is_writable
        refused_connection_is_reported
        half_closed_connection_is_writable
        read_closed_is_reported
        reset_is_reported
        urgent_data_is_priority
        normal_data_is_not_priority
    }
    modes {
        level_reports_while_ready
        one_shot_reports_once
        modify_rearms_one_shot
        disarmed_one_shot_is_registered
        one_shot_disarms_only_itself
        one_shot_empty_interest_reports_hangup_once
        failed_modify_does_not_rearm
        level_can_become_one_shot_and_back
        edge_reports_each_arrival_once
        edge_one_shot_reports_once_until_modified
        exclusive_reports_like_level
        unchanged_modify_rearms_edge
        rearmed_empty_one_shot_reports_hangup
    }
    fairness {
        one_event_per_registration_and_wait
        wait_overwrites_buffer
        buffer_of_one_starves_none
        buffer_of_two_starves_none
        order_survives_deregister
        always_ready_source_starves_none
        constant_wakes_starve_none
        always_ready_sources_starve_no_waker
        large_buffer_takes_all
    }
    time {
        zero_timeout_does_not_wait
        no_wait_ends_early
        deadline_is_not_early
        past_deadline_does_not_wait
        longest_timeout_does_not_overflow
        infinite_wait_ends_when_ready
        timeout_survives_eintr
        wait_for_nothing_is_an_error_or_ended_by_wake
        uninteresting_data_does_not_end_wait
        deadline_is_not_late
    }
    masked {
        masked_wait_is_interrupted
        masked_wait_delivers_signal_despite_ready_fds
        masked_wait_reports_events
        masked_wait_is_not_early
        unsupported_mask_is_an_error
        masked_wait_reports_one_shot_once
        interrupted_wait_clears_buffer
        masked_wait_rejects_empty_buffer
        masked_wait_starves_none
        masked_wait_meets_deadline
        zero_masked_wait_delivers_signal
        masked_wait_reports_wake_once
        masked_wait_submits_modify
        infinite_masked_wait_ends_when_ready
        signal_ends_masked_wait_for_nothing
        masked_waits_alternate_signals_and_events
    }
    wake {
        wake_before_wait_ends_it
        wake_during_wait_ends_it
        thousand_wakes_are_one_event
        wake_is_reported_once
        wakes_of_eight_threads_are_kept
        wakers_have_separate_tokens
        source_can_share_waker_token
        cloned_waker_wakes
        waker_outlives_multiplexer
        unsupported_waker_is_an_error
        wake_after_wait_ends_next
        orphaned_waker_writes_to_no_other_file
        wake_survives_registrations
    }
    closed {
        closed_fd_is_reported_at_most_once
        closed_fd_does_not_affect_others
        reused_fd_is_a_new_registration
        closed_fd_can_be_deregistered
        fd_closed_after_deregister_is_not_reported
        works_after_fork
    }
    interests {
        unsupported_interest_is_an_error
        supported_interest_is_accepted
        unnamed_bits_never_panic
        band_interests_are_reported_or_rejected
        modify_to_empty_interest_reports_hangup
        modify_reports_hangup_again
        empty_interest_reports_reset
        modify_to_empty_and_back_loses_nothing
        deregister_drops_pending_modify
        two_multiplexers_can_share_an_fd
        counter_is_readable_until_drained
        large_fd_number_works
    }
    turns {
        events_do_not_exceed_capacity
        room_left_means_nothing_else_ready
        unreported_source_comes_first
        unreported_source_is_rechecked
        fairness_survives_any_deregister
        new_source_starves_none
        changing_sources_starve_no_waker
        unreported_one_shot_stays_armed
        unreported_edge_is_kept
        reused_fd_gets_no_stale_event
    }
    signals {
        signals_hide_no_event
        interrupted_wait_loses_no_event
        empty_mask_delivers_signal
        full_mask_keeps_signal_pending
        full_mask_blocks_unblocked_signal
        no_signal_is_lost_before_masked_wait
    }
}
