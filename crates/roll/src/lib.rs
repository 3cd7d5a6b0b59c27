//! The vocabulary of Rolecall, and its one stored format, the roll file.
//!
//! - [`ids`]: account ids, role ARNs, external ids and the other names that AWS gives a shape; parsed once, at the
//!   border, and never bare strings past it;
//! - [`fact_kind`]: which facts there are, and which of them a run reads;
//! - [`account`], [`user`], [`fact`]: what was seen in one account, and from where;
//! - [`gap`]: what was not, with the reason; [`denial`]: what AWS's words say of one; [`remedy`]: what to do about it;
//! - [`header`], [`mod@file`]: the roll file, JSON lines: a header, one account a line, a trailer;
//! - [`store`]: that file on a disk, added to and read account by account; [`continuation`]: which run may add to it;
//! - [`coverage`]: what a roll covers, and what not, for which reasons;
//! - [`document`]: the same roll as one JSON document, sorted;
//! - [`json`]: writes JSON in which nothing steers a terminal.
//!
//! No clock, no network, no AWS SDK.

pub mod account;
pub mod appender;
pub mod continuation;
pub mod coverage;
pub mod denial;
pub mod document;
pub mod fact;
pub mod fact_kind;
pub mod file;
pub mod gap;
pub mod header;
pub mod ids;
pub mod json;
pub mod remedy;
pub mod user;

pub use account::{Account, AccountRecord, Contradiction, Facts, Outcome, Root, Summary};
pub use appender::{ResumableRoll, RollAppender, RollFile};
pub use coverage::{Coverage, CoverageBuilder, Missing};
pub use denial::{Denial, Effect, PolicyType};
pub use document::Document;
pub use fact::{Fact, Source};
pub use fact_kind::{FactKind, FactSelection, UserSource};
pub use file::{
    Calls, Counts, IntermediateSession, LineProblem, ReadError, Roll, RollWriter, Run, Statistics, Trailer,
};
pub use gap::{ErrorKind, Gap, Note, Stage};
pub use header::{AcceptedGap, Caller, Header, Organization, Target, TargetScope};
pub use ids::{
    AccessKeyId, AccessKeyIdKind, AccountId, ExternalId, ParseIdError, Partition, RoleArn, RoleName,
    RoleSessionName, RunId, unprintable_in,
};
pub use remedy::{NeutralTerms, Remedy, Side, Terms};
pub use user::{
    AccessKey, AccessKeyStatus, ConsolePassword, LastUsed, MfaDevice, Policies, ReportKey, ReportRow, User,
};
