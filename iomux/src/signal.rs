//! Signals, signal sets and the mask of the calling thread, which a race-free ppoll(2) needs.

use crate::error::{Error, errno};
use core::ffi::{c_int, c_void};
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr;
use iomux_sys::signal::{self as c, sigset_t};

/// A signal of this platform.
///
/// [`as_raw`](Self::as_raw) returns its number, which other crates take.
///
/// # Examples
/// ```
/// use iomux::Signal;
///
/// assert_eq!(Signal::new(15)?, Signal::TERM);
/// assert_eq!(Signal::TERM.to_string(), "SIGTERM");
/// # Ok::<(), iomux::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

/// Declares the constants of [`Signal`] and their C names together.
macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:ident $c_name:literal;)*) => {
        impl Signal {
            $($(#[$doc])* #[doc(alias = $c_name)] pub const $name: Self = Self(c::$number);)*

            fn c_name(self) -> Option<&'static str> {
                Some(match self {
                    $(Self::$name => $c_name,)*
                    _ => return None,
                })
            }
        }
    };
}

signals! {
    /// The terminal was closed. A daemon often reads its configuration again.
    HUP = SIGHUP "SIGHUP";
    /// An interrupt from the keyboard, Ctrl-C.
    INT = SIGINT "SIGINT";
    /// A quit from the keyboard, Ctrl-\\.
    QUIT = SIGQUIT "SIGQUIT";
    /// A request to terminate.
    TERM = SIGTERM "SIGTERM";
    /// Free for use by the program.
    USR1 = SIGUSR1 "SIGUSR1";
    /// Free for use by the program.
    USR2 = SIGUSR2 "SIGUSR2";
    /// A timer of alarm(2) or setitimer(2) has expired.
    ALRM = SIGALRM "SIGALRM";
    /// A child has terminated or stopped.
    CHLD = SIGCHLD "SIGCHLD";
    /// A write to a pipe or socket that has no reader left.
    PIPE = SIGPIPE "SIGPIPE";
    /// A stopped process continues.
    CONT = SIGCONT "SIGCONT";
    /// A stop from the keyboard, Ctrl-Z.
    TSTP = SIGTSTP "SIGTSTP";
    /// A read from the terminal in the background.
    TTIN = SIGTTIN "SIGTTIN";
    /// A write to the terminal in the background.
    TTOU = SIGTTOU "SIGTTOU";
    /// The terminal's size has changed.
    WINCH = SIGWINCH "SIGWINCH";
    /// Urgent data has arrived.
    URG = SIGURG "SIGURG";
    /// Terminates the process. It can't be blocked.
    KILL = SIGKILL "SIGKILL";
    /// Stops the process. It can't be blocked.
    STOP = SIGSTOP "SIGSTOP";
    /// The process called abort(3).
    ABRT = SIGABRT "SIGABRT";
    /// An fd is ready (`O_ASYNC`).
    IO = SIGIO "SIGIO";
}

impl Signal {
    /// Creates a signal from its number.
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchSignal`] if this platform has no such signal, or libc reserves it.
    pub fn new(number: i32) -> Result<Self, Error> {
        let known = SigSet::empty().insert_number(number);
        known.then_some(Self(number)).ok_or(Error::NoSuchSignal { number })
    }

    /// Creates the real-time signal `SIGRTMIN + offset`.
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchSignal`] if the signal is past `SIGRTMAX`.
    /// - Returns [`Error::Unsupported`] where there are no real-time signals (Apple, OpenBSD, DragonFly).
    #[doc(alias = "SIGRTMIN")]
    pub fn real_time(offset: u8) -> Result<Self, Error> {
        let Some((first, last)) = c::real_time_signals() else {
            return Err(Error::Unsupported { what: "a real-time signal" });
        };
        match first + i32::from(offset) {
            number if number <= last => Self::new(number),
            number => Err(Error::NoSuchSignal { number }),
        }
    }

    /// Returns the signal's number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

/// Prints the C name, or the number of a signal that has no constant here.
impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.c_name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The upper limit of signal numbers on all platforms.
const HIGHEST_SIGNAL: i32 = 255;

/// A set of signals, `sigset_t`, such as the mask of [`ppoll`](crate::ppoll()) or of the calling thread.
///
/// To let a signal end a wait, take three steps:
///
/// 1. Block the signal, so that its handler can run only during the wait.
/// 2. Check the flag that the handler sets.
/// 3. Wait with the mask that lets the signal through.
///
/// The kernel replaces the mask and waits in one step, so there is no gap in which the signal could be lost.
///
/// # Examples
/// ```
/// use iomux::{Error, SigSet, Signal, Slots, Timeout};
///
/// # if iomux::HAS_PPOLL {
/// let blocked = SigSet::from(Signal::TERM).block()?;
/// let mut slots = Slots::with_capacity(8);
/// // Check here whether the handler of SIGTERM has run. It can't run before the wait.
/// match slots.ppoll(Timeout::Nowait, Some(&blocked.wait_mask())) {
///     Err(Error::Interrupted) => println!("the handler has run"),
///     ready => println!("{} ready", ready?),
/// }
/// # }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct SigSet(sigset_t);

