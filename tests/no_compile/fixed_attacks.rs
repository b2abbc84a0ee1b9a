//! compiles
//! The attacks of this folder that are one word away from a correct program, each corrected.
use iomux::{Interest, PollFd, SigSet, Slots, Timeout};
use iomux_backend::{Events, Mode, Multiplexer, Poll, Reactor, TrustedMultiplexer};
use std::io::PipeReader;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Mutex;

static TABLE: Mutex<Slots<[PollFd; 1]>> = Mutex::new(Slots::array());

fn trusted_multiplexer_in_a_box() {
    let boxed: Box<dyn TrustedMultiplexer<'static>> = Box::new(Box::new(Poll::new()));
    let _reactor = Reactor::<PipeReader, Rc<()>, _>::with(boxed, 8);
}

fn borrowed_source_before_its_reactor() {
    let long = std::io::pipe().unwrap().0;
    let short = std::io::pipe().unwrap().0;
    let mut reactor = Reactor::new().unwrap();
    for reader in [&long, &short] {
        reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
    }
    let key = reactor.keys().next().unwrap();
    let removed = reactor.remove(key).unwrap();
    println!("{removed:?}");
    reactor.retain(|_, _, ()| false);
}

fn static_table_given_static_fd() {
    let stdin: &'static std::io::Stdin = Box::leak(Box::new(std::io::stdin()));
    TABLE.lock().unwrap().set(0, stdin.as_fd(), Interest::READABLE).unwrap();
}

fn iterator_and_events_used_before_next_wait() {
    let mut slots = Slots::with_capacity(1);
    let (mut poll, mut events) = (Poll::new(), Events::with_capacity(1));
    println!("{:?} {:?}", slots.ready().next(), events.iter().next());
    slots.poll(Timeout::Nowait).unwrap();
    poll.wait(&mut events, Timeout::Nowait).unwrap();
}

fn task_creates_thread_state() {
    let mut reactor = Reactor::<PipeReader, Rc<()>>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let task = |reactor: &mut Reactor<PipeReader, Rc<()>>| {
        reactor.iter_mut().for_each(|(_, _, state)| *state = Rc::new(()));
    };
    std::thread::spawn(move || handle.submit(task).is_ok());
}

fn mask_shared() {
    let guard = SigSet::empty().block().unwrap();
    let before = guard.before();
    std::thread::scope(|scope| {
        scope.spawn(move || println!("{before:?}"));
    });
}

fn main() {
    trusted_multiplexer_in_a_box();
    borrowed_source_before_its_reactor();
    static_table_given_static_fd();
    iterator_and_events_used_before_next_wait();
    task_creates_thread_state();
    mask_shared();
}
