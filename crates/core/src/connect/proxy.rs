//! Which requests go through the proxy of the environment, and the check of its address.

use std::net::IpAddr;

use aws_smithy_http_client::Builder;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use ipnet::IpNet;

use super::{ENDPOINT_VARIABLES, InvalidEndpoint, is_http_url};

/// The environment variables that name a proxy.
pub const PROXY_VARIABLES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// Asks the sources of the caller's credentials directly, and sends everything else through `proxied`.
///
/// A container (ECS, EKS Pod Identity) and an instance give credentials over plain HTTP: a proxy would see the token of the
/// pod, and the credentials in the response. The AWS CLI asks containers directly too.
///
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/http_proxy_config.html>
#[derive(Debug)]
pub(super) struct DirectCredentials {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

impl DirectCredentials {
    pub(super) fn new(proxied: SharedHttpClient) -> Self {
        Self { direct: Builder::new().build_http(), proxied }
    }
}

impl HttpClient for DirectCredentials {
    // Without `validate_base_client_config`. With it, each new SDK client would read all root certificates again, which
    // takes 80 µs per account. Without it, they are read once, for the first request.
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let [direct, proxied] =
            [&self.direct, &self.proxied].map(|client| client.http_connector(settings, components));
        SharedHttpConnector::new(ByRequest { direct, proxied })
    }
}

#[derive(Debug)]
struct ByRequest {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for ByRequest {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let authorization = request.headers().get("authorization");
        let connector = if is_for_credentials(request.method(), request.uri(), authorization) {
            &self.direct
        } else {
            &self.proxied
        };
        let host = host(request.uri()).to_owned();
        let response = connector.call(request);
        HttpConnectorFuture::new(async move { response.await.map_err(|error| at_host(error, host)) })
    }
}

