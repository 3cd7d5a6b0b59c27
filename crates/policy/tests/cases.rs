//! Test cases with the decision of an independent simulator.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue panics")]

use rolecall_policy::Case;
use rolecall_policy::case::Verdict;

fn find_disagreements(file: &str) -> Vec<String> {
    let cases: Vec<Case> = serde_json::from_str(file).unwrap();
    assert!(!cases.is_empty());
    let mut disagreements = Vec::new();
    for case in cases {
        let expected = case.expected.unwrap();
        match case.decide() {
            Ok(decision) if Verdict::from(&decision) == expected => {}
            Ok(decision) => {
                disagreements.push(format!("{}: {decision}, but {expected:?} is expected", case.name));
            }
            Err(problem) => disagreements.push(format!("{}: {problem}", case.name)),
        }
    }
    disagreements
}

#[test]
fn the_cases_of_role_assumption_and_reading_are_decided_as_the_simulator_decides_them() {
    let disagreements = find_disagreements(include_str!("flow.json"));
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

#[test]
fn generated_cases_are_decided_as_the_simulator_decides_them() {
    let disagreements = find_disagreements(include_str!("generated.json"));
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

#[test]
fn where_the_simulator_differs_from_the_documentation_of_aws_the_documentation_is_followed() {
    let mut cases: Vec<serde_json::Value> = serde_json::from_str(include_str!("documented.json")).unwrap();
    for case in &mut cases {
        let source = case.as_object_mut().unwrap().remove("source").unwrap();
        assert!(source.as_str().unwrap().starts_with("https://docs.aws.amazon.com/"), "{source}");
    }
    let disagreements = find_disagreements(&serde_json::to_string(&cases).unwrap());
    assert!(disagreements.is_empty(), "{disagreements:#?}");
}

#[test]
fn documents_that_aws_accepts_have_no_errors() {
    for file in [include_str!("flow.json"), include_str!("generated.json")] {
        for case in serde_json::from_str::<Vec<Case>>(file).unwrap() {
            // AWS reports these, but the simulator evaluates them, and so does this crate.
            let evaluated = ["NotPrincipal", "after the fifth colon", "a default needs a comma"];
            let is_other = |error: &&String| !evaluated.iter().any(|words| error.contains(words));
            let errors = case.policy_errors().unwrap();
            let errors: Vec<_> = errors.iter().filter(is_other).collect();
            assert!(errors.is_empty(), "{}: {errors:?}", case.name);
        }
    }
}

#[test]
fn the_policies_that_the_product_is_installed_with_have_neither_errors_nor_lints() {
    use rolecall_policy::{Policy, PolicyType};

    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/policies");
    let mut number = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let policy_type = if name.contains("trust") { PolicyType::Trust } else { PolicyType::Identity };
        let policy = Policy::parse_text(&std::fs::read_to_string(&path).unwrap(), policy_type).unwrap();
        assert_eq!(policy.errors(policy_type), [], "{name}");
        assert_eq!(policy.lints(policy_type), [], "{name}");
        number += 1;
    }
    assert!(number >= 6);
}
