//! The benchmarks. Each uses the same fds for all competitors, and checks that the right events came.

pub(crate) mod addrm;
pub(crate) mod build;
pub(crate) mod call;
pub(crate) mod chain;
pub(crate) mod churn;
pub(crate) mod echo;
pub(crate) mod life;
pub(crate) mod memory;
pub(crate) mod nowait;
pub(crate) mod request;
pub(crate) mod returns;
pub(crate) mod scale;
pub(crate) mod scan;
pub(crate) mod share;
pub(crate) mod slot;
pub(crate) mod spin;
pub(crate) mod timeout;
pub(crate) mod timers;
pub(crate) mod wake;
