//! E0451: only a reactor creates its keys
use iomux_backend::Key;

fn main() {
    println!("{:?}", Key { place: 0, generation: 0 });
}
