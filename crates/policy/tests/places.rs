//! The line and column of what is wrong in the text of a policy.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue panics")]

use rolecall_json::Places;
use rolecall_policy::{Policy, PolicyType};

/// The trust policy of a role, as a person writes it, with one line in another way.
fn text_with(line: usize, text: &str) -> String {
    const LINES: [&str; 14] = [
        "{",
        "  \"Version\": \"2012-10-17\",",
        "  \"Statement\": [",
        "    {",
        "      \"Effect\": \"Allow\",",
        "      \"Principal\": {",
        "        \"AWS\": [\"222222222222\", \"333333333333\"]",
        "      },",
        "      \"Action\": [\"sts:AssumeRole\", \"sts:TagSession\"],",
        "      \"Condition\": {",
        "        \"StringEquals\": { \"sts:ExternalId\": [\"between-us\"] } }",
        "    }",
        "  ]",
        "}",
    ];
    let lines = LINES.iter().enumerate().map(|(index, it)| if index + 1 == line { text } else { it });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_text_that_cannot_be_parsed_is_an_error_with_line_and_column() {
    assert!(Policy::parse_text(&text_with(0, ""), PolicyType::Trust).is_ok());
    for (line, text, expected) in [
        (
            5,
            "      \"Effect\": \"Alow\",",
            "line 5, column 17: Statement[0].Effect: expected \"Allow\" or \"Deny\"",
        ),
        (5, "      \"Sid\": \"A\",", "line 4, column 5: Statement[0].Effect: expected"),
        (5, "      \"Efect\": \"Allow\",", "line 5, column 16: Statement[0]: unknown element \"Efect\""),
        (
            5,
            "      \"Effect\": \"Allow\", \"Effect\": \"Deny\",",
            "line 5, column 33: Statement[0]: the field \"Effect\" is",
        ),
        (5, "      \"Effect\": \"Allow\"", "line 6, column 7: "),
        (5, "      \"Effect\": 'Allow',", "line 5, column 17: "),
        (2, "  \"Version\": \"2012-10-18\",", "line 2, column 14: Version: unknown version"),
        (
            7,
            "        \"Aws\": \"222222222222\"",
            "line 7, column 16: Statement[0].Principal.Aws: unknown principal type",
        ),
        (
            7,
            "        \"AWS\": 222222222222",
            "line 7, column 16: Statement[0].Principal.AWS: expected a string",
        ),
        (
            9,
            "      \"Action\": [\"sts:AssumeRole\", \"TagSession\"],",
            "line 9, column 36: Statement[0].Action: invalid",
        ),
        (
            9,
            "      \"NotAction\": \"a:b\", \"Action\": \"a:b\",",
            "line 9, column 20: Statement[0]: has both Action",
        ),
        (
            11,
            "        \"StringEqual\": {} }",
            "line 11, column 24: Statement[0].Condition.StringEqual: unknown",
        ),
        (
            11,
            "        \"Bool\": { \"a:b\": {} } }",
            "line 11, column 26: Statement[0].Condition.Bool.a:b: expected",
        ),
    ] {
        let problem = Policy::parse_text(&text_with(line, text), PolicyType::Trust).unwrap_err().to_string();
        assert!(problem.starts_with(expected), "{expected} is not the beginning of {problem}");
    }
    let identity = Policy::parse_text(&text_with(0, ""), PolicyType::Identity).unwrap_err().to_string();
    let expected = "line 6, column 20: Statement[0]: the identity-based policy cannot have Principal";
    assert!(identity.starts_with(expected) && identity.ends_with("remove Principal"), "{identity}");
    assert!(Policy::parse_text("", PolicyType::Trust).unwrap_err().to_string().contains("empty"));
}

#[test]
fn an_error_or_a_lint_of_a_policy_that_can_be_parsed_has_a_line_and_a_column() {
    for (line, text, expected) in [
        (
            7,
            "        \"AWS\": [\"222222222222\", \"3333333333\"]",
            "line 7, column 33: Statement[0].Principal.AWS: invalid principal \"3333333333\"",
        ),
        (
            7,
            "        \"AWS\": [\"222222222222\", \"AROAEXAMPLEEXAMPLE123\"]",
            "line 7, column 33: Statement[0].Principal.AWS: \"AROAEXAMPLEEXAMPLE123\": AWS shows",
        ),
        (
            9,
            "      \"Action\": \"sts:AssumeRole\", \"Resource\": \"*\",",
            "line 9, column 47: Statement[0]: a trust policy applies to its own role; remove Resource",
        ),
        (
            11,
            "        \"StringEquals\": { \"aws:PrincipalArn\": [\"a\", \"b*\"] } }",
            "line 11, column 53: Statement[0].Condition.StringEquals.aws:PrincipalArn: \"b*\": StringEquals",
        ),
        (
            11,
            "        \"StringEquals\": { \"sts:ExternalId\": [\"between-us\", \"b*\"] } }",
            "line 11, column 60: Statement[0].Condition.StringEquals.sts:ExternalId: StringEquals",
        ),
        (
            11,
            "        \"Bool\": { \"aws:MultiFactorAuthPresent\": \"yes\" } }",
            "line 11, column 49: Statement[0].Condition.Bool.aws:MultiFactorAuthPresent: \"yes\" is neither",
        ),
    ] {
        let text = text_with(line, text);
        let policy = Policy::parse_text(&text, PolicyType::Trust).unwrap();
        let places = Places::new(&text);
        let errors = policy.errors(PolicyType::Trust);
        let errors = errors.iter().map(|error| format!("{}: {error}", places.place(error.culprit())));
        let lints = policy.lints(PolicyType::Trust);
        let lints = lints.iter().map(|lint| format!("{}: {lint}", places.place(&lint.culprit())));
        let all: Vec<String> = errors.chain(lints).collect();
        assert!(all.iter().any(|it| it.starts_with(expected)), "{expected} is not in {all:#?}");
    }
}
