//! The vocabulary of Rolecall, and its one stored format, the roll file.
//!
//! - [`ids`]: account ids, role ARNs, external ids and the other names that AWS gives a shape; parsed once, at the
//!   border, and never bare strings past it;
//! - [`account`]: what was seen in one account, and what was not, with the reason;
//! - [`mod@file`]: the roll file, JSON lines: a header, one account a line, a trailer;
//! - [`document`]: the same roll as one JSON document, sorted.
//!
//! No clock, no network, no AWS SDK.

pub mod account;
pub mod document;
pub mod file;
pub mod ids;

pub use account::{AccessKey, AccessKeyStatus, AccountRoll, Class, Gap, Note, Outcome, Step, User};
pub use document::Document;
pub use file::{Caller, Counts, Header, ReadError, Roll, RollWriter, Statistics, Target, Trailer};
pub use ids::{AccountId, ExternalId, Invalid, Partition, RoleArn, RoleName, RoleSessionName, RunId};
