//! An AWS to try things on that says no: STS, IAM and Organizations over HTTP, with signatures,
//! trust and permissions enforced.
//!
//! 1. [`world`]: accounts, roles, users, an organisation: a file that a person can write;
//! 2. `server`: connections, and what befalls them; `state`: what requests leave behind;
//! 3. `operations`: requests in, answers out, in the protocol of their service;
//! 4. `authentication`: whose signature it is;
//! 5. `authorization`: whether the policies let them, and AWS's words where they do not;
//! 6. `call`, with `sts`, `iam` and `organizations`: what is done;
//! 7. [`log`]: who asked for what, and which statement decided.
//!
//! It depends on `rolecall-policy` and on nothing else of Rolecall's, so that a mistake there cannot hide in its own
//! mirror.

mod authentication;
mod authorization;
mod call;
mod clock;
mod iam;
pub mod log;
mod operations;
mod organizations;
mod protocol;
mod server;
mod state;
mod sts;
pub mod world;

pub use authentication::Credentials;
pub use clock::Clock;
pub use server::{Emulator, NoSuchRole, TrustError};
pub use state::RequestObserver;
pub use world::{FaultInjection, FaultInjectionError, InvalidWorld, ParseWorldSpecError, World, WorldSpec};
