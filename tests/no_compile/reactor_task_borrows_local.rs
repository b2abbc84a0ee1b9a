//! E0597: a task may run after its submitter has returned, so it borrows nothing
use iomux_backend::Reactor;
use std::sync::atomic::{AtomicBool, Ordering};

fn main() {
    let mut reactor = Reactor::<std::net::TcpStream>::new().unwrap();
    let has_run = AtomicBool::new(false);
    let has_run = &has_run;
    let _ = reactor.handle().unwrap().submit(move |_| has_run.store(true, Ordering::Relaxed));
}
