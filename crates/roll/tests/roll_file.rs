//! The roll file: what is written is read, wherever it was cut, and is what the schema says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use jiff::Timestamp;
use proptest::prelude::*;
use rolecall_roll::{
    AccessKey, AccountRoll, Caller, Class, Counts, Document, Gap, Header, Note, ReadError, Roll, RollWriter,
    RunId, Statistics, Step, User,
};
use serde_json::Value;

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
}

fn texts() -> impl Strategy<Value = String> {
    // Line breaks, quotes and half of Unicode: what a line must not break on.
    prop_oneof!["[a-zA-Z0-9+=,.@_-]{1,20}", "\\PC{1,10}", "[\"\\\\\n\r\u{2028}\u{85}]{1,5}"]
}

fn access_keys() -> impl Strategy<Value = AccessKey> {
    let statuses = prop_oneof![Just("Active"), Just("Inactive"), Just("Expired"), Just("New")];
    (texts(), statuses, proptest::option::of(timestamps())).prop_map(
        |(access_key_id, status, create_date)| AccessKey {
            access_key_id,
            status: status.to_owned().into(),
            create_date,
        },
    )
}

fn users() -> impl Strategy<Value = Vec<User>> {
    let keys = proptest::option::of(proptest::collection::vec(access_keys(), 0..3));
    let user = (texts(), timestamps(), proptest::option::of(timestamps()), keys);
    proptest::collection::vec(user, 0..5).prop_map(|users| {
        let numbered = users.into_iter().enumerate();
        let user = |(number, (text, create_date, password_last_used, access_keys))| User {
            user_name: format!("{number}{text}"),
            user_id: format!("AIDA{number}"),
            arn: format!("arn:aws:iam::111111111111:user/{number}"),
            path: "/".to_owned(),
            create_date,
            password_last_used,
            access_keys,
        };
        numbered.map(user).collect()
    })
}

fn gaps() -> impl Strategy<Value = Gap> {
    let steps = prop_oneof![Just(Step::Session), Just(Step::Users), Just(Step::AccessKeys)];
    let optional = || proptest::option::of(texts());
    (steps, optional(), optional(), optional(), texts()).prop_map(
        |(step, operation, code, request_id, message)| {
            let class = Class::Denied;
            Gap {
                step,
                operation,
                user_name: None,
                class,
                code,
                message,
                request_id,
                remedy: "ask".to_owned(),
            }
        },
    )
}

fn accounts() -> impl Strategy<Value = Vec<AccountRoll>> {
    let account = (users(), proptest::collection::vec(gaps(), 0..3), texts(), any::<bool>());
    proptest::collection::vec(account, 0..6).prop_map(|accounts| {
        let numbered = accounts.into_iter().enumerate();
        numbered
            .map(|(number, (users, mut gaps, text, failed))| {
                let role_arn = format!("arn:aws:iam::{number:012}:role/IAMListRole").parse().unwrap();
                match gaps.pop() {
                    Some(gap) if failed => AccountRoll::failed(role_arn, gap),
                    last => {
                        gaps.extend(last);
                        let note =
                            Note { step: Step::Users, user_name: Some(text), message: "gone".to_owned() };
                        AccountRoll::read(role_arn, users, gaps, vec![note])
                    }
                }
            })
            .collect()
    })
}

fn header(accounts: &[AccountRoll]) -> Header {
    let caller =
        Caller { account_id: "222222222222".parse().unwrap(), arn: "arn:aws:sts::222222222222:x".to_owned() };
    let targets = accounts.iter().map(|account| account.role_arn().clone().into()).collect();
    Header::new(RunId::random(), Timestamp::UNIX_EPOCH, Some(caller), targets)
}

