//! Rolecall as a Lambda function: the event names the targets; the response is the roll as one JSON document.
//!
//! The binary `rolecall-lambda` calls [`serve`]. The reader of events is public so that the fuzzer reaches it.
//!
//! ```
//! use rolecall_core::RunOptions;
//! use rolecall_lambda::event;
//!
//! let role = r#"{"role_arn": "arn:aws:iam::111111111111:role/IAMListRole"}"#;
//! assert!(event::plan(role, &RunOptions::default()).is_ok());
//! assert!(event::plan("{}", &RunOptions::default()).is_err(), "it names no target");
//! ```

mod action;
mod answer;
mod environment;
pub mod event;
mod failure;
mod function;
mod terms;

pub use failure::Failure;
pub use function::serve;
