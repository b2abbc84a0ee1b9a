//! Where and when a benchmark ran.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::SystemTime;

#[derive(Deserialize, Serialize)]
pub(crate) struct Machine {
    system: String,
    processor: String,
    cores: usize,
    /// The open-files limit, after it was raised to the hard limit.
    pub(crate) open_files: u64,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let system = uname().map(|name| {
            let parts = [name.sysname(), name.release(), name.machine()];
            parts.map(|part| part.to_string_lossy().into_owned()).join(" ")
        });
        let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpus.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map(|(_, model)| model.to_owned());
        Self {
            system: system.unwrap_or_else(|_| "unknown system".into()),
            processor: model.unwrap_or_else(|| "unknown processor".into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            open_files: raise_open_files(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { system, processor, cores, open_files } = self;
        write!(f, "{system}; {processor}, {cores} cores; at most {open_files} open files")
    }
}

/// Raises the soft limit to the hard one.
fn raise_open_files() -> u64 {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return 1024 };
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_or(soft, |()| hard)
}

pub(crate) fn date() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// Returns the command line, without the folder of the program.
pub(crate) fn command() -> String {
    let mut words: Vec<_> = std::env::args().collect();
    if let Some(program) = words.first_mut() {
        *program = program.rsplit('/').next().unwrap_or_default().into();
    }
    let flags = [
        ("mio_unsupported_force_poll_poll", cfg!(mio_unsupported_force_poll_poll)),
        ("polling_test_poll_backend", cfg!(polling_test_poll_backend)),
    ];
    let flags: Vec<_> =
        flags.iter().filter(|(_, is_set)| *is_set).map(|(name, _)| format!("--cfg {name}")).collect();
    if flags.is_empty() {
        words.join(" ")
    } else {
        format!("RUSTFLAGS='{}' {}", flags.join(" "), words.join(" "))
    }
}
