//! Modes: level-triggered, edge-triggered, one-shot, exclusive.

use super::rig::{Rig, empty_pipe, full_pipe, read, write};
use super::{Backend, lacks};
use crate::{Capabilities, Error, Interest, Mode};

pub(super) fn level_reports_while_ready<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for _ in 0..10 {
        assert!(rig.only(1).is_readable());
    }
    read(&reader);
    rig.silent();
}

pub(super) fn one_shot_reports_once<B: Backend>() {
    if lacks::<B>("one_shot_reports_once", Capabilities::ONE_SHOT) {
        return;
    }
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::OneShot);
    assert!(rig.only(1).is_readable());
    rig.silent();
    write(&writer);
    rig.silent();
}

pub(super) fn modify_rearms_one_shot<B: Backend>() {
    if lacks::<B>("modify_rearms_one_shot", Capabilities::ONE_SHOT) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::OneShot);
    for _ in 0..3 {
        assert!(rig.only(1).is_readable());
        rig.silent();
        rig.modify(&reader, 1, Interest::READABLE, Mode::OneShot);
    }
}

pub(super) fn disarmed_one_shot_is_registered<B: Backend>() {
    if lacks::<B>("disarmed_one_shot_is_registered", Capabilities::ONE_SHOT) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::OneShot);
    rig.only(1);
    let again = rig.register(&reader, 2, Interest::READABLE, Mode::Level);
    assert!(matches!(again, Err(Error::AlreadyRegistered { .. })), "{again:?}");
    rig.silent();
    rig.deregister(&reader);
}

pub(super) fn one_shot_disarms_only_itself<B: Backend>() {
    if lacks::<B>("one_shot_disarms_only_itself", Capabilities::ONE_SHOT) {
        return;
    }
    let pipes = [full_pipe(), full_pipe(), full_pipe()];
    let mut rig = Rig::<B>::new();
    rig.watch(&pipes[0].0, 0, Interest::READABLE);
    rig.watch_in(&pipes[1].0, 1, Interest::READABLE, Mode::OneShot);
    rig.watch(&pipes[2].0, 2, Interest::READABLE);
    assert_eq!(rig.tokens(), [0, 1, 2]);
    assert_eq!(rig.tokens(), [0, 2]);
    rig.modify(&pipes[1].0, 1, Interest::READABLE, Mode::OneShot);
    assert_eq!(rig.tokens(), [0, 1, 2]);
}

pub(super) fn one_shot_empty_interest_reports_hangup_once<B: Backend>() {
    let needed = Capabilities::ONE_SHOT | Capabilities::HANGUP;
    if lacks::<B>("one_shot_empty_interest_reports_hangup_once", needed) {
        return;
    }
    let (reader, writer) = full_pipe();
    drop(writer);
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::empty(), Mode::OneShot);
    assert!(rig.only(1).is_closed());
    rig.silent();
}

pub(super) fn failed_modify_does_not_rearm<B: Backend>() {
    if lacks::<B>("failed_modify_does_not_rearm", Capabilities::ONE_SHOT) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::OneShot);
    rig.only(1);
    for mode in super::rig::MODES {
        if !rig.has(super::rig::needs(mode)) {
            assert!(rig.try_modify(&reader, 2, Interest::READABLE, mode).is_err());
            rig.silent();
        }
    }
}

pub(super) fn level_can_become_one_shot_and_back<B: Backend>() {
    if lacks::<B>("level_can_become_one_shot_and_back", Capabilities::ONE_SHOT) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.modify(&reader, 1, Interest::READABLE, Mode::OneShot);
    assert!(rig.only(1).is_readable());
    rig.silent();
    rig.modify(&reader, 1, Interest::READABLE, Mode::Level);
    assert!(rig.only(1).is_readable());
    assert!(rig.only(1).is_readable());
}

pub(super) fn edge_reports_each_arrival_once<B: Backend>() {
    if lacks::<B>("edge_reports_each_arrival_once", Capabilities::EDGE) {
        return;
    }
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::Edge);
    rig.silent();
    for _ in 0..3 {
        write(&writer);
        assert!(rig.only(1).is_readable());
        rig.silent();
        read(&reader);
    }
}

pub(super) fn edge_one_shot_reports_once_until_modified<B: Backend>() {
    if lacks::<B>("edge_one_shot_reports_once_until_modified", Capabilities::EDGE_ONE_SHOT) {
        return;
    }
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::EdgeOneShot);
    assert!(rig.only(1).is_readable());
    write(&writer);
    rig.silent();
    rig.modify(&reader, 1, Interest::READABLE, Mode::EdgeOneShot);
    assert!(rig.only(1).is_readable());
}

pub(super) fn exclusive_reports_like_level<B: Backend>() {
    if lacks::<B>("exclusive_reports_like_level", Capabilities::EXCLUSIVE) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::Exclusive);
    assert!(rig.only(1).is_readable());
    assert!(rig.only(1).is_readable());
}

pub(super) fn unchanged_modify_rearms_edge<B: Backend>() {
    if lacks::<B>("unchanged_modify_rearms_edge", Capabilities::EDGE) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::Edge);
    for _ in 0..3 {
        assert!(rig.only(1).is_readable(), "still ready, and rearmed");
        rig.silent();
        rig.modify(&reader, 1, Interest::READABLE, Mode::Edge);
    }
}

pub(super) fn rearmed_empty_one_shot_reports_hangup<B: Backend>() {
    let property = "rearmed_empty_one_shot_reports_hangup";
    if lacks::<B>(property, Capabilities::ONE_SHOT | Capabilities::HANGUP) {
        return;
    }
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::OneShot);
    assert!(rig.only(1).is_readable());
    rig.modify(&reader, 2, Interest::empty(), Mode::OneShot);
    rig.silent();
    drop(writer);
    assert!(rig.only(2).is_closed());
    rig.silent();
}
