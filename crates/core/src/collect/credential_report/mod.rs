//! The credential report: one answer for all users, the root user included, which IAM makes when asked.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

mod report;

use std::fmt::Display;
use std::time::Duration;

use futures_util::FutureExt;
use rolecall_roll::{ErrorKind, Fact, FactKind, Source};
use tokio::time::sleep;

use super::{Collector, FactSet, Join, Progress, Read, mark_unread, timestamp};
use crate::call::CallError;
use crate::session::{Iam, Session};

pub(super) use self::report::Report;

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

/// The pauses while a report is made, each twice as long as the one before; together two minutes and a half.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const PAUSES: u32 = 20;

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
        error_kind: ErrorKind::TimedOut,
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
    let wrong = |problem: &dyn Display| CallError::malformed(GET, format!("the report {problem}"), None);
    let generated = generated.ok_or_else(|| wrong(&"does not say when it was made"))?;
    let content = answer.content.ok_or_else(|| wrong(&"is empty"))?;
    Report::parse(content.as_ref(), generated).map_err(|problem| wrong(&problem))
}
