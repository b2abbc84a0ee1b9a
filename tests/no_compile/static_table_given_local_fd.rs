//! E0597: a table in a static takes no fd that is closed before the program ends
use iomux::{Interest, PollFd, Slots};
use std::os::fd::AsFd;
use std::sync::Mutex;

static TABLE: Mutex<Slots<[PollFd; 1]>> = Mutex::new(Slots::array());

fn main() -> std::io::Result<()> {
    let (reader, _writer) = std::io::pipe()?;
    TABLE.lock().unwrap().set(0, reader.as_fd(), Interest::READABLE)?;
    Ok(())
}
