//! The parsers accept exactly what AWS's patterns allow, and no text makes them panic.
#![allow(clippy::unwrap_used, reason = "a test that cannot continue panics")]

use proptest::prelude::*;
use rolecall_roll::{
    AccessKeyId, AccountId, ExternalId, Partition, RoleArn, RoleName, RoleSessionName, RunId,
};

proptest! {
    #[test]
    fn account_ids_are_twelve_digits(text in "[0-9]{9,14}|\\PC{0,14}") {
        let is_valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = text.parse::<AccountId>();
        prop_assert_eq!(parsed.is_ok(), is_valid);
        prop_assert_eq!(parsed.map(|id| id.to_string()).unwrap_or(text.clone()), text);
    }

    #[test]
    fn role_arns_are_parsed_without_loss(
        partition in "aws|aws-cn|aws-us-gov|aws-eusc|aws-iso|aws-iso-b|aws-iso-e|aws-iso-f",
        account_id in "[0-9]{12}",
        path in "(/|(/[!-~&&[^/]]{1,8}){1,3}/)",
        name in "[a-zA-Z0-9_+=,.@-]{1,64}",
    ) {
        let text = format!("arn:{partition}:iam::{account_id}:role{path}{name}");
        let role_arn: RoleArn = text.parse().unwrap();
        prop_assert_eq!(role_arn.to_string(), text);
        prop_assert_eq!(role_arn.account_id().as_str(), account_id);
        prop_assert_eq!(role_arn.role_name().as_str(), name);
        prop_assert_eq!(role_arn.partition().as_str(), partition);
    }

    #[test]
    fn names_match_the_patterns(text in "[a-zA-Z0-9_+=,.@:/ü -]{0,70}") {
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let length = text.chars().count();
        let has_name_chars = text.chars().all(is_name_char);
        let has_external_id_chars = text.chars().all(|c| is_name_char(c) || c == ':' || c == '/');
        prop_assert_eq!(text.parse::<RoleName>().is_ok(), has_name_chars && (1..=64).contains(&length));
        prop_assert_eq!(text.parse::<RoleSessionName>().is_ok(), has_name_chars && (2..=64).contains(&length));
        prop_assert_eq!(text.parse::<ExternalId>().is_ok(), has_external_id_chars && length >= 2);
    }

    #[test]
    fn access_key_ids_match_the_pattern_and_an_invalid_one_is_not_repeated(
        text in "[A-Za-z0-9_]{14,18}|[A-Za-z0-9_]{126,130}|[A-Z0-9]{20}[\r\n\t \u{feff}\0]|\\PC{0,140}|(?s:.{0,40})",
    ) {
        let is_valid = (16..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let parsed = text.parse::<AccessKeyId>();
        prop_assert_eq!(parsed.is_ok(), is_valid);
        let json = serde_json::to_string(&text).unwrap();
        match (parsed, serde_json::from_str::<AccessKeyId>(&json)) {
            (Ok(id), Ok(read)) => {
                prop_assert_eq!(id.as_str(), &text);
                prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
                let _ = id.kind();
            }
            (Err(error), Err(json_error)) => {
                let errors = format!("{error} {error:?} {json_error}");
                prop_assert!(text.chars().count() < 12 || !errors.contains(&text), "{errors}");
            }
            (parsed, read) => prop_assert!(false, "{parsed:?} {read:?}"),
        }
    }

    #[test]
    fn a_typed_access_key_id_is_trimmed_or_an_error_that_does_not_repeat_it(
        text in "\\s{0,3}(AKIA|akia|)[A-Za-z0-9_]{10,40}\\s{0,3}|(?s:.{0,50})",
    ) {
        match AccessKeyId::from_input(&text) {
            Ok(id) => prop_assert_eq!(id.as_str(), text.trim().to_ascii_uppercase()),
            Err(error) => {
                let error = format!("{error:?}").to_ascii_uppercase();
                let typed = text.trim().to_ascii_uppercase();
                prop_assert!(typed.chars().count() < 12 || !error.contains(&typed), "{error}");
            }
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "(arn:aws:iam::)?\\PC{0,40}(:role/)?\\PC{0,10}") {
        let _ = text.parse::<AccountId>();
        let _ = text.parse::<RoleArn>();
        let _ = text.parse::<RoleName>();
        let _ = text.parse::<RoleSessionName>();
        let _ = text.parse::<Partition>();
        let _ = text.parse::<RunId>();
        let external_id = format!("{:?}", text.parse::<ExternalId>());
        prop_assert!(text.chars().count() < 12 || !external_id.contains(&text), "{external_id}");
    }
}
