//! The roll file: what is written is read, wherever it was cut, and is what the schema says.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

use jiff::Timestamp;
use proptest::prelude::*;
use rolecall_roll::{
    AcceptedGap, AccessKey, Account, AccountRecord, Caller, Calls, ConsolePassword, Counts, Document,
    ErrorKind, Fact, FactKind, FactSelection, Facts, Gap, Header, IntermediateSession, LastUsed, MfaDevice,
    Note, Organization, Policies, PolicyType, ReadError, Remedy, ReportKey, ReportRow, ResumableRoll,
    RoleArn, Roll, RollWriter, Root, RunId, Side, Source, Stage, Statistics, Summary, Target, TargetScope,
    User, UserSource,
};
use serde_json::Value;

fn role_arn(account_id: &str) -> RoleArn {
    format!("arn:aws:iam::{account_id}:role/R").parse().unwrap()
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
}

fn texts() -> impl Strategy<Value = String> {
    // Line breaks, quotes and half of Unicode: what a line must not break on.
    prop_oneof!["[a-zA-Z0-9+=,.@_-]{1,20}", "\\PC{1,10}", "[\"\\\\\n\r\u{2028}\u{85}]{1,5}"]
}

fn access_keys() -> impl Strategy<Value = AccessKey> {
    let statuses = prop_oneof![Just("Active"), Just("Inactive"), Just("Expired"), Just("New")];
    ("[A-Za-z0-9_]{16,128}", statuses, proptest::option::of(timestamps())).prop_map(
        |(access_key_id, status, create_date)| AccessKey {
            access_key_id: access_key_id.parse().unwrap(),
            status: status.to_owned().into(),
            create_date,
            last_used: Fact::live(create_date.map(|date| LastUsed { date, service: None, region: None })),
        },
    )
}

fn users() -> impl Strategy<Value = Vec<User>> {
    let keys = proptest::option::of(proptest::collection::vec(access_keys(), 0..3));
    let user = (texts(), timestamps(), proptest::option::of(timestamps()), keys);
    proptest::collection::vec(user, 0..5).prop_map(|users| {
        let numbered = users.into_iter().enumerate();
        let user = |(number, (text, create_date, password_last_used, access_keys))| {
            let name = format!("{number}{text}");
            let arn = format!("arn:aws:iam::111111111111:user/{number}");
            let made = Source::CredentialReport(create_date);
            User {
                password_last_used,
                access_keys,
                no_access_keys_source: Some(made),
                console_password: Fact::Known { value: None, source: made },
                mfa_devices: Fact::Unknown { unknown: name.clone() },
                policies: Fact::live(Policies { tags: [(text, name.clone())].into(), ..Policies::default() }),
                ..User::new(name, format!("AIDA{number}"), arn, "/".to_owned(), create_date)
            }
        };
        numbered.map(user).collect()
    })
}

fn gaps() -> impl Strategy<Value = Gap> {
    let steps =
        prop_oneof![Just(Stage::Session), proptest::sample::select(FactKind::ALL).prop_map(Stage::Fact)];
    let optional = || proptest::option::of(texts());
    (steps, optional(), optional(), optional(), texts()).prop_map(
        |(step, operation, code, request_id, message)| {
            let class = ErrorKind::Denied;
            Gap {
                stage: step,
                operation,
                user_name: None,
                error_kind: class,
                code,
                message,
                request_id,
                remedy: Remedy::TrustCaller { action: "sts:AssumeRole".to_owned() },
            }
        },
    )
}

fn accounts() -> impl Strategy<Value = Vec<AccountRecord>> {
    let account = (users(), proptest::collection::vec(gaps(), 0..3), texts(), any::<bool>());
    proptest::collection::vec(account, 0..6).prop_map(|accounts| {
        let numbered = accounts.into_iter().enumerate();
        numbered
            .map(|(number, (users, mut gaps, text, failed))| {
                let role_arn: RoleArn =
                    format!("arn:aws:iam::{number:012}:role/IAMListRole").parse().unwrap();
                let account_id = role_arn.account_id().clone();
                match gaps.pop() {
                    None if failed => AccountRecord::skipped(Target { account_id, role_arn: None }, text),
                    Some(gap) if failed => AccountRecord::failed(role_arn, gap).with_account(Some(Account {
                        name: Some(text),
                        tags: Some([("a".to_owned(), "b".to_owned())].into()),
                        ..Account::default()
                    })),
                    last => {
                        gaps.extend(last);
                        let note =
                            Note { fact: FactKind::Users, user_name: Some(text), message: "gone".to_owned() };
                        let summary = Summary {
                            users: 3,
                            root_has_access_keys: false,
                            root_has_mfa: true,
                            root_has_password: Some(true),
                        };
                        let root = Root {
                            access_keys_active: [true, false],
                            mfa_active: true,
                            password_last_used: None,
                        };
                        let facts = Facts {
                            alias: Fact::live(None),
                            summary: Fact::live(summary),
                            root: Fact::Known {
                                value: root,
                                source: Source::CredentialReport(Timestamp::UNIX_EPOCH),
                            },
                            root_credentials_managed: Fact::NotRequested,
                        };
                        AccountRecord::read(role_arn, users, gaps, vec![note])
                            .with_facts(facts)
                            .with_as_of(Timestamp::UNIX_EPOCH)
                            .with_request_ids(vec!["8a6f0c1e".to_owned()])
                    }
                }
            })
            .collect()
    })
}

