//! The options of delivery: where rolls are stored, and who is notified of them. `rolecall-delivery` does both.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use rolecall_roll::AccountId;

use crate::options::row::{one, options, switch};

options! {
    /// The options of delivery.
    DeliveryOptions {
        /// Store of distributed runs and their rolls; `s3://BUCKET/PREFIX`, or the path of a folder
        store: StoreLocation = (), Text("URL"), Some("delivery.store"), |texts| one(texts, str::parse),
            example "\"s3://rolecall-222222222222\"";

        /// Id of the account that must own the bucket; S3 refuses a bucket of another account
        bucket_owner: AccountId = (), Text("ID"), Some("delivery.bucket_owner"), |texts| one(texts, str::parse),
            example "\"222222222222\"";

        /// Number of accounts that an invocation collects; the state machine collects many batches at the same time
        batch_size: usize = DEFAULT_BATCH_SIZE, Number("N"), Some("delivery.batch_size"), |texts| one(texts, parse_batch_size);

        /// ARN of the SNS topic that gets a summary of each roll
        topic_arn: String = (), Text("ARN"), Some("delivery.topic_arn"), |texts| one(texts, parse_topic_arn),
            example "\"arn:aws:sns:eu-west-1:222222222222:rolecall\"";

        /// Name or ARN of the event bus that gets an event for each finding that is opened, reopened or resolved
        event_bus: String = (), Text("NAME"), Some("delivery.event_bus"), |texts| one(texts, parse_event_bus), example "\"default\"";

        /// Send the summary only if a finding or an account changed, or the roll is incomplete
        only_changes: bool = false, Switch(""), Some("delivery.only_changes"), switch;

        /// Print the metrics of each roll as a line that CloudWatch reads from the log of a Lambda function
        metrics: bool = false, Switch(""), Some("delivery.metrics"), switch;
    }
}

/// The number of accounts of a batch: what one invocation of 15 minutes reads if each account takes its timeout of 10 minutes,
/// all at the same time.
const DEFAULT_BATCH_SIZE: usize = 25;

impl DeliveryOptions {
    /// The number of accounts of a batch.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_size.as_ref().map_or(DEFAULT_BATCH_SIZE, |given| given.value)
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn prints_metrics(&self) -> bool {
        self.metrics.as_ref().is_some_and(|given| given.value)
    }
}

/// An entry of a cursor is at most 50 bytes, and Step Functions passes on 262,144 bytes.
fn parse_batch_size(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1000).contains(number));
    number.ok_or_else(|| "not a number from 1 to 1000".to_owned())
}

fn parse_topic_arn(text: &str) -> Result<String, String> {
    let fields: Vec<&str> = text.split(':').collect();
    match fields[..] {
        ["arn", _, "sns", region, account, name]
            if !region.is_empty() && account.parse::<AccountId>().is_ok() && is_name(name) =>
        {
            Ok(text.to_owned())
        }
        _ => Err("not the ARN of an SNS topic; expected arn:aws:sns:REGION:123456789012:NAME".to_owned()),
    }
}

fn parse_event_bus(text: &str) -> Result<String, String> {
    let is_arn = text.starts_with("arn:") && text.contains(":event-bus/");
    if is_arn || (is_name(text) && !text.starts_with("arn:")) {
        return Ok(text.to_owned());
    }
    Err("not the name or the ARN of an event bus; expected default, or arn:aws:events:REGION:123456789012:event-bus/NAME".to_owned())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
}

/// The address of a store: `s3://BUCKET`, `s3://BUCKET/PREFIX`, or the path of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A folder.
    Folder(PathBuf),
    /// A bucket, and the prefix of all keys in it, without slashes at its ends.
    S3 {
        /// The name of the bucket.
        bucket: String,
        /// The prefix; empty for none.
        prefix: String,
    },
}

impl FromStr for StoreLocation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty; expected s3://BUCKET/PREFIX or the path of a folder".to_owned());
        }
        let Some(address) = text.strip_prefix("s3://") else {
            // A mistyped address must not become a folder.
            let is_s3 = text.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("s3:"));
            return match text.split_once("://") {
                Some((scheme, _)) if !scheme.eq_ignore_ascii_case("s3") => {
                    Err(format!("{text:?} has another scheme than s3; expected s3://BUCKET/PREFIX"))
                }
                _ if is_s3 => Err(format!("{text:?} does not begin with s3://; expected s3://BUCKET/PREFIX")),
                _ => Ok(Self::Folder(PathBuf::from(text))),
            };
        };
        let (bucket, prefix) = address.split_once('/').unwrap_or((address, ""));
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(is_name) {
            return Err(format!(
                "{bucket:?} is not a valid bucket name; S3 allows 3 to 63 lowercase letters, digits, dots and hyphens"
            ));
        }
        Ok(Self::S3 { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StoreLocation;

    #[test]
    fn a_store_is_a_bucket_with_a_prefix_or_a_folder() {
        for (text, shown) in [
            ("s3://my.bucket-1", "s3://my.bucket-1"),
            ("s3://my-bucket/a/b/", "s3://my-bucket/a/b"),
            ("./rolls", "./rolls"),
        ] {
            assert_eq!(text.parse::<StoreLocation>().unwrap().to_string(), shown);
        }
        for text in
            ["", "s3://", "s3://AB", "s3://a_b_c", "https://x", "s3:///a", "s3:/a", "s3:a/b", "S3://abc"]
        {
            assert!(text.parse::<StoreLocation>().is_err(), "{text}");
        }
    }
}
