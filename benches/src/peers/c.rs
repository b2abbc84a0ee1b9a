//! libevent, libev and libuv, through the shims of `c/`.
#![cfg_attr(not(any(has_libevent, has_libev, has_libuv)), allow(dead_code, reason = "none is installed"))]

use super::{Ask, Mechanism, Peer, Waking};
use std::ffi::{c_int, c_void};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// `struct shim`, which only C knows.
#[repr(C)]
struct Shim {
    _opaque: [u8; 0],
}

/// Called for each event, from a callback of the library.
type Found = unsafe extern "C" fn(*mut c_void, usize);

/// `struct library`.
#[repr(C)]
pub(crate) struct Library {
    create: unsafe extern "C" fn(c_int) -> *mut Shim,
    destroy: unsafe extern "C" fn(*mut Shim),
    add: unsafe extern "C" fn(*mut Shim, c_int, usize, c_int) -> c_int,
    modify: unsafe extern "C" fn(*mut Shim, usize, c_int) -> c_int,
    remove: unsafe extern "C" fn(*mut Shim, usize) -> c_int,
    wait: unsafe extern "C" fn(*mut Shim, i64, Found, *mut c_void) -> c_int,
    waker: Option<unsafe extern "C" fn(*mut Shim, usize) -> c_int>,
    wake: Option<unsafe extern "C" fn(*mut Shim)>,
}

unsafe extern "C" {
    #[cfg(has_libevent)]
    safe static iomux_bench_libevent: Library;
    #[cfg(has_libev)]
    safe static iomux_bench_libev: Library;
    #[cfg(has_libuv)]
    safe static iomux_bench_libuv: Library;
}

/// A library, and the mechanism it waits with.
pub(crate) trait Kind: Send + Sync + 'static {
    const NAME: &'static str;
    const MECHANISM: Mechanism;
    const VARIANT: c_int = 0;
    fn library() -> &'static Library;
}

macro_rules! kinds {
    ($($cfg:ident $library:ident: $kind:ident, $name:literal, $mechanism:ident, $variant:literal;)*) => {$(
        #[cfg($cfg)]
        pub(crate) struct $kind;

        #[cfg($cfg)]
        impl Kind for $kind {
            const NAME: &'static str = $name;
            const MECHANISM: Mechanism = Mechanism::$mechanism;
            const VARIANT: c_int = $variant;

            #[inline(always)]
            fn library() -> &'static Library {
                &$library
            }
        }
    )*};
}

kinds! {
    has_libevent iomux_bench_libevent: Libevent, "libevent", Epoll, 0;
    has_libevent iomux_bench_libevent: LibeventChangelist, "libevent, changelist", Epoll, 1;
    has_libevent iomux_bench_libevent: LibeventPoll, "libevent, over poll", Poll, 2;
    has_libev iomux_bench_libev: Libev, "libev", Epoll, 0;
    has_libev iomux_bench_libev: LibevPoll, "libev, over poll", Poll, 1;
    has_libuv iomux_bench_libuv: Libuv, "libuv", Epoll, 0;
}

/// An event loop, destroyed with its last owner.
pub(crate) struct Handle<K: Kind>(NonNull<Shim>, PhantomData<K>);

// SAFETY: other threads only call `wake`, which the libraries allow.
unsafe impl<K: Kind> Send for Handle<K> {}
// SAFETY: as above.
unsafe impl<K: Kind> Sync for Handle<K> {}

impl<K: Kind> Drop for Handle<K> {
    fn drop(&mut self) {
        // SAFETY: `create` made it, and nothing uses it any more.
        unsafe { (K::library().destroy)(self.0.as_ptr()) }
    }
}

pub(crate) struct Loop<K: Kind>(Arc<Handle<K>>);

impl<K: Kind> Loop<K> {
    #[inline(always)]
    fn shim(&self) -> *mut Shim {
        self.0.0.as_ptr()
    }

    #[inline(always)]
    fn fill<F: FnMut(usize)>(&mut self, timeout: Option<Duration>, mut found: F) -> io::Result<()> {
        let ns = timeout.map_or(-1, |time| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX));
        let context = (&raw mut found).cast();
        // SAFETY: the loop exists and belongs to this thread. `tell` gets the closure of its own type.
        check(unsafe { (K::library().wait)(self.shim(), ns, tell::<F>, context) })
    }
}

/// # Safety
/// `context` points to an `F` that nothing else uses during the call.
unsafe extern "C" fn tell<F: FnMut(usize)>(context: *mut c_void, token: usize) {
    // SAFETY: as the caller promises.
    let found = unsafe { &mut *context.cast::<F>() };
    found(token);
}

#[inline(always)]
fn check(status: c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::other(format!("the library returned {status}"))) }
}

impl<'fd, K: Kind> Peer<'fd> for Loop<K> {
    const NAME: &'static str = K::NAME;
    const MECHANISM: Mechanism = K::MECHANISM;
    const IS_C: bool = true;

    fn new() -> io::Result<Self> {
        // SAFETY: it takes a number.
        let shim = unsafe { (K::library().create)(K::VARIANT) };
        let shim = NonNull::new(shim).ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self(Arc::new(Handle(shim, PhantomData))))
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        let write = c_int::from(ask == Ask::Both);
        // SAFETY: the loop exists. The fd is open until it is removed or the loop is destroyed.
        check(unsafe { (K::library().add)(self.shim(), fd.as_raw_fd(), token, write) })
    }

    #[inline(always)]
    fn modify(&mut self, _fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        // SAFETY: the loop exists. The benchmarks modify only fds that they have added.
        check(unsafe { (K::library().modify)(self.shim(), token, c_int::from(ask == Ask::Both)) })
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        // SAFETY: as `modify`.
        check(unsafe { (K::library().remove)(self.shim(), token) })
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, found: impl FnMut(usize)) -> io::Result<()> {
        self.fill(timeout, found)
    }
}

const WAKE: usize = usize::MAX;

impl<'fd, K: Kind> Waking<'fd> for Loop<K> {
    type Waker = Arc<Handle<K>>;

    fn waker(&mut self) -> io::Result<Arc<Handle<K>>> {
        let make = K::library().waker.ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: the loop exists and belongs to this thread.
        check(unsafe { make(self.shim(), WAKE) })?;
        Ok(Arc::clone(&self.0))
    }

    #[inline(always)]
    fn wake(waker: &Arc<Handle<K>>) -> io::Result<()> {
        let wake = K::library().wake.ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: the loop exists and has a waker.
        unsafe { wake(waker.0.as_ptr()) };
        Ok(())
    }

    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        let mut count = 0;
        self.fill(None, |token| count += usize::from(token == WAKE))?;
        Ok(count)
    }
}
