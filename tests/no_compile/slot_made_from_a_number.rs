//! E0423: a slot is made of an fd that is borrowed, not of a number
use iomux::PollFd;

fn main() {
    println!("{:?}", PollFd(3));
}
