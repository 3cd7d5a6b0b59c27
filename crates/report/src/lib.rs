//! The second half of Rolecall's journey: from a roll to findings, comparisons and reports.
//!
//! 1. [`rules`]: the catalog, one file per rule: what is wrong with an access key, a user or the root user, and which
//!    benchmark clause says so;
//! 2. [`facts`]: the facts that rules evaluate, each known with its source, unknown with the reason, or not requested;
//! 3. [`settings`]: thresholds, exceptions, owners;
//! 4. [`assess`]: the rules evaluated over an account, with the findings scored and explained;
//! 5. [`report`]: the findings of a whole roll, with its coverage and with what could not be evaluated;
//! 6. [`coverage_summary`]: the coverage for people, which every output contains;
//! 7. [`render`]: the output formats;
//! 8. [`diff`]: the differences between two rolls;
//! 9. [`cloudtrail`]: the comparison of a roll with CloudTrail events;
//! 10. [`bundle`]: all of it in a directory with checksums, for an auditor.
//!
//! All of these are pure functions of a roll, the settings and the time of the roll: no clock, no network, no AWS SDK. Only
//! [`bundle`] reads and writes files, and [`report`] may keep findings in a temporary file.
//!
//! # Example
//!
//! Findings of a roll of one account with one user, whose access key is older than 90 days:
//!
//! ```
//! use rolecall_report::count::Count;
//! use rolecall_report::report::FindingLimit;
//! use rolecall_report::{Report, Settings};
//! use rolecall_roll::{AccessKey, AccountRecord, Fact, Header, RoleArn, RunId, User};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let role_arn: RoleArn = "arn:aws:iam::111111111111:role/IAMListRole".parse()?;
//! let header = Header::new(RunId::random(), "2026-11-25T12:00:00Z".parse()?, None, vec![role_arn.clone().into()]);
//!
//! let key = AccessKey {
//!     access_key_id: "AKIAIOSFODNN7EXAMPLE".parse()?,
//!     status: "Active".to_owned().into(),
//!     create_date: Some("2025-11-25T12:00:00Z".parse()?),
//!     last_used: Fact::NotRequested,
//! };
//! let arn = "arn:aws:iam::111111111111:user/alice";
//! let alice = User {
//!     access_keys: Some(vec![key]),
//!     ..User::new("alice".into(), "AIDAEXAMPLE".into(), arn.into(), "/".into(), "2025-11-25T12:00:00Z".parse()?)
//! };
//! let account = AccountRecord::read(role_arn, vec![alice], Vec::new(), Vec::new());
//!
//! let report = Report::from_roll(&header, [Ok(account)].into_iter(), &Settings::default(), FindingLimit::All)?;
//! assert_eq!(report.findings.len(), 1);
//! assert_eq!(report.findings[0].rule.id, "access-key-age");
//! assert_eq!(report.findings[0].message, "the key is 365 days old; the limit is 90 days");
//!
//! // The last use was not requested: the rules that need it have no findings, and are not counted as passed.
//! let unused = report.assessment.rules.iter().find(|result| result.rule.id == "access-key-unused").unwrap();
//! assert_eq!((unused.evaluated, unused.open, unused.not_collected), (0, Count::NotEvaluated, 1));
//! # Ok(())
//! # }
//! ```

pub mod advice;
pub mod assess;
pub mod bundle;
pub mod cloudtrail;
pub mod count;
pub mod coverage_summary;
pub mod diff;
pub mod distribution;
pub mod evidence;
pub mod facts;
pub mod filter;
pub mod finding;
pub(crate) mod finding_store;
pub mod last_use;
pub mod remedy;
pub mod render;
pub mod report;
pub mod rules;
pub mod score;
pub mod settings;

pub use diff::Diff;
pub use filter::FindingFilter;
pub use finding::{Finding, FindingDetails};
pub use report::Report;
pub use rules::{Benchmark, CATALOG, Rule, Severity};
pub use settings::Settings;
