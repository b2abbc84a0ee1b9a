//! Signals, sets of them, and the calling thread's mask: what a race-free ppoll(2) needs.

use crate::error::Error;
use crate::sys::{SignalSet, change_mask};
use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use iomux_sys::signal as c;

/// A signal that this system has.
///
/// ```
/// use iomux::Signal;
///
/// assert_eq!(Signal::new(Signal::TERM.as_raw())?, Signal::TERM);
/// assert_eq!(Signal::TERM.to_string(), "SIGTERM");
/// assert!(Signal::new(0).is_err());
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
    /// The terminal is gone, or "read your configuration again".
    HUP = SIGHUP "SIGHUP";
    /// Ctrl-C.
    INT = SIGINT "SIGINT";
    /// Ctrl-\.
    QUIT = SIGQUIT "SIGQUIT";
    /// "End yourself."
    TERM = SIGTERM "SIGTERM";
    /// For the program's own use.
    USR1 = SIGUSR1 "SIGUSR1";
    /// For the program's own use.
    USR2 = SIGUSR2 "SIGUSR2";
    /// A timer of alarm(2) or setitimer(2).
    ALRM = SIGALRM "SIGALRM";
    /// A child has ended or stopped.
    CHLD = SIGCHLD "SIGCHLD";
    /// A write to what nobody reads any more.
    PIPE = SIGPIPE "SIGPIPE";
    /// A stopped process goes on.
    CONT = SIGCONT "SIGCONT";
    /// Ctrl-Z.
    TSTP = SIGTSTP "SIGTSTP";
    /// A read from the terminal in the background.
    TTIN = SIGTTIN "SIGTTIN";
    /// A write to the terminal in the background.
    TTOU = SIGTTOU "SIGTTOU";
    /// The terminal's size has changed.
    WINCH = SIGWINCH "SIGWINCH";
    /// Urgent data has arrived.
    URG = SIGURG "SIGURG";
    /// "End at once"; can't be blocked.
    KILL = SIGKILL "SIGKILL";
    /// "Stop"; can't be blocked.
    STOP = SIGSTOP "SIGSTOP";
    /// abort(3).
    ABRT = SIGABRT "SIGABRT";
    /// An fd is ready (`O_ASYNC`).
    IO = SIGIO "SIGIO";
}

impl Signal {
    /// The signal of that number.
    ///
    /// # Errors
    /// [`Error::NoSuchSignal`] if this system has none, or libc keeps it for itself.
    pub fn new(number: i32) -> Result<Self, Error> {
        let known = SignalSet::empty().insert(number);
        known.then_some(Self(number)).ok_or(Error::NoSuchSignal { number })
    }

    /// The real-time signal `SIGRTMIN + offset`.
    ///
    /// # Errors
    /// [`Error::NoSuchSignal`] past `SIGRTMAX`, and [`Error::Unsupported`] where there are none
    /// (Apple, OpenBSD, DragonFly).
    ///
    /// ```
    /// use iomux::{Error, Signal};
    ///
    /// match Signal::real_time(0) {
    ///     Ok(first) => assert_ne!(first, Signal::real_time(1)?),
    ///     Err(error) => assert!(matches!(error, Error::Unsupported { .. })),
    /// }
    /// # Ok::<(), Error>(())
    /// ```
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

    /// Its number.
    #[must_use]
    pub const fn as_raw(self) -> i32 {
        self.0
    }
}

/// Its C name, or its number if it has none here.
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

/// A set of signals, `sigset_t`: the mask of [`ppoll`](crate::ppoll), and the calling thread's own.
///
/// A wait that a signal must be able to end needs three steps. Block the signal, so that it can only
/// arrive while you wait; look at what its handler left; wait with the mask that lets it through. The
/// kernel swaps the mask and waits in one step, so there is no gap for the signal to fall into.
///
/// ```
/// use iomux::{Error, SigSet, Signal, Slots, Timeout};
///
/// # if iomux::HAS_PPOLL {
/// let blocked = SigSet::from(Signal::TERM).block()?;
/// let mut slots = Slots::with_capacity(8);
/// // ... here: has the handler of SIGTERM been run? Until the next line it can't be.
/// match slots.ppoll(Timeout::Nowait, Some(&blocked.wait_mask())) {
///     Err(Error::Interrupted) => println!("the handler has run"),
///     ready => println!("{} ready", ready?),
/// }
/// # }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct SigSet(SignalSet);

/// No system has a signal past this.
const HIGHEST_SIGNAL: i32 = 255;

impl SigSet {
    /// No signal: as a mask, it lets every one through. Not the same as no mask.
    #[must_use]
    pub fn empty() -> Self {
        Self(SignalSet::empty())
    }

    /// Every signal: as a mask, it holds them all back, but for those that can't be (SIGKILL, SIGSTOP).
    #[must_use]
    pub fn full() -> Self {
        Self(SignalSet::full())
    }

