//! An async runtime, and a program on it: tasks, sockets and timers on one thread, woken from any.
//!
//! `cargo run --example executor -- --clients 100` runs an echo server and its clients as tasks;
//! `-- --serve 127.0.0.1:7777` the server alone, until stdin ends.
//!
//! What to copy from it: `runtime.rs`, and how it is made. Its `Executor` has a queue of the tasks that may
//! go on, a map of timers, and a `Reactor` in which the state of a source is who waits for it. A turn polls
//! the tasks in the queue, waits until the next timer at most, and wakes whom the events and timers are for.
//! A source is registered one-shot: it reports what a task asks for at that moment and no more, so neither a
//! hangup nor data that nobody wants makes the loop spin. A task's waker puts it into the queue, and from
//! another thread wakes the reactor, too. Whoever waits looks again when woken, at the file or at the clock:
//! a wake that was for nothing does no harm.

mod runtime;

use nix::errno::Errno;
use runtime::{Async, Executor, in_thread, yield_now};
use socket2::{Domain, Socket, Type};
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: executor [--clients N] [--messages N] [--pause MS]
           run an echo server and N clients (10), each sends N messages (10), one every MS ms (1)
       executor --serve HOST:PORT
           run the server alone, until stdin ends; port 0 is any free one
       executor --help
           print this
";

/// When to try again to accept, if that has failed: for want of fds, as a rule.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let done = match parse(&words) {
        Ok(Some(options)) => run(options),
        Ok(None) => io::stdout().write_all(USAGE.as_bytes()),
        Err(message) => {
            eprint!("executor: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    done.map_or_else(
        |error| {
            eprintln!("executor: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

struct Options {
    /// Where to serve without clients of our own.
    serve: Option<String>,
    clients: u32,
    messages: u32,
    pause: Duration,
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut options = Options { serve: None, clients: 10, messages: 10, pause: Duration::from_millis(1) };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: &String| text.parse().map_err(|error| format!("{word}: '{text}': {error}"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--serve" => options.serve = Some(value()?.clone()),
            "--clients" => options.clients = number(value()?)?,
            "--messages" => options.messages = number(value()?)?,
            "--pause" => options.pause = Duration::from_millis(number(value()?)?.into()),
            _ => return Err(format!("unknown argument '{word}'")),
        }
    }
    Ok(Some(options))
}

/// Says in the error's message what it happened to.
fn in_context(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn run(options: Options) -> io::Result<()> {
    let executor = Executor::new()?;
    executor.run(run_tasks(&executor, options))?
}

async fn run_tasks(executor: &Executor, options: Options) -> io::Result<()> {
    let Options { serve: place, clients, messages, pause } = options;
    let is_alone = place.is_some();
    let place = place.unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = listen(executor, place.clone()).await.map_err(in_context(place))?;
    let address = listener.local_addr()?;
    writeln!(io::stdout(), "listening on {address}")?;
    drop(executor.spawn(serve(executor.clone(), listener))); // it never ends
    if is_alone {
        return in_thread(|| io::copy(&mut io::stdin(), &mut io::sink()))?.await.map(drop);
    }

    let first = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|number| executor.spawn(talk(executor.clone(), address, number, messages, first, pause)))
        .collect();
    let (count, mut bytes) = (clients.len(), 0);
    for (number, client) in clients.into_iter().enumerate() {
        bytes += client.await.map_err(in_context(format!("client {number}")))?;
    }
    let (messages, took) = (count as u64 * u64::from(messages), first.elapsed());
    writeln!(
        io::stdout(),
        "{count} clients, {messages} messages, {bytes} bytes, all as sent, in {took:.3?}"
    )?;
    writeln!(io::stdout(), "{messages} timers, none early")
}

async fn listen(executor: &Executor, place: String) -> io::Result<Async<TcpListener>> {
    // To look up a name blocks.
    let addresses = in_thread(move || place.to_socket_addrs().map(Iterator::collect::<Vec<_>>))?.await?;
    let listener = TcpListener::bind(&addresses[..])?;
    listener.set_nonblocking(true)?;
    Async::new(executor, listener)
}

/// Accepts for ever, with a task for each client.
async fn serve(executor: Executor, listener: Async<TcpListener>) {
    loop {
        let accepted = match listener.accept() {
            Ok((client, _)) => client.set_nonblocking(true).and_then(|()| Async::new(&executor, client)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => match listener.readable().await {
                Ok(()) => continue,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        match accepted {
            Ok(client) => drop(executor.spawn(echo(client))), // what becomes of it is its own affair
            Err(_) => executor.sleep_until(Instant::now() + RETRY).await,
        }
    }
}

async fn echo(client: Async<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..count]).await?;
        // A client that is as quick as we are would never make us wait.
        yield_now().await;
    }
}

/// A client: sends a message at each of its times, and compares what comes back; how many bytes that were.
async fn talk(
    executor: Executor,
    server: SocketAddr,
    number: u32,
    messages: u32,
    first: Instant,
    pause: Duration,
) -> io::Result<u64> {
    let stream = connect(&executor, server).await?;
    let mut bytes = 0;
    for index in 0..messages {
        let time = first + pause * index;
        executor.sleep_until(time).await;
        if Instant::now() < time {
            return Err(io::Error::other(format!("timer {index} was early")));
        }
        let size = index.wrapping_mul(31).wrapping_add(number) % 1000 + 1;
        let message: Vec<u8> = (0..size).map(|position| (position ^ number).to_le_bytes()[0]).collect();
        let mut back = vec![0; message.len()];
        stream.write_all(&message).await?;
        let mut received = 0;
        while received < back.len() {
            match stream.read(&mut back[received..]).await? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                count => received += count,
            }
        }
        if back != message {
            return Err(io::Error::other(format!("message {index} came back as another")));
        }
        bytes += message.len() as u64;
    }
    Ok(bytes)
}

async fn connect(executor: &Executor, server: SocketAddr) -> io::Result<Async<TcpStream>> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()).map_err(|error| (error.raw_os_error(), error)) {
        Err((code, error)) if code != Some(Errno::EINPROGRESS as i32) => return Err(error),
        _ => {} // it is under way
    }
    let stream = Async::new(executor, TcpStream::from(socket))?;
    loop {
        stream.writable().await?;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Err(error) if error.kind() == ErrorKind::NotConnected => {} // not yet
            answer => return answer.map(|_| stream),
        }
    }
}
