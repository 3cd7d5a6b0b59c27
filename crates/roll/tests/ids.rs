//! What is accepted as a name is exactly what AWS's patterns allow, and nothing makes a parser fall over.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use proptest::prelude::*;
use rolecall_roll::{
    AccessKeyId, AccountId, ExternalId, Partition, RoleArn, RoleName, RoleSessionName, RunId,
};

proptest! {
    #[test]
    fn account_ids_are_twelve_digits(text in "[0-9]{9,14}|\\PC{0,14}") {
        let is_one = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let parsed = text.parse::<AccountId>();
        prop_assert_eq!(parsed.is_ok(), is_one);
        prop_assert_eq!(parsed.map(|id| id.to_string()).unwrap_or(text.clone()), text);
    }

    #[test]
    fn role_arns_come_back_as_they_were(
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
    fn names_are_what_the_patterns_say(text in "[a-zA-Z0-9_+=,.@:/ü -]{0,70}") {
        let of_iam = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let length = text.chars().count();
        let plain = text.chars().all(of_iam);
        let of_external_id = text.chars().all(|c| of_iam(c) || c == ':' || c == '/');
        prop_assert_eq!(text.parse::<RoleName>().is_ok(), plain && (1..=64).contains(&length));
        prop_assert_eq!(text.parse::<RoleSessionName>().is_ok(), plain && (2..=64).contains(&length));
        prop_assert_eq!(text.parse::<ExternalId>().is_ok(), of_external_id && length >= 2);
    }

    #[test]
    fn access_key_ids_are_what_the_pattern_says_and_a_refused_one_is_not_repeated(
        text in "[A-Za-z0-9_]{14,18}|[A-Za-z0-9_]{126,130}|[A-Z0-9]{20}[\r\n\t \u{feff}\0]|\\PC{0,140}|(?s:.{0,40})",
    ) {
        let is_one = (16..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let parsed = text.parse::<AccessKeyId>();
        prop_assert_eq!(parsed.is_ok(), is_one);
        let json = serde_json::to_string(&text).unwrap();
        match (parsed, serde_json::from_str::<AccessKeyId>(&json)) {
            (Ok(id), Ok(read)) => {
                prop_assert_eq!(id.as_str(), &text);
                prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
                let _ = id.kind();
            }
            (Err(refused), Err(unread)) => {
                let refused = format!("{refused} {refused:?} {unread}");
                prop_assert!(text.chars().count() < 12 || !refused.contains(&text), "{refused}");
            }
            (parsed, read) => prop_assert!(false, "{parsed:?} {read:?}"),
        }
    }

    #[test]
    fn an_access_key_id_that_was_typed_is_trimmed_or_refused_unseen(
        text in "\\s{0,3}(AKIA|akia|)[A-Za-z0-9_]{10,40}\\s{0,3}|(?s:.{0,50})",
    ) {
        match AccessKeyId::from_input(&text) {
            Ok(id) => prop_assert_eq!(id.as_str(), text.trim().to_ascii_uppercase()),
            Err(refused) => {
                let refused = format!("{refused:?}").to_ascii_uppercase();
                let typed = text.trim().to_ascii_uppercase();
                prop_assert!(typed.chars().count() < 12 || !refused.contains(&typed), "{refused}");
            }
        }
    }

    #[test]
    fn nothing_makes_a_parser_fall_over(text in "(arn:aws:iam::)?\\PC{0,40}(:role/)?\\PC{0,10}") {
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
