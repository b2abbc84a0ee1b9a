//! Timeouts, flags and signals: any value is converted without a panic, and never to less time than was asked.

use arbitrary::{Arbitrary, Unstructured};
use iomux::{Deadline, Interest, Readiness, SigSet, Signal, Timeout};
use iomux_backend::{Any, Capabilities};
use std::time::{Duration, Instant};

/// A name that is printed is read back as what it is the name of.
macro_rules! reads_back {
    ($type:ty, $bits:expr) => {
        let flags = <$type>::from_bits_retain($bits);
        let text = flags.to_string();
        let back: Result<$type, _> = bitflags::parser::from_str(&text);
        assert_eq!(back.unwrap(), flags, "{text}");
        assert_eq!(<$type>::from_bits_retain(flags.bits()), flags);
        let _ = format!("{flags:?}");
    };
}

type Input<'a> = (u64, u32, i16, u32, i32, &'a str);

pub(crate) fn run(bytes: &[u8]) {
    let Ok(input) = Input::arbitrary_take_rest(Unstructured::new(bytes)) else { return };
    let (seconds, nanos, bits, more, number, text) = input;
    let time = Duration::new(seconds, nanos % 1_000_000_000);
    let timeout = Timeout::After(time);
    let ms = timeout.poll_ms();
    assert!(ms >= 0 && Duration::from_millis(ms.unsigned_abs().into()) >= time.min(LONGEST));
    if let Some(spec) = timeout.timespec() {
        let whole = Duration::new(spec.tv_sec.unsigned_abs(), u32::try_from(spec.tv_nsec).unwrap());
        assert!(spec.tv_sec >= 0 && whole <= time && whole >= LONGEST.min(time));
    }
    let deadline = Deadline::new(timeout);
    assert!(deadline.remaining().is_none_or(|left| left <= time));
    assert_eq!(deadline.poll_ms() < 0, deadline.remaining().is_none());
    if let Some(until) = Instant::now().checked_add(time) {
        assert!(Timeout::Until(until).poll_ms() >= 0);
    }
    // The parser of bitflags takes no sign in front of hexadecimal digits.
    reads_back!(Interest, bits & i16::MAX);
    reads_back!(Readiness, bits & i16::MAX);
    reads_back!(Capabilities, more);
    #[cfg(target_os = "linux")]
    reads_back!(iomux_backend::EpollFlags, more);
    if let Ok(signal) = Signal::new(number) {
        assert_eq!(signal.as_raw(), number);
        assert!(SigSet::from(signal).contains(signal) && !signal.to_string().is_empty());
    }
    if let Err(error) = text.parse::<Any>() {
        assert!(error.to_string().contains("poll"), "it says what there is");
    }
}

/// What one call is asked to wait for at most, at least.
const LONGEST: Duration = Duration::from_secs(1_000);
