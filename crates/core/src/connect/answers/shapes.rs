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
    /// The elements in which others are required.
    pub(super) elements: &'static [Element],
    /// A text that repeats a value of the request.
    pub(super) echo: Option<Echo>,
    /// An ARN in the account that the session is in.
    pub(super) own_arn: Option<&'static str>,
}

/// What every element at a path has.
#[derive(Debug)]
pub(super) struct Element {
    /// The path; `""` is the result itself.
    pub(super) path: &'static str,
    /// The names of its structures and lists. They may be empty.
    pub(super) structures: &'static [&'static str],
    /// The names of its texts. They are not empty.
    pub(super) texts: &'static [&'static str],
}

const fn shape(operation: &'static str, elements: &'static [Element]) -> Shape {
    Shape { operation, elements, echo: None, own_arn: None }
}

const fn element(
    path: &'static str,
    structures: &'static [&'static str],
    texts: &'static [&'static str],
) -> Element {
    Element { path, structures, texts }
}

/// The shape of an operation that has no row: the answer is whole and has a result.
pub(super) static ANY: Shape = shape("", &[]);

/// The shapes of all operations that Rolecall calls.
///
/// Source: the pages of the operations in
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_Operations.html>,
/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_Operations.html> and
/// <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html>
pub(super) static SHAPES: [Shape; 21] = [
    shape(
        "AssumeRole",
        &[
            element("", &["AssumedRoleUser", "Credentials"], &[]),
            element("AssumedRoleUser", &[], &["Arn"]),
            element("Credentials", &[], &["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"]),
        ],
    ),
    shape("GetAccessKeyInfo", &[element("", &[], &["Account"])]),
    shape("GetCallerIdentity", &[element("", &[], &["Account", "Arn"])]),
    Shape {
        own_arn: Some("Users/member/Arn"),
        ..shape(
            "ListUsers",
            &[
                element("", &["Users"], &[]),
                element("Users/member", &[], &["UserName", "UserId", "Arn", "Path", "CreateDate"]),
            ],
        )
    },
    Shape {
        echo: Some(("User/UserName", |input| input.downcast_ref::<GetUserInput>()?.user_name())),
        own_arn: Some("User/Arn"),
        ..shape(
            "GetUser",
            &[
                element("", &["User"], &[]),
                element("User", &[], &["UserName", "UserId", "Arn", "Path", "CreateDate"]),
            ],
        )
    },
    Shape {
        echo: Some(("AccessKeyMetadata/member/UserName", |input| {
            input.downcast_ref::<ListAccessKeysInput>()?.user_name()
        })),
        ..shape(
            "ListAccessKeys",
            &[
                element("", &["AccessKeyMetadata"], &[]),
                element(
                    "AccessKeyMetadata/member",
                    &[],
                    &["UserName", "AccessKeyId", "Status", "CreateDate"],
                ),
            ],
        )
    },
    shape(
        "GetAccessKeyLastUsed",
        &[
            element("", &["AccessKeyLastUsed"], &["UserName"]),
            element("AccessKeyLastUsed", &[], &["ServiceName", "Region"]),
        ],
    ),
    Shape {
        echo: Some(("LoginProfile/UserName", |input| {
            input.downcast_ref::<GetLoginProfileInput>()?.user_name()
        })),
        ..shape(
            "GetLoginProfile",
            &[element("", &["LoginProfile"], &[]), element("LoginProfile", &[], &["UserName", "CreateDate"])],
        )
    },
    Shape {
        echo: Some(("MFADevices/member/UserName", |input| {
            input.downcast_ref::<ListMfaDevicesInput>()?.user_name()
        })),
        ..shape(
            "ListMFADevices",
            &[
                element("", &["MFADevices"], &[]),
                element("MFADevices/member", &[], &["UserName", "SerialNumber", "EnableDate"]),
            ],
        )
    },
    Shape {
        own_arn: Some("UserDetailList/member/Arn"),
        ..shape(
            "GetAccountAuthorizationDetails",
            &[
                element("", &["UserDetailList"], &[]),
                element(
                    "UserDetailList/member",
                    &["GroupList", "AttachedManagedPolicies"],
                    &["UserName", "UserId", "Arn"],
                ),
            ],
        )
    },
    shape(
        "GetAccountSummary",
        &[element("", &["SummaryMap"], &[]), element("SummaryMap/entry", &[], &["key", "value"])],
    ),
    shape("ListAccountAliases", &[element("", &["AccountAliases"], &[])]),
    shape("GenerateCredentialReport", &[element("", &[], &["State"])]),
    shape("GetCredentialReport", &[element("", &[], &["Content", "GeneratedTime"])]),
    shape("ListOrganizationsFeatures", &[element("", &[], &["OrganizationId"])]),
    shape(
        "DescribeOrganization",
        &[element("", &["Organization"], &[]), element("Organization", &[], &["Id", "MasterAccountId"])],
    ),
    shape("ListAccounts", &[element("", &["Accounts"], &[]), element("Accounts/member", &[], &["Id"])]),
    shape("ListRoots", &[element("", &["Roots"], &[]), element("Roots/member", &[], &["Id"])]),
    shape(
        "ListOrganizationalUnitsForParent",
        &[
            element("", &["OrganizationalUnits"], &[]),
            element("OrganizationalUnits/member", &[], &["Id", "Name"]),
        ],
    ),
    shape(
        "ListAccountsForParent",
        &[element("", &["Accounts"], &[]), element("Accounts/member", &[], &["Id"])],
    ),
    // The value of a tag may be empty.
    shape(
        "ListTagsForResource",
        &[element("", &["Tags"], &[]), element("Tags/member", &["Value"], &["Key"])],
    ),
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
