//! E0200: trust with lent fds is a promise, which takes an `unsafe impl`
use iomux_backend::{Multiplexer, TrustedMultiplexer};

struct Mine<M>(M);

impl<'fd, M> TrustedMultiplexer<'fd> for Mine<M> where Self: Multiplexer<'fd> {}

fn main() {}
