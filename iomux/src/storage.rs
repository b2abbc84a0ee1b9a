//! The storages that a table can have: a `Vec` that grows, an array without a heap, and any other.

use crate::answer::Answer;
use crate::error::Error;
use crate::pollfd::{PollFd, clear_readiness, rebind};
use crate::slots::{Slots, used};
use core::marker::PhantomData;

impl Slots<'_> {
    /// A table of `capacity` vacant slots on the heap.
    ///
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(64);
    /// assert_eq!((slots.capacity(), slots.used()), (64, 0));
    /// slots.set(63, reader.as_fd(), Interest::READABLE)?; // unlike a `Vec`'s, its places are all there
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    /// As [`Vec::with_capacity`], past `isize::MAX` bytes, at 8 bytes a slot.
    #[doc(alias = "create")]
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::over(vec![PollFd::VACANT; capacity])
    }

    /// Makes the table at least `capacity` slots large; what is in it stays, and so does what was
    /// reported. The only call that allocates after construction.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`]; the table is as it was.
    ///
    /// ```
    /// let mut slots = iomux::Slots::with_capacity(4);
    /// slots.grow(64)?;
    /// assert_eq!(slots.capacity(), 64);
    /// # Ok::<(), iomux::Error>(())
    /// ```
    pub fn grow(&mut self, capacity: usize) -> Result<(), Error> {
        let more = capacity.saturating_sub(self.storage.len());
        self.storage.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { capacity })?;
        self.storage.resize(self.storage.len() + more, PollFd::VACANT);
        Ok(())
    }

    /// The same allocation with every slot vacant, for fds of another lifetime.
    ///
    /// It is how a loop goes on after some of its fds were closed: take the table apart with it, close
    /// them, set the others again.
    ///
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let mut slots = Slots::with_capacity(8);
    /// for _ in 0..3 {
    ///     let mut of_this_round = slots.recycle();
    ///     let (reader, writer) = std::io::pipe()?;
    ///     of_this_round.set(0, reader.as_fd(), Interest::READABLE)?;
    ///     drop(writer);
    ///     assert_eq!(of_this_round.poll(Timeout::Infinite)?, 1);
    ///     slots = of_this_round.recycle(); // the pipe is closed after this
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "the table itself is consumed"]
    pub fn recycle<'new>(self) -> Slots<'new> {
        Slots::vacant(rebind(self.storage))
    }
}

impl<'fd, const N: usize> Slots<'fd, [PollFd<'fd>; N]> {
    /// A table of `N` vacant slots without a heap, in a `const`, a `static` or on the stack.
    ///
    /// ```
    /// use iomux::{PollFd, Slots};
    /// use std::sync::Mutex;
    ///
    /// static TABLE: Mutex<Slots<[PollFd; 16]>> = Mutex::new(Slots::array());
    /// assert_eq!(TABLE.lock().unwrap().capacity(), 16);
    /// let on_the_stack = Slots::<[PollFd; 16]>::array();
    /// # drop(on_the_stack);
    /// ```
    #[must_use]
    pub const fn array() -> Self {
        Self::vacant([const { PollFd::VACANT }; N])
    }
}

impl<'fd, S> Slots<'fd, S> {
    /// A table over slots that are all vacant.
    const fn vacant(storage: S) -> Self {
        Self { storage, used: 0, answer: Answer::NONE, fds: PhantomData }
    }
}

impl<'fd, S> Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    /// A table over slots that exist, such as `&mut [PollFd]` or a boxed slice; fds that are in them
    /// already stay. A borrowed buffer keeps the fds, and the kernel's answers, when its table is gone.
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut buffer = [const { PollFd::VACANT }; 8];
    /// let mut slots = Slots::over(&mut buffer);
    /// slots.set(7, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn over(storage: S) -> Self {
        let used = used(storage.as_ref());
        Self { used, ..Self::vacant(storage) }
    }

    /// The storage, with the fds that are in it, and nothing reported.
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(4);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// slots.poll(Timeout::Nowait)?;
    /// let fds: Vec<PollFd> = slots.into_inner();
    /// assert!(fds[0].fd().is_some() && fds[0].readiness().is_empty());
    /// assert_eq!(Slots::over(fds).poll(Timeout::Nowait)?, 1, "a table again");
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn into_inner(mut self) -> S {
        clear_readiness(self.storage.as_mut());
        self.storage
    }
}
