//! The time of a clean build of a program with one dependency, and the number of its crates.

use crate::runner::{Case, Competitor, Runner, Sample};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// A crate, and its line in Cargo.toml. The baseline comes first.
const CRATES: [(&str, &str); 8] = [
    ("raw libc", "libc = { version = \"0.2\", default-features = false }"),
    ("iomux", "iomux = { path = \"ROOT/iomux\" }"),
    ("iomux-backend", "iomux-backend = { path = \"ROOT/iomux-backend\" }"),
    ("mio", "mio = { version = \"1\", features = [\"os-poll\", \"os-ext\"] }"),
    ("polling", "polling = \"3\""),
    ("rustix", "rustix = { version = \"1\", features = [\"event\"] }"),
    ("nix", "nix = { version = \"0.31\", features = [\"event\", \"poll\"] }"),
    ("popol", "popol = \"3\""),
];

pub(crate) fn run(runner: &mut Runner) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let packages = CRATES.map(|(name, line)| (name, Package::new(folder.path(), name, line)));
    let competitors = packages.iter().map(|(name, package)| {
        Competitor::new(name, move || package.as_ref().map_err(copy).and_then(Package::build))
    });
    runner.run(Case {
        benchmark: "build",
        name: "a program with only that dependency, clean release build".into(),
        at: None,
        measures: &[("", "s"), ("dependencies", "crates")],
        baseline: "raw libc",
        competitors: competitors.collect(),
    })
}

fn copy(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

struct Package(PathBuf);

impl Package {
    /// Creates the package and fetches its dependencies, so that the network is not measured.
    fn new(folder: &Path, name: &str, line: &str) -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or(io::ErrorKind::NotFound)?;
        let package = folder.join(name.replace(' ', "-"));
        std::fs::create_dir_all(package.join("src"))?;
        let head = "[workspace]\n[package]\nname = \"built\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n";
        let line = line.replace("ROOT", &root.display().to_string());
        std::fs::write(package.join("Cargo.toml"), format!("{head}{line}\n"))?;
        std::fs::write(package.join("src/main.rs"), "fn main() {}\n")?;
        let package = Self(package);
        package.cargo(&["fetch"])?;
        Ok(package)
    }

    fn build(&self) -> io::Result<Sample> {
        let target = self.0.join("target");
        if target.exists() {
            std::fs::remove_dir_all(&target)?;
        }
        let begin = Instant::now();
        self.cargo(&["build", "--release", "--offline"])?;
        let taken = begin.elapsed();
        let tree = self.cargo(&["tree", "--offline", "--edges", "normal,build", "--prefix", "none"])?;
        // The first line is the program. A crate may be on several lines.
        let mut crates: Vec<_> = tree.lines().skip(1).map(|line| line.trim_end_matches(" (*)")).collect();
        crates.sort_unstable();
        crates.dedup();
        Ok(vec![taken.as_secs_f64(), crates.len() as f64])
    }

    fn cargo(&self, words: &[&str]) -> io::Result<String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // The variables of this program's build would change the measured build.
        for variable in ["RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS"] {
            cargo.env_remove(variable);
        }
        let output = cargo.args(words).current_dir(&self.0).stdin(Stdio::null()).output()?;
        if !output.status.success() {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(format!("cargo {}: {complaint}", words.join(" "))));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
