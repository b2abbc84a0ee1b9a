//! Signals and waits: none is lost between a check and the wait, none stretches or cuts a wait.

use crate::support::{Thread, empty_pipe, full_pipe, is_emulated, skip};
use iomux::{Error, HAS_PPOLL, Interest, MaskTurns, SigSet, Signal, Slots, Timeout};
use iomux_sys::poll::NOWAIT_SEES_SIGNALS;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A flag that the handler of `signal` sets.
fn handled(signal: Signal) -> Arc<AtomicBool> {
    let flag = Arc::default();
    signal_hook::flag::register(signal.as_raw(), Arc::clone(&flag)).unwrap();
    flag
}

#[test]
fn signal_before_the_wait_is_not_lost() {
    if !HAS_PPOLL {
        return skip("a signal between check and wait", "no ppoll");
    }
    const ROUNDS: u32 = 10_000;
    let flag = handled(Signal::USR1);
    let blocked = SigSet::from(Signal::USR1).block().unwrap();
    let waiter = Thread::this();
    let round = AtomicU32::new(0);
    let mut slots = Slots::with_capacity(1);
    let (reader, _writer) = empty_pipe();
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for sent in 1..=ROUNDS {
                while round.load(Ordering::Acquire) < sent {
                    std::thread::yield_now();
                }
                // Each round a little later, so that every moment of check and wait is hit.
                for _ in 0..sent % 512 {
                    std::hint::spin_loop();
                }
                waiter.send(Signal::USR1);
            }
        });
        for number in 1..=ROUNDS {
            flag.store(false, Ordering::Release);
            round.store(number, Ordering::Release);
            assert!(!flag.load(Ordering::Acquire), "blocked, so its handler can't have run");
            let answer = slots.ppoll(Duration::from_secs(60), Some(&blocked.wait_mask()));
            assert_eq!(answer, Err(Error::Interrupted), "round {number}");
            assert!(flag.load(Ordering::Acquire), "round {number}");
        }
    });
}

#[test]
fn signals_neither_stretch_nor_cut_a_wait() {
    const WAIT: Duration = Duration::from_millis(200);
    // A wait that restarts with its full time after each signal lasts until the last one.
    const LAST_SIGNAL: Duration = Duration::from_secs(20);
    let _flag = handled(Signal::USR2);
    let waiter = Thread::this();
    let (is_over, sent) = (AtomicBool::new(false), AtomicU32::new(0));
    let (reader, _writer) = empty_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let begin = Instant::now();
            while !is_over.load(Ordering::Acquire) && begin.elapsed() < LAST_SIGNAL {
                let due = Duration::from_micros(100) * sent.load(Ordering::Relaxed);
                while begin.elapsed() < due {
                    std::hint::spin_loop();
                }
                waiter.send(Signal::USR2);
                sent.fetch_add(1, Ordering::Release);
            }
        });
        assert_eq!(slots.poll(LAST_SIGNAL), Err(Error::Interrupted), "these signals do interrupt");
        for until in [false, true] {
            let (begin, before) = (Instant::now(), sent.load(Ordering::Acquire));
            let timeout = if until { Timeout::Until(begin + WAIT) } else { Timeout::After(WAIT) };
            assert_eq!(slots.wait(timeout), Ok(0));
            let waited = begin.elapsed();
            assert!(waited >= WAIT, "cut to {waited:?}");
            assert!(waited < LAST_SIGNAL / 2, "stretched to {waited:?}");
            assert!(sent.load(Ordering::Acquire) > before, "signals kept coming");
        }
        is_over.store(true, Ordering::Release);
    });
}

#[test]
fn empty_mask_differs_from_no_mask() {
    if !HAS_PPOLL {
        return skip("the empty mask", "no ppoll");
    }
    let flag = handled(Signal::ALRM);
    let _blocked = SigSet::from(Signal::ALRM).block().unwrap();
    Thread::this().send(Signal::ALRM);
    let mut slots = Slots::with_capacity(1);
    assert_eq!(slots.ppoll(Duration::from_millis(1), None), Ok(0), "no mask: still blocked");
    assert!(!flag.load(Ordering::SeqCst));
    let answer = slots.ppoll(Duration::from_secs(60), Some(&SigSet::empty()));
    assert_eq!(answer, Err(Error::Interrupted), "the empty one lets it through");
    assert!(flag.load(Ordering::SeqCst));
}

#[test]
fn full_mask_blocks_signals_during_the_call() {
    if !HAS_PPOLL {
        return skip("a full mask", "no ppoll");
    }
    if is_emulated() {
        return skip("a full mask", "qemu 7.2 does not deliver what arrived under ppoll's mask");
    }
    let flag = handled(Signal::IO);
    let waiter = Thread::this();
    let (reader, _writer) = empty_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| waiter.send(Signal::IO));
        assert_eq!(slots.ppoll(Duration::from_millis(20), Some(&SigSet::full())), Ok(0));
    });
    assert!(flag.load(Ordering::SeqCst), "its handler ran once the mask was taken back");
}

