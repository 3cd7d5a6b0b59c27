//! The credential report: one answer for all users, the root user included, which IAM makes when asked.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use rolecall_roll::{Class, Fact, FactKind, LastUsed, ReportKey, ReportRow, Root, Source, User};
use tokio::time::sleep;

use super::{Collector, FactSet, Join, Progress, Read, mark_unread, timestamp};
use crate::call::CallError;
use crate::session::{Iam, Session};

/// The row of this fact.
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::CredentialReport,
    set: FactSet::Recommended,
    actions: &["iam:GenerateCredentialReport", "iam:GetCredentialReport"],
    description: "all users and root in one answer, with its age",
    read: Read::AllUsers(
        |session, progress| {
            let report = collect(session, progress);
            report
                .map(|report| report.map_or_else(|| Box::new(|_: &Progress| ()) as Join, join))
                .boxed_local()
        },
        |user, reason| mark_unread(&mut user.report, reason),
        |facts, reason| mark_unread(&mut facts.root, reason),
    ),
};

const GENERATE: &str = "GenerateCredentialReport";
const GET: &str = "GetCredentialReport";

/// How the root user is called in the report.
const ROOT: &str = "<root_account>";

/// The pauses while a report is made, each twice as long as the one before; together two minutes and a half.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const PAUSES: u32 = 20;

/// A credential report.
#[derive(Debug)]
pub struct Report {
    /// When it was made.
    pub generated: Timestamp,
    /// The root user.
    pub root: Option<Root>,
    /// The users, by name.
    pub rows: BTreeMap<String, ReportRow>,
    created: BTreeMap<String, Timestamp>,
}

impl Report {
    /// What it says of a user; `None` where it says nothing, or of an earlier user of this name.
    pub(super) fn row_of(&self, user: &User) -> Option<&ReportRow> {
        let created = self.created.get(&user.user_name)?;
        // IAM gives dates in whole seconds here.
        (created.as_second() == user.create_date.as_second())
            .then(|| self.rows.get(&user.user_name))
            .flatten()
    }
}

/// Reads the report, and lets IAM make one where there is none that is good.
pub(super) async fn collect(session: &Session<'_>, progress: &Progress) -> Option<Report> {
    match read(session).await {
        Ok(report) => Some(report),
        Err(error) => {
            progress.push_error(FactKind::CredentialReport, None, error);
            None
        }
    }
}

/// Puts the report's rows to the users and its root user to the account.
pub(super) fn join(report: Report) -> Join {
    Box::new(move |progress| {
        let source = Source::CredentialReport(report.generated);
        if let Some(root) = report.root {
            progress.facts.borrow_mut().root = Fact::Known { value: root, source };
        }
        for (user_name, row) in report.rows {
            progress.update_user(&user_name, |user| user.report = Fact::Known { value: row, source });
        }
        let mut users = progress.users.borrow_mut();
        for user in users.iter_mut().flatten().filter(|user| user.create_date > report.generated) {
            let unknown = "the user is younger than the credential report".to_owned();
            user.report = Fact::Unknown { unknown };
        }
    })
}

