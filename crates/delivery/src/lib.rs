//! Runs that are distributed over several invocations, and the delivery of their rolls.
//!
//! A run has three steps: [`plan()`] settles the targets and stores them in batches, [`collect()`] reads the accounts of one batch
//! and stores a record for each, [`merge()`] checks the records against the plan and stores the roll, its reports and what changed.
//! Each step can be killed, repeated or doubled: what is finished is stored once.
//!
//! ```
//! use rolecall_delivery::{RunKey, StoreLocation};
//!
//! let location: StoreLocation = "s3://rolecall-222222222222/nightly".parse()?;
//! assert_eq!(location.to_string(), "s3://rolecall-222222222222/nightly");
//! let run: RunKey = "dt=2026-11-26/run=6c1e5f52-8c5e-4f0c-9d5c-0e6f7a8b9c0d".parse()?;
//! assert_eq!(run.object("roll.jsonl"), format!("rolls/{run}/roll.jsonl"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod collect;
pub mod merge;
pub mod metrics;
pub mod notify;
pub mod plan;
pub mod run_key;
pub mod store;

pub use collect::{CollectError, CollectRequest, Collected, Cursor, collect};
pub use merge::{MergeError, MergeRequest, Merged, merge};
pub use notify::{NotifyError, Recipients};
pub use plan::{PlanFailure, PlanRequest, Planned, plan};
pub use run_key::RunKey;
pub use store::{Store, StoreError, StoreLocation};
