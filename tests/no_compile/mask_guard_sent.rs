//! E0277: a guard restores the signal mask of its own thread, so it stays there
use iomux::SigSet;

fn main() -> std::io::Result<()> {
    let guard = SigSet::empty().block()?;
    std::thread::spawn(move || drop(guard));
    Ok(())
}