async fn read(session: &Session<'_>) -> Result<Report, CallError> {
    let mut pause = FIRST_PAUSE;
    let mut last = None;
    for _ in 0..PAUSES {
        let iam = session.iam().await?;
        match get(&iam).await {
            Ok(report) => return Ok(report),
            Err(error) => match error.code.as_deref() {
                Some(
                    "ReportNotPresent"
                    | "ReportExpired"
                    | "CredentialReportNotPresentException"
                    | "CredentialReportExpiredException",
                ) => {
                    last = Some(error);
                    if let Err(error) = generate(&iam).await {
                        // It is being made for somebody else already: one waits for that one.
                        if error.code.as_deref() != Some("LimitExceeded") {
                            return Err(error);
                        }
                        last = Some(error);
                    }
                }
                Some("ReportInProgress" | "CredentialReportNotReadyException") => last = Some(error),
                _ => return Err(error),
            },
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    let last = last.map_or(String::new(), |error: CallError| format!(": {error}"));
    Err(CallError {
        class: Class::TimedOut,
        ..CallError::malformed(GET, format!("the report was not made in time{last}"), None)
    })
}

async fn generate(iam: &Iam) -> Result<(), CallError> {
    let answer = iam.client.generate_credential_report().send().await;
    answer.map(|_| ()).map_err(|error| iam.error(GENERATE, &error))
}

async fn get(iam: &Iam) -> Result<Report, CallError> {
    let answer = iam.client.get_credential_report().send().await.map_err(|error| iam.error(GET, &error))?;
    let generated = answer.generated_time.as_ref().and_then(timestamp);
    let wrong = |problem: &str| CallError::malformed(GET, format!("the report {problem}"), None);
    let generated = generated.ok_or_else(|| wrong("does not say when it was made"))?;
    let content = answer.content.ok_or_else(|| wrong("is empty"))?;
    parse(content.as_ref(), generated).map_err(|problem| wrong(&problem))
}

fn parse(content: &[u8], generated: Timestamp) -> Result<Report, String> {
    let mut reader = csv::Reader::from_reader(content);
    let columns = reader.headers().map_err(|error| format!("is no CSV: {error}"))?.clone();
    let place = |name: &str| {
        let place = columns.iter().position(|column| column == name);
        place.ok_or_else(|| format!("has no column {name}"))
    };
    let (user, created) = (place("user")?, place("user_creation_time")?);
    let password =
        [place("password_enabled")?, place("password_last_used")?, place("password_last_changed")?];
    let mfa = place("mfa_active")?;
    let key = |number: u32| -> Result<[usize; 5], String> {
        let of = |what: &str| place(&format!("access_key_{number}_{what}"));
        Ok([
            of("active")?,
            of("last_rotated")?,
            of("last_used_date")?,
            of("last_used_service")?,
            of("last_used_region")?,
        ])
    };
    let keys = [key(1)?, key(2)?];
    let mut report = Report { generated, root: None, rows: BTreeMap::new(), created: BTreeMap::new() };
    for record in reader.records() {
        let record = record.map_err(|error| format!("breaks off: {error}"))?;
        let cell = |place: usize| record.get(place).unwrap_or_default();
        let is = |place: usize| cell(place).eq_ignore_ascii_case("true");
        // "N/A", "no_information" and "not_supported" are no dates.
        let date = |place: usize| cell(place).parse::<Timestamp>().ok();
        let text =
            |place: usize| Some(cell(place).to_owned()).filter(|text| !text.is_empty() && text != "N/A");
        let key = |[active, rotated, used, service, region]: [usize; 5]| ReportKey {
            active: is(active),
            last_rotated: date(rotated),
            last_used: date(used).map(|date| LastUsed { date, service: text(service), region: text(region) }),
        };
        if cell(user) == ROOT {
            report.root = Some(Root {
                access_keys_active: keys.map(|[active, ..]| is(active)),
                mfa_active: is(mfa),
                password_last_used: date(password[1]),
            });
            continue;
        }
        let row = ReportRow {
            password_enabled: match cell(password[0]).to_ascii_lowercase().as_str() {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            },
            password_last_used: date(password[1]),
            password_last_changed: date(password[2]),
            mfa_active: is(mfa),
            access_keys: keys.map(key),
        };
        if let Some(created) = date(created) {
            report.created.insert(cell(user).to_owned(), created);
        }
        report.rows.insert(cell(user).to_owned(), row);
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_report_is_read_by_the_names_of_its_columns() {
        let text = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,\
                    password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,\
                    access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,\
                    access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,\
                    access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active\n\
                    <root_account>,arn:aws:iam::1:root,2020-01-01T00:00:00+00:00,not_supported,no_information,\
                    not_supported,not_supported,true,true,2020-01-01T00:00:00+00:00,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false\n\
                    alice,arn:aws:iam::1:user/alice,2024-02-29T08:30:00+00:00,true,2026-11-02T17:45:00+00:00,\
                    2025-01-01T00:00:00+00:00,N/A,false,true,2024-03-02T08:00:00+00:00,2026-11-20T06:00:00+00:00,\
                    eu-central-1,s3,false,N/A,N/A,N/A,N/A,false\n";
        let report = parse(text.as_bytes(), "2026-11-24T08:00:00Z".parse().unwrap()).unwrap();
        let root = report.root.unwrap();
        assert_eq!((root.access_keys_active, root.mfa_active), ([true, false], true));
        let alice = &report.rows["alice"];
        assert_eq!((alice.password_enabled, alice.mfa_active), (Some(true), false));
        let used = alice.access_keys[0].last_used.as_ref().unwrap();
        assert_eq!(used.service.as_deref(), Some("s3"));
        assert_eq!((alice.access_keys[1].active, alice.access_keys[1].last_rotated), (false, None));
        for (text, words) in [("", "no column user"), ("user,arn\n", "no column user_creation_time")] {
            let problem = parse(text.as_bytes(), jiff::Timestamp::UNIX_EPOCH).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
    }
}
