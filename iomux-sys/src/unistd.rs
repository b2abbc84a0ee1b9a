//! `<unistd.h>`: sysconf(3) with the open-files limit, and write(2).

pub use libc::{_SC_OPEN_MAX, sysconf, write};
