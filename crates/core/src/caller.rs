//! The credentials that calls are made with besides the accounts' own sessions, remembered only to keep them out of
//! what is said.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use zeroize::Zeroizing;

/// The secret keys and tokens that the caller's provider has given: an answer that echoes a request holds them.
#[derive(Clone, Default)]
pub struct CallerSecrets(Arc<Mutex<Vec<Zeroizing<String>>>>);

impl CallerSecrets {
    /// The configuration, with a provider that tells of what it gives.
    #[must_use]
    pub(crate) fn recording(sdk_config: SdkConfig) -> (SdkConfig, Self) {
        let secrets = Self::default();
        let Some(provider) = sdk_config.credentials_provider() else { return (sdk_config, secrets) };
        let told = RecordingProvider { provider, secrets: secrets.clone() };
        let sdk_config = sdk_config.into_builder().credentials_provider(SharedCredentialsProvider::new(told));
        (sdk_config.build(), secrets)
    }

    /// What has been given so far.
    #[must_use]
    pub(crate) fn secrets(&self) -> Vec<Zeroizing<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of one more.
    pub(crate) fn add(&self, secret: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|earlier| earlier.as_str() == secret) {
            known.push(Zeroizing::new(secret.to_owned()));
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
