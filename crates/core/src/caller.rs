//! The caller's credentials, and those of intermediate roles, kept only to redact them from messages.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use zeroize::Zeroizing;

/// The secret access keys and session tokens of the caller and of intermediate roles: a response that echoes a request
/// holds them.
#[derive(Clone, Default)]
pub struct CallerSecrets(Arc<Mutex<Vec<Zeroizing<String>>>>);

impl CallerSecrets {
    /// The configuration with a credentials provider that records the secrets that it returns.
    #[must_use]
    pub(crate) fn wrap_provider(sdk_config: SdkConfig) -> (SdkConfig, Self) {
        let secrets = Self::default();
        let Some(provider) = sdk_config.credentials_provider() else { return (sdk_config, secrets) };
        let recording = RecordingProvider { provider, secrets: secrets.clone() };
        let sdk_config =
            sdk_config.into_builder().credentials_provider(SharedCredentialsProvider::new(recording));
        (sdk_config.build(), secrets)
    }

    /// The secrets recorded so far.
    #[must_use]
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records a secret, once.
    pub(crate) fn add(&self, secret: &str) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !secrets.iter().any(|recorded| recorded.as_str() == secret) {
            secrets.push(Zeroizing::new(secret.to_owned()));
        }
    }
}

impl std::fmt::Debug for CallerSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallerSecrets(redacted)")
    }
}

#[derive(Debug)]
struct RecordingProvider {
    provider: SharedCredentialsProvider,
    secrets: CallerSecrets,
}

impl ProvideCredentials for RecordingProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.provider.provide_credentials().await?;
            self.secrets.add(credentials.secret_access_key());
            credentials.session_token().into_iter().for_each(|token| self.secrets.add(token));
            Ok(credentials)
        })
    }
}
