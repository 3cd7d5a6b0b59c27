//! Shared test helpers. Test doubles replace AWS at the HTTP level, so that the SDK and its HTTP client are tested too.
//!
//! - [`FakeAws`]: an AWS with a few accounts, over wiremock. It checks no signature and no permission; a test mounts
//!   single faults in front of it;
//! - [`xml`]: AWS's responses;
//! - [`runtime_api`]: the Lambda Runtime API for a function's process;
//! - [`process`]: the environment variables of a spawned binary;
//! - [`secrets`]: the secrets of the tests, which no output may contain;
//! - [`wire`]: servers below HTTP: a TLS front with a private CA, a proxy, a server that truncates responses.
//!
//! The crate is a workspace member, not only a dev-dependency, so that tests and `cargo build --workspace` share one set
//! of features and the AWS SDK is compiled once for both.
//!
//! ```
//! use rolecall_testkit::secrets;
//!
//! secrets::assert_no_secret_in("AccessDenied");
//! let leaks = || secrets::assert_no_secret_in(secrets::EXTERNAL_ID);
//! assert!(std::panic::catch_unwind(leaks).is_err());
//! ```

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test panics where its setup fails"
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
