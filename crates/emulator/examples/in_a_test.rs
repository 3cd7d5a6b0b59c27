//! The emulator in a test of your own code: it runs in the test's process, on a free port, until it is dropped.
//!
//! `cargo test -p rolecall-emulator --example in_a_test` runs the tests below.

use std::error::Error;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_smithy_http_client::Builder;
use jiff::Timestamp;
use rolecall_emulator::{Clock, Emulator, World};

const HUB_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const MEMBER_ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// The code under test: the names of the users of an account, read through a role in it.
async fn user_names(
    endpoint: &str,
    caller: Credentials,
    role_arn: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    let sts = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .http_client(Builder::new().build_http())
        .credentials_provider(caller)
        .build();
    let sts = aws_sdk_sts::Client::from_conf(sts);
    let session = sts.assume_role().role_arn(role_arn).role_session_name("example").send().await?;
    let session = session.credentials.ok_or("AssumeRole gave no credentials")?;
    let session = Credentials::new(
        session.access_key_id,
        session.secret_access_key,
        Some(session.session_token),
        None,
        "AssumeRole",
    );
    let iam = aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .http_client(Builder::new().build_http())
        .credentials_provider(session)
        .build();
    let users = aws_sdk_iam::Client::from_conf(iam).list_users().send().await?;
    Ok(users.users.into_iter().map(|user| user.user_name).collect())
}

/// Starts an emulator with the two accounts of the tutorial. `World::read` reads a world file of your own.
#[expect(clippy::disallowed_methods, reason = "a test may read the clock")]
async fn start() -> Result<(Emulator, Credentials), Box<dyn Error>> {
    let listen = "127.0.0.1:0".parse()?;
    let emulator = Emulator::start(World::tutorial()?, Clock::new(Timestamp::now), listen, None).await?;
    let issued = emulator.session(HUB_ROLE, "example")?;
    let caller = Credentials::new(
        issued.access_key_id,
        issued.secret_access_key,
        Some(issued.session_token),
        None,
        "emulator",
    );
    Ok((emulator, caller))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (emulator, caller) = start().await?;
    user_names(&emulator.url(), caller, MEMBER_ROLE).await?;
    Ok(())
}

#[tokio::test]
async fn users_are_read_through_the_role() -> Result<(), Box<dyn Error>> {
    let (emulator, caller) = start().await?;
    let names = user_names(&emulator.url(), caller, MEMBER_ROLE).await?;
    assert!(names.contains(&"alice".to_owned()) && names.contains(&"bob".to_owned()), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_denied_and_the_log_says_why() -> Result<(), Box<dyn Error>> {
    let (emulator, caller) = start().await?;
    let missing = "arn:aws:iam::111111111111:role/Missing";
    assert!(user_names(&emulator.url(), caller, missing).await.is_err());
    // The last request, with the statement that decided it or with what is missing.
    let last = emulator.requests().pop().ok_or("no request was made")?;
    assert_eq!((last.operation.as_str(), last.verdict.as_str()), ("sts:AssumeRole", "Denied"));
    Ok(())
}
