//! What the documents name is there.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::Path;

#[test]
fn every_path_in_the_architecture_and_the_recipes_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    for document in ["CONTRIBUTING.md", "ARCHITECTURE.md"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        let quoted = text.split('`').skip(1).step_by(2);
        let folders =
            ["crates/", "docs/", "examples/", "infra/", "localstack/", "referee/", "bench/", "tools/"];
        let paths: Vec<&str> = quoted
            .filter(|text| folders.iter().any(|folder| text.starts_with(folder)) && !text.contains(' '))
            .collect();
        assert!(paths.len() > 5, "{document}");
        for path in paths {
            assert!(root.join(path).exists(), "{document} names {path}, which is not there");
        }
    }
}
