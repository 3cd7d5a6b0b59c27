//! An AWS to try things on that says no: STS and IAM over HTTP, with signatures, trust and permissions enforced.
//!
//! 1. [`world`]: accounts, roles, users, an organisation: a file that a person can write;
//! 2. `server`: requests in, answers out;
//! 3. `authentication`: whose signature it is;
//! 4. `authorization`: whether the policies let them, and AWS's words where they do not;
//! 5. `sts` and `iam`: the operations;
//! 6. [`log`]: who asked for what, and which statement decided.
//!
//! It depends on `rolecall-policy` and on nothing else of Rolecall's, so that a mistake there cannot hide in its own
//! mirror.

mod authentication;
mod authorization;
mod clock;
mod iam;
pub mod log;
mod query;
mod server;
mod sts;
pub mod world;

pub use authentication::Credentials;
pub use clock::Clock;
pub use server::{Emulator, Told};
pub use world::World;
