//! The style of the repository, checked by tests.

use crate::support::root;
use std::fs;
use std::path::PathBuf;

const CRATES: [&str; 3] = ["iomux-sys/src", "iomux/src", "iomux-backend/src"];
const ALL: [&str; 6] = ["iomux-sys", "iomux", "iomux-backend", "tests", "examples", "benches"];

/// The files that may name a system: a mechanism's own module, which declares its platform files, and what says which
/// mechanisms a system has.
const PLATFORM_PARENTS: [&str; 16] = [
    "iomux-sys/src/epoll.rs",
    "iomux-sys/src/epoll_params.rs",
    "iomux-sys/src/eventfd.rs",
    "iomux-sys/src/headers.rs",
    "iomux-sys/src/kqueue.rs",
    "iomux-sys/src/poll.rs",
    "iomux-sys/src/prctl.rs",
    "iomux-sys/src/signal.rs",
    "iomux-backend/src/any.rs",
    "iomux-backend/src/epoll.rs",
    "iomux-backend/src/event.rs",
    "iomux-backend/src/kqueue.rs",
    "iomux-backend/src/lib.rs",
    "iomux-backend/src/native.rs",
    // What a reactor over epoll has beyond others: it can be shared.
    "iomux-backend/src/reactor.rs",
    "iomux-backend/src/waker.rs",
];

/// Tests that may sleep, each with the reason why it can't wait for an event.
const SLEEPERS: [(&str, &str); 0] = [];

const LONGEST_ROOT: usize = 120;

/// A file of the repository, by its path from the root.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines that are not comments, numbered from 1.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is(&self, path: &str) -> bool {
        self.path == path
    }
}

/// All `.rs` files under these folders, built ones left out.
fn sources(folders: &[&str]) -> Vec<Source> {
    let mut waiting: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            let inside = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            waiting.extend(inside.filter(|path| !path.ends_with("target")));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push(Source { path: path.strip_prefix(root()).unwrap().display().to_string(), text });
        }
    }
    assert!(found.len() >= folders.len(), "the sources are not where they were: {folders:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// `file:line: text` for each line of code that is an offence.
fn offences<'a>(
    sources: impl IntoIterator<Item = &'a Source>,
    is_offence: impl Fn(&str) -> bool,
) -> Vec<String> {
    let lines = sources.into_iter().flat_map(|source| source.code().map(move |line| (source, line)));
    lines
        .filter(|(_, (_, line))| is_offence(line))
        .map(|(source, (number, line))| format!("{}:{number}: {}", source.path, line.trim()))
        .collect()
}

#[track_caller]
fn assert_none(offences: &[String], what_to_do: &str) {
    assert!(offences.is_empty(), "{what_to_do}:\n{}", offences.join("\n"));
}

/// Whether `line` has `word`, not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    line.split(|c| !of_a_name(c)).any(|found| found == word)
}

#[test]
fn only_mechanism_modules_name_platforms() {
    let sources = sources(&CRATES);
    let allowed = |source: &Source| PLATFORM_PARENTS.iter().any(|file| source.is(file));
    let others = sources.iter().filter(|source| !allowed(source));
    let found = offences(others, |line| has_word(line, "target_os") || has_word(line, "target_vendor"));
    assert_none(&found, "choose the platform file in the mechanism's own module, see PLATFORM_PARENTS");
    for file in PLATFORM_PARENTS {
        assert!(
            sources.iter().any(|source| source.is(file) && source.text.contains("target_")),
            "{file} names no system: take it out of the list"
        );
    }
}

#[test]
fn modules_are_files_of_their_name() {
    let sources = sources(&CRATES);
    let found = offences(&sources, |line| line.contains("#[path") || line.contains("path = \""));
    assert_none(&found, "name the file after the module, and declare it with a plain `mod`");
}

#[test]
fn crate_roots_are_short() {
    let sources = sources(&CRATES);
    let roots = sources.iter().filter(|source| source.path.ends_with("/src/lib.rs"));
    let found: Vec<_> = roots
        .map(|source| (source, source.text.lines().count()))
        .filter(|(_, length)| *length > LONGEST_ROOT)
        .map(|(source, length)| format!("{}:{length}: its last line", source.path))
        .collect();
    assert_none(&found, "keep documentation, `mod` and `pub use`; move the rest to a module");
}

