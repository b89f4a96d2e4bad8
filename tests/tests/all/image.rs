//! `deploy/Dockerfile`: its build has what the build needs, in the version that everybody builds with. That an image comes out of it is
//! for a machine with a container engine to see.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::process;
use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// What the build gets: everything is left out but what `!` lets in.
fn context() -> Vec<PathBuf> {
    let ignored = read("deploy/Dockerfile.dockerignore");
    let rules: Vec<_> = ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    assert_eq!(rules[0], "*", "what is not named is not sent");
    rules[1..].iter().map(|rule| PathBuf::from(rule.strip_prefix('!').expect("a path that is let in"))).collect()
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
    }
}

/// All files of Rust below a folder.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_build_of_the_image_has_what_it_needs() {
    let folder = process::folder("context");
    for path in context() {
        copy(&root().join(&path), &folder.path().join(&path));
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let arguments = ["metadata", "--no-deps", "--offline", "--locked", "--format-version=1"];
    let output = Command::new(cargo).args(arguments).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let daemon = packages.iter().find(|package| package["name"] == "portolan").unwrap();
    let is_binary = |target: &Value| target["name"] == "portolan" && target["kind"][0] == "bin";
    assert!(daemon["targets"].as_array().unwrap().iter().any(is_binary), "{daemon}");

    let mut files = vec![];
    // The package of the tests is there for the workspace to be whole, and is not built.
    for room in ["src", "catalog", "plugins", "discovery", "router"] {
        sources(&folder.path().join(room), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for included in
            ["include_str!(\"", "include_bytes!(\"", "include!(\""].iter().flat_map(|word| text.split(word).skip(1))
        {
            let included = file.with_file_name(included.split('"').next().unwrap());
            assert!(included.exists(), "{} wants {}", file.display(), included.display());
        }
    }
}

#[test]
fn the_image_is_built_as_everybody_builds() {
    let text = read("deploy/Dockerfile").replace("\\\n", " ");
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let after = |word: &str| lines.iter().filter_map(move |line| line.strip_prefix(word)).collect::<Vec<_>>();
    let channel = read("rust-toolchain.toml");
    let channel = channel.split("channel = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(after("ARG RUST="), [channel]);
    assert_eq!(
        after("USER "),
        ["65532:65532"],
        "the user of the manifests, by number: `runAsNonRoot` cannot judge a name"
    );
    assert_eq!(after("ENTRYPOINT "), [r#"["/usr/bin/portolan"]"#]);
    assert_eq!(after("CMD "), [r#"["serve"]"#]);
    // What the last stage copies is what the first one made.
    let copied = after("COPY --from=build ");
    let copied: BTreeSet<_> = copied.iter().map(|line| line.rsplit(' ').nth(1).unwrap()).collect();
    let made = after("RUN ").concat();
    assert!(made.contains("cargo build --release --locked"), "{made}");
    for path in copied {
        let folder = path.strip_suffix("/portolan").unwrap();
        assert!(made.contains(folder), "{path}");
    }
}