fn header(accounts: &[AccountRecord]) -> Header {
    let caller =
        Caller { account_id: "222222222222".parse().unwrap(), arn: "arn:aws:sts::222222222222:x".to_owned() };
    let target = |account: &AccountRecord| Target {
        account_id: account.account_id().clone(),
        role_arn: account.role_arn().cloned(),
    };
    let targets = accounts.iter().map(target).collect();
    let header = Header::new(RunId::random(), Timestamp::UNIX_EPOCH, Some(caller), targets);
    let management_account_id = "999999999999".parse().unwrap();
    let organization = Organization {
        id: "o-abc".to_owned(),
        management_account_id,
        accounts: accounts.len(),
        root_credentials_managed: Fact::live(true),
    };
    let accepted = AcceptedGap {
        account_id: "111111111111".parse().unwrap(),
        owner: "j.ruiz".to_owned(),
        reason: "legal hold".to_owned(),
        until: "2027-01-31".parse().unwrap(),
    };
    let session_name = Some("rolecall-8a6f0c1e".parse().unwrap());
    // Keys come or not, as they were asked for.
    let collect = FactSelection {
        facts: [FactKind::Users].into(),
        user_source: UserSource::CredentialReport,
        user_name: Some("a;b".to_owned()),
        path_prefix: Some("/a;b,c/".to_owned()),
    };
    let list = || ["b".to_owned(), "a, b".to_owned()].into();
    let scope = TargetScope { units: list(), include: list(), exclude: list(), include_tags: list() };
    Header {
        organization: Some(organization),
        session_name,
        collect,
        scope,
        accepted_gaps: vec![accepted],
        ..header
    }
}

fn written(header: &Header, accounts: &[AccountRecord]) -> Vec<u8> {
    let mut writer = RollWriter::new(Vec::new(), header).unwrap();
    for account in accounts {
        writer.write_account(account).unwrap();
    }
    let calls = Calls { attempts: 3, throttled: 1, retries: 2 };
    writer
        .finish(Statistics {
            elapsed_ms: 7,
            calls: [("ListUsers".to_owned(), calls)].into(),
            intermediate_sessions: [Some("1".to_owned()), None]
                .map(|request_id| IntermediateSession { role_arn: role_arn("222222222222"), request_id })
                .to_vec(),
        })
        .unwrap()
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
    fn a_file_that_was_cut_anywhere_reads_as_the_accounts_that_were_whole(mut accounts in accounts()) {
        // Every place is cut at, so a few accounts are enough.
        accounts.truncate(2);
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
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![])];
    let header = header(&accounts);
    let file = String::from_utf8(written(&header, &accounts)).unwrap();
    let [first, account, trailer] = file.lines().collect::<Vec<_>>()[..] else { panic!("not three lines") };
    for (lines, problem) in [
        (vec![account, trailer], "line 1: the first record is no header"),
        (vec![first, account, account], "line 3: account 111111111111 stands on line 2 already"),
        (vec![first, trailer], "line 2: the trailer counts"),
        (vec![first, account, trailer, account], "line 4: there is a record behind the trailer"),
        (
            vec![first, account, first, trailer.replace("\"users\":0", "\"users\":1").as_str()],
            "line 4: the trailer",
        ),
        (vec![first, "{\"record\":\"account\"}"], "line 2: missing field"),
        (
            vec![first, "nonsense", account],
            "line 2: it is no record, which is a JSON object on a line of its own",
        ),
        (
            vec!["{", "  \"accounts\": []", "}"],
            "line 1: a record is one line; the json document is another format",
        ),
        (vec![first, "{\"record\":\"account\",\u{1}}"], "line 2: column "),
        (vec![], "no roll"),
    ] {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let refused = Roll::read(text.as_bytes()).unwrap_err().to_string();
        assert!(refused.starts_with(problem), "{refused}");
    }
    for (version, remedy) in [(2, "take the roll again"), (4, "use a newer one")] {
        // Whatever else stands in it: the fields of another version may be others.
        for text in [file.clone(), file.replace("\"collect\":", "\"gather\":")] {
            let other = text.replace("\"schema_version\":3", &format!("\"schema_version\":{version}"));
            let refused = Roll::read(other.as_bytes()).unwrap_err();
            assert!(matches!(refused, ReadError::Version(found) if found == version), "{refused}");
            assert!(refused.to_string().ends_with(remedy), "{refused}");
        }
    }
}

