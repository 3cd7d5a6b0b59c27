//! Who asked for what, and which statement decided.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// A line of the log of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestLogEntry {
    /// When.
    pub time: Timestamp,
    /// The account of what was asked for; the caller's where it is nothing in particular. `None` where nobody knows.
    pub account_id: Option<String>,
    /// The caller's ARN; `None` where the signature is nobody's.
    pub principal: Option<String>,
    /// The operation, as `sts:AssumeRole`.
    pub operation: String,
    /// What it was asked of, where that is something in particular.
    pub resource: Option<String>,
    /// `Allowed`, `Denied`, or the code of another error.
    pub verdict: String,
    /// What was said of an error.
    pub message: Option<String>,
    /// The statements that decided, or what was missing.
    pub decided_by: Option<String>,
    /// The region that was signed for; IAM has one for all.
    pub region: Option<String>,
    /// The address that asked.
    pub source_ip: String,
    /// As the answer has it.
    pub request_id: String,
    /// The name of the session that `AssumeRole` asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
}

impl RequestLogEntry {
    /// The line of a request of which nothing is known yet.
    pub(crate) fn begin(time: Timestamp, source_ip: String) -> Self {
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
        }
    }

    /// The same as a record of CloudTrail's, as far as there is something to say.
    ///
    /// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
    #[must_use]
    pub fn to_cloudtrail(&self) -> Value {
        let (service, name) = self.operation.split_once(':').unwrap_or(("unknown", &self.operation));
        let principal = self.principal.as_deref();
        let caller_account = principal.and_then(|arn| arn.split(':').nth(4));
        let kind = match principal {
            Some(arn) if arn.contains(":assumed-role/") => "AssumedRole",
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
                "type": kind,
                "arn": principal,
                "accountId": caller_account,
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
            "responseElements": null,
            "requestID": self.request_id,
            "eventID": self.request_id,
            "readOnly": true,
            "eventType": "AwsApiCall",
            "managementEvent": true,
            // What another account refused is recorded with the caller alone.
            "recipientAccountId": if error_code.is_some() { caller_account } else { self.account_id.as_deref() },
            "eventCategory": "Management",
        })
    }
}
