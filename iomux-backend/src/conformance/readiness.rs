//! The readiness of pipes, files and terminals.

use super::rig::{Rig, empty_pipe, full_pipe, read, write};
use super::{Backend, lacks, os};
use crate::{Capabilities, Error, Interest, Mode, Multiplexer, Readiness};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};

pub(super) fn pipe_with_data_is_readable<B: Backend>() {
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.silent();
    write(&writer);
    assert_eq!(rig.only(1), Readiness::READABLE);
    read(&reader);
    rig.silent();
}

pub(super) fn empty_pipe_is_not_readable<B: Backend>() {
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.watch(&writer, 2, Interest::empty());
    rig.silent();
}

pub(super) fn pipe_with_room_is_writable<B: Backend>() {
    let (_reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&writer, 1, Interest::WRITABLE);
    assert_eq!(rig.only(1), Readiness::WRITABLE);
}

pub(super) fn full_pipe_is_not_writable<B: Backend>() {
    let (mut reader, mut writer) = empty_pipe();
    os::set_nonblocking(writer.as_fd()).expect("a pipe can be non-blocking");
    let mut written = 0;
    while let Ok(count) = writer.write(&[0; 4096]) {
        written += count;
    }
    let watched = writer.try_clone().expect("dup");
    let mut rig = Rig::<B>::new();
    rig.watch(&watched, 1, Interest::WRITABLE);
    rig.silent();
    std::io::Read::read_exact(&mut reader, &mut vec![0; written]).expect("what was written");
    assert!(rig.only(1).is_writable());
}

pub(super) fn pipe_without_writer_is_readable<B: Backend>() {
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.silent();
    drop(writer);
    let readiness = rig.only(1);
    assert!(readiness.is_readable(), "{readiness:?}: a read returns 0 immediately");
    if rig.has(Capabilities::HANGUP) {
        assert!(readiness.is_closed(), "{readiness:?}");
    }
}

pub(super) fn hangup_follows_data<B: Backend>() {
    let (reader, writer) = full_pipe();
    drop(writer);
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    assert!(rig.only(1).is_readable());
    read(&reader);
    assert!(rig.only(1).is_readable(), "end of file is readable, too");
}

pub(super) fn empty_interest_reports_hangup<B: Backend>() {
    if lacks::<B>("empty_interest_reports_hangup", Capabilities::HANGUP) {
        return;
    }
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::empty());
    rig.silent();
    drop(writer);
    assert_eq!(rig.only(1), Readiness::HANGUP);
    assert_eq!(rig.only(1), Readiness::HANGUP, "level-triggered");
}

pub(super) fn empty_interest_reports_error<B: Backend>() {
    if lacks::<B>("empty_interest_reports_error", Capabilities::HANGUP) {
        return;
    }
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&writer, 1, Interest::empty());
    rig.silent();
    drop(reader);
    let readiness = rig.only(1);
    assert!(readiness.is_error() || readiness.is_closed(), "{readiness:?}");
    assert!(!readiness.intersects(Readiness::WRITABLE), "{readiness:?}: WRITABLE is not in the interest");
}

pub(super) fn only_interest_is_reported<B: Backend>() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
    write(&theirs);
    let mut rig = Rig::<B>::new();
    rig.watch(&ours, 1, Interest::READABLE);
    assert_eq!(rig.only(1), Readiness::READABLE);
    rig.modify(&ours, 1, Interest::WRITABLE, Mode::Level);
    assert_eq!(rig.only(1), Readiness::WRITABLE);
    if rig.has(Capabilities::PRIORITY) {
        rig.modify(&ours, 1, Interest::PRIORITY, Mode::Level);
        rig.silent();
    }
}

pub(super) fn both_directions_are_one_event<B: Backend>() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
    write(&theirs);
    let mut rig = Rig::<B>::new();
    rig.watch(&ours, 1, Interest::READABLE | Interest::WRITABLE);
    assert_eq!(rig.only(1), Readiness::READABLE | Readiness::WRITABLE);
}

pub(super) fn empty_interest_reports_no_data<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    assert!(rig.only(1).is_readable());
    rig.modify(&reader, 1, Interest::empty(), Mode::Level);
    rig.silent();
    rig.modify(&reader, 1, Interest::READABLE, Mode::Level);
    assert!(rig.only(1).is_readable());
}

/// Checks that a file is reported as always ready, or is rejected if the backend does not accept it.
#[track_caller]
fn always_ready_or_refused<B: Backend>(file: &File, is_accepted: bool) {
    let mut rig = Rig::<B>::new();
    let result = rig.register(file, 1, Interest::READABLE, Mode::Level);
    if is_accepted || rig.has(Capabilities::FILES) {
        assert_eq!(result, Ok(()));
        assert!(rig.only(1).is_readable());
        assert!(rig.only(1).is_readable(), "always");
    } else {
        let backend = rig.mux.name();
        assert_eq!(result, Err(Error::NotPollable { fd: file.as_raw_fd(), backend }));
        rig.silent();
    }
}

pub(super) fn regular_file_is_ready_or_rejected<B: Backend>() {
    let program = std::env::current_exe().expect("the path of the test program");
    always_ready_or_refused::<B>(&File::open(program).expect("a file to read"), false);
}

pub(super) fn directory_is_ready_or_rejected<B: Backend>() {
    always_ready_or_refused::<B>(&File::open("/").expect("a directory"), false);
}

pub(super) fn dev_null_is_ready_or_rejected<B: Backend>() {
    let null = File::open("/dev/null").expect("/dev/null exists");
    // A backend that rejects files may accept devices, as kqueue does on some platforms.
    let is_accepted = Rig::<B>::new().register(&null, 1, Interest::READABLE, Mode::Level).is_ok();
    always_ready_or_refused::<B>(&null, is_accepted);
}

pub(super) fn terminal_reports_input_and_hangup<B: Backend>() {
    let (person, program) = os::terminal().expect("a pseudo-terminal");
    let mut rig = Rig::<B>::new();
    rig.watch(&program, 1, Interest::READABLE);
    rig.silent();
    (&person).write_all(b"a line\n").expect("room for a line");
    assert!(rig.only(1).is_readable());
    drop(person);
    assert!(rig.eventually(1, Readiness::is_readable).is_readable());
}
