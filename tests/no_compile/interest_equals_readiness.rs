//! E0308: interest and readiness are different types
use iomux::{Interest, Readiness};

fn main() {
    println!("{}", Interest::READABLE == Readiness::READABLE);
}
