//! The access that a scan needs: the policy documents of both sides, and why access is denied.
//!
//! 1. [`statement`]: policy documents and statements, as they are printed;
//! 2. [`doctor`]: why access to an account is denied, link by link, and the statement that heals it.

pub mod doctor;
pub mod statement;

pub use statement::{PolicyDocument, Statement};
