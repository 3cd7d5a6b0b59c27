//! The data types of Rolecall, and its one stored format: the roll file.
//!
//! A *roll* is the inventory of the IAM users and access keys of one or more accounts. A *gap* is a fact that was
//! requested and could not be read; a roll records every gap with its reason.
//!
//! - [`ids`]: account ids, role ARNs, external ids and other identifiers with a format that AWS defines. They are parsed
//!   once, where they enter the program, and are never plain strings after that;
//! - [`fact_kind`]: the facts that can be read, and which of them a run reads;
//! - [`account`], [`user`], [`fact`]: what was read in an account, and from which source;
//! - [`gap`]: what could not be read, and why; [`denial`]: the parts of AWS's access denied message; [`diagnosis`]: the
//!   broken link and its possible causes; [`remedy`]: what to do about a gap;
//! - [`header`], [`mod@file`]: the roll file, which is JSON lines: a header, one line per account, a trailer;
//! - [`appender`]: the roll file on disk, written and read one account at a time; [`continuation`]: whether a run may
//!   resume an existing file;
//! - [`coverage`]: how much of the requested accounts a roll covers, and the reasons for the rest;
//! - [`document`]: the roll as one JSON document, sorted;
//! - [`shell`]: words of commands that people paste; [`json`]: writes JSON without characters that control a terminal.
//!
//! This crate uses no clock, no network and no AWS SDK.
//!
//! ```
//! use rolecall_roll::{AccountRecord, Header, RoleArn, Roll, RollWriter, RunId, Statistics};
//!
//! let role_arn: RoleArn = "arn:aws:iam::111111111111:role/IAMListRole".parse()?;
//! let as_of = "2026-11-24T09:12:00Z".parse()?;
//! let header = Header::new(RunId::random(), as_of, None, vec![role_arn.clone().into()]);
//!
//! // An account without users and without gaps.
//! let mut writer = RollWriter::new(Vec::new(), &header)?;
//! writer.write_account(&AccountRecord::read(role_arn, vec![], vec![], vec![]))?;
//! let file = writer.finish(Statistics::default())?;
//!
//! let roll = Roll::read(&file[..])?;
//! assert_eq!(roll.counts().complete, 1);
//! assert_eq!(roll.accounts[0].account_id().as_str(), "111111111111");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod account;
pub mod appender;
pub mod continuation;
pub mod coverage;
pub mod denial;
pub mod diagnosis;
pub mod document;
pub mod fact;
pub mod fact_kind;
pub mod file;
pub mod gap;
pub mod header;
pub mod ids;
pub mod json;
pub mod parallel;
pub mod remedy;
pub mod shell;
pub mod user;

pub use account::{Account, AccountRecord, Contradiction, Facts, IssuedSession, Outcome, Root, Summary};
pub use appender::{OpenRoll, ResumableRoll, RollAppender, RollFile};
pub use coverage::{Coverage, CoverageBuilder, Missing};
pub use denial::{Denial, Effect, PolicyType};
pub use diagnosis::{Cause, Diagnosis, Link};
pub use document::Document;
pub use fact::{Fact, Source};
pub use fact_kind::{FactKind, FactSelection, UserSource};
pub use file::{
    Calls, Counts, IntermediateSession, LineProblem, ReadError, Roll, RollWriter, Run, Statistics, Trailer,
    clock_difference,
};
pub use gap::{ErrorKind, Gap, Note, Stage};
pub use header::{AcceptedGap, Caller, Header, Organization, SessionParameters, Target, TargetScope};
pub use ids::{
    AccessKeyId, AccessKeyIdKind, AccountId, ExternalId, ParseIdError, Partition, RoleArn, RoleName,
    RoleSessionName, RunId, unprintable_in,
};
pub use remedy::{NeutralTerms, Remedy, Side, Terms};
pub use user::{
    AccessKey, AccessKeyStatus, ConsolePassword, LastUsed, MfaDevice, Policies, ReportKey, ReportRow, User,
};
