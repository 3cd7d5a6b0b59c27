//! The one HTTP client that all calls share, and the SDK's configuration.

mod trust_store;
mod whole_answers;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::IdentityCache;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;
use rolecall_roll::Partition;

use crate::caller_credentials::SendableCredentials;
use crate::settings::Limits;

pub use trust_store::{InvalidCaBundle, RootCertificates};
pub(crate) use whole_answers::RejectTruncatedXml;

/// The environment variables that name a proxy, as [`ProxyConfig::from_env`] reads them.
const PROXY_VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// The environment variables that name an endpoint, of those that the SDK reads for us.
const ENDPOINT_VARIABLES: [&str; 4] =
    ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_ORGANIZATIONS"];

/// Refuses addresses in the environment that would be passed by without a word, as a proxy's that cannot be read, or
/// fail later in words that name no variable.
///
/// # Errors
/// Which variable is wrong. A proxy's address is not repeated: it may hold a password.
pub fn check_addresses(variable: impl Fn(&str) -> Option<String>) -> Result<(), InvalidEndpoint> {
    let set = |name: &'static str| Some((name, variable(name).filter(|address| !address.is_empty())?));
    for (name, address) in PROXY_VARIABLES.into_iter().filter_map(set) {
        let url = if address.contains("://") { address } else { format!("http://{address}") };
        if !is_http_url(&url) {
            return Err(InvalidEndpoint(format!(
                "{name} is no address of an HTTP proxy, one is like http://proxy.example.com:3128"
            )));
        }
    }
    for (name, address) in ENDPOINT_VARIABLES.into_iter().filter_map(|name| Some((name, variable(name)?))) {
        if address.is_empty() {
            return Err(InvalidEndpoint(format!(
                "{name} is set and empty, which the AWS SDK does not take; unset it"
            )));
        }
        if !is_http_url(&address) {
            return Err(InvalidEndpoint(format!(
                "{name} is {address:?}, but a URL is like http://127.0.0.1:4566"
            )));
        }
    }
    Ok(())
}

/// What is wrong with an address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidEndpoint(String);

fn is_http_url(url: &str) -> bool {
    let Ok(url) = url.parse::<http::Uri>() else { return false };
    let (Some("http" | "https"), Some(authority)) = (url.scheme_str(), url.authority()) else { return false };
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    let port = host_and_port.rsplit_once(']').map_or(host_and_port, |(_, port)| port).rsplit_once(':');
    !authority.host().is_empty() && port.is_none_or(|(_, port)| port.parse::<u16>().is_ok())
}

/// The HTTP client that all calls share: the proxy of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and
/// these roots. An HTTP client that is handed to the SDK hears of neither from it.
#[must_use]
pub fn http_client(roots: RootCertificates) -> SharedHttpClient {
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        // A context is built from parts that are always there.
        let tls = TlsContext::builder().with_trust_store(roots.trust_store()).build().unwrap_or_default();
        connector
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .build()
    });
    SharedHttpClient::new(CachedTrustStore(client))
}

/// Every SDK client that is made asks its HTTP client to check itself, which reads all roots again: 80 µs an account.
/// The roots are read when the first request is made, and only then.
#[derive(Debug)]
struct CachedTrustStore(SharedHttpClient);

impl HttpClient for CachedTrustStore {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }
}

/// What the SDK is told about the place that Rolecall runs in.
#[derive(Debug)]
pub struct ClientConfig {
    /// The HTTP client.
    pub http_client: SharedHttpClient,
    /// The region; `None` for the one that the environment, the profile or the instance names.
    pub region: Option<String>,
    /// The profile; `None` for `AWS_PROFILE` or the default one.
    pub profile: Option<String>,
    /// The caller's credentials; `None` for the SDK's chain: environment, profile, SSO, process, container, instance.
    pub credentials: Option<SharedCredentialsProvider>,
    /// The partition of the targets: its default region is used where no region is set.
    pub partition: Partition,
    /// The clock.
    pub time: SharedTimeSource,
}