fn written(header: &Header, accounts: &[AccountRoll]) -> Vec<u8> {
    let mut writer = RollWriter::new(Vec::new(), header).unwrap();
    for account in accounts {
        writer.account(account).unwrap();
    }
    writer.finish(Statistics { elapsed_ms: 7 }).unwrap()
}

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../schema/roll.schema.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_and_is_what_the_schema_says(accounts in accounts()) {
        let header = header(&accounts);
        let file = written(&header, &accounts);
        let schema = schema();
        for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let record: Value = serde_json::from_slice(line).unwrap();
            let errors: Vec<_> = schema.iter_errors(&record).map(|error| error.to_string()).collect();
            prop_assert!(errors.is_empty(), "{errors:?} in {record}");
        }
        let roll = Roll::read(&file[..]).unwrap();
        prop_assert_eq!(&roll.header, &header);
        prop_assert_eq!(&roll.accounts, &accounts);
        prop_assert_eq!(roll.trailer.unwrap().counts.accounts, accounts.len());
    }

    #[test]
    fn a_file_that_was_cut_anywhere_reads_as_the_accounts_that_were_whole(accounts in accounts()) {
        let header = header(&accounts);
        let file = written(&header, &accounts);
        for end in 0..file.len() {
            let whole_lines = file[..end].iter().filter(|byte| **byte == b'\n').count();
            match Roll::read(&file[..end]) {
                Ok(roll) => {
                    prop_assert_eq!(&roll.accounts[..], &accounts[..whole_lines - 1]);
                    prop_assert_eq!(roll.trailer, None);
                }
                Err(error) => {
                    prop_assert!(matches!(error, ReadError::Empty), "{error}");
                    prop_assert_eq!(whole_lines, 0);
                }
            }
        }
    }

    #[test]
    fn the_document_is_the_same_whatever_account_was_done_first(accounts in accounts(), seed in any::<u64>()) {
        let header = header(&accounts);
        let mut shuffled = accounts.clone();
        shuffled.sort_by_key(|account| account.account_id().as_str().parse::<u64>().unwrap().wrapping_mul(seed | 1));
        let document = |accounts| {
            let roll = Roll { header: header.clone(), accounts, trailer: None };
            serde_json::to_string(&Document::from(&roll)).unwrap()
        };
        prop_assert_eq!(document(accounts), document(shuffled));
    }
}

#[test]
fn what_is_no_roll_is_refused_with_the_place() {
    let accounts =
        [AccountRoll::read("arn:aws:iam::111111111111:role/R".parse().unwrap(), vec![], vec![], vec![])];
    let header = header(&accounts);
    let file = String::from_utf8(written(&header, &accounts)).unwrap();
    let [first, account, trailer] = file.lines().collect::<Vec<_>>()[..] else { panic!("not three lines") };
    for (lines, problem) in [
        (vec![account, trailer], "line 1: the first record is no header"),
        (vec![first, first], "line 2: there is a second header"),
        (vec![first, account, account], "line 3: arn:aws:iam::111111111111:role/R stands on line 2 already"),
        (vec![first, trailer], "line 2: the trailer counts"),
        (vec![first, account, trailer, account], "line 4: there is a record behind the trailer"),
        (vec![first, "{\"record\":\"account\"}"], "line 2: missing field"),
        (vec![first, "nonsense", account], "line 2: expected"),
        (vec![], "no roll"),
    ] {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let refused = Roll::read(text.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with(problem), "{refused}");
    }
    let newer = file.replace("\"schema_version\":1", "\"schema_version\":2");
    assert!(matches!(Roll::read(newer.as_bytes()), Err(ReadError::Newer(2))));
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let accounts =
        [AccountRoll::read("arn:aws:iam::111111111111:role/R".parse().unwrap(), vec![], vec![], vec![])];
    let file = String::from_utf8(written(&header(&accounts), &accounts)).unwrap();
    let account = file.lines().nth(1).unwrap();
    let schema = schema();
    for (from, to) in [
        ("\"outcome\":\"Complete\"", "\"outcome\":\"Failed\""),
        ("\"users\":[]", "\"users\":null"),
        ("\"users\":[]", "\"users\":[{}]"),
        ("\"account_id\":\"111111111111\"", "\"account_id\":111111111111"),
        ("\"gaps\":[]", "\"gap\":[]"),
    ] {
        assert!(account.contains(from), "{account}");
        let record: Value = serde_json::from_str(&account.replace(from, to)).unwrap();
        assert!(!schema.is_valid(&record), "{record}");
    }
}

#[test]
fn counts_are_those_of_the_lines() {
    let mut counts = Counts::default();
    assert!(counts.is_complete(), "of nothing, nothing is missing");
    let gap = Gap {
        step: Step::Session,
        operation: None,
        user_name: None,
        class: Class::Internal,
        code: None,
        message: String::new(),
        request_id: None,
        remedy: String::new(),
    };
    counts.add(&AccountRoll::failed("arn:aws:iam::111111111111:role/R".parse().unwrap(), gap));
    assert_eq!((counts.accounts, counts.failed, counts.is_complete()), (1, 1, false));
}
