//! `<unistd.h>`: the limit of open files, and write(2).

pub use libc::{_SC_OPEN_MAX, sysconf, write};
