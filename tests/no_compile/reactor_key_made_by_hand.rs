//! E0451: a key is made by the reactor that it is of
use iomux_backend::Key;

fn main() {
    println!("{:?}", Key { place: 0, generation: 0 });
}
