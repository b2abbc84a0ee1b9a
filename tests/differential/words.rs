//! In which words a backend says what is ready, and what it is asked where libkqueue stands for kqueue(2).

use super::channel::Kind;
use super::steps::{PLACES, Step};
use iomux_backend::{Capabilities, Interest, Multiplexer, Readiness};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Words {
    /// As poll(2) of Linux.
    Poll,
    /// Three sets alone.
    Select,
    /// The end of what is read, and of what is written.
    Kqueue,
}

impl Words {
    pub(crate) fn of<'fd>(multiplexer: &impl Multiplexer<'fd>) -> Self {
        match multiplexer.name() {
            "kqueue" => Self::Kqueue,
            _ if multiplexer.capabilities().contains(Capabilities::HANGUP) => Self::Poll,
            _ => Self::Select,
        }
    }

    /// What is said of a readiness in poll's words.
    pub(crate) fn say(self, is: Readiness, kind: Kind, interest: Interest) -> Readiness {
        let asked = Readiness::from_bits_retain(interest.bits());
        let has_ended = is.intersects(Readiness::HANGUP | Readiness::ERROR);
        match self {
            // An end can be read and an error both be read and written (`POLLIN_SET`, `POLLOUT_SET` of Linux).
            Self::Select => {
                let mut sets = is;
                sets.set(Readiness::READABLE, has_ended || is.contains(Readiness::READABLE));
                sets.set(Readiness::WRITABLE, is.intersects(Readiness::WRITABLE | Readiness::ERROR));
                sets & asked
            }
            // Of what a socket reads there is an end of its own, and a socket is asked for nothing else.
            Self::Kqueue if kind == Kind::Socket => self.heard(is) - Readiness::HANGUP,
            // What ends a pipe can be read and written.
            Self::Kqueue if has_ended => Readiness::HANGUP | asked,
            Self::Poll | Self::Kqueue => is,
        }
    }

    /// What of an event is compared: libkqueue takes a socket's error away when it reports it.
    pub(crate) fn heard(self, readiness: Readiness) -> Readiness {
        if self == Self::Kqueue { readiness - Readiness::ERROR } else { readiness }
    }

    /// As much of a step as can be held to the model; `kind` says what is in a place.
    pub(crate) fn ask(self, step: &Step, kind: impl Fn(usize) -> Option<Kind>) -> Option<Step> {
        let mut step = step.clone();
        if self != Self::Kqueue {
            return Some(step);
        }
        match &mut step {
            // libkqueue drops what does not fit of an fd.
            Step::WaitInTurns(_) => return None,
            Step::Wait(room) | Step::WaitMasked(room, _) => *room = PLACES + 1,
            // Two filters of libkqueue on one fd disturb each other.
            Step::Register(place, interest, ..) | Step::Modify(place, interest, ..) => {
                let kind = kind(*place);
                *interest &= match kind {
                    Some(Kind::PipeWriter) => Interest::WRITABLE,
                    _ => Interest::READABLE | Interest::READ_CLOSED | Interest::PRIORITY,
                };
                if interest.is_empty() && kind == Some(Kind::Socket) {
                    return None;
                }
            }
            _ => {}
        }
        Some(step)
    }
}
