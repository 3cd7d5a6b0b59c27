//! Who is notified of a merged run: a topic gets a summary, an event bus gets an event for each finding that changed.
//!
//! What was not read is never reported as resolved. The first roll sends a summary, and no events: everything in it would be new.

mod events;
mod summary;

use aws_sdk_eventbridge::Client as EventBridge;
use aws_sdk_sns::Client as Sns;
use rolecall_core::options::delivery::DeliveryOptions;
use rolecall_core::secrets::Secrets;
use rolecall_core::{CallError, Scanner};
use rolecall_report::Report;
use rolecall_roll::{ErrorKind, RollFile};

use crate::merge::{Changes, Comparison, Merged};

/// Who is notified.
#[derive(Debug)]
pub struct Recipients {
    topic: Option<(Sns, String)>,
    event_bus: Option<(EventBridge, String)>,
    /// Whether the topic gets a summary only if something changed, or the roll is incomplete.
    only_changes: bool,
    secrets: Secrets,
}

/// The addresses of the recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    /// The ARN of an SNS topic.
    pub topic_arn: Option<String>,
    /// The name or the ARN of an event bus.
    pub event_bus: Option<String>,
    /// Whether the topic gets a summary only if something changed, or the roll is incomplete.
    pub only_changes: bool,
}

impl From<&DeliveryOptions> for Addresses {
    fn from(options: &DeliveryOptions) -> Self {
        Self {
            topic_arn: options.topic_arn.as_ref().map(|given| given.value.clone()),
            event_bus: options.event_bus.as_ref().map(|given| given.value.clone()),
            only_changes: options.only_changes.as_ref().is_some_and(|given| given.value),
        }
    }
}

/// A merged run, for the recipients.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    pub(crate) roll: &'a RollFile,
    pub(crate) report: &'a Report,
    pub(crate) comparison: &'a Comparison,
    pub(crate) merged: &'a Merged,
}

impl Message<'_> {
    /// Whether somebody has to look: something changed, or something could not be read.
    fn has_changes(&self) -> bool {
        !self.merged.complete || self.merged.changes.is_none_or(|changes| changes != Changes::default())
    }
}

/// Why a recipient was not notified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{recipient}: {problem}")]
pub struct NotifyError {
    /// The topic or the event bus.
    pub recipient: String,
    /// What happened.
    pub problem: String,
    /// What to do; `None` where that is plain.
    pub remedy: Option<String>,
}

impl Recipients {
    /// The recipients at these addresses; `None` where there is none.
    #[must_use]
    pub fn new(scanner: &Scanner, addresses: Addresses) -> Option<Self> {
        let Addresses { topic_arn, event_bus, only_changes } = addresses;
        let config = scanner.sdk_config();
        if topic_arn.is_none() && event_bus.is_none() {
            return None;
        }
        Some(Self {
            topic: topic_arn.map(|arn| (Sns::new(config), arn)),
            event_bus: event_bus.map(|bus| (EventBridge::new(config), bus)),
            only_changes,
            secrets: scanner.secrets().clone(),
        })
    }

    pub(crate) async fn notify(&self, message: &Message<'_>) -> Result<(), NotifyError> {
        if let Some((client, bus)) = &self.event_bus {
            events::put(client, bus, message)
                .await
                .map_err(|error| self.failure(bus, error, "events:PutEvents"))?;
        }
        if let Some((client, topic)) = &self.topic
            && (!self.only_changes || message.has_changes())
        {
            let sent = client
                .publish()
                .topic_arn(topic)
                .subject(summary::subject(message))
                .message(summary::text(message))
                .send()
                .await
                .map_err(|error| CallError::new("Publish", &error));
            sent.map_err(|error| self.failure(topic, error, "sns:Publish"))?;
        }
        Ok(())
    }

    fn failure(&self, recipient: &str, error: CallError, action: &str) -> NotifyError {
        let error = error.without(&self.secrets);
        let remedy = remedy(&error, recipient, action);
        NotifyError { recipient: recipient.to_owned(), problem: error.to_string(), remedy }
    }
}

/// What to do about a recipient's error. SNS and `EventBridge` have error codes that IAM and STS do not have.
///
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors>
fn remedy(error: &CallError, recipient: &str, action: &str) -> Option<String> {
    match (error.code.as_deref().unwrap_or_default(), error.error_kind) {
        (code, _) if code.starts_with("KMS") => Some(format!(
            "allow kms:GenerateDataKey and kms:Decrypt on the KMS key of {recipient}, and check that the key is enabled"
        )),
        ("AuthorizationError" | "AuthorizationErrorException", _) | (_, ErrorKind::Denied) => {
            Some(format!("allow {action} on {recipient}, and the use of its KMS key"))
        }
        ("NotFound" | "NotFoundException" | "ResourceNotFoundException", _) | (_, ErrorKind::NotFound) => {
            Some("check its name and its Region".to_owned())
        }
        (_, ErrorKind::Transport | ErrorKind::TimedOut) => Some(
            "check the network: in a VPC, SNS and EventBridge need interface endpoints or a NAT gateway"
                .to_owned(),
        ),
        _ => None,
    }
}
