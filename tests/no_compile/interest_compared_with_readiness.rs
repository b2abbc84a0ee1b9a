//! E0308: what is asked and what is reported are different types.
use iomux::{Interest, Readiness};

fn main() {
    println!("{}", Interest::READABLE == Readiness::READABLE);
}
