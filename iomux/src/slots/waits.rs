//! The waits of a table, and what they reported.

use crate::answer::Answer;
use crate::error::Error;
use crate::interest::Readiness;
use crate::poll::{PollCall, sys_poll};
use crate::pollfd::{PollFd, clear_readiness};
use crate::ready::{Iter, Ready, ReadySlots, next_ready};
use crate::signal::SigSet;
use crate::slots::Slots;
use crate::timeout::Timeout;

impl<'fd, S> Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    /// Waits until an fd is ready, poll(2), and returns how many are: 0 once the time has passed.
    ///
    /// The kernel is given the slots up to the highest one in use. [`ready`](Self::ready) and
    /// [`next_ready`](Self::next_ready) say which are. Each call takes the cheapest system call that can
    /// express the time: poll(2) for none, for ever and whole ms, ppoll(2) for a finer one. Times are
    /// rounded up, never down; one that is too long for a system is waited for in pieces.
    ///
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::io::Write;
    /// use std::os::fd::AsFd;
    /// use std::time::Duration;
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// assert_eq!(slots.poll(Duration::from_millis(1))?, 0, "a time that has passed is no error");
    /// writer.write_all(b"!")?;
    /// assert_eq!(slots.poll(None)?, 1, "`None` is for ever");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// With nothing set and no end it waits until a handler runs, as pause(2) does: [`wait`](Self::wait) says so instead.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when a signal handler ran first ([`wait`](Self::wait) goes on);
    /// [`Error::TooManySlots`] when the highest slot in use is past the open-files limit;
    /// [`Error::Os`] for what else poll(2) answers. Nothing is reported then.
    ///
    /// # Platform notes
    /// Those of [`iomux::poll`](crate::poll()).
    // Always, so that a timeout that is known when compiling costs nothing.
    #[inline(always)]
    pub fn poll(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let timeout = timeout.into();
        let Some(ms) = timeout.exact_ms() else {
            return self.poll_otherwise(timeout);
        };
        let slots = self.in_use();
        let count = slots.len();
        match sys_poll(slots, ms) {
            Ok(ready) => Ok(self.answer.note(count, ready)),
            Err(code) => Err(self.poll_failed(code)),
        }
    }

    /// As [`poll`](Self::poll), with the first `count` slots instead of those up to the highest in use.
    ///
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(10);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// slots.set(9, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll_first(5, Timeout::Nowait)?, 1, "slots 0 to 4");
    /// assert!(slots.poll_first(11, Timeout::Nowait).is_err());
    /// assert_eq!(slots.ready().count(), 1, "what the poll before has reported");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`poll`](Self::poll), and [`Error::CountOutOfRange`] past the capacity: nothing is polled, and
    /// what was reported before stays.
    pub fn poll_first(&mut self, count: usize, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let slots = self.storage.as_mut();
        let capacity = slots.len();
        let asked = slots.get_mut(..count).ok_or(Error::CountOutOfRange { count, capacity })?;
        let answer = PollCall::new(asked, None).interruptible(timeout.into());
        self.answer.note_either(count, answer)
    }

    /// As [`poll`](Self::poll), with the calling thread's signal mask replaced by `mask` during the
    /// call, ppoll(2). `None` leaves the mask alone; the empty set lets every signal through.
    ///
    /// It is the kernel's call, and shares its catch: when an fd is ready at once, it returns without
    /// running the handler of a signal that is pending. A loop that is always busy would never see
    /// SIGTERM; it lets pending signals through with a look that can't find an fd,
    /// `iomux::ppoll(&mut [], Timeout::Nowait, Some(mask))`, which is `Err(Interrupted)` when a
    /// handler has run. With [`SigSet::full`] no signal but SIGKILL ends a call without an end.
    ///
    /// ```
    /// use iomux::{Error, SigSet, Signal, Slots, Timeout};
    ///
    /// # if !iomux::HAS_PPOLL { return Ok(()) }
    /// let blocked = SigSet::from(Signal::USR1).block()?;
    /// # let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    /// # signal_hook::flag::register(Signal::USR1.as_raw(), flag)?; // so that it ends nothing
    /// signal_hook::low_level::raise(Signal::USR1.as_raw())?; // in the gap before the wait: it is pending
    /// let mut slots = Slots::with_capacity(8);
    /// let answer = slots.ppoll(Timeout::Infinite, Some(&blocked.wait_mask()));
    /// assert_eq!(answer, Err(Error::Interrupted), "it was not lost");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`poll`](Self::poll), and [`Error::Unsupported`] for a mask where there is no ppoll(2)
    /// ([`HAS_PPOLL`](crate::HAS_PPOLL)): it is never dropped.
    ///
    /// # Platform notes
    /// Those of [`iomux::ppoll`](crate::ppoll()). [`SigSet`] shows how to lose no signal.
    #[doc(alias = "ppoll_or_poll")]
    pub fn ppoll(&mut self, timeout: impl Into<Timeout>, mask: Option<&SigSet>) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, answer) = (slots.len(), PollCall::new(slots, mask).interruptible(timeout.into()));
        self.answer.note_either(count, answer)
    }

    /// As [`poll`](Self::poll), but goes on when a signal handler has run (EINTR), to the same end:
    /// however many signals arrive, the time is neither stretched nor cut.
    ///
    /// ```
    /// use iomux::{Error, Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// slots.pause(0)?;
    /// assert_eq!(slots.wait(Timeout::Infinite), Err(Error::NothingToWaitFor), "all are paused");
    /// slots.resume(0)?;
    /// drop(writer);
    /// assert_eq!(slots.wait(Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`poll`](Self::poll), without [`Error::Interrupted`]; [`Error::NothingToWaitFor`] when every
    /// slot is vacant or paused and the timeout is infinite, since nothing could ever end that wait.
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, answer) = (slots.len(), PollCall::new(slots, None).resumed(timeout.into()));
        self.answer.note_either(count, answer)
    }

    /// What the last poll reported of slot `index`.
    ///
    /// It is empty if that poll failed, if it did not reach the slot, and since the slot was last
    /// [`set`](Self::set) or [`clear`](Self::clear)ed: never of an fd that was here before.
    ///
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(2);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// slots.set(1, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 2);
    /// assert_eq!(slots.poll_first(1, Timeout::Nowait)?, 1);
    /// assert!(slots.readiness(0)?.is_writable());
    /// assert!(slots.readiness(1)?.is_empty(), "not what the poll before has said of it");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    #[doc(alias = "get_revents")]
    #[inline]
    pub fn readiness(&self, index: usize) -> Result<Readiness, Error> {
        let slot = self.slot(index)?;
        Ok(if index < self.answer.reported() { slot.readiness() } else { Readiness::empty() })
    }

    /// The slots in use, in the order of their indices.
    ///
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(8);
    /// slots.set(7, reader.as_fd(), Interest::READABLE)?;
    /// slots.set(2, writer.as_fd(), Interest::WRITABLE)?;
    /// slots.pause(2)?;
    /// let in_use: Vec<usize> = slots.iter().map(|slot| slot.index()).collect();
    /// assert_eq!(in_use, [2, 7], "paused ones as well, and ready or not");
    /// # std::io::Result::Ok(())
    /// ```
    pub fn iter(&self) -> Iter<'_, 'fd> {
        let slots = self.storage.as_ref();
        Iter::new(&slots[..self.used.min(slots.len())], self.answer.reported())
    }

    /// The slots that the last poll found ready, in the order of their indices.
    ///
    /// It ends at the last slot polled, or when as many have been found as poll said. While it walks,
    /// the table can't be changed: see [`next_ready`](Self::next_ready).
    ///
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(8);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// slots.set(5, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// assert!(slots.ready().all(|ready| ready.index() == 5 && ready.readiness().is_writable()));
    /// assert_eq!(slots.ready().count(), 1, "to walk takes nothing away");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "iter_ready")]
    pub fn ready(&self) -> ReadySlots<'_, 'fd> {
        let slots = self.storage.as_ref();
        let polled = slots.len().min(self.answer.reported());
        ReadySlots::new(&slots[..polled], self.answer.ready as usize)
    }

    /// The next slot that the last poll found ready: a cursor, with which slots may be set and cleared
    /// between two. Each poll takes it back to the first slot.
    ///
    /// It sees the table as it is: a slot that was set or cleared meanwhile is not ready.
    ///
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(3);
    /// for index in 0..3 {
    ///     slots.set(index, writer.as_fd(), Interest::WRITABLE)?;
    /// }
    /// slots.poll(Timeout::Nowait)?;
    /// let mut seen = Vec::new();
    /// while let Some(ready) = slots.next_ready() {
    ///     seen.push(ready.index());
    ///     slots.clear(1)?;
    /// }
    /// assert_eq!(seen, [0, 2]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn next_ready(&mut self) -> Option<Ready<'fd>> {
        let answer = &mut self.answer;
        if answer.found == answer.ready {
            return None;
        }
        let slots = self.storage.as_ref();
        let polled = slots.len().min(answer.reported());
        let Some(ready) = next_ready(&slots[..polled], answer.next as usize) else {
            answer.found = answer.ready;
            return None;
        };
        #[allow(clippy::cast_possible_truncation, reason = "below `answer.slots`, which is a u32")]
        let next = ready.index() as u32 + 1;
        answer.next = next;
        answer.found += 1;
        Some(ready)
    }

    /// A poll whose time ms can't express.
    fn poll_otherwise(&mut self, timeout: Timeout) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, answer) = (slots.len(), PollCall::new(slots, None).interruptible(timeout));
        self.answer.note_either(count, answer)
    }

    #[cold]
    fn poll_failed(&mut self, code: i32) -> Error {
        self.answer = Answer::NONE;
        let slots = self.in_use();
        clear_readiness(slots);
        Error::from_errno("poll", code, slots.len())
    }

    /// The slots up to the highest one in use, to be polled.
    #[inline]
    fn in_use(&mut self) -> &mut [PollFd<'fd>] {
        let slots = self.storage.as_mut();
        let count = self.used.min(slots.len());
        &mut slots[..count]
    }
}
