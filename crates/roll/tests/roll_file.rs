//! The roll file: it is read as it was written, also where it was cut off, and it matches the schema.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot continue panics")]

use std::io::{Seek, Write};
use std::sync::Mutex;

use jiff::Timestamp;
use proptest::prelude::*;
use rolecall_roll::{
    AcceptedGap, AccessKey, Account, AccountRecord, Caller, Calls, ConsolePassword, Counts, Document,
    ErrorKind, Fact, FactKind, FactSelection, Facts, Gap, Header, IntermediateSession, IssuedSession,
    LastUsed, MfaDevice, Note, OpenRoll, Organization, Policies, PolicyType, ReadError, Remedy, ReportKey,
    ReportRow, ResumableRoll, RoleArn, Roll, RollFile, RollWriter, Root, RunId, Side, Source, Stage,
    Statistics, Summary, Target, TargetScope, User, UserSource,
};
use serde_json::Value;

fn role_arn(account_id: &str) -> RoleArn {
    format!("arn:aws:iam::{account_id}:role/R").parse().unwrap()
}

fn session() -> IssuedSession {
    IssuedSession {
        request_id: Some("8a6f0c1e".to_owned()),
        access_key_id: Some("ASIAIOSFODNN7EXAMPLE".parse().unwrap()),
    }
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (0..4_000_000_000_i64).prop_map(|seconds| Timestamp::from_second(seconds).unwrap())
}

fn texts() -> impl Strategy<Value = String> {
    // Line breaks, quotes and other characters of Unicode must not break a line.
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
            let source = Source::CredentialReport(create_date);
            User {
                password_last_used,
                access_keys,
                no_access_keys_source: Some(source),
                console_password: Fact::Known { value: None, source },
                mfa_devices: Fact::Unknown { unknown: name.clone() },
                report: Fact::Unavailable { unavailable: name.clone() },
                policies: Fact::live(Policies { tags: [(text, name.clone())].into(), ..Policies::default() }),
                ..User::new(name, format!("AIDA{number}"), arn, "/".to_owned(), create_date)
            }
        };
        numbered.map(user).collect()
    })
}

fn gaps() -> impl Strategy<Value = Gap> {
    let stages =
        prop_oneof![Just(Stage::Session), proptest::sample::select(FactKind::ALL).prop_map(Stage::Fact)];
    let optional = || proptest::option::of(texts());
    (stages, optional(), optional(), optional(), texts()).prop_map(
        |(stage, operation, code, request_id, message)| Gap {
            stage,
            operation,
            user_name: None,
            error_kind: ErrorKind::Denied,
            code,
            message,
            request_id,
            remedy: Remedy::TrustCaller { action: "sts:AssumeRole".to_owned() },
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
                            .with_sessions(vec![
                                session(),
                                IssuedSession { access_key_id: None, ..session() },
                            ])
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
    // Without access keys, so that a record with and one without keys are both valid.
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
        actions: ["iam:ListUsers".to_owned()].into(),
        intermediate_actions: ["organizations:ListAccounts".to_owned()].into(),
        scope,
        accepted_gaps: vec![accepted],
        ..header
    }
}

fn roll_file(header: &Header, accounts: &[AccountRecord]) -> Vec<u8> {
    let mut writer = RollWriter::new(Vec::new(), header).unwrap();
    for account in accounts {
        writer.write_account(account).unwrap();
    }
    let calls = Calls { attempts: 3, throttled: 1, retries: 2 };
    writer
        .finish(Statistics {
            elapsed_ms: 7,
            calls: [("ListUsers".to_owned(), calls)].into(),
            intermediate_sessions: [session(), IssuedSession { request_id: None, ..session() }]
                .map(|session| IntermediateSession { role_arn: role_arn("222222222222"), session })
                .to_vec(),
            clock_ahead_s: Some(-3600),
        })
        .unwrap()
}

/// The accounts that are given away while a file is read on all cores, sorted; they must be those that can be read afterwards.
fn read_on_all_cores(bytes: &[u8]) -> Result<Vec<AccountRecord>, ReadError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    let given = Mutex::new(Vec::new());
    let roll: RollFile = OpenRoll::new(file)?.read(|account| given.lock().unwrap().push(account.clone()))?;
    let mut given = given.into_inner().unwrap();
    given.sort_by(|a, b| a.account_id().cmp(b.account_id()));
    assert_eq!(given, roll.accounts().map(Result::unwrap).collect::<Vec<_>>());
    assert_eq!(roll.counts, given.iter().collect());
    Ok(given)
}

