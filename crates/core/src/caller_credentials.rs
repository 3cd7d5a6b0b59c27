//! Checks the caller's credentials, wherever the SDK finds them, before the first request.

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use rolecall_roll::unprintable_in;

/// A provider that rejects credentials that an HTTP header cannot hold: with such an access key id, the SDK would panic when
/// it signs. An empty session token, as a profile or a program may give one for a long-term access key, counts as none.
#[derive(Debug)]
pub(crate) struct SendableCredentials(pub(crate) SharedCredentialsProvider);

impl SendableCredentials {
    async fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let credentials = self.0.provide_credentials().await?;
        for (name, text) in [
            ("access key id", credentials.access_key_id()),
            ("secret access key", credentials.secret_access_key()),
            ("session token", credentials.session_token().unwrap_or_default()),
        ] {
            if let Some(problem) = unprintable_in(text) {
                return Err(CredentialsError::invalid_configuration(format!(
                    "the caller's {name} has {problem}"
                )));
            }
        }
        if credentials.session_token() != Some("") {
            return Ok(credentials);
        }
        let (id, secret) = (credentials.access_key_id(), credentials.secret_access_key());
        Ok(Credentials::new(id, secret, None, credentials.expiry(), "without an empty session token"))
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
        for (secret, token) in [("s3cret\r", None), ("s3cret", Some("s3cret\nx"))] {
            let credentials =
                Credentials::new("AKIAIOSFODNN7EXAMPLE", secret, token.map(str::to_owned), None, "test");
            let provider = SendableCredentials(SharedCredentialsProvider::new(credentials));
            let error = format!("{:?}", provider.provide_credentials().await.unwrap_err());
            assert!(error.contains("has a ") && !error.contains("s3cret"), "{error}");
        }
        let empty = Credentials::new("AKIAIOSFODNN7EXAMPLE", "s3cret", Some(String::new()), None, "test");
        let provider = SendableCredentials(SharedCredentialsProvider::new(empty));
        assert_eq!(provider.provide_credentials().await.unwrap().session_token(), None);
        // Emulators accept any id.
        for id in ["test", "000000000000", "AKIAIOSFODNN7EXAMPLE"] {
            assert_eq!(credentials_with_id(id).await.unwrap().access_key_id(), id);
        }
    }
}