/// The compiler rejects `unsafe` in every file that `lib.rs` does not exempt, so a file must not exempt itself.
#[test]
fn lib_rs_names_every_file_with_unsafe() {
    let sources = sources(&["iomux/src"]);
    let (lib, others): (Vec<_>, Vec<_>) = sources.iter().partition(|source| source.is("iomux/src/lib.rs"));
    assert!(lib[0].text.contains("#![deny(unsafe_code)]"), "{}: the lint is gone", lib[0].path);
    let found = offences(others, |line| has_word(line, "unsafe_code"));
    assert_none(&found, "exempt the module in iomux/src/lib.rs, with the reason");
}

#[test]
fn re_exports_are_named() {
    // In iomux-sys a platform file is a C header: all of its names are the interface, and a macro declares
    // most of them, so a list would be a second header to keep in step.
    let is_of_a_header = |source: &&Source| source.path.starts_with("iomux-sys/src/");
    let sources = sources(&ALL);
    let (of_headers, others): (Vec<_>, Vec<_>) = sources.iter().partition(is_of_a_header);
    let is_star = |line: &str| line.trim_start().starts_with("pub use ") && line.contains("::*");
    let mut found = offences(others, is_star);
    found.extend(offences(of_headers, |line| is_star(line) && line != "pub use system::*;"));
    assert_none(&found, "name each item: a star exports items by accident");
}

#[test]
fn no_todo_is_left() {
    let unfinished = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("dbg", "!(")];
    let found = offences(&sources(&ALL), |line| unfinished.iter().any(|mark| line.contains(mark)));
    assert_none(&found, "finish it");
}

#[test]
fn no_test_is_ignored() {
    let found = offences(&sources(&ALL), |line| line.contains(concat!("#[", "ignore")));
    assert_none(
        &found,
        "let the test find out whether it can run, and print its reason with `support::skip`",
    );
}

#[test]
fn tests_do_not_sleep() {
    let sources = sources(&ALL);
    let others = sources.iter().filter(|source| !SLEEPERS.iter().any(|(file, _)| source.is(file)));
    let found = offences(others, |line| has_word(line, concat!("sl", "eep")));
    assert_none(&found, "wait for what is to happen, or list the file in SLEEPERS with the reason");
    for (file, reason) in SLEEPERS {
        assert!(
            sources.iter().any(|source| source.is(file)),
            "{file} is gone: take it out of SLEEPERS ({reason})"
        );
    }
}

#[test]
fn every_example_has_a_header() {
    let silent: Vec<_> = sources(&["examples", "iomux/examples"])
        .iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| format!("{}:1", source.path))
        .collect();
    assert_none(&silent, "begin the file with `//!` and what a reader will see");
}

#[test]
fn every_crate_uses_the_workspace_lints() {
    let deaf: Vec<_> = ["", "iomux-sys/", "iomux/", "iomux-backend/", "tests/", "benches/"]
        .map(|folder| format!("{folder}Cargo.toml"))
        .into_iter()
        .filter(|path| {
            let manifest = fs::read_to_string(root().join(path)).unwrap();
            !manifest.contains("[lints]\nworkspace = true")
        })
        .collect();
    assert_none(&deaf, "add `[lints] workspace = true`");
}

#[test]
fn every_test_binary_is_documented() {
    let manifest = fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    let unnamed: Vec<_> = sources(&["tests"])
        .iter()
        .filter_map(|source| source.path.strip_prefix("tests/"))
        .filter(|path| !path.contains('/') || path.ends_with("/main.rs"))
        .filter(|path| !manifest.contains(&format!("path = \"{path}\"")))
        .map(|path| format!("tests/{path}:1"))
        .collect();
    assert_none(&unnamed, "add a `[[test]]` for it to tests/Cargo.toml: cargo does not run it otherwise");
}

#[test]
fn changelog_names_this_version() {
    let path = root().join("CHANGELOG.md");
    let text = fs::read_to_string(path).expect("CHANGELOG.md: say there what changes for a user");
    let version = concat!("## ", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(version), "CHANGELOG.md: has no line `{version}`");
}

