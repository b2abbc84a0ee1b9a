//! Backends that do everything wrong. Each property fails on at least one of them, so no property is empty.

use iomux_backend::{
    Capabilities, Error, Events, Interest, Mode, Multiplexer, Readiness, SigSet, Timeout, Token, Waker,
    WakerSource,
};
use std::marker::PhantomData;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a property has called one of them.
pub(super) static WAS_ASKED: AtomicBool = AtomicBool::new(false);

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Vice {
    /// Accepts every call, and never returns an event.
    Deaf,
    /// Returns all events of everything that was ever registered.
    Loud,
    /// Rejects every call.
    Rejecting,
    /// Has no capabilities, and accepts calls that need them.
    Dishonest,
}

pub(super) struct Hopeless<'fd> {
    vice: Vice,
    _lender: PhantomData<BorrowedFd<'fd>>,
    tokens: Vec<Token>,
    /// The sources of wakers, which no wait polls.
    wakers: Vec<WakerSource>,
}

pub(super) const VICES: [Vice; 4] = [Vice::Deaf, Vice::Loud, Vice::Rejecting, Vice::Dishonest];

impl Hopeless<'_> {
    pub(super) fn new(vice: Vice) -> Self {
        Self { vice, _lender: PhantomData, tokens: Vec::new(), wakers: Vec::new() }
    }

    fn answer(&mut self, token: Token) -> Result<(), Error> {
        WAS_ASKED.store(true, Ordering::Relaxed);
        self.tokens.push(token);
        if self.vice == Vice::Rejecting { Err(Error::OutOfMemory) } else { Ok(()) }
    }

    fn report(&self, events: &mut Events) -> Result<usize, Error> {
        WAS_ASKED.store(true, Ordering::Relaxed);
        match self.vice {
            Vice::Loud => {
                let _ = self.tokens.iter().all(|token| events.push(*token, Readiness::all()));
            }
            Vice::Deaf | Vice::Dishonest => events.clear(),
            Vice::Rejecting => return Err(Error::OutOfMemory),
        }
        Ok(events.len())
    }
}

impl<'fd> Multiplexer<'fd> for Hopeless<'fd> {
    fn name(&self) -> &'static str {
        "Hopeless"
    }

    fn capabilities(&self) -> Capabilities {
        match self.vice {
            Vice::Dishonest => Capabilities::empty(),
            _ if self.tokens.is_empty() => Capabilities::all(),
            _ => Capabilities::all() - Capabilities::EDGE,
        }
    }

    fn register(&mut self, _: BorrowedFd<'fd>, token: Token, _: Interest, _: Mode) -> Result<(), Error> {
        self.answer(token)
    }

    fn modify(&mut self, _: BorrowedFd<'_>, token: Token, _: Interest, _: Mode) -> Result<(), Error> {
        self.answer(token)
    }

    fn deregister(&mut self, _: BorrowedFd<'_>) -> Result<(), Error> {
        self.answer(Token(0))
    }

    fn wait(&mut self, events: &mut Events, _: Timeout) -> Result<usize, Error> {
        self.report(events)
    }

    fn wait_masked(&mut self, events: &mut Events, _: Timeout, _: &SigSet) -> Result<usize, Error> {
        self.report(events)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let waker = source.waker();
        self.tokens.push(token);
        self.wakers.push(source);
        Ok(waker)
    }
}
