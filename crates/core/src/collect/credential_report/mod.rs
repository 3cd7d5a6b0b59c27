//! The credential report: one response for all users and the root user, which IAM generates on request.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

mod report;

use std::fmt::Display;
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use rolecall_roll::{ErrorKind, Fact, FactKind, Source};
use tokio::time::sleep;

use super::{Collector, FactSet, Join, Progress, Read, mark_unread, timestamp};
use crate::call::CallError;
use crate::session::{Iam, Session};

pub(super) use self::report::{InvalidCell, Report};

/// Declares the fact [`FactKind::CredentialReport`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::CredentialReport,
    set: FactSet::Recommended,
    actions: &["iam:GenerateCredentialReport", "iam:GetCredentialReport"],
    description: "all users and the root user in one response, with its age",
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

// The pauses while IAM generates a report: each is twice as long as the previous one, up to the longest; two and a half
// minutes in total.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const PAUSES: u32 = 20;

/// Reads the report. Where none exists or it has expired, IAM first generates one.
pub(super) async fn collect(session: &Session<'_>, progress: &Progress) -> Option<Report> {
    match read_report(session).await {
        Ok(report) => Some(report),
        Err(error) => {
            progress.push_error(FactKind::CredentialReport, None, error);
            None
        }
    }
}

/// Sets the report's rows on the users, and its root user on the account.
pub(super) fn join(report: Report) -> Join {
    Box::new(move |progress| {
        let generated = report.generated;
        progress.facts.borrow_mut().root = match &report.root {
            Some(root) => fact(root.clone(), generated),
            None => Fact::Unknown { unknown: "the credential report has no row of the root user".to_owned() },
        };
        for user in progress.users.borrow_mut().iter_mut().flatten() {
            user.report = match report.row_of(user) {
                Some(row) => fact(row.clone(), generated),
                None if user.create_date > generated => Fact::Unavailable {
                    unavailable: format!("the user is younger than the credential report of {generated:.0}"),
                },
                None => Fact::Unknown {
                    unknown: format!("the credential report of {generated:.0} has no row of the user"),
                },
            };
        }
    })
}

/// A row of the report of this time; unknown where a cell has none of AWS's values.
fn fact<T>(row: Result<T, InvalidCell>, generated: Timestamp) -> Fact<T> {
    match row {
        Ok(value) => Fact::Known { value, source: Source::CredentialReport(generated) },
        Err(invalid) => Fact::Unknown { unknown: invalid.to_string() },
    }
}

async fn read_report(session: &Session<'_>) -> Result<Report, CallError> {
    let mut pause = FIRST_PAUSE;
    let mut last_error = None;
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
                    last_error = Some(error);
                    if let Err(error) = generate(&iam).await {
                        // A report is already being generated for another caller: wait for that one.
                        if error.code.as_deref() != Some("LimitExceeded") {
                            return Err(error);
                        }
                        last_error = Some(error);
                    }
                }
                Some("ReportInProgress" | "CredentialReportNotReadyException") => last_error = Some(error),
                _ => return Err(error),
            },
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    let last_error = last_error.map_or(String::new(), |error: CallError| format!(": {error}"));
    Err(CallError {
        error_kind: ErrorKind::TimedOut,
        ..CallError::malformed(GET, format!("the credential report was not ready in time{last_error}"), None)
    })
}

async fn generate(iam: &Iam) -> Result<(), CallError> {
    let response = iam.client.generate_credential_report().send().await;
    response.map(|_| ()).map_err(|error| iam.error(GENERATE, &error))
}

async fn get(iam: &Iam) -> Result<Report, CallError> {
    let response = iam.client.get_credential_report().send().await.map_err(|error| iam.error(GET, &error))?;
    let generated = response.generated_time.as_ref().and_then(timestamp);
    let invalid =
        |problem: &dyn Display| CallError::malformed(GET, format!("the credential report {problem}"), None);
    let generated = generated.ok_or_else(|| invalid(&"has no generation time"))?;
    let content = response.content.ok_or_else(|| invalid(&"is empty"))?;
    Report::parse(content.as_ref(), generated).map_err(|problem| invalid(&problem))
}