/// The modules at a crate's top that a file of it imports, by `use crate::MODULE` or by an item that `root` re-exports.
fn imports<'a>(source: &'a Source, root: &'a str) -> impl Iterator<Item = String> + 'a {
    let text = source.text.split("\n#[cfg(test)]").next().unwrap_or_default();
    let text = text.split("\n#[cfg(all(test").next().unwrap_or_default();
    let paths = text.lines().filter_map(|line| line.trim_start().split_once("use crate::"));
    let code = paths.filter(|(before, _)| !before.contains("//"));
    let names = code.flat_map(|(_, path)| match path.strip_prefix('{') {
        Some(list) => list.trim_end_matches("};").split(", ").collect(),
        None => vec![path],
    });
    names.filter_map(|name| {
        let name = name.split([':', ';', ' ']).next()?;
        let is_module = root.lines().any(|line| line.ends_with(&format!("mod {name};")));
        let mut exports = root.lines().filter_map(|line| line.strip_prefix("pub use ")?.split_once("::"));
        if is_module {
            return Some(name.to_owned());
        }
        exports.find(|(_, items)| has_word(items, name)).map(|(module, _)| module.to_owned())
    })
}

/// Whether `imported` leads from `module` back to `end`.
fn leads_to(imported: &[(String, String)], module: &str, end: &str, seen: &mut Vec<String>) -> bool {
    let next: Vec<_> = imported.iter().filter(|(from, _)| from == module).map(|(_, to)| to).collect();
    next.into_iter().any(|to| {
        let is_new = !seen.contains(to);
        seen.push(to.clone());
        to == end || is_new && leads_to(imported, to, end, seen)
    })
}

#[test]
fn modules_have_no_import_circle() {
    for crate_root in ["iomux/src", "iomux-backend/src"] {
        let sources = sources(&[crate_root]);
        let text = &sources.iter().find(|source| source.is(&format!("{crate_root}/lib.rs"))).unwrap().text;
        // `pub use` may go over several lines.
        let root = text.replace(",\n    ", ", ").replace("{\n    ", "{");
        let mut imported = Vec::new();
        for source in sources.iter().filter(|source| !source.path.ends_with("tests.rs")) {
            let path = source.path.strip_prefix(crate_root).unwrap().trim_start_matches('/');
            let module = path.split(['/', '.']).next().unwrap().to_owned();
            let others = imports(source, &root).filter(|other| *other != module);
            imported.extend(others.map(|other| (module.clone(), other)));
        }
        assert!(imported.len() > 10, "{crate_root}: the imports are not found: {imported:?}");
        let is_circular = |(from, to): &&(String, String)| {
            // The suite is above all others, and lib.rs is the title page.
            ![from.as_str(), to].contains(&"conformance") && leads_to(&imported, to, from, &mut Vec::new())
        };
        let circles: Vec<_> = imported.iter().filter(is_circular).collect();
        assert!(
            circles.is_empty(),
            "{crate_root}: take what both need into a module of its own: {circles:?}"
        );
    }
}

/// Where the links of a page lead that are neither elsewhere nor within the page.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .filter_map(|target| target.split('#').next())
}

#[test]
fn links_lead_to_existing_files() {
    let pages = ["README", "ARCHITECTURE", "CONTRIBUTING", "CHANGELOG", "SECURITY"];
    let docs = ["comparison", "cost", "platforms", "reliability", "safety", "bench/results"];
    let pages = pages.map(|page| format!("{page}.md")).into_iter();
    let docs = docs.map(|page| format!("docs/{page}.md")).into_iter();
    let mut checked = 0;
    for page in pages.chain(docs).chain(["examples/README.md".into()]) {
        let path = root().join(page);
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            assert!(path.with_file_name(target).exists(), "{}: {target} is not there", path.display());
            checked += 1;
        }
    }
    assert!(checked > 20, "the links are not found: {checked}");
}

#[test]
fn workflow_actions_are_pinned() {
    let workflow = fs::read_to_string(root().join(".github/workflows/ci.yml")).unwrap();
    let is_pinned = |action: &str| {
        let Some((commit, release)) = action.split_once('@').and_then(|(_, it)| it.split_once(" # v")) else {
            return false;
        };
        commit.len() == 40 && commit.bytes().all(|it| it.is_ascii_hexdigit()) && !release.is_empty()
    };
    let actions: Vec<&str> =
        workflow.lines().filter_map(|line| line.split_once("uses: ")).map(|(_, action)| action).collect();
    assert!(actions.len() > 10, "{actions:?}");
    let loose: Vec<&str> = actions.into_iter().filter(|action| !is_pinned(action)).collect();
    assert!(loose.is_empty(), "write OWNER/NAME@COMMIT # vRELEASE, since a tag may be moved: {loose:?}");
}
