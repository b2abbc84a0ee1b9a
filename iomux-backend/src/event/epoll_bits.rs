//! Conversions between the bits of poll(2) and of epoll(7), which are equal on most architectures.

use iomux::{Interest, Readiness};
use iomux_sys::{epoll, poll};

/// Each bit of poll(2) with the corresponding bit of epoll(7).
const BITS: [(i16, u32); 11] = [
    (poll::POLLIN, epoll::EPOLLIN),
    (poll::POLLPRI, epoll::EPOLLPRI),
    (poll::POLLOUT, epoll::EPOLLOUT),
    (poll::POLLERR, epoll::EPOLLERR),
    (poll::POLLHUP, epoll::EPOLLHUP),
    (poll::POLLNVAL, epoll::EPOLLNVAL),
    (poll::POLLRDNORM, epoll::EPOLLRDNORM),
    (poll::POLLRDBAND, epoll::EPOLLRDBAND),
    (poll::POLLWRNORM, epoll::EPOLLWRNORM),
    (poll::POLLWRBAND, epoll::EPOLLWRBAND),
    (Interest::READ_CLOSED.bits(), epoll::EPOLLRDHUP),
];

/// `true` if all bits are equal on this architecture. They differ on mips, sparc, m68k and xtensa.
const ARE_THE_SAME: bool = are_the_same();

const fn are_the_same() -> bool {
    let mut index = 0;
    while index < BITS.len() {
        let (poll, epoll) = BITS[index];
        if word(poll) != epoll {
            return false;
        }
        index += 1;
    }
    true
}

#[allow(clippy::cast_sign_loss, reason = "a set of bits")]
const fn word(bits: i16) -> u32 {
    bits as u16 as u32
}

/// Returns the bits of epoll(7) for an interest, or `None` if the interest has a bit without a name.
#[inline]
pub(crate) fn from_interest(interest: Interest) -> Option<u32> {
    if !Interest::all().contains(interest) {
        return None;
    }
    Some(if ARE_THE_SAME { word(interest.bits()) } else { from_interest_bit_by_bit(interest) })
}

fn from_interest_bit_by_bit(interest: Interest) -> u32 {
    let mut left = interest.bits();
    let mut events = 0;
    for (poll, epoll) in BITS {
        // Each bit once. Otherwise POLLOUT would set EPOLLWRNORM too, where it equals POLLWRNORM.
        if left & poll != 0 {
            left &= !poll;
            events |= epoll;
        }
    }
    events
}

/// Marks an event that holds bits of poll(2), where they differ. epoll_wait(2) never returns this bit.
const POLLS_OWN: u32 = epoll::EPOLLET;

/// Returns the bits to store in an event, including bits without a name.
#[inline]
pub(super) fn from_readiness(readiness: Readiness) -> u32 {
    if ARE_THE_SAME { word(readiness.bits()) } else { word(readiness.bits()) | POLLS_OWN }
}

/// Returns the readiness of an event that the kernel or another backend wrote.
#[inline]
pub(super) fn to_readiness(events: u32) -> Readiness {
    if !ARE_THE_SAME && events & POLLS_OWN == 0 {
        return to_readiness_bit_by_bit(events);
    }
    // A bit without a name is kept if it fits into the 16 bits of poll(2).
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a set of bits")]
    Readiness::from_bits_retain(events as i16)
}

fn to_readiness_bit_by_bit(events: u32) -> Readiness {
    let reported = BITS.iter().filter(|(_, epoll)| events & epoll != 0);
    Readiness::from_bits_retain(reported.fold(0, |all, (poll, _)| all | poll))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_the_same_compares_every_bit() {
        assert_eq!(ARE_THE_SAME, BITS.iter().all(|(poll, epoll)| word(*poll) == *epoll));
    }

    #[test]
    fn interest_round_trips() {
        for interest in Interest::all().iter() {
            let events = from_interest(interest).unwrap();
            assert_eq!(events, from_interest_bit_by_bit(interest), "{interest:?}");
            assert_eq!(to_readiness(events).bits(), interest.bits(), "{interest:?}");
            assert_eq!(to_readiness_bit_by_bit(events).bits(), interest.bits(), "{interest:?}");
        }
        for bits in [from_interest, |interest| Some(from_interest_bit_by_bit(interest))] {
            assert_eq!(bits(Interest::READABLE | Interest::WRITABLE), Some(epoll::EPOLLIN | epoll::EPOLLOUT));
            assert_eq!(bits(Interest::READ_CLOSED), Some(epoll::EPOLLRDHUP));
            assert_eq!(bits(Interest::empty()), Some(0));
        }
    }

    #[test]
    fn error_and_hangup_are_converted() {
        for readiness in [to_readiness, to_readiness_bit_by_bit] {
            assert_eq!(readiness(epoll::EPOLLERR), Readiness::ERROR);
            assert_eq!(readiness(epoll::EPOLLHUP | epoll::EPOLLIN), Readiness::HANGUP | Readiness::READABLE);
            assert_eq!(readiness(0), Readiness::empty());
        }
    }

    #[test]
    fn readiness_round_trips() {
        for bit in 0..16 {
            let readiness = Readiness::from_bits_retain((1_u16 << bit).cast_signed());
            assert_eq!(to_readiness(from_readiness(readiness)), readiness);
        }
    }

    #[test]
    fn unnamed_interest_is_rejected() {
        let named = Interest::all().bits();
        for bit in (0..16).map(|shift| 1_u16 << shift).map(u16::cast_signed).filter(|bit| named & bit == 0) {
            assert_eq!(from_interest(Interest::from_bits_retain(bit)), None, "{bit:#x}");
        }
        assert_eq!(from_interest(Interest::from_bits_retain(poll::POLLHUP)), None);
    }
}
