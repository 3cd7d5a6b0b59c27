//! A scanner for tests, with a fake AWS as its endpoint.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses some of these; a test that cannot continue fails"
)]

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use futures_util::StreamExt;
use rolecall_core::cancellation::Cancellation;
use rolecall_core::connect::{ClientConfig, RootCertificates, http_client};
use rolecall_core::scan::{ScanContext, Scanner};
use rolecall_core::targets::{Target, Targets};
use rolecall_core::{Limits, Settings};
use rolecall_roll::{AccountRecord, Partition};
use rolecall_testkit::secrets::{CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN, EXTERNAL_ID};

pub(crate) const ROLE_ARN: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// Settings with few attempts and short pauses.
pub(crate) fn settings() -> Settings {
    let limits = Limits {
        max_attempts: 3,
        initial_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(5),
        account_timeout: Duration::from_mins(1),
        ..Limits::default()
    };
    Settings { limits, ..Settings::default() }
}

/// A scanner, with the settings of its run.
#[derive(Debug)]
pub(crate) struct TestScanner {
    pub(crate) scanner: Scanner,
    pub(crate) context: ScanContext,
}

pub(crate) async fn scanner(endpoint: &str, settings: Settings) -> TestScanner {
    scanner_at(endpoint, settings, SharedTimeSource::new(SystemTimeSource::new())).await
}

pub(crate) async fn scanner_at(endpoint: &str, settings: Settings, time: SharedTimeSource) -> TestScanner {
    let token = Some(CALLER_SESSION_TOKEN.to_owned());
    let caller = Credentials::new("ASIACALLER", CALLER_SECRET_ACCESS_KEY, token, None, "test");
    let config = ClientConfig {
        http_client: http_client(RootCertificates::system()),
        region: Some("us-east-1".to_owned()),
        profile: None,
        credentials: Some(SharedCredentialsProvider::new(caller)),
        partition: Partition::Aws,
        time,
    };
    let sdk_config = config.sdk_config(&settings.limits).await.unwrap();
    let sdk_config = sdk_config.into_builder().endpoint_url(endpoint).build();
    TestScanner { scanner: Scanner::new(sdk_config, &settings.limits), context: ScanContext::new(settings) }
}

pub(crate) fn target(role_arn: &str) -> Target {
    Target::from_role(role_arn.parse().unwrap(), Some(EXTERNAL_ID.parse().unwrap()))
}

/// The records of the accounts of these roles, in order of completion.
pub(crate) async fn scan(scanner: &TestScanner, role_arns: &[&str]) -> Vec<AccountRecord> {
    let targets = Targets::new(role_arns.iter().map(|role_arn| target(role_arn)), Partition::Aws).unwrap();
    let TestScanner { scanner, context } = scanner;
    scanner.scan(context, targets.as_slice(), &Cancellation::new(None)).collect().await
}

/// The record of the account of [`ROLE_ARN`].
pub(crate) async fn scan_one(scanner: &TestScanner) -> AccountRecord {
    scan(scanner, &[ROLE_ARN]).await.pop().unwrap()
}

/// An account's users, one text each: `/path/name: KEY Status, …`.
pub(crate) fn user_texts(account: &AccountRecord) -> Vec<String> {
    let users = account.users().unwrap_or_default();
    users
        .iter()
        .map(|user| {
            let keys = user.access_keys.as_ref().map_or("unknown".to_owned(), |keys| {
                let keys = keys.iter().map(|key| format!("{} {}", key.access_key_id, key.status.as_str()));
                keys.collect::<Vec<_>>().join(", ")
            });
            format!("{}{}: {keys}", user.path, user.user_name)
        })
        .collect()
}
