//! Compiles the shims of the C libraries whose headers are installed, and sets a cfg for each.

const LIBRARIES: [(&str, &str); 3] = [("libevent", "event_core"), ("libev", "ev"), ("libuv", "uv")];

fn main() {
    println!("cargo::rerun-if-changed=c");
    println!("cargo::rustc-check-cfg=cfg(mio_unsupported_force_poll_poll, polling_test_poll_backend)");
    let is_linux = std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "linux");
    let mut found = 0;
    for (name, library) in LIBRARIES {
        println!("cargo::rustc-check-cfg=cfg(has_{name})");
        let mut shim = cc::Build::new();
        shim.file(format!("c/{name}.c")).cargo_warnings(false);
        if is_linux && shim.try_compile(&format!("iomux_bench_{name}")).is_ok() {
            println!("cargo::rustc-cfg=has_{name}");
            println!("cargo::rustc-link-lib={library}");
            found += 1;
        }
    }
    if found > 0 {
        cc::Build::new().file("c/shim.c").compile("iomux_bench_shim");
    }
}
