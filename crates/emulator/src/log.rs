//! The request log: which caller made which request, and which policy statement decided it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// The log entry of one request. As JSON it is one line of `rolecall emulator --log FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestLogEntry {
    /// When the request arrived, by the emulator's clock.
    pub time: Timestamp,
    /// The account of the resource; the caller's account if the resource has none. `None` if the signature was not
    /// valid.
    pub account_id: Option<String>,
    /// The caller's ARN. `None` if the signature was not valid.
    pub principal: Option<String>,
    /// The operation, such as `sts:AssumeRole`. Without the service's prefix if the emulator does not implement it.
    pub operation: String,
    /// The resource whose policies were evaluated last: an ARN or `*`. `None` if no permission was evaluated.
    pub resource: Option<String>,
    /// `Allowed`, `Denied`, or the code of any other error, such as `Throttling`.
    pub verdict: String,
    /// The message of the error. `None` if the request was allowed.
    pub message: Option<String>,
    /// The statements that allowed or denied it, or the type of policy that was missing. `None` as for `resource`.
    pub decided_by: Option<String>,
    /// The region of the signature; `us-east-1` for IAM and Organizations. `None` if the request was not signed.
    pub region: Option<String>,
    /// The client's IP address.
    pub source_ip: String,
    /// The same as in the response and its `x-amzn-requestid` header.
    pub request_id: String,
    /// `RoleSessionName` of an `AssumeRole` request. `None` for other operations, and if the name was not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// The access key id that signed the request; `None` if the signature was not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// The access key id of the session that the response of `AssumeRole` returned. `None` for other operations, and if
    /// the request was denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_access_key_id: Option<String>,
}

impl RequestLogEntry {
    /// The entry of a request that has just arrived, with a new request id.
    pub(crate) fn new(time: Timestamp, source_ip: String) -> Self {
        Self {
            time,
            account_id: None,
            principal: None,
            operation: String::new(),
            resource: None,
            verdict: String::new(),
            message: None,
            decided_by: None,
            region: None,
            source_ip,
            request_id: uuid::Uuid::new_v4().to_string(),
            session_name: None,
            access_key_id: None,
            issued_access_key_id: None,
        }
    }

    /// The entry as a CloudTrail record, with the fields that the emulator has values for.
    ///
    /// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
    #[must_use]
    pub fn to_cloudtrail(&self) -> Value {
        let (service, name) = self.operation.split_once(':').unwrap_or(("unknown", &self.operation));
        let principal = self.principal.as_deref();
        let caller_account = principal.and_then(|arn| arn.split(':').nth(4));
        let identity_type = match principal {
            Some(arn) if arn.contains(":assumed-role/") => "AssumedRole",
            Some(arn) if arn.contains(":federated-user/") => "FederatedUser",
            Some(arn) if arn.ends_with(":root") => "Root",
            Some(_) => "IAMUser",
            None => "Unknown",
        };
        let error_code = match self.verdict.as_str() {
            "Allowed" => None,
            "Denied" => Some("AccessDenied"),
            code => Some(code),
        };
        let role = (name == "AssumeRole").then_some(self.resource.as_deref()).flatten();
        json!({
            "eventVersion": "1.11",
            "userIdentity": {
                "type": identity_type,
                "arn": principal,
                "accountId": caller_account,
                "accessKeyId": self.access_key_id,
            },
            "eventTime": format!("{:.0}", self.time),
            "eventSource": format!("{service}.amazonaws.com"),
            "eventName": name,
            "awsRegion": self.region,
            "sourceIPAddress": self.source_ip,
            "errorCode": error_code,
            "errorMessage": self.message,
            "requestParameters": role.map(|role_arn| {
                json!({ "roleArn": role_arn, "roleSessionName": self.session_name })
            }),
            "responseElements": self.issued_access_key_id.as_ref().map(|access_key_id| {
                json!({ "credentials": { "accessKeyId": access_key_id } })
            }),
            "requestID": self.request_id,
            "eventID": self.request_id,
            "readOnly": true,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            // CloudTrail records a denied request in the caller's account only.
            "recipientAccountId": if error_code.is_some() { caller_account } else { self.account_id.as_deref() },
            "eventCategory": "Management",
        })
    }
}
