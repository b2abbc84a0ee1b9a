//! A check before allocations of std that abort the process on failure.

use crate::error::Error;

/// Returns [`Error::OutOfMemory`] if there is no memory for a `T` in a `Box` or an `Arc`.
///
/// It allocates and frees a block of that size for the following `new`, which would abort the process. Another thread
/// may take the block in between. Stable Rust has no fallible `new`.
pub(crate) fn check_room_for<T>() -> Result<(), Error> {
    // An `Arc` has two counters next to its value.
    Vec::<(usize, usize, T)>::new().try_reserve_exact(1).map_err(|_| Error::OutOfMemory)
}
