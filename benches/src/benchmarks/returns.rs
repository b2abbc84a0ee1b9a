//! The cost of returns after a system call. With the mitigation "Safe RET" of AMD processors, the first return is
//! slow, since the processor can't trust its prediction across the kernel. So an inlined call looks cheaper until its
//! caller returns.

use crate::runner::Runner;
use std::io;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run(runner: &mut Runner) -> io::Result<()> {
    runner.note("returns: only for x86-64".into());
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
        name: "getppid(2), followed by so many returns".into(),
        at: None,
        measures: &[("", "ns per call")],
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
        // SAFETY: getppid takes nothing, changes nothing, and clobbers the registers named here.
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
        // SAFETY: it takes nothing.
        black_box(unsafe { libc::getppid() });
    }
}
