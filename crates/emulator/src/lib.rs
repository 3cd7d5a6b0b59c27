//! A local AWS emulator that enforces permissions: STS, IAM and Organizations over HTTP, with signatures, trust policies,
//! identity policies and the policies of an organization.
//!
//! This test starts it on a free port with the built-in world, and lets the hub account's role assume the member
//! account's role:
//!
//! ```
//! use aws_credential_types::Credentials;
//! use aws_sdk_sts::config::{BehaviorVersion, Config, Region};
//! use rolecall_emulator::{Clock, Emulator, World};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let clock = Clock::new(jiff::Timestamp::now);
//! let emulator = Emulator::start(World::tutorial()?, clock, "127.0.0.1:0".parse()?, None).await?;
//!
//! let lambda = emulator.session("arn:aws:iam::222222222222:role/LambdaRole", "doc-test")?;
//! let (id, secret, token) = (lambda.access_key_id, lambda.secret_access_key, lambda.session_token);
//! let config = Config::builder()
//!     .behavior_version(BehaviorVersion::latest())
//!     .region(Region::new("us-east-1"))
//!     .endpoint_url(emulator.url())
//!     .http_client(aws_smithy_http_client::Builder::new().build_http())
//!     .credentials_provider(Credentials::new(id, secret, Some(token), None, "doc-test"));
//! let sts = aws_sdk_sts::Client::from_conf(config.build());
//!
//! let role_arn = "arn:aws:iam::111111111111:role/IAMListRole";
//! let assumed = sts.assume_role().role_arn(role_arn).role_session_name("doc-test").send().await?;
//! assert!(assumed.credentials().is_some());
//!
//! let other_arn = "arn:aws:iam::111111111111:role/Other";
//! let denied = sts.assume_role().role_arn(other_arn).role_session_name("doc-test").send().await;
//! assert!(denied.is_err());
//! let last_request = emulator.requests().pop().ok_or("the request log is empty")?;
//! assert_eq!(last_request.verdict, "Denied");
//! assert_eq!(last_request.decided_by.as_deref(), Some("no identity-based policy allows it"));
//! # Ok(())
//! # }
//! ```
//!
//! The modules, in the order of a request:
//!
//! 1. [`world`]: accounts, roles, users and an organization, from a file that people write or from a seed;
//! 2. `server`: connections and injected faults; `state`: what requests change;
//! 3. `operations`: the table of operations; `protocol`: the protocols of their requests and responses;
//! 4. `authentication`: who signed the request, in a header or as a presigned URL (`presigned`);
//! 5. `authorization`: what the policies allow the caller, and AWS's message where they do not; `context_keys`: the
//!    condition keys of a request; `statements`: all statements that match a request;
//! 6. `call`, with `sts` (and `mfa`), `iam`, `organizations`, `ec2` and `toolbox`: the operations; `denials` and
//!    `evaluated_policies`: the authorization details of denied requests;
//! 7. [`log`]: who called what, and which policy statement decided.
//!
//! Of Rolecall's crates it depends on `rolecall-policy` only. It shares no code with the scanner that is tested against
//! it, so that a mistake cannot be in both.

mod authentication;
mod authorization;
mod call;
mod clock;
mod context_keys;
mod denials;
mod ec2;
mod evaluated_policies;
mod iam;
pub mod log;
mod mfa;
mod operations;
mod organizations;
mod presigned;
mod protocol;
mod server;
mod state;
mod statements;
mod sts;
mod toolbox;
pub mod world;

pub use authentication::Credentials;
pub use clock::Clock;
pub use server::{Emulator, NoSuchRole, TrustError};
pub use state::RequestObserver;
pub use world::{FaultInjection, FaultInjectionError, InvalidWorld, ParseWorldSpecError, World, WorldSpec};
