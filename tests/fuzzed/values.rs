//! Timeouts, flags and signals. Any value is converted without a panic, and a timeout never becomes shorter.

use arbitrary::{Arbitrary, Unstructured};
use iomux::{Chunk, Interest, Interrupt, Outcome, Readiness, SigSet, Signal, Timeout, WaitCall, wait_with};
use iomux_backend::{Any, Capabilities};
use std::time::{Duration, Instant};

/// Checks that a printed name parses to the same value.
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
    let chunk = first_chunk(Timeout::After(time));
    let ms = chunk.poll_ms();
    assert!(ms >= 0 && Duration::from_millis(ms.unsigned_abs().into()) >= time.min(LONGEST));
    let spec = chunk.timespec().unwrap();
    let whole = Duration::new(spec.tv_sec.unsigned_abs(), u32::try_from(spec.tv_nsec).unwrap());
    assert!(spec.tv_sec >= 0 && whole <= time && whole >= LONGEST.min(time));
    assert_eq!(chunk.duration(), Some(whole));
    assert_eq!(chunk.is_whole_ms(), Duration::from_millis(ms.unsigned_abs().into()) == whole);
    if let Some(until) = Instant::now().checked_add(time) {
        let chunk = first_chunk(Timeout::Until(until));
        assert!(chunk.poll_ms() >= 0 && chunk.duration().unwrap() <= time);
    }
    // The parser of bitflags accepts no sign in front of hexadecimal digits.
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
        assert!(error.to_string().contains("poll"), "it lists the available names");
    }
}

/// Returns the chunk of a wait's first call.
fn first_chunk(timeout: Timeout) -> Chunk {
    struct First(Option<Chunk>);

    impl WaitCall for First {
        type Error = iomux::Error;

        fn call(&mut self, chunk: Chunk) -> Result<Outcome, iomux::Error> {
            self.0.get_or_insert(chunk);
            Ok(Outcome::Ready(1))
        }
    }

    let mut first = First(None);
    assert_eq!(wait_with(&mut first, timeout, Interrupt::Resume, true), Ok(1));
    first.0.expect("there is a call, whatever the time")
}

/// The longest chunk of one call must be at least this.
const LONGEST: Duration = Duration::from_secs(1_000);
