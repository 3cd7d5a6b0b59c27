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
