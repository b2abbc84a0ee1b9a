//! The table: set and read by index, the readiness, and when it is dropped.

use crate::support::{Thread, empty_pipe, full_pipe};
use iomux::{Error, Interest, PollFd, Readiness, SigSet, Signal, Slots, Timeout};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};

fn indices(slots: &Slots<'_>) -> Vec<usize> {
    slots.ready().map(|ready| ready.index()).collect()
}

#[test]
fn slot_returns_its_fd_until_cleared() {
    let (reader, _writer) = empty_pipe();
    let mut slots = Slots::with_capacity(4);
    assert!(slots.fd(2).unwrap().is_none());
    assert_eq!(slots.interest(2), Ok(Interest::empty()));
    slots.set(2, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.fd(2).unwrap().map(|fd| fd.as_raw_fd()), Some(reader.as_raw_fd()));
    assert_eq!(slots.interest(2), Ok(Interest::READABLE));
    slots.set_interest(2, Interest::PRIORITY).unwrap();
    assert_eq!(slots.interest(2), Ok(Interest::PRIORITY));
    slots.clear(2).unwrap();
    assert!(slots.fd(2).unwrap().is_none());
    assert_eq!(slots.interest(2), Ok(Interest::empty()));
}

#[test]
fn poll_ends_at_the_highest_slot_in_use() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(16);
    assert_eq!(slots.used(), 0);
    slots.set(7, reader.as_fd(), Interest::READABLE).unwrap();
    slots.set(3, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.used(), 8);
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2));
    slots.clear(7).unwrap();
    assert_eq!(slots.used(), 4, "known before the next poll");
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    assert_eq!(slots.used(), 4);
    slots.clear(3).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(0));
    assert_eq!((slots.used(), slots.capacity()), (0, 16));
}

#[test]
fn empty_slots_are_skipped() {
    let (reader, writer) = full_pipe();
    let mut slots = Slots::with_capacity(64);
    for index in [0, 15, 16, 17, 40, 63] {
        slots.set(index, reader.as_fd(), Interest::READABLE).unwrap();
    }
    slots.set(41, writer.as_fd(), Interest::empty()).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(6));
    assert_eq!(indices(&slots), [0, 15, 16, 17, 40, 63]);
    let in_use: Vec<usize> = slots.iter().map(|slot| slot.index()).collect();
    assert_eq!(in_use, [0, 15, 16, 17, 40, 41, 63]);
}

#[test]
fn lone_ready_slot_is_found_anywhere() {
    let (ready, _w) = full_pipe();
    let (idle, _w) = empty_pipe();
    for size in [1, 15, 16, 17, 31, 32, 33, 50] {
        for position in 0..size {
            let mut slots = Slots::with_capacity(size);
            for index in 0..size {
                let fd = if index == position { ready.as_fd() } else { idle.as_fd() };
                slots.set(index, fd, Interest::READABLE).unwrap();
            }
            assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
            assert_eq!(indices(&slots), [position], "of {size}");
            assert_eq!(slots.next_ready().map(|ready| ready.index()), Some(position), "of {size}");
            assert!(slots.next_ready().is_none());
        }
    }
}

#[test]
fn ready_has_index_fd_and_readiness() {
    let (reader, writer) = full_pipe();
    let mut slots = Slots::with_capacity(4);
    slots.set(1, writer.as_fd(), Interest::WRITABLE).unwrap();
    slots.set(3, reader.as_fd(), Interest::READABLE).unwrap();
    slots.poll(Timeout::Nowait).unwrap();
    let due = [
        (1, writer.as_raw_fd(), Interest::WRITABLE, Readiness::WRITABLE),
        (3, reader.as_raw_fd(), Interest::READABLE, Readiness::READABLE),
    ];
    let reported: Vec<_> = slots
        .ready()
        .map(|ready| (ready.index(), ready.fd().as_raw_fd(), ready.interest(), ready.readiness()))
        .collect();
    assert_eq!(reported, due);
    let listed: Vec<_> = slots
        .iter()
        .map(|slot| (slot.index(), slot.fd().as_raw_fd(), slot.interest(), slot.readiness()))
        .collect();
    assert_eq!(listed, due);
    assert_eq!(slots.readiness(3), Ok(Readiness::READABLE));
}

