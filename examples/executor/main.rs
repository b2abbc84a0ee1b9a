//! An async runtime and a program that uses it: tasks, sockets and timers on one thread, with wakes from any thread.
//!
//! `cargo run --example executor -- --clients 100` runs an echo server and its clients as tasks.
//! `cargo run --example executor -- --serve 127.0.0.1:7777` runs the server alone, until stdin ends.
//!
//! What to copy from it: the design of `runtime.rs`. Its `Executor` has a queue of tasks that can run, `Timers`, and
//! a `Reactor`. The state of a source is the list of tasks that wait for it. A turn polls the queued tasks, waits
//! until the next timer at most, and wakes the tasks of the events and timers. A source is registered in one-shot
//! mode, for what a task waits for at that moment. So neither a hangup nor data that no task reads causes a busy
//! loop. A task's waker puts the task into the queue, and also wakes the reactor if called on another thread. A task
//! that is woken checks its source or the clock again, so a spurious wake does no harm.

#[path = "../common/mod.rs"]
mod common;
mod runtime;

use common::in_context;
use iomux_backend::try_io;
use runtime::{Async, Executor, in_thread, yield_now};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: executor [OPTION]...
  or:  executor --serve ADDRESS:PORT
Run an echo server and its clients as tasks of one async runtime.

      --clients N           run N clients, at most 65535 (default: 10)
      --messages N          send N messages per client (default: 10)
      --pause MS            wait MS milliseconds between messages (default: 1)
      --serve ADDRESS:PORT  run the server alone, until standard input ends;
                            port 0 stands for any free port
  -h, --help                display this help and exit

When the server ends, echoes that were not sent are lost.
";

/// How long to wait after an error of accept(2), usually EMFILE.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let options = parse(&common::arguments());
    common::run("executor", USAGE, options, run)
}

struct Options {
    /// The address of a server without clients.
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
            // Each client needs its own port.
            "--clients" => match number(value()?)? {
                clients if clients > u16::MAX.into() => {
                    return Err(format!("--clients: '{clients}': at most {}", u16::MAX));
                }
                clients => options.clients = clients,
            },
            "--messages" => options.messages = number(value()?)?,
            "--pause" => options.pause = Duration::from_millis(number(value()?)?.into()),
            _ => return Err(format!("unknown argument '{word}'")),
        }
    }
    Ok(Some(options))
}

fn run(options: Options) -> io::Result<()> {
    let executor = Executor::new()?;
    executor.run(run_tasks(&executor, options))?
}

async fn run_tasks(executor: &Executor, options: Options) -> io::Result<()> {
    let Options { serve: place, clients, messages, pause } = options;
    let is_alone = place.is_some();
    let place = place.unwrap_or_else(|| "127.0.0.1:0".into());
    let listener = listen(executor, place).await?;
    common::announce(&listener)?;
    let address = listener.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
    drop(executor.spawn(serve(executor.clone(), listener))); // the task never ends
    if is_alone {
        return in_thread(common::until_stdin_ends)?.await;
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

async fn listen(executor: &Executor, place: String) -> io::Result<Async<Socket>> {
    let listener = in_thread(move || common::listen(&place))?.await?; // name resolution blocks
    Async::new(executor, listener)
}

/// Accepts clients indefinitely, and spawns a task per client.
async fn serve(executor: Executor, listener: Async<Socket>) {
    loop {
        match accept(&executor, &listener).await {
            Ok(client) => {
                drop(executor.spawn(echo(client))); // an error concerns this client only
                yield_now().await; // so that a burst does not delay the connected clients
            }
            Err(_) => executor.sleep_until(Instant::now() + RETRY).await,
        }
    }
}

async fn accept(executor: &Executor, listener: &Async<Socket>) -> io::Result<Async<Socket>> {
    loop {
        // An error means that the client is gone already.
        if let Some((client, _)) = try_io(|| listener.accept())?
            && common::set_options(&client).is_ok()
        {
            return Async::new(executor, client);
        }
        listener.readable().await?;
    }
}

async fn echo(client: Async<Socket>) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..count]).await?;
        // Otherwise a fast client could starve the other tasks.
        yield_now().await;
    }
}

/// Sends each message at its time, compares the echo, and returns the number of bytes.
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

async fn connect(executor: &Executor, server: SocketAddr) -> io::Result<Async<Socket>> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    common::connect(&socket, server)?;
    let socket = Async::new(executor, socket)?;
    while !common::is_connected(&socket)? {
        socket.writable().await?;
    }
    Ok(socket)
}
