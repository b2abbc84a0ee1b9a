//! A whole short TCP connection: accept, register, read, write, deregister, close.

use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors};
use crate::runner::{Case, Runner, Sample, nanos};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The number of connections per turn, limited since a closed one keeps its port for a while.
const LIVES: usize = 100;

pub(crate) fn run(runner: &mut Runner, others: usize) -> io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let life = Life { listener, others: fds::eventfds(others)? };
    runner.run(Case {
        benchmark: "addrm",
        name: format!("a short TCP connection among {others} others"),
        at: None,
        measures: &[("the server's part", "ns per connection")],
        baseline: "raw epoll",
        competitors: competitors(&life),
    })
}

struct Life {
    listener: TcpListener,
    others: Vec<OwnedFd>,
}

impl<'fd> Benchmark<'fd> for Life {
    fn admits(&self, _mechanism: Mechanism) -> bool {
        true
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, fd) in self.others.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let listening = self.others.len();
        peer.add(self.listener.as_fd(), listening, Ask::Read)?;
        let mut taken = Duration::ZERO;
        for _ in 0..LIVES {
            let mut client = TcpStream::connect(self.listener.local_addr()?)?;
            client.write_all(b"What time is it?")?;
            let begin = Instant::now();
            expect(&mut peer, listening)?;
            let (served, _) = self.listener.accept()?;
            self.serve(&mut peer, served, listening + 1)?;
            taken += begin.elapsed();
            peer.rearm(self.listener.as_fd(), listening)?;
            let mut answer = String::new();
            client.read_to_string(&mut answer)?;
            assert_eq!(answer, "Late.", "{}: the response and end of file", P::NAME);
        }
        Ok(vec![nanos(taken) / LIVES as f64])
    }
}

impl Life {
    fn serve<'fd, P: Peer<'fd>>(
        &'fd self,
        peer: &mut P,
        mut served: TcpStream,
        token: usize,
    ) -> io::Result<()> {
        // SAFETY: open until `served` is dropped below, and removed before. After a failure, the peer
        // does not wait any more.
        let fd: BorrowedFd<'fd> = unsafe { BorrowedFd::borrow_raw(served.as_raw_fd()) };
        peer.add(fd, token, Ask::Read)?;
        expect(peer, token)?;
        let mut question = [0; 64];
        let count = served.read(&mut question)?;
        assert_eq!(&question[..count], b"What time is it?", "{}: the question", P::NAME);
        served.write_all(b"Late.")?;
        peer.remove(fd, token)
    }
}

/// Waits for exactly this event.
fn expect<'fd, P: Peer<'fd>>(peer: &mut P, token: usize) -> io::Result<()> {
    let (mut count, mut last) = (0, 0);
    peer.wait(None, |token| (count, last) = (count + 1, token))?;
    assert_eq!((count, last), (1, token), "{}: one event", P::NAME);
    Ok(())
}
