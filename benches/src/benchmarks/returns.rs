//! What it costs to return after a system call: processors that can't trust their prediction of returns across the
//! kernel (AMD's, mitigated by "Safe RET") pay for the first one, so a call that is inlined looks cheaper until the
//! caller itself returns.

use crate::runner::Runner;
use std::io;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run(runner: &mut Runner) -> io::Result<()> {
    runner.note("returns: written for x86-64 alone".into());
    Ok(())
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn run(runner: &mut Runner) -> io::Result<()> {
    use crate::runner::{Case, Competitor, ns_a_round};
    let time = runner.time;
    let once = move |call: fn()| {
        move || {
            Ok(vec![ns_a_round(time, || {
                call();
                Ok(())
            })?])
        }
    };
    runner.run(Case {
        benchmark: "returns",
        name: "getppid(2), and so many returns after it".into(),
        at: None,
        measures: &[("", "ns a call")],
        baseline: "none",
        competitors: vec![
            Competitor::new("none, inlined", move || {
                Ok(vec![ns_a_round(time, || {
                    calls::inlined();
                    Ok(())
                })?])
            }),
            Competitor::new("one", once(calls::one)),
            Competitor::new("two", once(calls::two)),
            Competitor::new("three", once(calls::three)),
            Competitor::new("libc's", once(calls::libc)),
        ],
    })
}

#[cfg(target_arch = "x86_64")]
mod calls {
    use std::arch::asm;
    use std::hint::black_box;

    #[inline(always)]
    pub(super) fn inlined() {
        let mut answer = libc::SYS_getppid;
        // SAFETY: getppid takes nothing, changes nothing, and clobbers what is named here.
        unsafe {
            asm!("syscall", inlateout("rax") answer, out("rcx") _, out("r11") _, options(nostack));
        }
        black_box(answer);
    }

    #[inline(never)]
    pub(super) fn one() {
        inlined();
    }

    #[inline(never)]
    pub(super) fn two() {
        one();
        black_box(());
    }

    #[inline(never)]
    pub(super) fn three() {
        two();
        black_box(());
    }

    #[inline(never)]
    pub(super) fn libc() {
        // SAFETY: asks for nothing.
        black_box(unsafe { libc::getppid() });
    }
}
