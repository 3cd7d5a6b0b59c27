//! The one HTTP client that all calls share, and the SDK's configuration.

mod answers;
mod proxy;
mod trust_store;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::config::IdentityCache;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{self, TlsContext, rustls_provider::CryptoMode};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::ServiceConfigKey;
use rolecall_roll::Partition;

use crate::caller_credentials::SendableCredentials;
use crate::options::settings::Limits;

pub(crate) use answers::CheckAnswers;
use proxy::DirectCredentials;
pub use proxy::PROXY_VARIABLES;
pub use trust_store::{InvalidCaBundle, RootCertificates};

/// The environment variables that set an endpoint, among those that the SDK reads.
const ENDPOINT_VARIABLES: [&str; 7] = [
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_IAM",
    "AWS_ENDPOINT_URL_ORGANIZATIONS",
    "AWS_ENDPOINT_URL_S3",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_EVENTBRIDGE",
];

/// Checks the proxy and endpoint addresses in the environment. Without this check an invalid proxy address would be
/// ignored silently, and an invalid endpoint would fail later with a message that names no variable.
///
/// # Errors
/// [`InvalidEndpoint`] names the variable. No password in an address is repeated.
pub fn check_addresses(variable: impl Fn(&str) -> Option<String>) -> Result<(), InvalidEndpoint> {
    proxy::check(&variable)?;
    for (name, address) in ENDPOINT_VARIABLES.into_iter().filter_map(|name| Some((name, variable(name)?))) {
        if address.is_empty() {
            return Err(InvalidEndpoint(format!(
                "{name} is set and empty, which the AWS SDK rejects; unset it"
            )));
        }
        check_url(&address).map_err(|problem| InvalidEndpoint(format!("{name} is {problem}")))?;
    }
    Ok(())
}

/// Checks the address of an endpoint.
fn check_url(address: &str) -> Result<(), String> {
    if let Some(at) = userinfo_end(address) {
        // The SDK would send neither, and would show both in its messages.
        let rest = address.get(at..).unwrap_or_default();
        let scheme = address.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
        return Err(format!(
            "a URL with a user name or password, which an AWS endpoint cannot have; remove it: {:?}",
            format!("{scheme}{rest}")
        ));
    }
    if is_http_url(address) {
        return Ok(());
    }
    Err(format!("{address:?}, not a valid URL; expected one such as http://127.0.0.1:4566"))
}

/// Where the user name and the password of a URL end; `None` if it has none.
fn userinfo_end(url: &str) -> Option<usize> {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url.get(start..)?;
    // A password that is not encoded may have a slash.
    rest.rfind('@').map(|at| start + at + 1)
}

/// The address of a proxy or an endpoint is not valid. The message names where it is set.
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

/// The HTTP client that all calls share. It uses the proxy of `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, and
/// these root certificates: the SDK passes neither to an HTTP client that it is given. Containers and instances are asked
/// for credentials without the proxy.
#[must_use]
pub fn http_client(roots: RootCertificates) -> SharedHttpClient {
    let client = Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder();
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        // Building the context cannot fail: all its parts are given.
        let tls = TlsContext::builder().with_trust_store(roots.trust_store()).build().unwrap_or_default();
        connector
            .proxy_config(ProxyConfig::from_env())
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls)
            .build()
    });
    SharedHttpClient::new(DirectCredentials::new(client))
}

/// The inputs of the SDK's configuration.
#[derive(Debug)]
pub struct ClientConfig {
    /// The HTTP client that all calls share, from [`http_client`].
    pub http_client: SharedHttpClient,
    /// The region; `None` for that of the environment, the profile or the instance.
    pub region: Option<String>,
    /// The profile; `None` for `AWS_PROFILE` or the default one.
    pub profile: Option<String>,
    /// The caller's credentials; `None` for the SDK's chain: environment, profile, SSO, process, container, instance.
    pub credentials: Option<SharedCredentialsProvider>,
    /// The partition of the targets: its default region is used where no region is set.
    pub partition: Partition,
    /// The clock, for signatures and for the expiration of sessions.
    pub time: SharedTimeSource,
}

