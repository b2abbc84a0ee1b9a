//! A TCP echo server for thousands of clients, with one `Reactor` and one thread.
//!
//! `cargo run --example echo_server -- 127.0.0.1:7777`, and `cargo run --example load -- 127.0.0.1:7777`.
//!
//! What to copy from it: the state of a source in the reactor is an enum of the roles of a source. Each connection
//! has one buffer of fixed size. The server reads while the buffer has room, and waits for `WRITABLE` only while
//! bytes are pending. So a client that does not read blocks its own sending, and no other client's. A deadline closes
//! idle clients, and moves with every byte. When the process is out of file descriptors (EMFILE), the listener is
//! paused until its deadline. After SIGINT or SIGTERM, the server sends what is pending, and exits. It resets a
//! client that does not read this in time, so that the client does not take the data for complete.

mod common;

use common::Buffer;
use iomux_backend::{Any, Cause, Interest, Key, Mode, NAMES, Reactor, Timeout, TryRead, by_name};
use signal_hook::consts::{SIGINT, SIGTERM};
use socket2::Socket;
use std::io;
use std::net::Shutdown;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

const BUFFER_SIZE: usize = 16 * 1024;
/// How long the clients may take to read the pending data after the first signal.
const LAST_CALL: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let usage = format!(
        "\
Usage: echo_server [OPTION]... [ADDRESS:PORT]
Send back what each client sends.

The default ADDRESS:PORT is 127.0.0.1:0. Port 0 stands for any free port.

      --backend NAME  use this backend: {}
                      (default: $IOMUX_BACKEND, or else {})
      --idle SECONDS  close a client that is idle for this time (default: 60)
  -h, --help          display this help and exit

SIGINT and SIGTERM end the program.
",
        NAMES.join(", "),
        NAMES[0]
    );
    let options = parse(&common::arguments());
    common::run("echo_server", &usage, options, |options| Server::start(options)?.run())
}

struct Options {
    backend: Any<'static>,
    idle: Duration,
    address: String,
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut backend = std::env::var("IOMUX_BACKEND").unwrap_or_else(|_| NAMES[0].into());
    let (mut idle, mut address) = (Duration::from_secs(60), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--backend" => backend = value()?,
            "--idle" => {
                let text = value()?;
                let seconds: Result<NonZeroU32, _> = text.parse();
                let seconds =
                    seconds.map_err(|error| format!("invalid number of seconds '{text}': {error}"))?;
                idle = Duration::from_secs(seconds.get().into());
            }
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            text if address.is_some() => return Err(format!("extra operand '{text}'")),
            text => address = Some(text.to_owned()),
        }
    }
    let backend = by_name(&backend).map_err(|error| error.to_string())?;
    Ok(Some(Options { backend, idle, address: address.unwrap_or_else(|| "127.0.0.1:0".into()) }))
}

/// The role of a source in the reactor.
enum Role {
    Listener,
    Signals,
    /// A client, with the bytes to send back to it.
    Client(Buffer),
}

struct Server {
    reactor: Reactor<Socket, Role, Any<'static>>,
    listener: Key,
    signals: Key,
    idle: Duration,
    /// The server is about to exit, and reads no more.
    is_last_call: bool,
    served: u64,
    bytes: usize,
}

impl Server {
    fn start(options: Options) -> io::Result<Self> {
        // Raise the soft limit of fds to the hard limit, for more clients than the shell's default allows.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let Options { backend, idle, address } = options;
        let (listener, signals) = (common::listen(&address)?, common::signals(&[SIGINT, SIGTERM])?);
        common::announce(&listener)?;
        let mut reactor = Reactor::with(backend, 1024);
        let listener = reactor.insert(listener, Role::Listener, Interest::READABLE, Mode::Level)?;
        let signals = reactor.insert(signals.into(), Role::Signals, Interest::READABLE, Mode::Level)?;
        Ok(Self { reactor, listener, signals, idle, is_last_call: false, served: 0, bytes: 0 })
    }

    /// Serves until a signal arrives, then accepts no more clients, sends the pending data, and prints statistics.
    fn run(mut self) -> io::Result<()> {
        while self.turn()? {}
        self.begin_last_call()?;
        // Until only the source of the signals is left, a second signal arrives, or the deadline expires.
        while self.reactor.len() > 1 && self.turn()? {}
        for (_, client, role) in self.reactor.iter_mut() {
            if matches!(role, Role::Client(buffer) if buffer.has_bytes()) {
                common::reset_on_close(client);
            }
        }
        common::print(format_args!("served {} connections, {} bytes", self.served, self.bytes))
    }

    /// Waits once, serves the ready sources, and returns `false` if a signal has arrived.
    fn turn(&mut self) -> io::Result<bool> {
        self.reactor.wait(Timeout::Infinite)?;
        while let Some((key, cause, socket, role)) = self.reactor.next() {
            match (role, cause) {
                (Role::Signals, Cause::Ready(_)) => return socket.try_read(&mut [0; 16]).map(|_| false),
                (Role::Signals, Cause::Expired) => return Ok(false), // the clients took too long
                (Role::Listener, Cause::Expired) => self.reactor.resume(key)?,
                (Role::Listener, Cause::Ready(_)) => self.accept(key),
                (Role::Client(_), Cause::Expired) => drop(self.reactor.remove(key)),
                (Role::Client(_), Cause::Ready(_)) => self.serve_or_close(key),
            }
        }
        Ok(true)
    }

    fn accept(&mut self, listener: Key) {
        for _ in 0..common::ACCEPTS {
            let Some((client, _)) = common::accept(&mut self.reactor, listener) else { return };
            let role = Role::Client(Buffer::new(BUFFER_SIZE));
            let Ok(key) = self.reactor.insert(client, role, Interest::READABLE, Mode::Level) else { return };
            let _ = self.reactor.set_deadline(key, self.idle);
            self.served += 1;
        }
    }

    fn serve_or_close(&mut self, client: Key) {
        if self.serve(client).is_err() {
            self.reactor.remove(client); // usually the client has gone
        }
    }

    /// Reads once, writes once, and sets the interest. Removes a client that is done.
    fn serve(&mut self, key: Key) -> io::Result<()> {
        let Some((client, Role::Client(buffer))) = self.reactor.get(key) else { return Ok(()) };
        if self.is_last_call {
            // A close with unread bytes resets the connection, and discards the data on its way to the client.
            buffer.source_has_ended |= client.try_read(&mut [0; 4096])? == Some(0);
        } else {
            buffer.fill(client)?;
        }
        self.bytes += buffer.drain(client, BUFFER_SIZE)?;
        if buffer.is_done() {
            self.reactor.remove(key);
            return Ok(());
        }
        let mut interest = buffer.source_interest() | buffer.sink_interest();
        if self.is_last_call {
            interest.set(Interest::READABLE, !buffer.source_has_ended);
            if !buffer.has_bytes() {
                client.shutdown(Shutdown::Write)?; // the client sees end of file
            }
        }
        self.reactor.set_deadline(key, self.idle)?;
        self.reactor.modify(key, interest, Mode::Level)?;
        Ok(())
    }

    /// Accepts no more clients, and sends the pending data to the connected ones.
    fn begin_last_call(&mut self) -> io::Result<()> {
        self.is_last_call = true;
        let (signals, listener) = (self.signals, self.listener);
        self.reactor.remove(listener);
        self.reactor.set_deadline(signals, LAST_CALL)?;
        let clients: Vec<_> = self.reactor.keys().filter(|key| *key != signals).collect();
        for key in clients {
            self.serve_or_close(key);
        }
        Ok(())
    }
}
