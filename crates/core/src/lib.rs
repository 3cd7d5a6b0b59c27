//! The first half of a scan, from options and target accounts to the accounts' records:
//!
//! 1. [`options`]: all options that a user can set, one row each, and the settings that they resolve to;
//! 2. [`connect`]: the one HTTP client (proxy, private CA, the system's root certificates) and the SDK's configuration;
//! 3. [`targets`]: the accounts to read, each once, all in one partition;
//! 4. [`session`]: assumes the account's role, and renews the session while the account is read;
//! 5. [`rate_limiter`]: the request rate of each account, measured from its throttles;
//! 6. [`collect`]: the facts, one file each, with the IAM actions that each needs;
//! 7. [`scan`]: reads each account into one record of the roll, whatever fails.
//!
//! [`run`] prepares a run over all of these, resumes a previous one and reads it to its end; [`cancellation`] stops it
//! early.
//!
//! Beside these, [`key_lookup`] finds the user of one access key, [`call`] is the one place that reads the SDK's errors, [`secrets`] keeps secrets out of messages and records, [`remedy`] says what to do about an error, and [`logs`] says
//! what may be logged.
//!
//! ```
//! use rolecall_core::collect::{actions, parse_facts};
//! use rolecall_core::{OptionSet, RunOptions};
//! use rolecall_roll::FactSelection;
//!
//! // The IAM actions that a scan with these facts needs.
//! let facts = parse_facts("users,access_keys,last_used")?;
//! let selection = FactSelection { facts, ..FactSelection::default() };
//! assert!(actions(&selection).contains(&"iam:GetAccessKeyLastUsed"));
//!
//! // Options from variables, with their source.
//! let variable = |name: &str| (name == "ROLECALL_MAX_ATTEMPTS").then(|| "3".to_owned());
//! let settings = RunOptions::from_variables(variable)?.resolve()?;
//! assert_eq!(settings.limits.max_attempts, 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The crate reads no clock but the one that is passed in, writes no output, and has no trait over AWS: functions take
//! the SDK's clients, and tests speak HTTP.

pub mod call;
mod caller_credentials;
pub mod cancellation;
pub mod collect;
pub mod connect;
pub mod key_lookup;
pub mod logs;
pub mod options;
mod pages;
pub mod rate_limiter;
pub mod remedy;
pub mod run;
pub mod scan;
pub mod secrets;
pub mod session;
pub mod targets;

pub use call::CallError;
pub use options::RunOptions;
pub use options::row::OptionSet;
pub use options::settings::{Limits, SessionSettings, Settings};
pub use run::Run;
pub use scan::Scanner;
pub use targets::Target;
