//! Allocations of std that end the process if they fail: what can be done to fail with an error instead.

use crate::error::Error;

/// Returns an error if there is no memory for a `T` in a `Box` or an `Arc`, whose `new` would end the process.
///
/// A block of that size is allocated and freed, for the allocation that follows. Another thread may take it in between:
/// std has no `new` that fails.
pub(crate) fn check_room_for<T>() -> Result<(), Error> {
    // An `Arc` has two counts beside its value.
    Vec::<(usize, usize, T)>::new().try_reserve_exact(1).map_err(|_| Error::OutOfMemory)
}
