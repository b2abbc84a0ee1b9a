//! E0277: the guard of a thread's mask is of no use to another, by reference either
use iomux::SigSet;

fn main() -> std::io::Result<()> {
    let guard = SigSet::empty().block()?;
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{:?}", guard.before()));
    });
    Ok(())
}
