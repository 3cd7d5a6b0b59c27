//! What the tests share. Doubles stand at the HTTP level, where the real thing is.
//!
//! - [`FakeAws`]: an AWS of a few accounts, over wiremock; it believes everything, and single faults are put in front
//!   of it;
//! - [`xml`]: AWS's answers;
//! - [`runtime_api`]: Lambda's side of a function's process;
//! - [`process`]: the surroundings of a spawned binary;
//! - [`secrets`]: what must not be found in what it prints;
//! - [`wire`]: servers below HTTP: a TLS front with a private CA, a proxy, one that cuts answers.
//!
//! A member of the workspace and no dev-dependency only, so that tests and `cargo build --workspace` share one set of
//! features and the AWS SDK is compiled once for both.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test that cannot be set up ends there"
)]

pub mod process;
pub mod runtime_api;
pub mod secrets;
mod user;
pub mod wire;
mod world;
pub mod xml;

pub use aws_smithy_runtime::test_util::capture_test_logs::capture_test_logs;
pub use user::{Key, User};
pub use world::{FakeAws, operation};
