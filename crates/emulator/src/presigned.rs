//! The signature of a presigned URL, which is in the query.
//!
//! `scratchstack-aws-signature` verifies signatures in the `Authorization` header. It also reads those of a query, but
//! does not decode the credential, in which every client encodes the slashes.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::Write as _;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::Request;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::protocol::ApiError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How much the time of a signature may differ from the emulator's, as at AWS. IAM and STS do not use `X-Amz-Expires`.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(15);

/// The query parameter of a name, decoded; `None` if the request does not have it.
pub(crate) fn parameter(request: &Request<Bytes>, name: &str) -> Option<String> {
    let mut pairs = form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Verifies the signature in the query of a request for a region, a service and a time. `secret` is `None` if the
/// access key is not valid.
///
/// # Errors
/// With AWS's codes: a parameter is missing, the credential is for something else, the time is too different, or the
/// signature is not that of the request. An access key that is not valid is the caller's error to report, after these.
pub(crate) fn verify(
    request: &Request<Bytes>,
    secret: Option<&str>,
    (region, service): (&str, &str),
    now: Timestamp,
) -> Result<(), ApiError> {
    let required = |name: &str| {
        let message = || format!("AWS query-string parameters must include '{name}'.");
        parameter(request, name).ok_or_else(|| ApiError::new(400, "IncompleteSignature", message()))
    };
    let (credential, date) = (required("X-Amz-Credential")?, required("X-Amz-Date")?);
    let (signed_headers, signature) = (required("X-Amz-SignedHeaders")?, required("X-Amz-Signature")?);
    if required("X-Amz-Algorithm")? != ALGORITHM {
        return Err(ApiError::new(
            400,
            "IncompleteSignature",
            format!("Unsupported algorithm; use {ALGORITHM}."),
        ));
    }
    let day = date.split('T').next().unwrap_or_default();
    check_scope(&credential, &format!("{day}/{region}/{service}/aws4_request"), region, service)?;
    check_time(&date, now)?;
    let Some(secret) = secret else { return Ok(()) };
    let scope = credential.split_once('/').map(|(_, scope)| scope).unwrap_or_default();
    let canonical = canonical_request(request, &signed_headers);
    let text = format!("{ALGORITHM}\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let key =
        scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| mac(&key, part.as_bytes()));
    if hex(&mac(&key, text.as_bytes())) == signature {
        return Ok(());
    }
    let message = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                   Access Key and signing method. Consult the service documentation for details.";
    Err(ApiError::new(403, "SignatureDoesNotMatch", message))
}

fn check_scope(credential: &str, expected: &str, region: &str, service: &str) -> Result<(), ApiError> {
    let scope: Vec<&str> = credential.split('/').skip(1).collect();
    let problem = match scope.as_slice() {
        [_, other, ..] if *other != region => {
            format!("Credential should be scoped to a valid region, not '{other}'.")
        }
        [_, _, other, ..] if *other != service => {
            format!("Credential should be scoped to correct service: '{service}'.")
        }
        scope if scope.join("/") == expected => return Ok(()),
        _ => "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
            .to_owned(),
    };
    Err(ApiError::new(403, "SignatureDoesNotMatch", problem))
}

fn check_time(date: &str, now: Timestamp) -> Result<(), ApiError> {
    let signed = DateTime::strptime("%Y%m%dT%H%M%SZ", date).and_then(|it| TimeZone::UTC.to_timestamp(it));
    let signed = signed.map_err(|_| {
        ApiError::new(
            400,
            "IncompleteSignature",
            format!("Date must be in ISO-8601 'basic format'. Got '{date}'."),
        )
    })?;
    let age = now.duration_since(signed);
    let problem = if age > MAX_AGE {
        "Signature expired"
    } else if age < -MAX_AGE {
        "Signature not yet current"
    } else {
        return Ok(());
    };
    let message = format!("{problem}: {date} is more than 15 minutes from {now:.0}");
    Err(ApiError::new(403, "SignatureDoesNotMatch", message))
}

/// The request in the form that is signed.
fn canonical_request(request: &Request<Bytes>, signed_headers: &str) -> String {
    let query = request.uri().query().unwrap_or_default();
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name != "X-Amz-Signature")
        .map(|(name, value)| (encoded(&name), encoded(&value)))
        .collect();
    pairs.sort_unstable();
    let query: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let header = |name: &str| {
        let values = request.headers().get_all(name).iter();
        let values: Vec<&str> = values.filter_map(|value| value.to_str().ok().map(str::trim)).collect();
        format!("{name}:{}\n", values.join(","))
    };
    let headers: String = signed_headers.split(';').map(header).collect();
    let (method, path) = (request.method(), request.uri().path());
    let body = hex(&Sha256::digest(request.body()));
    format!("{method}\n{path}\n{}\n{headers}\n{signed_headers}\n{body}", query.join("&"))
}

/// A text as RFC 3986 encodes it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