#[test]
fn the_schema_knows_the_facts_that_there_are() {
    let schema: Value = serde_json::from_str(include_str!("../schema/roll.schema.json")).unwrap();
    let names: Vec<&str> = FactKind::ALL.iter().map(|fact| fact.name()).collect();
    assert_eq!(schema["$defs"]["fact_kind"]["enum"], serde_json::json!(names));
}

/// One of each remedy; a new one does not compile until it is here.
fn remedies() -> Vec<Remedy> {
    let text = || Some("arn:aws:iam::111111111111:role/R".to_owned());
    let (action, side, policy) = ("sts:AssumeRole".to_owned(), Side::Member, PolicyType::VpcEndpoint);
    let all = vec![
        Remedy::AllowActions { side, principal: text(), actions: vec![action.clone()], resource: None },
        Remedy::AllowInPolicy { policy, side, principal: None, action: Some(action.clone()) },
        Remedy::RemoveDeny { policy, side, principal: text(), action: None, policy_arn: text() },
        Remedy::TrustCaller { action: action.clone() },
        Remedy::CheckBothSides { action },
        Remedy::DoNotCallAsRoot,
        Remedy::UseOnePartition,
        Remedy::EnableRegion,
        Remedy::UseRegionOfEndpoint,
        Remedy::ShortenSession,
        Remedy::ReduceSessionPolicy,
        Remedy::RenewCredentials,
        Remedy::SetClock,
        Remedy::RaiseSettings { settings: vec!["max_attempts".to_owned()] },
        Remedy::ResumeRun,
        Remedy::CheckNetwork,
        Remedy::CheckProxy,
        Remedy::RetryLater,
        Remedy::Retry,
        Remedy::ReadDocumentation,
        Remedy::ReportBug,
    ];
    for remedy in &all {
        match remedy {
            Remedy::AllowActions { .. }
            | Remedy::AllowInPolicy { .. }
            | Remedy::RemoveDeny { .. }
            | Remedy::TrustCaller { .. }
            | Remedy::CheckBothSides { .. }
            | Remedy::DoNotCallAsRoot
            | Remedy::UseOnePartition
            | Remedy::EnableRegion
            | Remedy::UseRegionOfEndpoint
            | Remedy::ShortenSession
            | Remedy::ReduceSessionPolicy
            | Remedy::RenewCredentials
            | Remedy::SetClock
            | Remedy::RaiseSettings { .. }
            | Remedy::ResumeRun
            | Remedy::CheckNetwork
            | Remedy::CheckProxy
            | Remedy::RetryLater
            | Remedy::Retry
            | Remedy::ReadDocumentation
            | Remedy::ReportBug => {}
        }
    }
    all
}

#[test]
fn the_schema_knows_every_remedy_and_every_field_of_a_user() {
    let schema: Value = serde_json::from_str(include_str!("../schema/roll.schema.json")).unwrap();
    let codes: Vec<Value> =
        remedies().iter().map(|it| serde_json::to_value(it).unwrap()["code"].clone()).collect();
    assert_eq!(schema["$defs"]["remedy"]["properties"]["code"]["enum"], Value::Array(codes));
    let gaps: Vec<Gap> = remedies().into_iter().map(|remedy| Gap { remedy, ..a_gap() }).collect();
    let made = Source::CredentialReport(Timestamp::UNIX_EPOCH);
    let report_key = ReportKey {
        active: true,
        last_rotated: Some(Timestamp::UNIX_EPOCH),
        last_used: Some(LastUsed { date: Timestamp::UNIX_EPOCH, service: None, region: None }),
    };
    // Written out: a field that is added does not compile until it is here, and is no record until the schema has it.
    let user = User {
        user_name: "alice".to_owned(),
        user_id: "AIDAALICE".to_owned(),
        arn: "arn:aws:iam::111111111111:user/alice".to_owned(),
        path: "/".to_owned(),
        create_date: Timestamp::UNIX_EPOCH,
        password_last_used: Some(Timestamp::UNIX_EPOCH),
        access_keys: Some(vec![AccessKey {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".parse().unwrap(),
            status: "Active".to_owned().into(),
            create_date: Some(Timestamp::UNIX_EPOCH),
            last_used: Fact::live(None),
        }]),
        no_access_keys_source: Some(made),
        console_password: Fact::live(Some(ConsolePassword {
            create_date: None,
            password_reset_required: true,
        })),
        mfa_devices: Fact::live(vec![MfaDevice { serial_number: "arn".to_owned(), enable_date: None }]),
        policies: Fact::live(Policies::default()),
        report: Fact::Known {
            value: ReportRow {
                password_enabled: Some(true),
                password_last_used: None,
                password_last_changed: Some(Timestamp::UNIX_EPOCH),
                mfa_active: false,
                access_keys: [report_key.clone(), report_key],
            },
            source: made,
        },
    };
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![user], gaps, vec![])];
    let file = written(&header(&accounts), &accounts);
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line).unwrap();
        let errors: Vec<_> = self::schema().iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {record}");
    }
    assert_eq!(Roll::read(&file[..]).unwrap().accounts, accounts);
}

