//! `<signal.h>`: the signal set that ppoll(2) takes, a thread's own mask, and the signals' numbers.
//!
//! All of it is libc's own: `sigset_t` belongs to libc's functions, and the numbers are plain `int`s
//! that differ by processor as well as by system, so a second list of them could only be wrong.

pub use crate::signal_own::{SIGIO, real_time_signals};
pub use libc::{
    SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL,
    SIGINT, SIGKILL, SIGPIPE, SIGPROF, SIGQUIT, SIGSEGV, SIGSTOP, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};
pub use libc::{pthread_sigmask, sigaddset, sigdelset, sigemptyset, sigfillset, sigismember, sigset_t};