impl ClientConfig {
    /// The SDK's configuration. Endpoints, FIPS and dual-stack settings are read as the SDK reads them.
    ///
    /// # Errors
    /// Where an endpoint in the environment or in a profile is not a valid URL: the SDK would fail on it later.
    pub async fn sdk_config(self, limits: &Limits) -> Result<SdkConfig, InvalidEndpoint> {
        let region = self.region().await;
        let mut loader = self
            .loader()
            .region(region.clone())
            .retry_config(retries(limits))
            .timeout_config(timeouts(limits))
            // Shared, so that the clients made from this configuration call the caller's provider only once.
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

    /// The region. The caller's credentials may need it too: a profile's role is assumed in it.
    async fn region(&self) -> Region {
        if let Some(region) = &self.region {
            return Region::new(region.clone());
        }
        let found = self.loader().no_credentials().load().await.region().cloned();
        let found = found.filter(|region| !region.as_ref().is_empty());
        found.unwrap_or(Region::new(self.partition.default_region()))
    }

    /// The credentials of the profile, if one is given, or those of `self.credentials`; `None` for the SDK's chain.
    fn credentials(&self, region: Region) -> Option<SharedCredentialsProvider> {
        let Some(profile) = &self.profile else {
            return self.credentials.clone();
        };
        // A profile that is given takes precedence over credentials in the environment, as with the AWS CLI. In the SDK's
        // chain the environment would come first, and the caller would be another identity.
        let provider_config = ProviderConfig::without_region()
            .with_region(Some(region))
            .with_http_client(self.http_client.clone())
            .with_time_source(self.time.clone());
        let provider =
            ProfileFileCredentialsProvider::builder().configure(&provider_config).profile_name(profile);
        Some(SharedCredentialsProvider::new(provider.build()))
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

/// The endpoint that the environment or the profile sets for a service, or for all of them; `None` where AWS's own is used.
#[must_use]
pub fn endpoint_of(config: &SdkConfig, service_id: &str) -> Option<String> {
    own_endpoint_of(config, service_id).or_else(|| config.endpoint_url().map(str::to_owned))
}

/// The endpoint that is set for this service alone.
fn own_endpoint_of(config: &SdkConfig, service_id: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    config.service_config()?.load_config(key.ok()?)
}

/// Checks that the endpoints are valid URLs, in the environment and in the profile.
fn check_endpoints(config: &SdkConfig) -> Result<(), InvalidEndpoint> {
    let all = config.endpoint_url().map(str::to_owned);
    let services = ["STS", "IAM", "Organizations", "S3", "SNS", "EventBridge"];
    let services = services.map(|id| (id, own_endpoint_of(config, id)));
    for (service, url) in [("all services", all)].into_iter().chain(services) {
        if let Some(problem) = url.and_then(|url| check_url(&url).err()) {
            return Err(InvalidEndpoint(format!(
                "the endpoint of {service} is {problem}. It is set in the environment, as AWS_ENDPOINT_URL, or in the \
                 profile, as endpoint_url"
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
        // The account timeout bounds all attempts together; it keeps what was read by then.
        .disable_operation_timeout()
        .build()
}

#[cfg(test)]
mod tests {
    use super::check_addresses;

    #[test]
    fn invalid_addresses_are_rejected_and_that_of_a_proxy_is_not_repeated() {
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
            let problem = check("HTTPS_PROXY", address).unwrap_err();
            assert!(problem.contains("HTTPS_PROXY") && !problem.contains("pa55"), "{problem}");
        }
        check("AWS_ENDPOINT_URL", "http://127.0.0.1:4566").unwrap();
        for address in ["127.0.0.1:4566", "localhost", "ftp://x", "http://"] {
            assert!(check("AWS_ENDPOINT_URL", address).unwrap_err().contains(address));
        }
        for address in
            ["http://me:pa55@127.0.0.1:4566", "me:pa55@127.0.0.1:4566", "https://pa55@x", "http://me:pa/55@x"]
        {
            let problem = check("AWS_ENDPOINT_URL", address).unwrap_err();
            assert!(
                problem.contains("password") && !problem.contains("pa55") && !problem.contains("/55"),
                "{problem}"
            );
        }
    }
}