/// The host of a URI, with its port and without user and password; empty where it has none.
fn host(uri: &str) -> &str {
    let after_scheme = uri.split_once("://").map_or("", |(_, rest)| rest);
    let authority = after_scheme.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

/// An error of the connection to a host. The client's own errors name none.
#[derive(Debug, thiserror::Error)]
#[error("{host}")]
struct HostError {
    host: String,
    source: BoxError,
}

/// Whether the connection through a proxy could not be made. hyper-util has no type for it.
fn is_of_tunnel(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .any(|error| error.to_string().contains("tunnel error"))
}

/// The error, with the host in it. The kind stays: it decides whether the SDK tries again.
fn at_host(error: ConnectorError, host: String) -> ConnectorError {
    let (is_timeout, is_io, is_user, other) =
        (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    // With its connection, which the SDK does not use again after an error.
    let connection = error.connection_metadata().cloned();
    let source = error.into_source();
    let host = if is_of_tunnel(&*source) { format!("{host} through the proxy") } else { host };
    let source: BoxError = Box::new(HostError { host, source });
    let error = match (is_timeout, is_io, is_user) {
        (true, ..) => ConnectorError::timeout(source),
        (_, true, _) => ConnectorError::io(source),
        (.., true) => ConnectorError::user(source),
        _ => ConnectorError::other(source, other),
    };
    match connection {
        Some(connection) => error.with_connection(connection),
        None => error,
    }
}

/// Whether a request gets credentials, or the region, from the container or the instance: over plain HTTP, and not signed.
/// The calls to AWS are POST requests.
fn is_for_credentials(method: &str, uri: &str, authorization: Option<&str>) -> bool {
    let is_signed = authorization.is_some_and(|text| text.starts_with("AWS4-"));
    uri.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
        && method != "POST"
        && !is_signed
}

/// Checks the addresses of the proxies that would be used. The variables are read as `ProxyConfig::from_env` reads them.
///
/// # Errors
/// The variable whose address is not valid. The address is not repeated: it may hold a password.
pub(super) fn check(variable: &impl Fn(&str) -> Option<String>) -> Result<(), InvalidEndpoint> {
    // The first that is set counts, even if it is empty.
    let first_of =
        |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, variable(name)?)));
    let [http, https, all] =
        [["HTTP_PROXY", "http_proxy"], ["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]]
            .map(first_of);
    let is_set =
        |proxy: &Option<(&str, String)>| proxy.as_ref().is_some_and(|(_, address)| !address.is_empty());
    let no_proxy = first_of(["NO_PROXY", "no_proxy"]).map(|(_, rules)| rules).unwrap_or_default();
    let is_all_used = endpoints(variable).iter().any(|(scheme, host)| {
        !is_set(if scheme == "http" { &http } else { &https }) && !is_excluded(host, &no_proxy)
    });
    let all = all.filter(|_| is_all_used);
    for (name, address) in [http, https, all].into_iter().flatten().filter(|(_, address)| !address.is_empty())
    {
        let url = if address.contains("://") { address } else { format!("http://{address}") };
        if is_http_url(&url) {
            continue;
        }
        let problem = if url.starts_with("socks") {
            "is a SOCKS proxy, which rolecall does not support; set HTTPS_PROXY to an HTTP proxy, or NO_PROXY=* to use none"
        } else {
            "is not a valid HTTP proxy address; expected one such as http://proxy.example.com:3128"
        };
        return Err(InvalidEndpoint(format!("{name} {problem}")));
    }
    Ok(())
}

/// Scheme and host of the services' endpoints, as far as the environment sets them.
fn endpoints(variable: &impl Fn(&str) -> Option<String>) -> Vec<(String, String)> {
    let [all, services @ ..] = ENDPOINT_VARIABLES;
    let endpoint = |name: &str| {
        let url: http::Uri = variable(name).or_else(|| variable(all))?.parse().ok()?;
        Some((url.scheme_str()?.to_owned(), url.host()?.to_owned()))
    };
    let of_aws = || ("https".to_owned(), "amazonaws.com".to_owned());
    services.map(|name| endpoint(name).unwrap_or_else(of_aws)).to_vec()
}

/// Whether the rules of `NO_PROXY` exclude a host: `*`, an address, a network, or a domain with its subdomains.
fn is_excluded(host: &str, rules: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    rules.split(',').map(str::trim).filter(|rule| !rule.is_empty()).any(|rule| match address {
        _ if rule == "*" => true,
        Some(address) => {
            let network = rule.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
            network || rule.parse() == Ok(address)
        }
        None => {
            let domain = rule.trim_start_matches('.').to_ascii_lowercase();
            host.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{check, host, is_excluded, is_for_credentials};

    #[test]
    fn the_host_in_an_error_has_no_password() {
        for (uri, expected) in [
            ("https://sts.eu-central-1.amazonaws.com/", "sts.eu-central-1.amazonaws.com"),
            ("http://127.0.0.1:9?x=http://y", "127.0.0.1:9"),
            ("http://[fd00:ec2::23]:80/v1/credentials", "[fd00:ec2::23]:80"),
            ("http://user:pa55@w@localhost:1/v1", "localhost:1"),
            ("/v1", ""),
        ] {
            assert_eq!(host(uri), expected);
        }
    }

    #[test]
    fn requests_for_credentials_are_those_over_http_without_a_signature() {
        for (method, uri, authorization, expected) in [
            ("GET", "http://169.254.170.23/v1/credentials", Some("PODTOKEN"), true),
            ("GET", "http://169.254.170.2/v2/credentials/x", None, true),
            ("GET", "http://[fd00:ec2::23]/v1/credentials", Some("PODTOKEN"), true),
            ("GET", "http://localhost:8080/creds", None, true),
            ("PUT", "http://169.254.169.254/latest/api/token", None, true),
            ("GET", "http://[fd00:ec2::254]/latest/meta-data/", None, true),
            ("GET", "https://portal.sso.eu-central-1.amazonaws.com/federation/credentials", None, false),
            ("POST", "http://127.0.0.1:4566/", Some("AWS4-HMAC-SHA256 Credential=x"), false),
            ("POST", "http://127.0.0.1:4566/", None, false),
            ("POST", "https://iam.amazonaws.com/", Some("AWS4-HMAC-SHA256 Credential=x"), false),
        ] {
            assert_eq!(is_for_credentials(method, uri, authorization), expected, "{method} {uri}");
        }
    }

    #[test]
    fn an_address_is_checked_only_if_it_would_be_used() {
        const SOCKS: (&str, &str) = ("ALL_PROXY", "socks5h://me:pa55@127.0.0.1:1080");
        const HTTP: (&str, &str) = ("HTTP_PROXY", "proxy:1");
        const HTTPS: (&str, &str) = ("https_proxy", "http://proxy:1");
        const LOCAL: (&str, &str) = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566");
        for (variables, problem) in [
            (&[SOCKS][..], "ALL_PROXY is a SOCKS proxy"),
            (&[SOCKS, HTTP], "ALL_PROXY is a SOCKS proxy"),
            (&[SOCKS, HTTPS], ""),
            (&[SOCKS, HTTPS, LOCAL], "ALL_PROXY is a SOCKS proxy"),
            (&[SOCKS, HTTP, LOCAL], ""),
            (&[SOCKS, LOCAL, ("no_proxy", "example.com, 127.0.0.0/8")], ""),
            (&[SOCKS, ("NO_PROXY", "*")], ""),
            (&[SOCKS, ("NO_PROXY", ".amazonaws.com")], ""),
            (&[SOCKS, ("NO_PROXY", ""), ("no_proxy", "*")], "ALL_PROXY is a SOCKS proxy"),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "::nonsense::")], ""),
            (&[("HTTPS_PROXY", "socks5://proxy:1")], "HTTPS_PROXY is a SOCKS proxy"),
            (
                &[("HTTPS_PROXY", "http://me:pa55 wd@proxy:1")],
                "HTTPS_PROXY is not a valid HTTP proxy address",
            ),
        ] {
            let value =
                |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, it)| (*it).to_owned());
            let found = check(&value).map_err(|error| error.to_string()).err().unwrap_or_default();
            assert!(
                found.starts_with(problem) && found.is_empty() == problem.is_empty(),
                "{variables:?}: {found}"
            );
            assert!(!found.contains("pa55"), "{found}");
        }
    }

    #[test]
    fn the_rules_of_no_proxy_are_those_of_curl() {
        for (host, rules, expected) in [
            ("iam.amazonaws.com", "amazonaws.com", true),
            ("iam.amazonaws.com", "x, .AmazonAWS.com", true),
            ("notamazonaws.com", "amazonaws.com", false),
            ("[::1]", "::1", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("localhost", "", false),
        ] {
            assert_eq!(is_excluded(host, rules), expected, "{host} {rules}");
        }
    }
}