#[test]
fn the_schema_refuses_what_is_no_record() {
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![])];
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
        stage: Stage::Session,
        operation: None,
        user_name: None,
        error_kind: ErrorKind::Internal,
        code: None,
        message: String::new(),
        request_id: None,
        remedy: Remedy::ReportBug,
    };
    counts.add(&AccountRecord::failed(role_arn("111111111111"), gap));
    assert_eq!((counts.accounts, counts.failed, counts.is_complete()), (1, 1, false));
}

fn a_gap() -> Gap {
    Gap {
        stage: Stage::Session,
        operation: Some("AssumeRole".to_owned()),
        user_name: None,
        error_kind: ErrorKind::Denied,
        code: Some("AccessDenied".to_owned()),
        message: "no".to_owned(),
        request_id: None,
        remedy: Remedy::TrustCaller { action: "sts:AssumeRole".to_owned() },
    }
}

/// A run that reads these accounts, or goes on with what is there and reads those that are not done.
fn run(path: &std::path::Path, accounts: &[AccountRecord]) -> rolecall_roll::RollFile {
    let file =
        std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    let earlier = ResumableRoll::read(file).unwrap();
    let missing: Vec<_> = accounts.iter().filter(|account| !earlier.is_done(account.account_id())).collect();
    let mut store = earlier.resume(&header(accounts)).unwrap();
    for account in missing {
        store.add(account).unwrap();
    }
    store.finish(Statistics::default()).unwrap()
}

#[test]
fn a_run_that_was_killed_at_any_byte_is_gone_on_with_to_the_same_roll() {
    let user = |name: &str| User {
        access_keys: Some(Vec::new()),
        ..User::new(
            name.to_owned(),
            "AIDA".to_owned(),
            "arn".to_owned(),
            "/".to_owned(),
            Timestamp::UNIX_EPOCH,
        )
    };
    let whole = |id: &str| AccountRecord::read(role_arn(id), vec![user("alice")], vec![], vec![]);
    let accounts = [whole("333333333333"), whole("111111111111"), whole("222222222222")];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roll.jsonl");
    let undisturbed: Vec<_> = run(&path, &accounts).accounts().map(Result::unwrap).collect();
    assert_eq!(
        undisturbed.iter().map(|it| it.account_id().as_str()).collect::<Vec<_>>(),
        ["111111111111", "222222222222", "333333333333"]
    );
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let again: Vec<_> = run(&path, &accounts).accounts().map(Result::unwrap).collect();
        assert_eq!(again, undisturbed, "cut at {end}");
        let read = Roll::read(&std::fs::read(&path).unwrap()[..]).unwrap();
        assert_eq!((read.accounts.len(), read.trailer.unwrap().counts.users), (3, 3));
    }
}

#[test]
fn what_was_not_read_whole_is_asked_again_and_nothing_that_was_read_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roll.jsonl");
    let partial = AccountRecord::read(role_arn("111111111111"), vec![], vec![a_gap()], vec![]);
    let failed = AccountRecord::failed(role_arn("111111111111"), a_gap());
    let whole = AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![]);
    for (runs, kept) in [
        (vec![&failed, &partial], &partial),
        (vec![&partial, &failed], &partial),
        (vec![&partial, &failed, &whole], &whole),
        (vec![&whole, &failed], &whole),
    ] {
        let _ = std::fs::remove_file(&path);
        for account in runs {
            drop(run(&path, std::slice::from_ref(account)));
        }
        assert_eq!(
            &Roll::read(&std::fs::read(&path).unwrap()[..]).unwrap().accounts,
            std::slice::from_ref(kept)
        );
    }
}

#[test]
fn a_file_of_somebody_elses_and_one_that_is_written_to_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roll.jsonl");
    let open = || std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    for text in ["precious", "precious\n", "{\"record\":\"account\"}\n"] {
        std::fs::write(&path, text).unwrap();
        assert!(ResumableRoll::read(open()).is_err(), "{text}");
    }
    std::fs::write(&path, "").unwrap();
    let held = ResumableRoll::read(open()).unwrap();
    assert!(matches!(ResumableRoll::read(open()), Err(ReadError::Locked)));
    drop(held);
}
