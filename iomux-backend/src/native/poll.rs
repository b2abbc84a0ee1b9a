//! The backends of a system that has poll(2) alone.

use crate::poll::Poll;

/// A multiplexer of the best kind that this system has, with nothing registered.
///
/// ```
/// use iomux_backend::{Multiplexer, NAMES, native};
///
/// assert_eq!(native()?.name(), NAMES[0], "what `by_name` gives for the first name");
/// # Ok::<(), iomux_backend::Error>(())
/// ```
///
/// # Errors
/// None here; [`Error::Os`] on systems where it is an fd and there is none left.
#[allow(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub fn native<'fd>() -> Result<Native<'fd>, Error> {
    Ok(Poll::new())
}

backends! {
    native Poll;
    /// Over poll(2).
    Poll {
        "poll" => Poll::new(),
        "poll-without-ppoll" => Poll::without_ppoll(),
    }
}