#[test]
fn nothing_is_ready_before_the_first_poll() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(2);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.readiness(0), Ok(Readiness::empty()));
    assert!(slots.ready().next().is_none());
    assert!(slots.next_ready().is_none());
}

#[test]
fn set_and_clear_drop_the_readiness() {
    let (reader, writer) = full_pipe();
    let mut slots = Slots::with_capacity(3);
    for index in 0..3 {
        slots.set(index, reader.as_fd(), Interest::READABLE).unwrap();
    }
    assert_eq!(slots.poll(Timeout::Nowait), Ok(3));
    slots.clear(0).unwrap();
    slots.set(1, writer.as_fd(), Interest::WRITABLE).unwrap();
    slots.set_interest(2, Interest::PRIORITY).unwrap();
    assert_eq!(slots.readiness(0), Ok(Readiness::empty()));
    assert_eq!(slots.readiness(1), Ok(Readiness::empty()), "not the answer to the earlier question");
    assert_eq!(slots.readiness(2), Ok(Readiness::READABLE), "still a fact of the same fd");
    assert_eq!(indices(&slots), [2]);
}

#[test]
fn only_polled_slots_are_ready() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(8);
    for index in 0..8 {
        slots.set(index, reader.as_fd(), Interest::READABLE).unwrap();
    }
    assert_eq!(slots.poll(Timeout::Nowait), Ok(8));
    assert_eq!(slots.poll_first(3, Timeout::Nowait), Ok(3));
    assert_eq!(indices(&slots), [0, 1, 2]);
    assert_eq!(slots.readiness(2), Ok(Readiness::READABLE));
    assert_eq!(slots.readiness(3), Ok(Readiness::empty()), "the first poll's answer is stale");
    assert!(slots.iter().skip(3).all(|slot| slot.readiness().is_empty()));
    assert_eq!(format!("{slots:?}").matches("revents").count(), 3, "{slots:?}");
    assert_eq!(slots.poll_first(0, Timeout::Nowait), Ok(0));
    assert!(slots.ready().next().is_none());
    assert_eq!(slots.poll_first(8, Timeout::Nowait), Ok(8), "the whole table is in range");
}

#[test]
fn polled_slots_bound_the_iteration() {
    let (ready, _w) = full_pipe();
    let (idle, _w) = empty_pipe();
    let mut slots = Slots::with_capacity(40);
    for index in 0..40 {
        let fd = if index == 39 { ready.as_fd() } else { idle.as_fd() };
        slots.set(index, fd, Interest::READABLE).unwrap();
    }
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    assert_eq!(indices(&slots), [39]);
}

#[test]
fn iteration_ends_at_the_ready_count() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(8);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    slots.set(5, reader.as_fd(), Interest::READABLE).unwrap();
    slots.poll(Timeout::Nowait).unwrap();
    let mut walk = slots.ready();
    assert_eq!(walk.size_hint(), (0, Some(2)));
    walk.next();
    assert_eq!(walk.size_hint(), (0, Some(1)));
    walk.next();
    assert_eq!(walk.size_hint(), (0, Some(0)));
    assert!(walk.next().is_none() && walk.next().is_none());
}

