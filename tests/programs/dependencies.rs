//! What a user of each library takes in with it: these packages, under these licences, and no others.

use crate::support::{is_foreign, root, skip};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// With the features that are there by themselves. What thiserror needs runs in the compiler alone.
const PACKAGES: [&str; 12] = [
    "bitflags",
    "cfg-if",
    "iomux",
    "iomux-backend",
    "iomux-sys",
    "libc",
    "proc-macro2",
    "quote",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
];

/// Any of them will do, of those that a package offers.
const LICENCES: [&str; 2] = ["MIT", "Apache-2.0"];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a package is needed to build another, and not only to test it, on any system and without a feature.
fn is_needed(dependency: &Value, of: &Value) -> bool {
    let declared = of["dependencies"].as_array().unwrap();
    let is_it = |one: &&Value| one["name"] == dependency["name"] && one["kind"] != "dev";
    let loom_alone = |one: &Value| one["target"] == "cfg(loom)";
    declared.iter().find(is_it).is_some_and(|one| one["optional"] == false && !loom_alone(one))
}

#[test]
fn libraries_have_four_dependencies() {
    if is_foreign() {
        return skip("the dependencies", "cargo does not run on the processor that is tested");
    }
    let metadata = metadata();
    let by_id = |list: &Value| -> BTreeMap<String, Value> {
        let entries = list.as_array().unwrap().iter();
        entries.map(|entry| (entry["id"].as_str().unwrap().to_owned(), entry.clone())).collect()
    };
    let (packages, nodes) = (by_id(&metadata["packages"]), by_id(&metadata["resolve"]["nodes"]));
    let is_library = |package: &&Value| package["name"] == "iomux-backend";
    let mut left: Vec<&str> =
        packages.values().filter(is_library).map(|one| one["id"].as_str().unwrap()).collect();
    let mut found = BTreeSet::new();
    while let Some(id) = left.pop() {
        let package = &packages[id];
        if !found.insert(package["name"].as_str().unwrap()) {
            continue;
        }
        let licence = package["license"].as_str().unwrap_or_default();
        let offered: Vec<_> = licence.split([' ', '(', ')', '/']).collect();
        assert!(LICENCES.iter().any(|one| offered.contains(one)), "{id}: {licence}");
        let dependencies =
            nodes[id]["dependencies"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
        left.extend(dependencies.filter(|dependency| is_needed(&packages[*dependency], package)));
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), PACKAGES);
}
