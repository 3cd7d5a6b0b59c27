//! IAM policies: what is written, what it decides, and which statement decided it.
//!
//! 1. `document`: a policy as AWS writes it, parsed once, or refused with the place;
//! 2. `principal`: the principal of a request, and whether a `Principal` element matches it;
//! 3. `context`: the condition keys of a request;
//! 4. `pattern`: wildcards and policy variables;
//! 5. `condition`: the condition operators;
//! 6. [`authorize()`]: all policies that have a say in a request, to one decision;
//! 7. `validation`: what AWS calls an error in a document that can be decided all the same;
//! 8. [`json`]: in which every name stands once;
//! 9. [`case`](mod@case): a situation in a file, for people and for comparing with other evaluators.
//!
//! No AWS SDK, no clock, no I/O. It decides as AWS documents; where the independent simulator that it is compared with
//! decides otherwise, `referee/README.md` says which page of AWS's it follows.

mod authorize;
pub mod case;
mod condition;
mod context;
mod document;
pub mod json;
mod pattern;
mod principal;
mod validation;

pub use authorize::{Decision, DeterminingStatement, NamedPolicy, PolicySet, Request, authorize};
pub use case::{Case, CaseError};
pub use context::{Context, ContextValueError};
pub use document::{Policy, PolicyError, PolicyType};
pub use principal::{ParsePrincipalError, Principal, PrincipalArnMismatch};
