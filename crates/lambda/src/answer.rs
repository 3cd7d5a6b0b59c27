//! The response of the function: the roll as one JSON document.

use rolecall_core::run::CanaryDenial;
use rolecall_roll::{AccountId, Document, Gap, Roll, json};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::terms::VariableTerms;

/// Lambda's limit for the response of a synchronous invocation, in bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

/// Writes the roll in the output format `json`.
pub(crate) fn to_json(roll: &Roll) -> Result<Box<RawValue>, Failure> {
    let counts = roll.counts();
    if counts.failed == counts.accounts {
        return Err(Failure::AllAccountsFailed(all_failed_message(roll)));
    }
    let text =
        json::to_string(&Document::from(roll)).map_err(|error| Failure::Internal(error.to_string()))?;
    if text.len() > MAX_RESPONSE_BYTES {
        return Err(Failure::AnswerTooLarge(format!(
            "the roll of {} accounts and {} users has {} bytes, but a Lambda response has at most {MAX_RESPONSE_BYTES} \
             bytes; scan fewer accounts in one event, or run `rolecall scan --out FILE`",
            counts.accounts,
            counts.users,
            text.len()
        )));
    }
    RawValue::from_string(text).map_err(|error| Failure::Internal(error.to_string()))
}

/// Writes the answer of an action.
pub(crate) fn of_action(answer: &impl Serialize) -> Result<Box<RawValue>, Failure> {
    let text = json::to_string(answer).map_err(|error| Failure::Internal(error.to_string()))?;
    RawValue::from_string(text).map_err(|error| Failure::Internal(error.to_string()))
}

/// The error of the first account, and the number of other accounts.
fn all_failed_message(roll: &Roll) -> String {
    let first =
        roll.accounts.first().and_then(|account| Some((account.account_id(), account.gaps().first()?)));
    let error =
        first.map_or(String::new(), |(account_id, gap)| format!(": {}", gap_message(account_id, gap)));
    let others = roll.accounts.len().saturating_sub(1);
    let others = if others == 0 { String::new() } else { format!(" (and {others} more, see the log)") };
    format!("no account could be read{error}{others}")
}

/// The canary accounts all failed, so the other accounts were not read.
pub(crate) fn canary_denied(denial: &CanaryDenial) -> Failure {
    let CanaryDenial { denied, not_read, account_id, gap } = denial;
    Failure::AllAccountsFailed(format!(
        "none of the first {denied} accounts could be read, so the other {not_read} accounts were not read: {}; set \
         ROLECALL_CANARY=0 to read all accounts anyway",
        gap_message(account_id, gap)
    ))
}

fn gap_message(account_id: &AccountId, gap: &Gap) -> String {
    format!("account {account_id}: {}; {}", gap.to_line(), gap.remedy.to_text(&VariableTerms))
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{AccountRecord, Header, Roll, RunId, User};

    use super::to_json;
    use crate::failure::Failure;

    #[test]
    fn a_response_above_6_mb_is_an_error_that_says_what_to_do() {
        let user = |number: usize| {
            let (name, none) = (format!("{number}{}", "x".repeat(100)), String::new);
            User {
                access_keys: Some(Vec::new()),
                ..User::new(name, none(), none(), "/".into(), jiff::Timestamp::UNIX_EPOCH)
            }
        };
        let role_arn: rolecall_roll::RoleArn = "arn:aws:iam::111111111111:role/R".parse().unwrap();
        let header =
            Header::new(RunId::random(), jiff::Timestamp::UNIX_EPOCH, None, vec![role_arn.clone().into()]);
        let roll = |users: usize| {
            let account =
                AccountRecord::read(role_arn.clone(), (0..users).map(user).collect(), vec![], vec![]);
            Roll { header: header.clone(), accounts: vec![account], trailer: None }
        };
        assert!(to_json(&roll(20_000)).is_ok());
        let error = to_json(&roll(40_000)).unwrap_err();
        assert!(matches!(error, Failure::AnswerTooLarge(_)));
        assert!(error.to_string().contains("--out"), "{error}");
    }
}
