//! The roll as the function's answer.

use rolecall_core::run::CanaryDenial;
use rolecall_roll::{AccountId, Document, Gap, Roll};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::terms::VariableTerms;

/// What Lambda lets a function answer, when it is waited for.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const LARGEST: usize = 6 * 1024 * 1024;

/// The rendering `json` of the roll.
pub(crate) fn of(roll: &Roll) -> Result<Box<RawValue>, Failure> {
    let counts = roll.counts();
    if counts.failed == counts.accounts {
        return Err(Failure::AllAccountsFailed(why_all_failed(roll)));
    }
    let text =
        serde_json::to_string(&Document::from(roll)).map_err(|error| Failure::Internal(error.to_string()))?;
    if text.len() > LARGEST {
        return Err(Failure::AnswerTooLarge(format!(
            "the roll of {} accounts and {} users has {} bytes, Lambda answers with {LARGEST} at most; ask fewer \
             accounts in one event, or run `rolecall scan --out FILE`",
            counts.accounts,
            counts.users,
            text.len()
        )));
    }
    RawValue::from_string(text).map_err(|error| Failure::Internal(error.to_string()))
}

fn why_all_failed(roll: &Roll) -> String {
    let first =
        roll.accounts.first().and_then(|account| Some((account.account_id(), account.gaps().first()?)));
    let reason =
        first.map_or(String::new(), |(account_id, gap)| format!(": {}", why_failed(account_id, gap)));
    let others = roll.accounts.len().saturating_sub(1);
    let others = if others == 0 { String::new() } else { format!(" (and {others} more, see the log)") };
    format!("no account could be read{reason}{others}")
}

/// The first few accounts were all denied, and the others were not read.
pub(crate) fn canary_denied(denial: &CanaryDenial) -> Failure {
    let CanaryDenial { denied, not_read, account_id, gap } = denial;
    Failure::AllAccountsFailed(format!(
        "the first {denied} accounts could all not be read, and the other {not_read} were left alone: {}; ROLECALL_CANARY=0 \
         reads all of them regardless",
        why_failed(account_id, gap)
    ))
}

fn why_failed(account_id: &AccountId, gap: &Gap) -> String {
    format!("account {account_id}: {}; {}", gap.to_line(), gap.remedy.to_text(&VariableTerms))
}

#[cfg(test)]
mod tests {
    use rolecall_roll::{AccountRecord, Header, Roll, RunId, User};

    use super::of;
    use crate::failure::Failure;

    #[test]
    fn an_answer_above_6_mb_is_refused_with_what_to_do() {
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
        assert!(of(&roll(20_000)).is_ok());
        let refused = of(&roll(40_000)).unwrap_err();
        assert!(matches!(refused, Failure::AnswerTooLarge(_)));
        assert!(refused.to_string().contains("--out"), "{refused}");
    }
}