    /// The mask of the calling thread, `pthread_sigmask(3)`.
    ///
    /// # Errors
    /// [`Error::Os`], which no system is known to answer.
    pub fn current() -> Result<Self, Error> {
        Self::change(c::SIG_BLOCK, None)
    }

    /// Adds a signal.
    pub fn insert(&mut self, signal: Signal) {
        self.0.insert(signal.0);
    }

    /// Takes a signal out.
    pub fn remove(&mut self, signal: Signal) {
        self.0.remove(signal.0);
    }

    /// Whether the signal is in the set.
    #[must_use]
    pub fn contains(&self, signal: Signal) -> bool {
        self.0.contains(signal.0)
    }

    /// Whether there is no signal in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The signals of the set, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = Signal> + '_ {
        (1..=HIGHEST_SIGNAL).filter(|&number| self.0.contains(number)).map(Signal)
    }

    /// Holds these signals back from the calling thread, besides those that already are, until the
    /// guard is dropped, `pthread_sigmask(SIG_BLOCK)`.
    ///
    /// Signals that arrive meanwhile stay pending. A signal that was blocked before stays so when the guard
    /// is dropped.
    ///
    /// # Errors
    /// [`Error::Os`], which no system is known to answer.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let blocked = SigSet::from(Signal::USR1).block()?;
    /// assert!(SigSet::current()?.contains(Signal::USR1));
    /// drop(blocked);
    /// assert!(!SigSet::current()?.contains(Signal::USR1));
    /// # Ok::<(), iomux::Error>(())
    /// ```
    #[doc(alias = "pthread_sigmask")]
    pub fn block(&self) -> Result<MaskGuard, Error> {
        MaskGuard::change(c::SIG_BLOCK, self)
    }

    /// Lets these signals through to the calling thread until the guard is dropped,
    /// `pthread_sigmask(SIG_UNBLOCK)`.
    ///
    /// # Errors
    /// [`Error::Os`], which no system is known to answer.
    #[doc(alias = "pthread_sigmask")]
    pub fn unblock(&self) -> Result<MaskGuard, Error> {
        MaskGuard::change(c::SIG_UNBLOCK, self)
    }

    fn change(how: i32, set: Option<&Self>) -> Result<Self, Error> {
        change_mask(how, set.map(Self::as_c))
            .map(Self)
            .map_err(|code| Error::Os { call: "pthread_sigmask", code })
    }

    /// The set as C has it, a pointer to a `sigset_t`: for a call of one's own that takes a mask.
    #[must_use]
    #[inline]
    pub fn as_ptr(&self) -> *const c_void {
        (&raw const self.0).cast()
    }

    pub(crate) fn as_c(&self) -> &SignalSet {
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

/// Undoes its change of the calling thread's signal mask when dropped: made by [`SigSet::block`] and
/// [`SigSet::unblock`].
///
/// It undoes what it changed and no more, so guards of different signals may be dropped in any order; of
/// two for the same signal, the first one made is the one that changes it, and undoes it.
///
/// It is not `Send`: the mask is its own thread's.
#[derive(Debug)]
#[must_use = "the mask is restored when this is dropped, so at once if it is not kept"]
pub struct MaskGuard {
    before: SigSet,
    asked: SigSet,
    /// The signals that were not as asked before, and how to put them back.
    changed: SigSet,
    undo: i32,
    of_this_thread: PhantomData<*const ()>,
}

impl MaskGuard {
    fn change(how: i32, set: &SigSet) -> Result<Self, Error> {
        let before = SigSet::change(how, Some(set))?;
        let is_block = how == c::SIG_BLOCK;
        let changed = set.iter().filter(|&signal| before.contains(signal) != is_block).collect();
        let undo = if is_block { c::SIG_UNBLOCK } else { c::SIG_BLOCK };
        Ok(Self { before, asked: *set, changed, undo, of_this_thread: PhantomData })
    }

    /// The mask before the change.
    #[must_use]
    pub fn before(&self) -> &SigSet {
        &self.before
    }

    /// The mask to give to [`ppoll`](crate::ppoll()): that of before, with the guard's own signals let
    /// through, so that what is blocked comes through there, and there only.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let outer = SigSet::from(Signal::TERM).block()?;
    /// let inner = SigSet::from(Signal::TERM).block()?;
    /// assert!(inner.before().contains(Signal::TERM), "blocked already");
    /// assert!(!inner.wait_mask().contains(Signal::TERM), "and still let through by the wait");
    /// # Ok::<(), iomux::Error>(())
    /// ```
    #[must_use]
    pub fn wait_mask(&self) -> SigSet {
        let mut mask = self.before;
        self.asked.iter().for_each(|signal| mask.remove(signal));
        mask
    }
}

impl Drop for MaskGuard {
    fn drop(&mut self) {
        // A valid set is never refused, and there is nobody to tell.
        let _ = SigSet::change(self.undo, Some(&self.changed));
    }
}