fn schema() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(include_str!("../schema/roll.schema.json")).unwrap();
    jsonschema::options().should_validate_formats(true).build(&schema).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_roll_file_is_read_as_written_and_matches_the_schema(accounts in accounts()) {
        let header = header(&accounts);
        let file = roll_file(&header, &accounts);
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
        prop_assert_eq!(&read_on_all_cores(&file).unwrap(), &accounts);
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_has_the_accounts_with_whole_lines(mut accounts in accounts()) {
        // The file is cut off at every byte, so two accounts are enough.
        accounts.truncate(2);
        let header = header(&accounts);
        let file = roll_file(&header, &accounts);
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
    fn the_document_does_not_depend_on_the_order_of_accounts(accounts in accounts(), seed in any::<u64>()) {
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
fn an_invalid_roll_is_an_error_with_the_line() {
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![])];
    let header = header(&accounts);
    let file = String::from_utf8(roll_file(&header, &accounts)).unwrap();
    let [first, account, trailer] = file.lines().collect::<Vec<_>>()[..] else { panic!("not three lines") };
    for (lines, problem) in [
        (vec![account, trailer], "line 1: the first record is not a header"),
        (vec![first, account, account], "line 3: account 111111111111 is already on line 2"),
        (vec![first, trailer], "line 2: the trailer counts"),
        (vec![first, account, trailer, account], "line 4: there is a record after the trailer"),
        (
            vec![first, account, first, trailer.replace("\"users\":0", "\"users\":1").as_str()],
            "line 4: the trailer",
        ),
        (vec![first, "{\"record\":\"account\"}"], "line 2: column 20: missing field"),
        (vec!["{\"record\":\"header\",\"schema_version\":3}"], "line 1: column 38: missing field"),
        (vec![first, "{\"record\":\"trailer\",\"counts\":[]}"], "line 2: column 31: invalid length 0"),
        (
            vec![first, "{\"record\":\"user\"}"],
            "line 2: column 16: unknown variant `user`, expected one of `header`",
        ),
        (vec![first, "{\"id\":1}"], "line 2: column 8: missing field `record`"),
        (vec![first, "nonsense", account], "line 2: not a record; a record is a JSON object on one line"),
        (
            vec!["{", "  \"accounts\": []", "}"],
            "line 1: a record is on one line; this looks like a json document",
        ),
        (vec![first, "{\"record\":\"account\",\u{1}}"], "line 2: column "),
        (vec![], "not a roll file"),
    ] {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let error = Roll::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
        assert_eq!(read_on_all_cores(text.as_bytes()).unwrap_err().to_string(), error);
    }
    for (version, remedy) in [(2, "scan again"), (4, "use a newer Rolecall")] {
        // The version is read first, as another version may have other fields.
        for text in [file.clone(), file.replace("\"collect\":", "\"gather\":")] {
            let other = text.replace("\"schema_version\":3", &format!("\"schema_version\":{version}"));
            let error = Roll::read(other.as_bytes()).unwrap_err();
            assert_eq!(read_on_all_cores(other.as_bytes()).unwrap_err().to_string(), error.to_string());
            assert!(matches!(error, ReadError::Version(found) if found == version), "{error}");
            assert!(error.to_string().ends_with(remedy), "{error}");
        }
    }
}

#[test]
fn the_field_that_names_the_record_may_be_anywhere_but_once() {
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![])];
    let header = header(&accounts);
    let file = String::from_utf8(roll_file(&header, &accounts)).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    let fields = lines[1].strip_prefix("{\"record\":\"account\",").unwrap().strip_suffix('}').unwrap();
    let read = |account: String| Roll::read(format!("{}\n{account}\n", lines[0]).as_bytes());
    let last = read(format!("{{{fields},\"record\":\"account\"}}")).unwrap();
    assert_eq!(last.accounts, accounts);
    let line = format!("{}\n{{{fields},\"record\":\"account\"}}\n", lines[0]);
    assert_eq!(read_on_all_cores(line.as_bytes()).unwrap(), accounts);
    for twice in ["account", "trailer"] {
        let error = read(format!("{{\"record\":\"account\",{fields},\"record\":\"{twice}\"}}")).unwrap_err();
        assert!(error.to_string().contains("duplicate field `record`"), "{error}");
    }
}

#[test]
fn the_schema_has_every_fact() {
    let schema: Value = serde_json::from_str(include_str!("../schema/roll.schema.json")).unwrap();
    let names: Vec<&str> = FactKind::ALL.iter().map(|fact| fact.name()).collect();
    assert_eq!(schema["$defs"]["fact_kind"]["enum"], serde_json::json!(names));
}

/// One value of each remedy. A new variant does not compile until it is added here.
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
        Remedy::CheckClockAndCertificate,
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
            | Remedy::CheckClockAndCertificate
            | Remedy::RetryLater
            | Remedy::Retry
            | Remedy::ReadDocumentation
            | Remedy::ReportBug => {}
        }
    }
    all
}

