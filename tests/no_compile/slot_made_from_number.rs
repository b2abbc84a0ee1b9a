//! E0423: a slot needs a borrowed fd, not a number
use iomux::PollFd;

fn main() {
    println!("{:?}", PollFd(3));
}
