//! What a reactor has not taken, handed back.

use iomux_backend::{Error, Interest, Mode, Reactor};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

#[test]
fn insert_errors_convert_into_both_error_types() {
    let mut reactor = Reactor::<File, u8>::new().unwrap();
    let program = || File::open(std::env::current_exe().unwrap()).unwrap();
    let mut inserted = |file: File| reactor.insert(file, 7, Interest::empty(), Mode::Level);
    // A backend over poll(2) takes it.
    let Err(refused) = inserted(program()) else { return };
    let error = refused.error();
    assert!(matches!(error, Error::NotPollable { .. }), "{error:?}");
    assert_eq!(refused.to_string(), error.to_string());
    let (returned, file, state) = refused.into_parts();
    assert_eq!((returned, state), (error, 7));
    assert!(file.as_raw_fd() >= 0, "it is still open, and the caller's");
    assert!(matches!(Error::from(inserted(program()).unwrap_err()), Error::NotPollable { .. }));
    assert_eq!(io::Error::from(inserted(program()).unwrap_err()).kind(), io::ErrorKind::Unsupported);
}

#[test]
fn submit_hands_the_task_back_after_the_drop() {
    let mut reactor = Reactor::<File, u8>::new().unwrap();
    let handle = reactor.handle().unwrap();
    drop(reactor);
    let (sender, receiver) = std::sync::mpsc::channel();
    let refused = handle.submit(move |_| sender.send(1).unwrap()).unwrap_err();
    let task = refused.into_inner();
    task(&mut Reactor::new().unwrap());
    assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1]);
    let refused = handle.submit(|_| {}).unwrap_err();
    assert_eq!(io::Error::from(refused).kind(), io::ErrorKind::BrokenPipe);
}