#[test]
fn slots_change_during_next_ready() {
    let (reader, writer) = full_pipe();
    let mut slots = Slots::with_capacity(64);
    for index in [0, 20, 21, 40, 63] {
        slots.set(index, reader.as_fd(), Interest::READABLE).unwrap();
    }
    assert_eq!(slots.poll(Timeout::Nowait), Ok(5));
    assert_eq!(slots.next_ready().map(|ready| ready.index()), Some(0));
    slots.clear(20).unwrap();
    slots.set(21, writer.as_fd(), Interest::WRITABLE).unwrap();
    slots.set(50, writer.as_fd(), Interest::WRITABLE).unwrap();
    assert_eq!(slots.next_ready().map(|ready| ready.index()), Some(40));
    slots.clear(63).unwrap();
    assert!(slots.next_ready().is_none(), "a later slot that was cleared is not run into");
    assert!(slots.next_ready().is_none());
    assert_eq!(slots.poll(Timeout::Nowait), Ok(4), "21 and 50 now, 0 and 40 still");
    assert_eq!(slots.next_ready().map(|ready| ready.index()), Some(0), "a poll takes the cursor back");
}

#[test]
fn next_ready_agrees_with_ready() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(100);
    for index in (0..100).step_by(3) {
        slots.set(index, reader.as_fd(), Interest::READABLE).unwrap();
    }
    slots.poll(Timeout::Nowait).unwrap();
    slots.next_ready();
    let iterated = indices(&slots);
    let mut seen = vec![0];
    seen.extend(std::iter::from_fn(|| slots.next_ready().map(|ready| ready.index())));
    assert_eq!(iterated, seen);
    assert_eq!(iterated, (0..100).step_by(3).collect::<Vec<_>>());
}

#[test]
fn interrupted_poll_leaves_no_readiness() {
    if !iomux::HAS_PPOLL {
        return crate::support::skip("interrupted poll", "no ppoll to interrupt at a known moment");
    }
    let (mut reader, mut writer) = full_pipe();
    let hit = std::sync::Arc::default();
    signal_hook::flag::register(libc::SIGWINCH, std::sync::Arc::clone(&hit)).unwrap();
    let blocked = SigSet::from(Signal::WINCH).block().unwrap();
    let mut slots = Slots::with_capacity(1);
    let source = reader.try_clone().unwrap();
    slots.set(0, source.as_fd(), Interest::READABLE).unwrap();
    let mut lone = [PollFd::new(source.as_fd(), Interest::READABLE).unwrap()];
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    assert_eq!(iomux::poll(&mut lone, Timeout::Nowait), Ok(1));
    reader.read_exact(&mut [0]).unwrap();

    Thread::this().send(Signal::WINCH);
    assert_eq!(slots.ppoll(Timeout::Infinite, Some(&blocked.wait_mask())), Err(Error::Interrupted));
    assert!(hit.load(std::sync::atomic::Ordering::SeqCst));
    assert_eq!(slots.readiness(0), Ok(Readiness::empty()));
    assert!(slots.ready().next().is_none() && slots.next_ready().is_none());

    Thread::this().send(Signal::WINCH);
    let answer = iomux::ppoll(&mut lone, Timeout::Infinite, Some(&blocked.wait_mask()));
    assert_eq!(answer, Err(Error::Interrupted));
    assert_eq!(lone[0].readiness(), Readiness::empty());

    writer.write_all(b"!").unwrap();
    assert_eq!(slots.poll(Timeout::Infinite), Ok(1), "and the table still works");
}

#[test]
fn free_poll_fills_its_slots() {
    let (reader, writer) = full_pipe();
    let mut fds = [
        PollFd::new(reader.as_fd(), Interest::READABLE).unwrap(),
        PollFd::EMPTY,
        PollFd::new(writer.as_fd(), Interest::WRITABLE).unwrap(),
        PollFd::default(),
    ];
    assert_eq!(iomux::poll(&mut fds, Timeout::Infinite), Ok(2));
    assert_eq!(fds[0].readiness(), Readiness::READABLE);
    assert_eq!(fds[1].readiness(), Readiness::empty());
    assert_eq!(fds[2].readiness(), Readiness::WRITABLE);
    assert_eq!(fds[0].fd().map(|fd| fd.as_raw_fd()), Some(reader.as_raw_fd()));
    assert!(fds[1].is_empty() && fds[3].is_empty() && !fds[0].is_empty());
    fds[0].set_interest(Interest::WRITABLE).unwrap();
    assert_eq!(fds[0].interest(), Interest::WRITABLE);
}

