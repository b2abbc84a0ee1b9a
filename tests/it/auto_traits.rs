//! What may be sent to another thread and shared with one; a change of these is a change of the interface.

use iomux::{Chunk, MaskGuard, PollFd, ReadySlots, Slots};
use iomux_backend::{
    Any, Capabilities, Event, Events, Handle, InsertError, Interest, Key, Mode, Multiplexer, Native, Poll,
    Reactor, Readiness, Ready, SigSet, Signal, Spin, SubmitError, Timeout, Token, Traced, TrustedMultiplexer,
    Waker, WakerSource,
};
use std::cell::Cell;
use std::net::TcpStream;

fn is_shared<T: ?Sized + Send + Sync + Unpin>() {}
fn is_sent<T: ?Sized + Send>() {}

/// Fails to compile unless the check takes each of the types.
macro_rules! each {
    ($check:ident: $($type:ty),+ $(,)?) => {
        $($check::<$type>();)+
    };
}

/// Whether a type has a trait: an inherent constant is found before the one of a trait.
macro_rules! has {
    ($bound:path, $type:ty) => {{
        #[allow(dead_code, reason = "where the type has the trait")]
        trait Otherwise {
            const HAS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        struct Wrapper<T: ?Sized>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "where the type has the trait")]
        impl<T: ?Sized + $bound> Wrapper<T> {
            const HAS: bool = true;
        }
        <Wrapper<$type>>::HAS
    }};
}

#[test]
fn values_are_send_and_sync() {
    each!(is_shared:
        Interest, Readiness, Timeout, Chunk, Signal, SigSet, iomux::Error, PollFd<'static>, Slots<'static>,
        ReadySlots<'static, 'static>, Token, Mode, Capabilities, Event, Events, Key, Ready, iomux_backend::Error,
    );
}

#[test]
fn multiplexers_are_send_and_sync() {
    each!(is_shared:
        Poll<'static>, Native<'static>, Any<'static>, Traced<Poll<'static>>, Spin<Poll<'static>>, Waker, WakerSource,
        Reactor<TcpStream, String>, InsertError<TcpStream, String>, SubmitError<fn()>,
    );
    each!(is_sent: Box<dyn Multiplexer<'static> + Send>, Box<dyn TrustedMultiplexer<'static> + Send>);
}

#[test]
fn handle_is_sync_for_any_state() {
    each!(is_shared: Handle<TcpStream, Cell<u8>, Native<'static>>);
    assert!(has!(Send, Reactor<TcpStream, Cell<u8>>) && !has!(Sync, Reactor<TcpStream, Cell<u8>>));
}

#[test]
fn mask_guard_is_not_send() {
    assert!(!has!(Send, MaskGuard) && !has!(Sync, MaskGuard));
}