impl ClientConfig {
    /// The SDK's configuration. Endpoints, FIPS and dual-stack settings are read as the SDK reads them.
    ///
    /// # Errors
    /// Where an endpoint that is set, in the environment or in a profile, is no URL: the SDK would fall over it.
    pub async fn sdk_config(self, limits: &Limits) -> Result<SdkConfig, InvalidEndpoint> {
        let region = self.region().await;
        let mut loader = self
            .loader()
            .region(region.clone())
            .retry_config(retries(limits))
            .timeout_config(timeouts(limits))
            // Shared, so that each client that is made of this asks the caller's provider no second time.
            .identity_cache(IdentityCache::lazy().build());
        if let Some(credentials) = self.credentials(region) {
            loader = loader.credentials_provider(credentials);
        }
        let mut config = loader.load().await;
        if let Some(provider) = config.credentials_provider() {
            let provider = SharedCredentialsProvider::new(SendableCredentials(provider));
            config = config.into_builder().credentials_provider(provider).build();
        }
        check_endpoints(&config)?;
        Ok(config)
    }

    /// The region, which the caller's credentials may need too: a profile's role is assumed there.
    async fn region(&self) -> Region {
        if let Some(region) = &self.region {
            return Region::new(region.clone());
        }
        let found = self.loader().no_credentials().load().await.region().cloned();
        let found = found.filter(|region| !region.as_ref().is_empty());
        found.unwrap_or(Region::new(self.partition.default_region()))
    }

    /// The credentials that were asked for; `None` for the SDK's chain.
    fn credentials(&self, region: Region) -> Option<SharedCredentialsProvider> {
        let Some(profile) = &self.profile else {
            return self.credentials.clone();
        };
        // A profile that was asked for wins over credentials in the environment, as with the AWS CLI; in the SDK's
        // chain the environment would come first, and the roll be taken as somebody else.
        let surroundings = ProviderConfig::without_region()
            .with_region(Some(region))
            .with_http_client(self.http_client.clone())
            .with_time_source(self.time.clone());
        let of_profile =
            ProfileFileCredentialsProvider::builder().configure(&surroundings).profile_name(profile);
        Some(SharedCredentialsProvider::new(of_profile.build()))
    }

    fn loader(&self) -> ConfigLoader {
        let loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(self.http_client.clone())
            .time_source(self.time.clone());
        match &self.profile {
            Some(profile) => loader.profile_name(profile),
            None => loader,
        }
    }
}

/// Holds that the endpoints are URLs, wherever they were set.
fn check_endpoints(config: &SdkConfig) -> Result<(), InvalidEndpoint> {
    let of_service = |id| {
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        config.service_config()?.load_config(key.ok()?)
    };
    let all = config.endpoint_url().map(str::to_owned);
    let services = ["STS", "IAM", "Organizations"].map(|id| (id, of_service(id)));
    for (whose, url) in [("all services", all)].into_iter().chain(services) {
        if let Some(url) = url.filter(|url| !is_http_url(url)) {
            return Err(InvalidEndpoint(format!(
                "the endpoint of {whose} is {url:?}, but a URL is like http://127.0.0.1:4566; it stands in the \
                 environment, as AWS_ENDPOINT_URL, or in the profile, as endpoint_url"
            )));
        }
    }
    Ok(())
}

fn retries(limits: &Limits) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(limits.max_attempts)
        .with_initial_backoff(limits.initial_backoff)
        .with_max_backoff(limits.max_backoff)
}

fn timeouts(limits: &Limits) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.read_timeout)
        .operation_attempt_timeout(limits.attempt_timeout)
        // Over all attempts the account's time is the bound: it keeps what was read by then.
        .disable_operation_timeout()
        .build()
}

#[cfg(test)]
mod tests {
    use super::check_addresses;

    #[test]
    fn addresses_that_cannot_be_read_are_refused_and_a_proxys_is_not_repeated() {
        let check = |name: &str, address: &str| {
            check_addresses(|variable| (variable == name).then(|| address.to_owned()))
                .map_err(|e| e.to_string())
        };
        for address in
            ["http://proxy:3128", "proxy:3128", "proxy", "http://user:pw@[::1]:3128", "https://proxy/", ""]
        {
            check("HTTPS_PROXY", address).unwrap();
        }
        for address in
            ["http://user:pa55 wd@proxy:1", "http://proxy:99999", "::nonsense::", "socks5://proxy:1"]
        {
            let refused = check("HTTPS_PROXY", address).unwrap_err();
            assert!(refused.contains("HTTPS_PROXY") && !refused.contains("pa55"), "{refused}");
        }
        check("AWS_ENDPOINT_URL", "http://127.0.0.1:4566").unwrap();
        for address in ["127.0.0.1:4566", "localhost", "ftp://x", "http://"] {
            assert!(check("AWS_ENDPOINT_URL", address).unwrap_err().contains(address));
        }
    }
}