#[test]
fn paused_slot_is_ignored_until_resumed() {
    let (reader, writer) = empty_pipe();
    drop(writer);
    let mut slots = Slots::with_capacity(4);
    slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    slots.pause(1).unwrap();
    assert_eq!(slots.readiness(1), Ok(Readiness::empty()), "forgotten");
    assert!(slots.next_ready().is_none());
    assert_eq!(slots.fd(1).unwrap().map(|fd| fd.as_raw_fd()), Some(reader.as_raw_fd()));
    assert_eq!(
        format!("{slots:?}"),
        format!("[{{fd=-1}}, {{fd={} (paused), events=POLLIN}}]", reader.as_raw_fd())
    );
    assert_eq!((slots.used(), slots.iter().count()), (2, 1));
    assert_eq!(slots.poll(Timeout::Nowait), Ok(0), "not even the hangup");
    assert_eq!(slots.wait(Timeout::Infinite), Err(Error::NothingToWaitFor));
    slots.pause(1).unwrap();
    slots.set_interest(1, Interest::PRIORITY).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(0), "a new interest does not resume it");
    slots.resume(1).unwrap();
    slots.resume(1).unwrap();
    assert_eq!(slots.interest(1), Ok(Interest::PRIORITY));
    assert_eq!(slots.wait(Timeout::Infinite), Ok(1));
    assert!(slots.readiness(1).unwrap().is_closed());
    slots.pause(1).unwrap();
    slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1), "setting it again does");
    slots.clear(1).unwrap();
    assert_eq!(slots.pause(1), Err(Error::EmptySlot { index: 1 }));
    assert_eq!(slots.resume(1), Err(Error::EmptySlot { index: 1 }));
    assert_eq!(slots.pause(4), Err(Error::IndexOutOfRange { index: 4, capacity: 4 }));
    assert_eq!(slots.used(), 0);
}

#[test]
fn empty_slot_cannot_be_paused_or_resumed() {
    let mut fds = [PollFd::EMPTY];
    fds[0].pause();
    fds[0].resume();
    assert!(fds[0].is_empty() && !fds[0].is_paused() && fds[0].fd().is_none());
    fds[0].set_interest(Interest::READABLE).unwrap();
    assert_eq!(fds[0].interest(), Interest::empty());
    let (reader, _writer) = full_pipe();
    let mut slot = PollFd::new(reader.as_fd(), Interest::READABLE).unwrap();
    assert!(!slot.is_paused());
    slot.pause();
    assert!(slot.is_paused() && !slot.is_empty());
    slot.resume();
    assert!(!slot.is_paused());
}

#[test]
fn free_wait_waits_like_slots() {
    let (reader, _writer) = full_pipe();
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
    assert_eq!(iomux::wait(&mut fds, Timeout::Infinite), Ok(1));
    assert_eq!(iomux::without_ppoll::wait(&mut fds, Timeout::Infinite), Ok(1));
    assert_eq!(iomux::without_ppoll::poll(&mut fds, Timeout::Infinite), Ok(1));
    assert_eq!(iomux::without_ppoll::ppoll(&mut fds, Timeout::Infinite, None), Ok(1));
    fds[0].pause();
    assert_eq!(iomux::wait(&mut fds, Timeout::Infinite), Err(Error::NothingToWaitFor));
    assert_eq!(iomux::wait(&mut [], Timeout::Nowait), Ok(0));
    assert_eq!(iomux::without_ppoll::wait(&mut [], Timeout::Nowait), Ok(0));
    assert_eq!(iomux::without_ppoll::ppoll(&mut [], Timeout::Nowait, None), Ok(0));
    let begin = std::time::Instant::now();
    assert_eq!(iomux::without_ppoll::poll(&mut fds, std::time::Duration::from_nanos(1)), Ok(0));
    assert!(begin.elapsed() >= std::time::Duration::from_millis(1), "rounded up to ms");
}
