//! Managed policies: those of AWS that the emulator knows, and those of an account.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use rolecall_policy::{NamedPolicy, Policy, PolicyType};
use serde_json::{Value, json};

use super::unique_id;

/// A managed policy, which users, groups and roles can have attached.
#[derive(Debug, Clone)]
pub(crate) struct ManagedPolicy {
    pub(crate) name: String,
    pub(crate) path: String,
    /// With the path. The account is `aws` for a policy of AWS.
    pub(crate) arn: String,
    /// `ANPA…`.
    pub(crate) policy_id: String,
    pub(crate) description: Option<String>,
    pub(crate) create_date: Timestamp,
    /// Its name is the ARN.
    pub(crate) document: NamedPolicy,
    /// Tag values by tag key.
    pub(crate) tags: BTreeMap<String, String>,
}

/// The policies of AWS that the emulator knows, by ARN.
static AWS_MANAGED_POLICIES: LazyLock<BTreeMap<String, Arc<ManagedPolicy>>> = LazyLock::new(|| {
    let policies = aws_documents().into_iter().filter_map(|(name, statements)| {
        let arn = format!("arn:aws:iam::aws:policy/{name}");
        let document = json!({ "Version": "2012-10-17", "Statement": statements });
        let policy = Policy::parse(&document, PolicyType::Identity).ok()?;
        let managed = ManagedPolicy {
            name: name.to_owned(),
            path: "/".to_owned(),
            policy_id: unique_id("ANPA", "aws", name),
            description: None,
            create_date: Timestamp::constant(1_423_246_779, 0),
            document: NamedPolicy { name: arn.clone(), policy },
            tags: BTreeMap::new(),
            arn: arn.clone(),
        };
        Some((arn, Arc::new(managed)))
    });
    policies.collect()
});

/// What `AWSCompromisedKeyQuarantineV3` denies, which AWS attaches to a user whose access key leaked.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV3.html>
const QUARANTINED_ACTIONS: &[&str] = &[
    "cloudtrail:LookupEvents",
    "ec2:RequestSpotInstances",
    "ec2:RunInstances",
    "ec2:StartInstances",
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:ChangePassword",
    "iam:CreateAccessKey",
    "iam:CreateInstanceProfile",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:CreateUser",
    "iam:DetachUserPolicy",
    "iam:PassRole",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPermissionsBoundary",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAccessKey",
    "iam:UpdateAccountPasswordPolicy",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "iam:UpdateUser",
    "lambda:AddLayerVersionPermission",
    "lambda:AddPermission",
    "lambda:CreateFunction",
    "lambda:GetPolicy",
    "lambda:ListTags",
    "lambda:PutProvisionedConcurrencyConfig",
    "lambda:TagResource",
    "lambda:UntagResource",
    "lambda:UpdateFunctionCode",
    "lightsail:Create*",
    "lightsail:Delete*",
    "lightsail:DownloadDefaultKeyPair",
    "lightsail:GetInstanceAccessDetails",
    "lightsail:Start*",
    "lightsail:Update*",
    "organizations:CreateAccount",
    "organizations:CreateOrganization",
    "organizations:InviteAccountToOrganization",
    "s3:DeleteBucket",
    "s3:DeleteObject",
    "s3:DeleteObjectVersion",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketAcl",
    "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketPolicy",
    "s3:ObjectOwnerOverrideToBucketOwner",
    "s3:PutAccountPublicAccessBlock",
    "s3:PutBucketPolicy",
    "s3:ListAllMyBuckets",
    "ec2:PurchaseReservedInstancesOffering",
    "ec2:AcceptReservedInstancesExchangeQuote",
    "ec2:CreateReservedInstancesListing",
    "savingsplans:CreateSavingsPlan",
    "ecs:CreateService",
    "ecs:CreateCluster",
    "ecs:RegisterTaskDefinition",
    "ecr:GetAuthorizationToken",
    "bedrock:CreateModelInvocationJob",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock:CreateFoundationModelAgreement",
    "bedrock:PutFoundationModelEntitlement",
    "bedrock:InvokeModel",
    "s3:CreateBucket",
    "s3:PutBucketCors",
    "s3:GetObject",
    "s3:ListBucket",
    "sagemaker:CreateEndpointConfig",
    "sagemaker:CreateProcessingJob",
    "ses:GetSendQuota",
    "ses:ListIdentities",
    "sts:GetSessionToken",
    "sts:GetFederationToken",
    "amplify:CreateDeployment",
    "amplify:CreateBackendEnvironment",
    "codebuild:CreateProject",
    "glue:CreateJob",
    "iam:DeleteRole",
    "iam:DeleteAccessKey",
    "iam:ListUsers",
    "lambda:GetEventSourceMapping",
    "sns:GetSMSAttributes",
    "mediapackagev2:CreateChannel",
];

/// The names and the statements of the policies of AWS.
///
/// Source: <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html>
fn aws_documents() -> [(&'static str, Value); 5] {
    let allow = |actions: &[&str]| json!({ "Effect": "Allow", "Action": actions, "Resource": "*" });
    let read_iam = [
        "iam:GenerateCredentialReport",
        "iam:GenerateServiceLastAccessedDetails",
        "iam:Get*",
        "iam:List*",
        "iam:SimulateCustomPolicy",
        "iam:SimulatePrincipalPolicy",
    ];
    let power_user = [
        "account:GetAccountInformation",
        "account:GetGovCloudAccountInformation",
        "account:GetPrimaryEmail",
        "account:ListRegions",
        "iam:CreateServiceLinkedRole",
        "iam:DeleteServiceLinkedRole",
        "iam:ListRoles",
        "organizations:DescribeEffectivePolicy",
        "organizations:DescribeOrganization",
    ];
    let all_but_identities =
        json!({ "Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*" });
    let quarantine = || json!([{ "Effect": "Deny", "Action": QUARANTINED_ACTIONS, "Resource": ["*"] }]);
    [
        ("AWSCompromisedKeyQuarantineV3", quarantine()),
        // Of November 2026. It begins with the actions of V3; those that it adds are not known here.
        ("AWSCompromisedKeyQuarantineV4", quarantine()),
        ("AdministratorAccess", json!([allow(&["*"])])),
        ("IAMReadOnlyAccess", json!([allow(&read_iam)])),
        ("PowerUserAccess", json!([all_but_identities, allow(&power_user)])),
    ]
}

/// The policies of AWS that the emulator knows, by ARN.
pub(crate) fn aws_managed_policies() -> &'static BTreeMap<String, Arc<ManagedPolicy>> {
    &AWS_MANAGED_POLICIES
}

#[cfg(test)]
mod tests {
    use rolecall_policy::PolicyType;

    use super::{aws_documents, aws_managed_policies};

    #[test]
    fn the_documents_of_aws_managed_policies_are_valid() {
        assert_eq!(aws_managed_policies().len(), aws_documents().len());
        for policy in aws_managed_policies().values() {
            assert_eq!(policy.document.policy.errors(PolicyType::Identity), [], "{}", policy.arn);
        }
    }
}
