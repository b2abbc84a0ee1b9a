//! What is done with sets of signals, and with the calling thread's mask.

use crate::error::Error;
use crate::signal::{MaskGuard, SigSet, Signal};
use crate::sys::{SignalSet, change_mask};
use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use iomux_sys::signal as c;

/// No system has a signal past this.
const HIGHEST_SIGNAL: i32 = 255;

impl SigSet {
    /// No signal: as a mask, it lets every one through. Not the same as no mask.
    ///
    /// ```
    /// use iomux::{Error, SigSet, Signal, Timeout};
    ///
    /// # if !iomux::HAS_PPOLL { return Ok(()) }
    /// let _blocked = SigSet::from(Signal::USR1).block()?;
    /// # let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    /// # signal_hook::flag::register(Signal::USR1.as_raw(), flag)?; // so that it ends nothing
    /// signal_hook::low_level::raise(Signal::USR1.as_raw())?;
    /// assert_eq!(iomux::ppoll(&mut [], Timeout::Nowait, None), Ok(0), "no mask: still blocked");
    /// let through = iomux::ppoll(&mut [], Timeout::Nowait, Some(&SigSet::empty()));
    /// assert_eq!(through, Err(Error::Interrupted));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self(SignalSet::empty())
    }

    /// Every signal: as a mask, it holds them all back, but for those that can't be (SIGKILL, SIGSTOP).
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// assert!(SigSet::full().contains(Signal::KILL), "it is in the set");
    /// let _guard = SigSet::full().block()?;
    /// let mask = SigSet::current()?;
    /// assert!(mask.contains(Signal::TERM) && !mask.contains(Signal::KILL), "but not in the mask");
    /// # Ok::<(), iomux::Error>(())
    /// ```
    #[must_use]
    pub fn full() -> Self {
        Self(SignalSet::full())
    }

    /// The mask of the calling thread, `pthread_sigmask(3)`.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let _guard = SigSet::from(Signal::USR1).block()?;
    /// let of_a_new_thread = std::thread::spawn(SigSet::current).join().unwrap()?;
    /// assert!(of_a_new_thread.contains(Signal::USR1), "it has the mask of who started it");
    /// # Ok::<(), iomux::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Os`], which no system is known to answer.
    pub fn current() -> Result<Self, Error> {
        Self::change(c::SIG_BLOCK, None)
    }

    /// Adds a signal.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let mut set = SigSet::from(Signal::INT);
    /// let _guard = set.block()?;
    /// set.insert(Signal::USR1);
    /// assert!(!SigSet::current()?.contains(Signal::USR1), "a set is no mask until it is used as one");
    /// # Ok::<(), iomux::Error>(())
    /// ```
    pub fn insert(&mut self, signal: Signal) {
        self.0.insert(signal.0);
    }

    /// Takes a signal out.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let mut all_but = SigSet::full();
    /// all_but.remove(Signal::TERM);
    /// all_but.remove(Signal::TERM); // no error: that it is not there is what was wanted
    /// assert!(!all_but.contains(Signal::TERM) && all_but.contains(Signal::INT));
    /// # Ok::<(), iomux::Error>(())
    /// ```
    pub fn remove(&mut self, signal: Signal) {
        self.0.remove(signal.0);
    }

    /// Whether the signal is in the set.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let guard = [Signal::INT, Signal::TERM].into_iter().collect::<SigSet>().block()?;
    /// assert!(SigSet::current()?.contains(Signal::INT), "blocked here");
    /// assert!(!guard.wait_mask().contains(Signal::INT), "let through by the wait");
    /// # Ok::<(), iomux::Error>(())
    /// ```
    #[must_use]
    pub fn contains(&self, signal: Signal) -> bool {
        self.0.contains(signal.0)
    }

    /// Whether there is no signal in the set.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let mut set = SigSet::from(Signal::HUP);
    /// assert!(!set.is_empty());
    /// set.remove(Signal::HUP);
    /// assert!(set.is_empty());
    /// assert_eq!(set, SigSet::default());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The signals of the set, in the order of their numbers.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let set: SigSet = [Signal::TERM, Signal::HUP, Signal::INT, Signal::HUP].into_iter().collect();
    /// let names: Vec<String> = set.iter().map(|signal| signal.to_string()).collect();
    /// assert_eq!(names, ["SIGHUP", "SIGINT", "SIGTERM"]);
    /// ```
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
    /// ```
    /// use iomux::{SigSet, Signal};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let has_come = Arc::new(AtomicBool::new(false));
    /// signal_hook::flag::register(Signal::USR1.as_raw(), Arc::clone(&has_come))?;
    /// let _blocked = SigSet::from(Signal::USR1).block()?; // or inherited from who has started the program
    /// signal_hook::low_level::raise(Signal::USR1.as_raw())?;
    /// assert!(!has_come.load(Ordering::Acquire));
    /// let _unblocked = SigSet::from(Signal::USR1).unblock()?;
    /// assert!(has_come.load(Ordering::Acquire), "what is pending comes before it returns");
    /// # std::io::Result::Ok(())
    /// ```
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
    ///
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

impl MaskGuard {
    fn change(how: i32, set: &SigSet) -> Result<Self, Error> {
        let before = SigSet::change(how, Some(set))?;
        let is_block = how == c::SIG_BLOCK;
        let changed = set.iter().filter(|&signal| before.contains(signal) != is_block).collect();
        let undo = if is_block { c::SIG_UNBLOCK } else { c::SIG_BLOCK };
        Ok(Self { before, asked: *set, changed, undo, of_this_thread: PhantomData })
    }

    /// The mask before the change.
    ///
    /// ```
    /// use iomux::{SigSet, Signal};
    ///
    /// let _outer = SigSet::from(Signal::USR1).block()?;
    /// let inner = SigSet::from(Signal::USR2).block()?;
    /// assert!(inner.before().contains(Signal::USR1), "the outer one's");
    /// assert!(!inner.before().contains(Signal::USR2));
    /// # Ok::<(), iomux::Error>(())
    /// ```
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
