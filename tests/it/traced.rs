//! What `Traced` tells of a multiplexer, and that it changes nothing.

use crate::support::full_pipe;
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, SigSet, Timeout, Token, Traced};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Arc, Mutex};

/// The logged calls, one per line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `work` with `subscriber` as the subscriber of this thread.
///
/// While there is only one subscriber in the process, tracing asks the subscriber of the thread that first makes a call, and
/// remembers its answer for all threads. Another test makes such calls without a subscriber, so a second one is alive here.
pub(crate) fn with_subscriber(subscriber: impl tracing::Subscriber + Send + Sync, work: impl FnOnce()) {
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::new());
    tracing::subscriber::with_default(subscriber, work);
}

impl Log {
    fn of(work: impl FnOnce()) -> String {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        with_subscriber(subscriber, work);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }
}

#[test]
fn traced_keeps_capabilities() {
    let poll = Poll::new();
    let (name, capabilities) = (poll.name(), poll.capabilities());
    let traced = Traced::new(poll);
    assert_eq!((traced.name(), traced.capabilities()), (name, capabilities));
}

#[test]
fn traced_logs_arguments_and_results() {
    let (reader, _writer) = full_pipe();
    let fd = reader.as_raw_fd();
    let said = Log::of(|| {
        let mut poll = Traced::new(Poll::new());
        let mut events = Events::with_capacity(4);
        poll.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level).unwrap();
        assert!(poll.register(reader.as_fd(), Token(8), Interest::READABLE, Mode::Level).is_err());
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(1));
        assert_eq!(poll.wait_masked(&mut events, Timeout::Nowait, &SigSet::full()).ok(), Some(1));
        poll.modify(reader.as_fd(), Token(9), Interest::PRIORITY, Mode::OneShot).unwrap();
        poll.waker(Token(1)).unwrap();
        poll.deregister(reader.as_fd()).unwrap();
        assert_eq!(poll.get_ref().name(), poll.into_inner().name());
    });
    let expected = [
        format!("register backend=\"poll\" fd={fd} token=7 interest=READABLE mode=Level result=Ok(())"),
        format!(
            "register backend=\"poll\" fd={fd} token=8 interest=READABLE mode=Level result=Err(AlreadyRegistered {{ fd: {fd} }})"
        ),
        "wait backend=\"poll\" timeout=Nowait result=Ok(1) events=[".to_owned(),
        "wait_masked backend=\"poll\" timeout=Nowait mask=".to_owned(),
        format!("modify backend=\"poll\" fd={fd} token=9 interest=PRIORITY mode=OneShot result=Ok(())"),
        "waker backend=\"poll\" token=1 is_made=true".to_owned(),
        format!("deregister backend=\"poll\" fd={fd} result=Ok(())"),
    ];
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{said}");
    for (line, expected) in lines.iter().zip(&expected) {
        assert!(line.starts_with(&format!("TRACE iomux: {expected}")), "{line}\n{expected}");
    }
}