#[test]
fn the_schema_has_every_remedy_and_every_field_of_a_user() {
    let schema: Value = serde_json::from_str(include_str!("../schema/roll.schema.json")).unwrap();
    let codes: Vec<Value> =
        remedies().iter().map(|it| serde_json::to_value(it).unwrap()["code"].clone()).collect();
    assert_eq!(schema["$defs"]["remedy"]["properties"]["code"]["enum"], Value::Array(codes));
    let gaps: Vec<Gap> = remedies().into_iter().map(|remedy| Gap { remedy, ..session_gap() }).collect();
    let source = Source::CredentialReport(Timestamp::UNIX_EPOCH);
    let report_key = ReportKey {
        active: true,
        last_rotated: Some(Timestamp::UNIX_EPOCH),
        last_used: Some(LastUsed { date: Timestamp::UNIX_EPOCH, service: None, region: None }),
    };
    // All fields are written out: a new field does not compile until it is added here, and then the record does not
    // match the schema until the field is added there.
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
        no_access_keys_source: Some(source),
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
            source,
        },
    };
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![user], gaps, vec![])];
    let file = roll_file(&header(&accounts), &accounts);
    for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_slice(line).unwrap();
        let errors: Vec<_> = self::schema().iter_errors(&record).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?} in {record}");
    }
    assert_eq!(Roll::read(&file[..]).unwrap().accounts, accounts);
}

#[test]
fn the_schema_does_not_accept_an_invalid_record() {
    let accounts = [AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![])];
    let file = String::from_utf8(roll_file(&header(&accounts), &accounts)).unwrap();
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
fn counts_are_the_sums_of_the_lines() {
    let mut counts = Counts::default();
    assert!(counts.is_complete(), "without accounts nothing is missing");
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

fn session_gap() -> Gap {
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

/// A run over these accounts. Where the file has a roll, the run resumes it and reads only accounts that are not done.
fn run(path: &std::path::Path, accounts: &[AccountRecord]) -> rolecall_roll::RollFile {
    let file =
        std::fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    let previous = ResumableRoll::read(file).unwrap();
    let missing: Vec<_> = accounts.iter().filter(|account| !previous.is_done(account.account_id())).collect();
    let mut appender = previous.resume(&header(accounts)).unwrap();
    for account in missing {
        appender.add(account).unwrap();
    }
    appender.finish(Statistics::default()).unwrap()
}

#[test]
fn a_run_that_was_interrupted_at_any_byte_is_resumed_to_the_same_roll() {
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
    let complete = |id: &str| AccountRecord::read(role_arn(id), vec![user("alice")], vec![], vec![]);
    let accounts = [complete("333333333333"), complete("111111111111"), complete("222222222222")];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roll.jsonl");
    let uninterrupted: Vec<_> = run(&path, &accounts).accounts().map(Result::unwrap).collect();
    assert_eq!(
        uninterrupted.iter().map(|it| it.account_id().as_str()).collect::<Vec<_>>(),
        ["111111111111", "222222222222", "333333333333"]
    );
    let bytes = std::fs::read(&path).unwrap();
    for end in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let resumed: Vec<_> = run(&path, &accounts).accounts().map(Result::unwrap).collect();
        assert_eq!(resumed, uninterrupted, "cut off at {end}");
        let file = std::fs::read(&path).unwrap();
        let read = Roll::read(&file[..]).unwrap();
        assert_eq!((read.accounts.len(), read.trailer.unwrap().counts.users), (3, 3));
        assert_eq!(read_on_all_cores(&file).unwrap(), uninterrupted);
    }
}

#[test]
fn an_incomplete_account_is_read_again_and_no_data_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roll.jsonl");
    let partial = AccountRecord::read(role_arn("111111111111"), vec![], vec![session_gap()], vec![]);
    let failed = AccountRecord::failed(role_arn("111111111111"), session_gap());
    let complete = AccountRecord::read(role_arn("111111111111"), vec![], vec![], vec![]);
    for (runs, kept) in [
        (vec![&failed, &partial], &partial),
        (vec![&partial, &failed], &partial),
        (vec![&partial, &failed, &complete], &complete),
        (vec![&complete, &failed], &complete),
    ] {
        let _ = std::fs::remove_file(&path);
        for account in runs {
            drop(run(&path, std::slice::from_ref(account)));
        }
        let file = std::fs::read(&path).unwrap();
        assert_eq!(&Roll::read(&file[..]).unwrap().accounts, std::slice::from_ref(kept));
        assert_eq!(
            read_on_all_cores(&file).unwrap(),
            std::slice::from_ref(kept),
            "each account is given once"
        );
    }
}

#[test]
fn another_file_and_a_file_that_another_run_writes_are_not_changed() {
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