impl SigSet {
    /// Creates a set without signals. As a mask, it lets every signal through.
    #[must_use]
    pub fn empty() -> Self {
        // SAFETY: a sigset_t has only integers, so all zeroes is a valid value. sigemptyset(3) of glibc writes only
        // the part that the kernel uses.
        let mut set = unsafe { MaybeUninit::<sigset_t>::zeroed().assume_init() };
        // SAFETY: `set` is a sigset_t that this function alone can reach.
        unsafe { c::sigemptyset(&raw mut set) };
        Self(set)
    }

    /// Creates a set of every signal, except those that libc reserves.
    ///
    /// As a mask, it blocks all of them except SIGKILL and SIGSTOP.
    #[must_use]
    pub fn full() -> Self {
        let mut set = Self::empty();
        // SAFETY: an initialised sigset_t that this function alone can reach.
        unsafe { c::sigfillset(&raw mut set.0) };
        set
    }

    /// Returns the mask of the calling thread, `pthread_sigmask(3)`.
    ///
    /// A new thread has the mask of the thread that started it.
    ///
    /// # Errors
    /// - Returns [`Error::Os`] if the call fails, which no platform is known to do.
    pub fn current() -> Result<Self, Error> {
        Self::change_mask(c::SIG_BLOCK, None)
    }

    /// Returns the signals that are pending for the calling thread or its process, sigpending(2).
    pub(crate) fn pending() -> Result<Self, Error> {
        let mut set = Self::empty();
        // SAFETY: an initialised sigset_t that this function alone can reach.
        if unsafe { c::sigpending(&raw mut set.0) } == 0 {
            return Ok(set);
        }
        Err(Error::Os { call: "sigpending", code: errno() })
    }

    /// Returns `true` if the set contains a signal that `mask` does not.
    pub(crate) fn exceeds(&self, mask: &Self) -> bool {
        self.iter().any(|signal| !mask.contains(signal))
    }

    /// Adds a signal.
    pub fn insert(&mut self, signal: Signal) {
        self.insert_number(signal.0);
    }

    /// Adds a signal, and returns `false` if this platform has no signal of that number.
    fn insert_number(&mut self, number: c_int) -> bool {
        // SAFETY: an initialised sigset_t, borrowed mutably; libc rejects an unknown number.
        unsafe { c::sigaddset(&raw mut self.0, number) == 0 }
    }

    /// Removes a signal, if the set contains it.
    pub fn remove(&mut self, signal: Signal) {
        // SAFETY: an initialised sigset_t, borrowed mutably; libc rejects an unknown number.
        unsafe { c::sigdelset(&raw mut self.0, signal.0) };
    }

    /// Returns `true` if the set contains the signal.
    #[must_use]
    pub fn contains(&self, signal: Signal) -> bool {
        // SAFETY: an initialised sigset_t, borrowed; libc rejects an unknown number.
        unsafe { c::sigismember(&raw const self.0, signal.0) == 1 }
    }

    /// Returns `true` if the set contains no signal.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Returns the signals of the set, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Signal> + '_ {
        (1..=HIGHEST_SIGNAL).map(Signal).filter(|&signal| self.contains(signal))
    }

    /// Blocks these signals for the calling thread until the guard is dropped, `pthread_sigmask(SIG_BLOCK)`.
    ///
    /// A blocked signal that arrives stays pending. A signal that was blocked before stays blocked after the
    /// guard is dropped.
    ///
    /// # Errors
    /// - Returns [`Error::Os`] if the call fails, which no platform is known to do.
    #[doc(alias = "pthread_sigmask")]
    pub fn block(&self) -> Result<MaskGuard, Error> {
        MaskGuard::change(c::SIG_BLOCK, self)
    }

    /// Unblocks these signals for the calling thread until the guard is dropped,
    /// `pthread_sigmask(SIG_UNBLOCK)`.
    ///
    /// The handler of a pending signal runs before this returns.
    ///
    /// # Errors
    /// - Returns [`Error::Os`] if the call fails, which no platform is known to do.
    #[doc(alias = "pthread_sigmask")]
    pub fn unblock(&self) -> Result<MaskGuard, Error> {
        MaskGuard::change(c::SIG_UNBLOCK, self)
    }

    /// Changes the calling thread's mask, and returns the mask before.
    fn change_mask(how: c_int, set: Option<&Self>) -> Result<Self, Error> {
        let mut before = Self::empty();
        let set = set.map_or(ptr::null(), |set| ptr::from_ref(&set.0));
        // SAFETY: `set` is null or borrowed; this function alone can reach `before`.
        match unsafe { c::pthread_sigmask(how, set, &raw mut before.0) } {
            0 => Ok(before),
            // pthread_sigmask(3) returns the error number, and leaves `errno` unchanged.
            code => Err(Error::Os { call: "pthread_sigmask", code }),
        }
    }

    /// Returns a pointer to the `sigset_t`, for a custom system call that takes a mask.
    ///
    /// # Examples
    /// ```
    /// use iomux::{SigSet, Signal};
    /// use iomux_sys::signal::sigismember; // or libc's, which is the same
    ///
    /// let set = SigSet::from(Signal::TERM);
    /// // SAFETY: the set lives, and `as_ptr` points to a `sigset_t`.
    /// let is_member = unsafe { sigismember(set.as_ptr().cast(), Signal::TERM.as_raw()) };
    /// assert_eq!(is_member, 1);
    /// ```
    #[must_use]
    #[inline]
    pub fn as_ptr(&self) -> *const c_void {
        (&raw const self.0).cast()
    }

    #[inline]
    pub(crate) fn as_c(&self) -> &sigset_t {
        &self.0
    }
}

