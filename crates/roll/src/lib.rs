//! The vocabulary of Rolecall, and its one stored format, the roll file.
//!
//! - [`ids`]: account ids, role ARNs, external ids and the other names that AWS gives a shape; parsed once, at the
//!   border, and never bare strings past it;
//! - [`account`]: what was seen in one account, and what was not, with the reason;
//! - [`mod@file`]: the roll file, JSON lines: a header, one account a line, a trailer;
//! - [`store`]: that file on a disk, added to and read account by account;
//! - [`coverage`]: what a roll covers, and what not, for which reasons;
//! - [`document`]: the same roll as one JSON document, sorted.
//!
//! No clock, no network, no AWS SDK.

pub mod account;
pub mod coverage;
pub mod document;
pub mod fact;
pub mod file;
pub mod ids;
pub mod store;

pub use account::{
    AccessKey, AccessKeyStatus, Account, AccountRoll, Class, ConsolePassword, Facts, Gap, LastUsed,
    MfaDevice, Note, Outcome, Policies, ReportKey, ReportRow, Root, Step, Summary, User,
};
pub use coverage::Coverage;
pub use document::Document;
pub use fact::{Fact, Source};
pub use file::{
    AcceptedGap, Caller, Calls, Counts, Header, Organization, ReadError, Roll, RollWriter, Statistics,
    Target, Trailer,
};
pub use ids::{AccountId, ExternalId, Invalid, Partition, RoleArn, RoleName, RoleSessionName, RunId};
pub use store::{Earlier, Store, Stored};
