//! Evaluates IAM policies: parses policy documents, decides requests, and names the statements that determine a decision.
//!
//! 1. `document`: parses a policy document; an error names the element;
//! 2. `principal`: the principal of a request, and whether a `Principal` element matches it;
//! 3. `context`: the condition keys of a request;
//! 4. `pattern`: wildcards and policy variables;
//! 5. `condition`: the condition operators;
//! 6. `rcp_services`: the services to whose actions resource control policies apply;
//! 7. [`authorize()`]: evaluates all policies that apply to a request to one decision;
//! 8. [`explain()`]: says what each document contributed to a decision, and what came closest in one that did not;
//! 9. `validation`: finds what AWS reports as an error in a document that can be evaluated all the same;
//! 10. `lints`: finds what AWS accepts though it never works, with `arn` for the parts of an ARN;
//! 11. [`case`](mod@case): a test case in a file, also for comparison with other evaluators.
//!
//! This crate uses no AWS SDK, no clock and no I/O. It decides as AWS documents. Where the independent simulator that it
//! is compared with decides differently, `referee/README.md` names the AWS page that this crate follows.
//!
//! ```
//! use rolecall_policy::Case;
//!
//! // A Lambda role in account 222222222222 assumes a role in account 111111111111.
//! let case: Case = rolecall_json::parse(
//!     r#"{
//!         "name": "LambdaRole assumes IAMListRole",
//!         "identityPolicies": [
//!             {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}}
//!         ],
//!         "trustPolicy": {"Statement": {
//!             "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "222222222222"}
//!         }},
//!         "request": {
//!             "principal": "arn:aws:iam::222222222222:role/LambdaRole",
//!             "action": "sts:AssumeRole",
//!             "resource": "arn:aws:iam::111111111111:role/IAMListRole"
//!         }
//!     }"#,
//! )?;
//! let decision = case.decide()?;
//! assert!(decision.is_allowed());
//! assert_eq!(
//!     decision.to_string(),
//!     "allowed by identityPolicies[0] Statement[0] and trustPolicy Statement[0]",
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arn;
mod authorize;
pub mod case;
mod condition;
mod context;
mod document;
mod explain;
mod lints;
mod pattern;
mod principal;
mod rcp_services;
mod validation;

pub use authorize::{Decision, DeterminingStatement, NamedPolicy, PolicySet, Request, authorize};
pub use case::{Case, CaseError};
pub use condition::request_value_problem;
pub use context::{Context, ContextValueError, is_secret_key};
pub use document::{Policy, PolicyError, PolicyTextError, PolicyType};
pub use explain::{
    DocumentEffect, DocumentExplanation, Element, Explanation, Mismatch, NearestStatement, explain,
};
pub use lints::{Lint, LintSeverity};
pub use principal::{ParsePrincipalError, Principal, PrincipalArnMismatch};
pub use validation::is_condition_key;
