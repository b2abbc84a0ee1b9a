//! Calls that allocate return an error without memory. The allocator needs a process of its own.

use iomux_backend::{
    ALL_NAMES, Any, Error, Interest, Mode, Multiplexer, Reactor, Spin, SubmitError, Token, by_name,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::PipeReader;
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;

/// The system's allocator, with a limit per thread.
struct Limited;

#[global_allocator]
static ALLOCATOR: Limited = Limited;

thread_local! {
    /// The number of bytes that the thread may allocate.
    static LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
}

// SAFETY: all memory comes from the system's allocator.
unsafe impl GlobalAlloc for Limited {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match LEFT.get().checked_sub(layout.size()) {
            Some(left) => {
                LEFT.set(left);
                // SAFETY: the layout is the caller's.
                unsafe { System.alloc(layout) }
            }
            None => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LEFT.set(LEFT.get().saturating_add(layout.size()));
        // SAFETY: `alloc` has allocated it with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// Runs `call` with a growing limit until it succeeds. Returns the number of failures.
#[track_caller]
fn failures<R>(call: impl FnMut() -> Result<R, Error>) -> usize {
    failures_from(0, call)
}

/// Does the same, with a limit that starts at `least` bytes.
#[track_caller]
fn failures_from<R>(least: usize, mut call: impl FnMut() -> Result<R, Error>) -> usize {
    for limit in least..10_000 {
        LEFT.set(limit);
        let result = catch_unwind(AssertUnwindSafe(&mut call));
        LEFT.set(usize::MAX);
        match result.unwrap_or_else(|panic| resume_unwind(panic)) {
            Ok(_) => return limit - least,
            Err(error) => assert_eq!(error, Error::OutOfMemory, "with {limit} bytes"),
        }
    }
    panic!("10,000 bytes are not enough");
}

fn backends() -> impl Iterator<Item = Any<'static>> {
    ALL_NAMES.iter().map(|name| by_name(name).unwrap())
}

#[test]
fn waker_without_memory_is_an_error() {
    for mut mux in backends() {
        assert!(failures(|| mux.waker(Token(1))) > 0, "{}", mux.name());
        let mut spin = Spin::new(mux);
        assert!(failures(|| spin.waker(Token(1))) > 0, "{}", spin.name());
    }
}

#[test]
fn register_without_memory_is_an_error() {
    let (reader, _writer) = std::io::pipe().unwrap();
    for mut mux in backends() {
        // SAFETY: the multiplexer is dropped before the pipe.
        let register =
            || unsafe { mux.register_raw(reader.as_raw_fd(), Token(1), Interest::READABLE, Mode::Level) };
        assert!(failures(register) > 0 || mux.name() == "epoll", "{}", mux.name());
    }
}

#[test]
fn insert_without_memory_returns_source() {
    for backend in backends() {
        let mut reactor = Reactor::<PipeReader, (), _>::with(backend, 8);
        assert!(failures(|| reactor.handle()) > 0);
        assert!(failures(|| reactor.waker()) > 0);
        let mut insert = || {
            let mut source = std::io::pipe().ok().map(|(reader, _writer)| reader);
            failures(|| {
                let reader = source.take().unwrap();
                reactor.insert(reader, (), Interest::READABLE, Mode::Level).map_err(|failed| {
                    let (error, reader, ()) = failed.into_parts();
                    assert!(reader.try_clone().is_ok());
                    source = Some(reader);
                    error
                })
            })
        };
        // The first ones may find places that are free.
        assert!((0..10).map(|_| insert()).sum::<usize>() > 0);
    }
}

#[test]
fn submit_without_memory_returns_task() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    sender.send(0).unwrap(); // this allocates room for more
    let mut task = Some(move |_: &mut Reactor<PipeReader>| sender.send(1).unwrap());
    let submit = || {
        handle.submit(task.take().unwrap()).map_err(|failed: SubmitError<_>| {
            assert!(failed.is_out_of_memory());
            task = Some(failed.into_inner());
            Error::OutOfMemory
        })
    };
    assert!(failures(submit) > 0);
    assert!(reactor.run_submitted());
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn submit_with_result_returns_task() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let large = [7_u8; 4000];
    let submit = || {
        let task = move |_: &mut Reactor<PipeReader>| large.len();
        handle.submit_with_result(task).map_err(|failed| {
            assert!(failed.is_out_of_memory());
            Error::OutOfMemory
        })
    };
    // std's channel allocates too. That part is left out here.
    assert!(failures_from(2000, submit) > 0);
    assert!(reactor.run_submitted());
}
