//! The access that a scan needs: the policy documents of both sides, and why access is denied.
//!
//! 1. [`statement`]: policy documents and statements, as they are printed;
//! 2. [`mod@documents`]: the least-privilege documents of both sides, computed from what a scan calls;
//! 3. [`request`]: the page for the person who must approve them;
//! 4. [`check`]: what a policy grants beyond and short of these documents;
//! 5. [`doctor`]: why access to an account is denied, link by link, and the statement that heals it.
//!
//! ```
//! use rolecall_access::documents::{DocumentName, MemberRoles, RequiredAccess, Trust, documents};
//!
//! let access = RequiredAccess {
//!     members: MemberRoles::Listed(vec!["arn:aws:iam::111111111111:role/IAMListRole".parse()?]),
//!     ..RequiredAccess::new("arn:aws:iam::222222222222:role/LambdaRole".parse()?, Trust::Role)
//! };
//! let documents = documents(&access)?;
//! let trust = documents.get(DocumentName::MemberTrust).ok_or("a member role has a trust policy")?;
//! assert_eq!(
//!     serde_json::to_value(trust)?["Statement"][0]["Principal"]["AWS"],
//!     "arn:aws:iam::222222222222:role/LambdaRole"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod check;
pub mod doctor;
pub mod documents;
mod purpose;
pub mod request;
mod request_keys;
mod samples;
pub mod statement;
mod statement_view;
mod wildcard;

pub use documents::{Documents, RequiredAccess, documents};
pub use request_keys::is_of_request;
pub use statement::{PolicyDocument, Statement};
