//! Rolecall as a Lambda function: the event names the targets; the response is the roll as one JSON document.
//!
//! The binary `rolecall-lambda` calls [`serve`]. The reader of events is public so that the fuzzer reaches it.

mod answer;
mod environment;
pub mod event;
mod failure;
mod function;
mod terms;

pub use failure::Failure;
pub use function::serve;
