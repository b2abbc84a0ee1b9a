//! E0599: a hangup is always returned and is no `Interest`
use iomux::Interest;

fn main() {
    println!("{:?}", Interest::HANGUP);
}
