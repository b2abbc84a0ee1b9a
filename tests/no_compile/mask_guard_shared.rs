//! E0277: a guard of one thread's mask is not shared by reference
use iomux::SigSet;

fn main() -> std::io::Result<()> {
    let guard = SigSet::empty().block()?;
    std::thread::scope(|scope| {
        scope.spawn(|| println!("{:?}", guard.before()));
    });
    Ok(())
}
