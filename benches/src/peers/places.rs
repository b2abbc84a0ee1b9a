//! The position of each token in an array without holes, which a user of bare pollfds keeps next to the array.

pub(super) struct Places {
    tokens: Vec<usize>,
    places: Vec<usize>,
}

impl Places {
    pub(super) const fn new() -> Self {
        Self { tokens: Vec::new(), places: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn push(&mut self, token: usize) {
        if token >= self.places.len() {
            self.places.resize(token + 1, usize::MAX);
        }
        self.places[token] = self.tokens.len();
        self.tokens.push(token);
    }

    /// Returns the place that is now empty. The caller moves the last entry there.
    #[inline(always)]
    pub(super) fn swap_remove(&mut self, token: usize) -> usize {
        let place = self.places[token];
        self.tokens.swap_remove(place);
        if let Some(moved) = self.tokens.get(place) {
            self.places[*moved] = place;
        }
        place
    }

    #[inline(always)]
    pub(super) fn of(&self, token: usize) -> usize {
        self.places[token]
    }

    #[inline(always)]
    pub(super) fn tokens(&self) -> &[usize] {
        &self.tokens
    }
}