/// The default is [`SigSet::empty`].
impl Default for SigSet {
    fn default() -> Self {
        Self::empty()
    }
}

impl From<Signal> for SigSet {
    fn from(signal: Signal) -> Self {
        Self::from_iter([signal])
    }
}

impl FromIterator<Signal> for SigSet {
    fn from_iter<I: IntoIterator<Item = Signal>>(signals: I) -> Self {
        let mut set = Self::empty();
        set.extend(signals);
        set
    }
}

impl Extend<Signal> for SigSet {
    fn extend<I: IntoIterator<Item = Signal>>(&mut self, signals: I) {
        for signal in signals {
            self.insert(signal);
        }
    }
}

impl PartialEq for SigSet {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for SigSet {}

impl fmt::Debug for SigSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// A guard that undoes a change of the calling thread's signal mask when it is dropped.
///
/// [`SigSet::block`] and [`SigSet::unblock`] return it. A guard undoes only what it changed. Guards of different
/// signals may be dropped in any order. Of two guards for the same signal, only the first one changes the mask, and
/// undoes the change.
///
/// It is not `Send`, because the mask belongs to its thread.
///
/// # Examples
/// ```
/// use iomux::{SigSet, Signal};
///
/// let first = SigSet::from(Signal::USR1).block()?;
/// let second = SigSet::from(Signal::USR2).block()?;
/// drop(first);
/// let mask = SigSet::current()?;
/// assert!(!mask.contains(Signal::USR1) && mask.contains(Signal::USR2));
/// # drop(second);
/// # Ok::<(), iomux::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "the mask is restored when this is dropped, so immediately if it is not kept"]
pub struct MaskGuard {
    before: SigSet,
    /// Stored, because a loop needs it for each wait, and iterating over a set costs a call per signal.
    wait_mask: SigSet,
    /// The signals whose state was different before, and how to restore them.
    changed: SigSet,
    undo: c_int,
    of_this_thread: PhantomData<*const ()>,
}

impl MaskGuard {
    fn change(how: c_int, set: &SigSet) -> Result<Self, Error> {
        let before = SigSet::change_mask(how, Some(set))?;
        let is_block = how == c::SIG_BLOCK;
        let changed = set.iter().filter(|&signal| before.contains(signal) != is_block).collect();
        let undo = if is_block { c::SIG_UNBLOCK } else { c::SIG_BLOCK };
        let mut wait_mask = before;
        set.iter().for_each(|signal| wait_mask.remove(signal));
        Ok(Self { before, wait_mask, changed, undo, of_this_thread: PhantomData })
    }

    /// Returns the mask before the change.
    #[must_use]
    pub fn before(&self) -> &SigSet {
        &self.before
    }

    /// Returns the mask for [`ppoll`](crate::ppoll()): the mask before the change, without the guard's signals.
    ///
    /// So a wait lets the guard's signals through, even if another guard blocks them, too.
    #[must_use]
    pub fn wait_mask(&self) -> SigSet {
        self.wait_mask
    }
}

impl Drop for MaskGuard {
    fn drop(&mut self) {
        // The kernel accepts every valid set, and `drop` could not report an error.
        let _ = SigSet::change_mask(self.undo, Some(&self.changed));
    }
}

/// Registers a handler that sends its signal again, `times` times, so that the signal is always pending.
#[cfg(test)]
pub(crate) fn resend_in_handler(
    signal: Signal,
    times: usize,
) -> std::sync::Arc<core::sync::atomic::AtomicUsize> {
    use core::sync::atomic::{AtomicUsize, Ordering};
    let left = std::sync::Arc::new(AtomicUsize::new(times));
    let in_handler = std::sync::Arc::clone(&left);
    let resend = move || {
        let more = in_handler.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if more.is_ok() {
            let _ = signal_hook::low_level::raise(signal.as_raw());
        }
    };
    // SAFETY: atomics and raise(3) are async-signal-safe.
    unsafe { signal_hook::low_level::register(signal.as_raw(), resend) }
        .expect("a signal that can be handled");
    left
}
