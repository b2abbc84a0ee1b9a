//! `<unistd.h>`: the limit of open files.

pub use libc::{_SC_OPEN_MAX, sysconf};
