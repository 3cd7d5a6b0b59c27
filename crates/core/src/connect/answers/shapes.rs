//! What the answer of each operation must have, and with what it must agree.

use aws_sdk_iam::operation::get_login_profile::GetLoginProfileInput;
use aws_sdk_iam::operation::get_user::GetUserInput;
use aws_sdk_iam::operation::list_access_keys::ListAccessKeysInput;
use aws_sdk_iam::operation::list_mfa_devices::ListMfaDevicesInput;
use aws_smithy_runtime_api::client::interceptors::context::Input;

/// The path of a text that repeats a value of the request, and the value in the call's input.
type Echo = (&'static str, fn(&Input) -> Option<&str>);

/// The shape of one operation's answer. Paths begin below the result: the element `…Result` in XML, the document in JSON.
/// The items of a list are named `member`, as in AWS's XML.
#[derive(Debug)]
pub(super) struct Shape {
    /// The operation, as AWS spells it.
    pub(super) operation: &'static str,
    /// Structures and lists that each parent element has. They may be empty.
    pub(super) elements: &'static [&'static str],
    /// Texts that each parent element has. They are not empty.
    pub(super) texts: &'static [&'static str],
    /// A text that repeats a value of the request.
    pub(super) echo: Option<Echo>,
    /// An ARN in the account that the session is in.
    pub(super) own_arn: Option<&'static str>,
}

const fn shape(
    operation: &'static str,
    elements: &'static [&'static str],
    texts: &'static [&'static str],
) -> Shape {
    Shape { operation, elements, texts, echo: None, own_arn: None }
}

/// The shape of an operation that has no row: the answer is whole and has a result.
pub(super) static ANY: Shape = shape("", &[], &[]);

/// The shapes of all operations that Rolecall calls.
///
/// Source: the pages of the operations in
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html> and
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html>
pub(super) static SHAPES: [Shape; 21] = [
    shape(
        "AssumeRole",
        &["AssumedRoleUser", "Credentials"],
        &[
            "AssumedRoleUser/Arn",
            "Credentials/AccessKeyId",
            "Credentials/SecretAccessKey",
            "Credentials/SessionToken",
            "Credentials/Expiration",
        ],
    ),
    shape("GetAccessKeyInfo", &[], &["Account"]),
    shape("GetCallerIdentity", &[], &["Account", "Arn"]),
    Shape {
        own_arn: Some("Users/member/Arn"),
        ..shape(
            "ListUsers",
            &["Users"],
            &[
                "Users/member/UserName",
                "Users/member/UserId",
                "Users/member/Arn",
                "Users/member/Path",
                "Users/member/CreateDate",
            ],
        )
    },
    Shape {
        echo: Some(("User/UserName", |input| input.downcast_ref::<GetUserInput>()?.user_name())),
        own_arn: Some("User/Arn"),
        ..shape(
            "GetUser",
            &["User"],
            &["User/UserName", "User/UserId", "User/Arn", "User/Path", "User/CreateDate"],
        )
    },
    Shape {
        echo: Some(("AccessKeyMetadata/member/UserName", |input| {
            input.downcast_ref::<ListAccessKeysInput>()?.user_name()
        })),
        ..shape(
            "ListAccessKeys",
            &["AccessKeyMetadata"],
            &[
                "AccessKeyMetadata/member/UserName",
                "AccessKeyMetadata/member/AccessKeyId",
                "AccessKeyMetadata/member/Status",
                "AccessKeyMetadata/member/CreateDate",
            ],
        )
    },
    shape(
        "GetAccessKeyLastUsed",
        &["AccessKeyLastUsed"],
        &["UserName", "AccessKeyLastUsed/ServiceName", "AccessKeyLastUsed/Region"],
    ),
    Shape {
        echo: Some(("LoginProfile/UserName", |input| {
            input.downcast_ref::<GetLoginProfileInput>()?.user_name()
        })),
        ..shape("GetLoginProfile", &["LoginProfile"], &["LoginProfile/UserName", "LoginProfile/CreateDate"])
    },
    Shape {
        echo: Some(("MFADevices/member/UserName", |input| {
            input.downcast_ref::<ListMfaDevicesInput>()?.user_name()
        })),
        ..shape(
            "ListMFADevices",
            &["MFADevices"],
            &["MFADevices/member/UserName", "MFADevices/member/SerialNumber", "MFADevices/member/EnableDate"],
        )
    },
    Shape {
        own_arn: Some("UserDetailList/member/Arn"),
        ..shape(
            "GetAccountAuthorizationDetails",
            &[
                "UserDetailList",
                "UserDetailList/member/GroupList",
                "UserDetailList/member/AttachedManagedPolicies",
            ],
            &["UserDetailList/member/UserName", "UserDetailList/member/UserId", "UserDetailList/member/Arn"],
        )
    },
    shape("GetAccountSummary", &["SummaryMap"], &["SummaryMap/entry/key", "SummaryMap/entry/value"]),
    shape("ListAccountAliases", &["AccountAliases"], &[]),
    shape("GenerateCredentialReport", &[], &["State"]),
    shape("GetCredentialReport", &[], &["Content", "GeneratedTime"]),
    shape("ListOrganizationsFeatures", &[], &["OrganizationId"]),
    shape("DescribeOrganization", &["Organization"], &["Organization/Id", "Organization/MasterAccountId"]),
    shape("ListAccounts", &["Accounts"], &["Accounts/member/Id"]),
    shape("ListRoots", &["Roots"], &["Roots/member/Id"]),
    shape(
        "ListOrganizationalUnitsForParent",
        &["OrganizationalUnits"],
        &["OrganizationalUnits/member/Id", "OrganizationalUnits/member/Name"],
    ),
    shape("ListAccountsForParent", &["Accounts"], &["Accounts/member/Id"]),
    shape("ListTagsForResource", &["Tags", "Tags/member/Value"], &["Tags/member/Key"]),
];

#[cfg(test)]
mod tests {
    use super::SHAPES;
    use crate::collect::collectors;
    use crate::targets::organization;

    #[test]
    fn every_operation_that_is_declared_has_a_shape() {
        let declared = collectors().flat_map(|collector| collector.actions).chain(organization::ACTIONS);
        for action in declared {
            let operation = action.split(':').nth(1).unwrap();
            assert!(SHAPES.iter().any(|shape| shape.operation == operation), "{action}");
        }
    }
}
