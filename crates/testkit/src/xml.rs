//! AWS's responses, in the XML of the AWS Query protocol.

use crate::secrets::{SECRET_ACCESS_KEY, SESSION_TOKEN};
use crate::user::User;

/// An expiration later than the end of every test.
pub const EXPIRATION: &str = "2199-01-01T00:00:00Z";

/// A response of `AssumeRole`: a session in `account_id`.
pub fn assume_role(account_id: &str, expiration: &str) -> String {
    assume_role_with(
        account_id,
        &format!(
            "<Credentials><AccessKeyId>ASIA{account_id}</AccessKeyId><SecretAccessKey>{SECRET_ACCESS_KEY}\
             </SecretAccessKey><SessionToken>{SESSION_TOKEN}</SessionToken><Expiration>{expiration}</Expiration>\
             </Credentials>"
        ),
    )
}

/// A response of `AssumeRole` with this XML for the credentials, which may be empty.
pub fn assume_role_with(account_id: &str, credentials: &str) -> String {
    response(
        "AssumeRole",
        "sts",
        &format!(
            "<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::{account_id}:assumed-role/\
             IAMListRole/cross_acct_lambda</Arn></AssumedRoleUser>{credentials}"
        ),
    )
}

/// A response of `GetCallerIdentity`.
pub fn get_caller_identity() -> String {
    response(
        "GetCallerIdentity",
        "sts",
        "<Arn>arn:aws:sts::222222222222:assumed-role/LambdaRole/test</Arn><UserId>AROA:test</UserId>\
         <Account>222222222222</Account>",
    )
}

/// A page of `ListUsers`. With a `marker` it is truncated, and the marker names the next page.
pub fn list_users(account_id: &str, users: &[User], marker: Option<&str>) -> String {
    let members: String = users.iter().map(|user| member(account_id, user)).collect();
    response("ListUsers", "iam", &format!("<Users>{members}</Users>{}", end_of_page(marker)))
}

fn member(account_id: &str, User { user_name, path, password_last_used, .. }: &User) -> String {
    let used = password_last_used
        .map_or(String::new(), |date| format!("<PasswordLastUsed>{date}</PasswordLastUsed>"));
    format!(
        "<member><Path>{path}</Path><UserName>{user_name}</UserName><UserId>AIDA{user_name}</UserId>\
         <Arn>arn:aws:iam::{account_id}:user{path}{user_name}</Arn><CreateDate>2024-03-01T12:00:00Z</CreateDate>\
         {used}</member>"
    )
}

/// A page of `ListAccessKeys`. With a `marker` it is truncated, and the marker names the next page.
pub fn list_access_keys(user: &User, marker: Option<&str>) -> String {
    let members: String = user
        .access_keys
        .iter()
        .map(|key| {
            format!(
                "<member><UserName>{}</UserName><AccessKeyId>{}</AccessKeyId><Status>{}</Status>\
                 <CreateDate>2024-03-02T12:00:00Z</CreateDate></member>",
                user.user_name, key.access_key_id, key.status
            )
        })
        .collect();
    let members =
        format!("<UserName>{}</UserName><AccessKeyMetadata>{members}</AccessKeyMetadata>", user.user_name);
    response("ListAccessKeys", "iam", &format!("{members}{}", end_of_page(marker)))
}

/// An error response.
pub fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>body-request-id</RequestId></ErrorResponse>"
    )
}

fn end_of_page(marker: Option<&str>) -> String {
    let marker_element = marker.map_or(String::new(), |marker| format!("<Marker>{marker}</Marker>"));
    format!("<IsTruncated>{}</IsTruncated>{marker_element}", marker.is_some())
}

fn response(operation: &str, service: &str, result: &str) -> String {
    format!(
        "<{operation}Response xmlns=\"https://{service}.amazonaws.com/doc/\"><{operation}Result>{result}\
         </{operation}Result><ResponseMetadata><RequestId>body-request-id</RequestId></ResponseMetadata>\
         </{operation}Response>"
    )
}
