//! E0599: a hangup is reported unasked; it is no `Interest`.
use iomux::Interest;

fn main() {
    println!("{:?}", Interest::HANGUP);
}
