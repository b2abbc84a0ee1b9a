//! Signals, sets of them, and the calling thread's mask: what a race-free ppoll(2) needs.

mod set;

use crate::error::Error;
use crate::sys::SignalSet;
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
    /// ```
    /// use iomux::{Error, Signal};
    ///
    /// assert_eq!(Signal::new(15)?, Signal::TERM, "POSIX has it as 15");
    /// assert_eq!(Signal::new(0), Err(Error::NoSuchSignal { number: 0 }), "kill(2) takes it, but sends nothing");
    /// # Ok::<(), Error>(())
    /// ```
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
    ///
    /// ```
    /// use iomux::Signal;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let has_come = Arc::new(AtomicBool::new(false));
    /// signal_hook::flag::register(Signal::USR2.as_raw(), Arc::clone(&has_come))?; // other crates take numbers
    /// signal_hook::low_level::raise(Signal::USR2.as_raw())?;
    /// assert!(has_come.load(Ordering::Acquire));
    /// # std::io::Result::Ok(())
    /// ```
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

/// Undoes its change of the calling thread's signal mask when dropped: made by [`SigSet::block`] and
/// [`SigSet::unblock`].
///
/// It undoes what it changed and no more, so guards of different signals may be dropped in any order; of
/// two for the same signal, the first one made is the one that changes it, and undoes it.
///
/// It is not `Send`: the mask is its own thread's.
///
/// ```
/// use iomux::{SigSet, Signal};
///
/// let first = SigSet::from(Signal::USR1).block()?;
/// let second = SigSet::from(Signal::USR2).block()?;
/// drop(first);
/// let mask = SigSet::current()?;
/// assert!(!mask.contains(Signal::USR1), "what it was before the first");
/// assert!(mask.contains(Signal::USR2), "the second is still there");
/// # drop(second);
/// # Ok::<(), iomux::Error>(())
/// ```
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
