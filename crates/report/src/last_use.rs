//! What is known about a credential for which AWS has no date of a last use: "never used" only where AWS has recorded uses
//! for as long as the credential exists.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{self, Date};
use jiff::tz::TimeZone;

/// Since when IAM records the last use of access keys.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKeyLastUsed.html>
const ACCESS_KEY_USES_SINCE: Date = civil::date(2015, 4, 22);

/// Since when IAM records the last use of console passwords.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html>
const PASSWORD_USES_SINCE: Date = civil::date(2014, 10, 20);

/// Until when sign-ins may be missing in IAM's records: those from 3 May 2018 22:50 PDT to 23 May 2018 14:08 PDT were not
/// recorded.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetUser.html>
const PASSWORD_USES_COMPLETE_SINCE: Timestamp = Timestamp::constant(1_527_109_680, 0);

/// What is missing in the records, for people.
const MISSING_PASSWORD_USES: &str = "AWS did not record sign-ins from 3 to 23 May 2018";

/// What AWS's records lack about a password whose last recorded use was at this time; `None` where they lack nothing.
#[must_use]
pub(crate) fn missing_after_password_use(last_used: Timestamp) -> Option<&'static str> {
    // AWS returns no date from within the gap. If one is there all the same, later sign-ins may be missing.
    (last_used < PASSWORD_USES_COMPLETE_SINCE).then_some(MISSING_PASSWORD_USES)
}

/// Why AWS has no date of a last use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLastUse {
    /// The credential was never used: AWS has recorded uses since before it was created.
    NeverUsed,
    /// The credential is older than AWS's records, or its age is unknown: it was not used since this day, and may have been
    /// used before.
    NotUsedSince(Date),
    /// The password was set before or in the time in which AWS did not record sign-ins: it may have been used then.
    NoRecordedSignIn,
}

impl NoLastUse {
    /// An access key without a last use that was created at this time; `None` where that is unknown.
    #[must_use]
    pub fn of_access_key(created: Option<Timestamp>) -> Self {
        Self::new(created, ACCESS_KEY_USES_SINCE)
    }

    /// A console password without a last use that was set at this time; `None` where that is unknown.
    #[must_use]
    pub(crate) fn of_password(set: Option<Timestamp>) -> Self {
        match Self::new(set, PASSWORD_USES_SINCE) {
            Self::NeverUsed if set.is_none_or(|set| set < PASSWORD_USES_COMPLETE_SINCE) => {
                Self::NoRecordedSignIn
            }
            other => other,
        }
    }

    fn new(created: Option<Timestamp>, recorded_since: Date) -> Self {
        let is_recorded = created.is_some_and(|at| TimeZone::UTC.to_datetime(at).date() >= recorded_since);
        if is_recorded { Self::NeverUsed } else { Self::NotUsedSince(recorded_since) }
    }

    /// For a table: `never`, `not since 2015-04-22`.
    #[must_use]
    pub fn short(self) -> String {
        match self {
            Self::NeverUsed => "never".to_owned(),
            Self::NotUsedSince(day) => format!("not since {day}"),
            Self::NoRecordedSignIn => "not since 2018-05-23".to_owned(),
        }
    }

    /// As the value of "last used": `never`, `not since AWS began to record it (22 April 2015)`.
    #[must_use]
    pub fn long(self) -> String {
        match self {
            Self::NeverUsed => "never".to_owned(),
            Self::NotUsedSince(day) => {
                format!("not since AWS began to record it ({})", day.strftime("%-d %B %Y"))
            }
            Self::NoRecordedSignIn => format!("no recorded sign-in ({MISSING_PASSWORD_USES})"),
        }
    }
}

/// As a participle: `never used`, `not used since AWS began to record it (22 April 2015)`.
impl fmt::Display for NoLastUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverUsed => f.write_str("never used"),
            Self::NotUsedSince(day) => {
                write!(f, "not used since AWS began to record it ({})", day.strftime("%-d %B %Y"))
            }
            Self::NoRecordedSignIn => write!(f, "not used as far as AWS recorded ({MISSING_PASSWORD_USES})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{NoLastUse, missing_after_password_use};

    #[test]
    fn a_credential_that_is_older_than_the_records_of_aws_was_not_never_used() {
        let at = |text: &str| Some(text.parse().unwrap());
        for (no_use, words) in [
            (NoLastUse::of_access_key(at("2015-04-22T00:00:00Z")), "never used"),
            (
                NoLastUse::of_access_key(at("2015-04-21T23:59:59Z")),
                "not used since AWS began to record it (22 April 2015)",
            ),
            (NoLastUse::of_access_key(None), "not used since AWS began to record it (22 April 2015)"),
            (
                NoLastUse::of_password(at("2014-10-20T00:00:00Z")),
                "not used as far as AWS recorded (AWS did not record sign-ins from 3 to 23 May 2018)",
            ),
            (
                NoLastUse::of_password(at("2018-05-23T21:07:59Z")),
                "not used as far as AWS recorded (AWS did not record sign-ins from 3 to 23 May 2018)",
            ),
            (NoLastUse::of_password(at("2018-05-23T21:08:00Z")), "never used"),
            (
                NoLastUse::of_password(at("2014-10-19T23:59:59Z")),
                "not used since AWS began to record it (20 October 2014)",
            ),
            (NoLastUse::of_password(None), "not used since AWS began to record it (20 October 2014)"),
        ] {
            assert_eq!(no_use.to_string(), words);
        }
        assert_eq!(NoLastUse::of_access_key(None).short(), "not since 2015-04-22");
        assert_eq!(NoLastUse::of_access_key(None).long(), "not since AWS began to record it (22 April 2015)");
        assert_eq!(NoLastUse::NeverUsed.short(), "never");
        for (last_used, is_certain) in [("2018-05-03T00:00:00Z", false), ("2018-05-23T21:08:00Z", true)] {
            assert_eq!(missing_after_password_use(last_used.parse().unwrap()).is_none(), is_certain);
        }
    }
}
