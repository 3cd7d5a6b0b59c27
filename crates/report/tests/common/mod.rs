//! Made-up rolls for tests.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "each test uses only some of these"
)]

use std::collections::BTreeMap;
use std::io::{self, Seek};

use jiff::{Timestamp, ToSpan};
use rolecall_report::render;
use rolecall_report::report::{FindingLimit, Grouping, ReportBuilder};
use rolecall_report::{FindingDetails, Report, Settings};
use rolecall_roll::{
    AccessKey, AccessKeyId, Account, AccountRecord, Caller, ConsolePassword, ErrorKind, Fact, Gap, Header,
    LastUsed, MfaDevice, Organization, Policies, Remedy, RoleArn, RollFile, RollWriter, RunId, Stage,
    Statistics, Summary, User,
};

/// The time of the rolls: the day after a leap day.
pub(crate) const AS_OF: &str = "2028-03-01T12:00:00Z";

/// A number of days before [`AS_OF`].
pub(crate) fn days_ago(days: i64) -> Timestamp {
    at(AS_OF) - (24 * days).hours()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn role_arn(account_id: &str) -> RoleArn {
    format!("arn:aws:iam::{account_id}:role/IAMListRole").parse().unwrap()
}

pub(crate) fn header() -> Header {
    let caller = Caller {
        account_id: "222222222222".parse().unwrap(),
        arn: "arn:aws:sts::222222222222:assumed-role/LambdaRole/run".to_owned(),
    };
    Header::new(
        "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".parse::<RunId>().unwrap(),
        at(AS_OF),
        Some(caller),
        Vec::new(),
    )
}

/// An access key id with this beginning, of 20 characters as in AWS.
pub(crate) fn access_key_id(text: &str) -> AccessKeyId {
    format!("{text:X<20}").parse().unwrap()
}

/// A text in which access key ids are without the padding of [`access_key_id`].
pub(crate) fn shortened(text: &str) -> String {
    text.replace('X', "")
}

/// An active key that was created and last used these numbers of days ago.
pub(crate) fn key(id: &str, created: i64, used: Option<i64>) -> AccessKey {
    let used =
        used.map(|days| LastUsed { date: days_ago(days), service: Some("s3".to_owned()), region: None });
    AccessKey {
        access_key_id: access_key_id(id),
        status: "Active".to_owned().into(),
        create_date: Some(days_ago(created)),
        last_used: Fact::live(used),
    }
}

/// A user without a password, with all facts known.
pub(crate) fn user(name: &str, keys: Vec<AccessKey>) -> User {
    let arn = format!("arn:aws:iam::111111111111:user/{name}");
    User {
        access_keys: Some(keys),
        console_password: Fact::live(None),
        mfa_devices: Fact::live(Vec::new()),
        policies: Fact::live(Policies::default()),
        ..User::new(name.to_owned(), format!("AIDA{name}"), arn, "/".to_owned(), days_ago(1000))
    }
}

/// The user with a console password that was created and last used these numbers of days ago.
pub(crate) fn password(user: User, created: i64, last_used: Option<i64>) -> User {
    let password = ConsolePassword { create_date: Some(days_ago(created)), password_reset_required: false };
    User { console_password: Fact::live(Some(password)), password_last_used: last_used.map(days_ago), ..user }
}

pub(crate) fn mfa(user: User) -> User {
    let device = MfaDevice { serial_number: "arn:aws:iam::111111111111:mfa/x".to_owned(), enable_date: None };
    User { mfa_devices: Fact::live(vec![device]), ..user }
}

/// A gap: AWS denied access at this stage.
pub(crate) fn gap(stage: impl Into<Stage>, user_name: Option<&str>) -> Gap {
    Gap {
        stage: stage.into(),
        operation: None,
        user_name: user_name.map(str::to_owned),
        error_kind: ErrorKind::Denied,
        code: None,
        message: "no".to_owned(),
        request_id: None,
        remedy: Remedy::Retry,
    }
}

pub(crate) fn account(account_id: &str, users: Vec<User>) -> AccountRecord {
    AccountRecord::read(role_arn(account_id), users, Vec::new(), Vec::new())
}

pub(crate) fn known(account: AccountRecord, name: &str, tags: &[(&str, &str)]) -> AccountRecord {
    account.with_account(Some(Account {
        name: Some(name.to_owned()),
        email: Some(format!("{name}@example.com")),
        organizational_unit: Some("Workloads/Prod".to_owned()),
        tags: Some(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()),
    }))
}

pub(crate) fn root(has_keys: bool, has_mfa: bool, has_password: Option<bool>) -> Fact<Summary> {
    Fact::live(Summary {
        users: 0,
        root_has_access_keys: has_keys,
        root_has_mfa: has_mfa,
        root_has_password: has_password,
    })
}

pub(crate) fn organization(managed: Fact<bool>) -> Organization {
    Organization {
        id: "o-example".to_owned(),
        management_account_id: "999999999999".parse().unwrap(),
        accounts: 2,
        root_credentials_managed: managed,
    }
}

/// The report of these accounts.
pub(crate) fn report(header: &Header, accounts: Vec<AccountRecord>, settings: &Settings) -> Report {
    Report::from_roll(header, accounts.into_iter().map(Ok), settings, FindingLimit::All).unwrap()
}

/// A roll file of these accounts, of a run that finished.
pub(crate) fn roll_file_of(header: &Header, accounts: &[AccountRecord]) -> RollFile {
    let mut writer = RollWriter::new(tempfile::tempfile().unwrap(), header).unwrap();
    for account in accounts {
        writer.write_account(account).unwrap();
    }
    let mut file = writer.finish(Statistics { elapsed_ms: 1234, ..Statistics::default() }).unwrap();
    file.rewind().unwrap();
    RollFile::read(file).unwrap()
}

/// All renderings of a roll by the name of the format.
pub(crate) fn rendered(roll: &RollFile, settings: &Settings) -> BTreeMap<&'static str, String> {
    let report = Report::from_file(roll, settings, FindingLimit::All).unwrap();
    let text = |write: &dyn Fn(&mut Vec<u8>) -> io::Result<()>| {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let streamed = |details: FindingDetails, write: &dyn Fn(&mut Vec<u8>, &Report) -> io::Result<()>| {
        let builder = ReportBuilder::new(&roll.header, settings, FindingLimit::Stored).unwrap();
        let builder = builder.with_details(details);
        roll.for_each_account(|account| builder.add(account)).unwrap();
        let stored = builder.finish().unwrap();
        let in_memory = text(&|out| write(out, &report));
        assert_eq!(text(&|out| write(out, &stored)), in_memory, "findings in a file are the same");
        in_memory
    };
    [
        (
            "json",
            streamed(render::json::DETAILS, &|out, report| {
                render::json::render(out, roll, &report.coverage, Some(report))
            }),
        ),
        ("csv", streamed(render::csv::DETAILS, &|out, report| render::csv::render(out, roll, report))),
        ("roll-csv", text(&|out| render::roll_csv::render(out, roll, &report.coverage))),
        ("markdown", {
            streamed(render::markdown::DETAILS, &|out, report| {
                render::markdown::render(out, roll, report, None)
            });
            text(&|out| render::markdown::render(out, roll, &report, Some(Grouping::Owner)))
        }),
        ("html", streamed(render::html::DETAILS, &|out, report| render::html::render(out, roll, report))),
        ("ocsf", streamed(render::ocsf::DETAILS, &|out, report| render::ocsf::render(out, roll, report))),
    ]
    .into()
}
