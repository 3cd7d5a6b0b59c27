//! Checks the caller's credentials, wherever the SDK finds them, before the first request.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use rolecall_roll::unprintable_in;

/// A provider that rejects credentials whose access key id an HTTP header cannot hold: the SDK would panic when it
/// signs with them.
#[derive(Debug)]
pub(crate) struct SendableCredentials(pub(crate) SharedCredentialsProvider);

impl SendableCredentials {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let credentials = self.0.provide_credentials().await?;
        match unprintable_in(credentials.access_key_id()) {
            None => Ok(credentials),
            Some(problem) => Err(CredentialsError::invalid_configuration(format!(
                "the caller's access key id has {problem}"
            ))),
        }
    }
}

impl ProvideCredentials for SendableCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};

    use super::SendableCredentials;

    async fn credentials_with_id(id: &str) -> Result<Credentials, String> {
        let credentials = Credentials::new(id, "s3cret", None, None, "test");
        let provider = SendableCredentials(SharedCredentialsProvider::new(credentials));
        provider.provide_credentials().await.map_err(|error| format!("{error:?}"))
    }

    #[tokio::test]
    async fn an_access_key_id_that_a_header_cannot_hold_is_rejected_with_the_reason() {
        for id in
            ["AKIAIOSFODNN7EXAMPLE\r", "AKIA\nIOSFODNN7EXAMPLE", "AKIAIOSFODNN7ÉXAMPLE", "AKIA\0", " AKIA"]
        {
            let error = credentials_with_id(id).await.unwrap_err();
            assert!(error.contains("access key id has "), "{error}");
            assert!(!error.contains("IOSFODNN7") && !error.contains("s3cret"), "{error}");
        }
        // Emulators accept any id.
        for id in ["test", "000000000000", "AKIAIOSFODNN7EXAMPLE"] {
            assert_eq!(credentials_with_id(id).await.unwrap().access_key_id(), id);
        }
    }
}
