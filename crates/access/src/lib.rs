//! The access that a scan needs: the policy documents of both sides, and why access is denied.
//!
//! 1. [`statement`]: policy documents and statements, as they are printed.

pub mod statement;

pub use statement::{PolicyDocument, Statement};
