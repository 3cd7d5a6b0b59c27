//! The policies of generated accounts, shared by all of them.

use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use serde_json::{Value, json};

use super::HUB;
use super::accounts::role;
use crate::world::{InvalidWorld, Role};

/// The policies that all generated accounts share.
#[derive(Debug)]
pub(super) struct SharedPolicies {
    /// The trust policy of `IAMListRole`, for `LambdaRole` of the hub account.
    pub(super) trust: NamedPolicy,
    /// The same for a role that Rolecall does not run as.
    pub(super) trusts_another: NamedPolicy,
    /// The permissions of `IAMListRole`.
    pub(super) permissions: NamedPolicy,
    /// The SCP of every unit.
    pub(super) full_access: NamedPolicy,
    /// The SCP that denies IAM in the unit `Quarantine`.
    pub(super) no_iam: NamedPolicy,
}

impl SharedPolicies {
    pub(super) fn new() -> Result<Self, InvalidWorld> {
        let trust = |role: &str| {
            json!({ "Effect": "Allow", "Action": "sts:AssumeRole",
                    "Principal": { "AWS": format!("arn:aws:iam::{HUB}:role/{role}") } })
        };
        Ok(Self {
            trust: document(PolicyType::Trust, "IAMListRole's trust policy", &trust("LambdaRole"))?,
            trusts_another: document(
                PolicyType::Trust,
                "IAMListRole's trust policy",
                &trust("OldAuditRole"),
            )?,
            permissions: document(
                PolicyType::Identity,
                "IAMListRole's permissions",
                &json!({ "Effect": "Allow", "Resource": "*",
                         "Action": ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport"] }),
            )?,
            full_access: document(
                PolicyType::Scp,
                "FullAWSAccess",
                &json!({ "Effect": "Allow", "Action": "*", "Resource": "*" }),
            )?,
            no_iam: document(
                PolicyType::Scp,
                "DenyInQuarantine",
                &json!({ "Sid": "NoIAM", "Effect": "Deny", "Action": "iam:*", "Resource": "*" }),
            )?,
        })
    }
}

/// `LambdaRole` of the hub account, which may assume `IAMListRole` in every account and read the organization.
pub(super) fn lambda_role() -> Result<Role, InvalidWorld> {
    let trust = json!({ "Effect": "Allow", "Action": "sts:AssumeRole",
                        "Principal": { "Service": "lambda.amazonaws.com" } });
    let permissions = json!([
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/IAMListRole" },
        { "Effect": "Allow", "Action": ["organizations:Describe*", "organizations:List*"], "Resource": "*" },
        { "Effect": "Allow", "Resource": "*",
          "Action": ["iam:Get*", "iam:List*", "iam:GenerateCredentialReport", "sts:GetAccessKeyInfo"] },
    ]);
    let trust = document(PolicyType::Trust, "LambdaRole's trust policy", &trust)?;
    let permissions = document(PolicyType::Identity, "LambdaRole's permissions", &permissions)?;
    Ok(role(HUB, "LambdaRole", trust, permissions))
}

fn document(kind: PolicyType, name: &str, statements: &Value) -> Result<NamedPolicy, InvalidWorld> {
    let policy = json!({ "Version": "2012-10-17", "Statement": statements });
    let policy =
        Policy::parse(&policy, kind).map_err(|problem| InvalidWorld::new(format!("{name}: {problem}")))?;
    Ok(NamedPolicy { name: name.to_owned(), policy })
}
