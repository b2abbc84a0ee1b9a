//! The flags that a backend has for readiness, and the steps that libkqueue supports instead of kqueue(2).

use super::channel::Kind;
use super::steps::{PLACES, Step};
use iomux_backend::{Capabilities, Interest, Multiplexer, Readiness};

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Words {
    /// Those of Linux's poll(2).
    Poll,
    /// Those of select(2): three sets.
    Select,
    /// Those of kqueue(2): end of file per direction.
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

    /// Converts readiness of poll(2) to the flags of this backend.
    pub(crate) fn say(self, is: Readiness, kind: Kind, interest: Interest) -> Readiness {
        let asked = Readiness::from_bits_retain(interest.bits());
        let has_ended = is.intersects(Readiness::HANGUP | Readiness::ERROR);
        match self {
            // A hangup is readable, and an error is readable and writable (`POLLIN_SET`, `POLLOUT_SET` of Linux).
            Self::Select => {
                let mut sets = is;
                sets.set(Readiness::READABLE, has_ended || is.contains(Readiness::READABLE));
                sets.set(Readiness::WRITABLE, is.intersects(Readiness::WRITABLE | Readiness::ERROR));
                sets & asked
            }
            // A socket has a separate end of file for reading, and the steps give sockets no other interest.
            Self::Kqueue if kind == Kind::Socket => self.heard(is) - Readiness::HANGUP,
            // A hangup of a pipe is readable and writable.
            Self::Kqueue if has_ended => Readiness::HANGUP | asked,
            Self::Poll | Self::Kqueue => is,
        }
    }

    /// Returns the flags to compare. libkqueue clears a socket's error when it returns it.
    pub(crate) fn heard(self, readiness: Readiness) -> Readiness {
        if self == Self::Kqueue { readiness - Readiness::ERROR } else { readiness }
    }

    /// Limits a step to what the model covers. `kind` returns the kind of source in a place.
    pub(crate) fn ask(self, step: &Step, kind: impl Fn(usize) -> Option<Kind>) -> Option<Step> {
        let mut step = step.clone();
        if self != Self::Kqueue {
            return Some(step);
        }
        match &mut step {
            // libkqueue loses the events of an fd that do not fit.
            Step::WaitInTurns(_) => return None,
            Step::Wait(room) | Step::WaitMasked(room, _) => *room = PLACES + 1,
            // In libkqueue, two filters of one fd interfere.
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