#[test]
fn nowait_delivers_a_pending_signal() {
    if !HAS_PPOLL {
        return skip("a pending signal", "no ppoll");
    }
    let flag = handled(Signal::URG);
    let blocked = SigSet::from(Signal::URG).block().unwrap();
    let (ready, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, ready.as_fd(), Interest::READABLE).unwrap();
    Thread::this().send(Signal::URG);
    if cfg!(target_os = "linux") {
        for _ in 0..1000 {
            assert_eq!(slots.ppoll(Timeout::Infinite, Some(&blocked.wait_mask())), Ok(1));
        }
        assert!(!flag.load(Ordering::SeqCst), "as documented: the kernel's ppoll runs no handler");
    }
    let mask = blocked.wait_mask();
    if NOWAIT_SEES_SIGNALS {
        assert_eq!(iomux::ppoll(&mut [], Timeout::Nowait, Some(&mask)), Err(Error::Interrupted));
        assert!(flag.swap(false, Ordering::SeqCst));
        Thread::this().send(Signal::URG);
    }
    let (turns, mut wait) = (MaskTurns::new(), || slots.ppoll(Timeout::Infinite, Some(&mask)));
    assert_eq!(turns.wait(&mask, &mut wait), Err(Error::Interrupted));
    assert!(flag.load(Ordering::SeqCst));
    assert_eq!(turns.wait(&mask, &mut wait), Ok(1), "the fd is not forgotten");
}

#[test]
fn guards_restore_the_mask() {
    let before = SigSet::current().unwrap();
    assert!(!before.contains(Signal::TSTP));
    {
        let outer = SigSet::from_iter([Signal::TSTP, Signal::TTIN]).block().unwrap();
        assert_eq!(*outer.before(), before);
        let now = SigSet::current().unwrap();
        assert!(now.contains(Signal::TSTP) && now.contains(Signal::TTIN));
        {
            let inner = SigSet::from(Signal::TSTP).unblock().unwrap();
            assert_eq!(*inner.before(), now);
            assert!(!SigSet::current().unwrap().contains(Signal::TSTP));
            assert!(SigSet::current().unwrap().contains(Signal::TTIN));
        }
        assert_eq!(SigSet::current().unwrap(), now);
    }
    assert_eq!(SigSet::current().unwrap(), before);
}

#[test]
fn guards_drop_in_any_order() {
    let is_blocked = |signal| SigSet::current().unwrap().contains(signal);
    let first = SigSet::from(Signal::HUP).block().unwrap();
    let second = SigSet::from(Signal::QUIT).block().unwrap();
    assert!(second.wait_mask().contains(Signal::HUP), "what others blocked stays so in the wait");
    drop(first);
    assert!(!is_blocked(Signal::HUP) && is_blocked(Signal::QUIT), "the other's signal stays blocked");
    drop(second);
    assert!(!is_blocked(Signal::HUP) && !is_blocked(Signal::QUIT));

    let outer = SigSet::from(Signal::TTOU).block().unwrap();
    let inner = SigSet::from_iter([Signal::TTOU, Signal::QUIT]).block().unwrap();
    assert!(inner.before().contains(Signal::TTOU) && !inner.wait_mask().contains(Signal::TTOU));
    assert!(!inner.wait_mask().contains(Signal::QUIT));
    drop(inner);
    assert!(is_blocked(Signal::TTOU) && !is_blocked(Signal::QUIT), "it was blocked before");
    let open = SigSet::from_iter([Signal::TTOU, Signal::QUIT]).unblock().unwrap();
    assert!(!is_blocked(Signal::TTOU));
    drop(open);
    assert!(is_blocked(Signal::TTOU) && !is_blocked(Signal::QUIT));
    drop(outer);
    assert!(!is_blocked(Signal::TTOU));
}

#[test]
fn sigset_prints_its_signals_by_name() {
    let mut set = SigSet::empty();
    assert!(set.is_empty() && set == SigSet::default());
    set.insert(Signal::TERM);
    set.extend([Signal::HUP, Signal::INT]);
    assert!(set.contains(Signal::TERM) && !set.contains(Signal::USR1) && !set.is_empty());
    assert_eq!(set.iter().collect::<Vec<_>>(), [Signal::HUP, Signal::INT, Signal::TERM]);
    assert_eq!(format!("{set:?}"), "{SIGHUP, SIGINT, SIGTERM}");
    set.remove(Signal::INT);
    assert_eq!(set, [Signal::HUP, Signal::TERM].into_iter().collect());
    assert_ne!(set, SigSet::from(Signal::TERM));
    let full = SigSet::full();
    assert!(full.contains(Signal::WINCH) && full.iter().count() >= 20);
}

#[test]
fn sigset_holds_real_time_signals() {
    for signal in SigSet::full().iter() {
        assert_eq!(Signal::new(signal.as_raw()), Ok(signal));
    }
    for number in [0, -1, 4096, i32::MAX] {
        assert_eq!(Signal::new(number), Err(Error::NoSuchSignal { number }));
    }
    assert_eq!(Signal::KILL.to_string(), "SIGKILL");
    assert_eq!(format!("{:?}", Signal::CHLD), "SIGCHLD");
    match Signal::real_time(0) {
        Err(error) => {
            assert_eq!(error, Error::Unsupported { what: "a real-time signal" });
            skip("real-time signals", "this system has none");
        }
        Ok(first) => {
            let second = Signal::real_time(1).unwrap();
            assert_eq!(second.as_raw(), first.as_raw() + 1);
            assert_eq!(first.to_string(), format!("signal {}", first.as_raw()));
            assert!(matches!(Signal::real_time(u8::MAX), Err(Error::NoSuchSignal { .. })));
            let mut set = SigSet::from(second);
            assert!(set.contains(second) && !set.contains(first));
            set.remove(second);
            assert!(set.is_empty());
        }
    }
}
