//! An event where no mechanism's own will do.

use crate::event::Token;
use iomux::Readiness;

#[derive(Clone, Copy)]
pub(crate) struct Raw {
    token: Token,
    readiness: Readiness,
}

impl Raw {
    pub(crate) const EMPTY: Self = Self { token: Token(0), readiness: Readiness::empty() };

    #[inline]
    pub(crate) fn new(token: Token, readiness: Readiness) -> Self {
        Self { token, readiness }
    }

    #[inline]
    pub(crate) fn token(self) -> Token {
        self.token
    }

    #[inline]
    pub(crate) fn readiness(self) -> Readiness {
        self.readiness
    }
}
