//! The first half of Rolecall's journey, from whom to ask to what was seen:
//!
//! 1. [`options`]: all that a person can set, a row each ([`option_rows`]), and [`settings`], what follows from it;
//! 2. [`connect`]: the one HTTP client (proxy, private CA, system's roots) and the SDK's configuration;
//! 3. [`targets`]: whom to ask, each account once, all in one partition;
//! 4. [`session`]: becoming the account's role, and staying it while the account is read;
//! 5. [`rate_limiter`]: how fast an account may be asked, found from its throttles;
//! 6. [`collect`]: the facts, one file each, with the IAM actions that each needs;
//! 7. [`scan`]: account by account to its line in the roll, whatever happens on the way.
//!
//! [`run`] is one run over all of them, prepared, resumed and read to its end;
//! [`cancellation`] ends it early.
//!
//! Beside the way stand [`whose`], which finds one key's user, [`call`], the one reading of what went wrong with a
//! call, [`caller`], whose secrets to keep out of it, [`remedy`], what to do about it, and [`logs`], what may be logged.
//!
//! No clock but the one handed in, no output, no trait over AWS: functions take the SDK's clients, and tests speak
//! HTTP.

pub mod call;
pub mod caller;
mod caller_credentials;
pub mod cancellation;
pub mod collect;
pub mod connect;
pub mod key_lookup;
pub mod logs;
pub mod option_rows;
pub mod options;
mod pages;
pub mod rate_limiter;
pub mod remedy;
pub mod run;
pub mod scan;
pub mod session;
pub mod settings;
pub mod targets;

pub use call::CallError;
pub use option_rows::OptionSet;
pub use options::RunOptions;
pub use run::Run;
pub use scan::Scanner;
pub use settings::{Limits, SessionSettings, Settings};
pub use targets::Target;
