//! The second half of Rolecall's journey, from what was seen to what to do:
//!
//! 1. [`rules`]: the catalogue, a file each: what is wrong with a key, a user, the root user, and by which clause;
//! 2. [`facts`]: what a rule looks at, each with its source, or unknown with the reason;
//! 3. [`settings`]: thresholds, exceptions, owners;
//! 4. [`assess`]: the rules over an account, its findings ranked and explained;
//! 5. [`report`]: the findings of a whole roll, with what it covers and what could not be judged;
//! 6. [`statement`]: that in words, which every output carries;
//! 7. [`render`]: the outputs;
//! 8. [`diff`]: what became of a roll;
//! 9. [`cloudtrail`]: what CloudTrail knows of it;
//! 10. [`bundle`]: all of it in a folder, for an auditor, with checksums.
//!
//! Pure functions of a roll, settings and the moment that the roll stands for: no clock, no network, no AWS SDK.
//! [`bundle`] alone reads and writes files besides.

pub mod advice;
pub mod assess;
pub mod bundle;
pub mod cloudtrail;
pub mod coverage_summary;
pub mod diff;
pub mod distribution;
pub mod evidence;
pub mod facts;
pub mod filter;
pub mod finding;
pub(crate) mod remedy;
pub mod render;
pub mod report;
pub mod rules;
pub mod score;
pub mod settings;

pub use diff::Diff;
pub use filter::FindingFilter;
pub use finding::Finding;
pub use report::Report;
pub use rules::{Benchmark, CATALOGUE, Rule, Severity};
pub use settings::Settings;
