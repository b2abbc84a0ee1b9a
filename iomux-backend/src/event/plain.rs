//! An event on platforms without epoll(7): two plain fields.

use super::Token;
use iomux::Readiness;

#[derive(Clone, Copy)]
pub(super) struct Raw {
    token: Token,
    readiness: Readiness,
}

impl Raw {
    pub(super) const EMPTY: Self = Self { token: Token(0), readiness: Readiness::empty() };

    #[inline]
    pub(super) fn new(token: Token, readiness: Readiness) -> Self {
        Self { token, readiness }
    }

    #[inline]
    pub(super) fn token(self) -> Token {
        self.token
    }

    #[inline]
    pub(super) fn readiness(self) -> Readiness {
        self.readiness
    }
}
