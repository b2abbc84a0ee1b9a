//! The conformance suite over kqueue(2), and what only it has.
#![cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    iomux_libkqueue,
))]

use iomux_backend::conformance::Backend;
use iomux_backend::{Error, Kqueue, Multiplexer};

/// What libkqueue does unlike kqueue(2).
fn excuse(property: &str) -> Option<&'static str> {
    if !cfg!(iomux_libkqueue) {
        return None;
    }
    match property {
        "a_refused_connection_is_reported" | "a_reset_is_reported" => {
            Some("libkqueue takes the socket's error away with SO_ERROR when it reports it")
        }
        "a_closed_fd_can_be_deregistered" => Some("libkqueue does not drop what is closed"),
        "dev_null_is_always_ready_or_refused" => {
            Some("libkqueue says EFAULT whatever the reason why it does not take an fd")
        }
        _ => None,
    }
}

struct Concrete;

impl Backend for Concrete {
    type Mux<'fd> = Kqueue<'fd>;

    fn create<'fd>() -> Result<Kqueue<'fd>, Error> {
        Kqueue::new()
    }

    fn excuse(property: &str) -> Option<&'static str> {
        excuse(property)
    }
}

mod concrete {
    iomux_backend::conformance!(super::Concrete);
}

struct Boxed;

impl Backend for Boxed {
    type Mux<'fd> = Box<dyn Multiplexer<'fd> + Send + 'fd>;

    fn create<'fd>() -> Result<Self::Mux<'fd>, Error> {
        Ok(Box::new(Kqueue::new()?))
    }

    fn excuse(property: &str) -> Option<&'static str> {
        excuse(property)
    }
}

mod boxed {
    iomux_backend::conformance!(super::Boxed);
}
