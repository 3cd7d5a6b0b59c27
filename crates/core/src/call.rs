//! Errors of calls to AWS: the one place that looks into the SDK's errors.
//!
//! The SDK's errors are never printed in full: a malformed response to `AssumeRole` carries the session's secrets, and
//! AWS responds to a rejected signature with the headers that were signed, the session token among them.

use std::error::Error;
use std::{fmt, io};

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use jiff::Timestamp;
use rolecall_roll::{ErrorKind, Side};
use rustls::CertificateError;
use rustls_pki_types::UnixTime;

use crate::secrets::{Redactor, Secrets, redact_unknown};

/// The error of a call, after its last attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The API operation, as AWS spells it.
    pub operation: &'static str,
    /// Whether the call was made with the caller's credentials or with the member account's session.
    pub side: Side,
    /// The kind of error, which decides the remedy.
    pub error_kind: ErrorKind,
    /// The AWS error code, where AWS returned one.
    pub code: Option<String>,
    /// What happened, in one line; AWS's own message where AWS responded.
    pub message: String,
    /// Whether no source has credentials of the caller, so that none were sent.
    pub has_no_credentials: bool,
    /// The request id of the response; `None` where there was no response.
    pub request_id: Option<String>,
}

impl CallError {
    /// Reads the SDK's error. No other function does.
    pub fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let without_code = |kind, message: String| Self {
            operation,
            side: Side::Caller,
            error_kind: kind,
            code: None,
            message,
            has_no_credentials: false,
            request_id: None,
        };
        let credentials = |error: &(dyn Error + 'static)| {
            let details = error_chain(error);
            if !are_not_found(error) {
                return without_code(ErrorKind::Credentials, details);
            }
            // Which source said what is of interest only to somebody who expects one of them to work.
            tracing::info!("no AWS credentials were found: {details}");
            let message = "no AWS credentials were found".to_owned();
            Self { has_no_credentials: true, ..without_code(ErrorKind::Credentials, message) }
        };
        match error {
            SdkError::ServiceError(context) => Self::from_response(operation, context.err(), context.raw()),
            SdkError::ResponseError(context) => {
                let request_id = valid_request_id(context.raw().headers().request_id());
                let problem = source::<MalformedAnswer>(error);
                let unreadable = || "the response ended early or could not be read".to_owned();
                let message = problem.map_or_else(unreadable, ToString::to_string);
                Self { request_id, ..without_code(ErrorKind::Malformed, message) }
            }
            SdkError::TimeoutError(_) => {
                without_code(ErrorKind::TimedOut, "no response within the timeout".into())
            }
            SdkError::DispatchFailure(failure) => {
                let Some(error) = failure.as_connector_error() else {
                    return without_code(ErrorKind::Transport, "the request could not be sent".into());
                };
                if source::<CredentialsError>(error).is_some() {
                    return credentials(error);
                }
                let kind = if error.is_timeout() { ErrorKind::TimedOut } else { ErrorKind::Transport };
                without_code(kind, error_chain(error))
            }
            other => {
                if let Some(problem) = source::<MalformedAnswer>(other) {
                    without_code(ErrorKind::Malformed, problem.to_string())
                } else if source::<CredentialsError>(other).is_some() {
                    credentials(other)
                } else {
                    without_code(ErrorKind::Internal, "the request could not be built".into())
                }
            }
        }
    }

    /// Reads an error response: from AWS, or from a proxy or gateway in between.
    fn from_response(
        operation: &'static str,
        error: &impl ProvideErrorMetadata,
        response: &HttpResponse,
    ) -> Self {
        let status = response.status().as_u16();
        let code = error.code().and_then(valid_code);
        let (kind, message) = match &code {
            Some(code) => {
                let message = error.message().map_or_else(|| code.clone(), first_paragraph);
                (error_kind(code, status), message)
            }
            None if (200..300).contains(&status) => {
                (ErrorKind::Malformed, "the response is not in AWS's format".into())
            }
            // A proxy or a gateway rejected the request, and AWS never saw it.
            None if is_html(response) => (
                ErrorKind::Transport,
                format!("HTTP status {status} with a web page instead of a response from AWS"),
            ),
            None if error.code().is_some() => {
                (error_kind("", status), format!("HTTP status {status} with an invalid AWS error code"))
            }
            None => (error_kind("", status), format!("HTTP status {status} without an AWS error code")),
        };
        let request_id = valid_request_id(response.headers().request_id());
        Self {
            operation,
            side: Side::Caller,
            error_kind: kind,
            code,
            message,
            has_no_credentials: false,
            request_id,
        }
    }

    /// The error of one entry of a batch, of which AWS took the others.
    #[must_use]
    pub fn of_entry(operation: &'static str, code: Option<&str>, message: &str) -> Self {
        let code = code.and_then(valid_code);
        Self {
            operation,
            side: Side::Caller,
            error_kind: error_kind(code.as_deref().unwrap_or_default(), 200),
            code,
            message: first_paragraph(message),
            has_no_credentials: false,
            request_id: None,
        }
    }

    /// The error of a response that AWS would not send, such as one without a required field.
    #[must_use]
    pub fn malformed(operation: &'static str, message: impl Into<String>, request_id: Option<&str>) -> Self {
        let request_id = valid_request_id(request_id);
        Self {
            operation,
            side: Side::Caller,
            error_kind: ErrorKind::Malformed,
            code: None,
            message: message.into(),
            has_no_credentials: false,
            request_id,
        }
    }

    /// Redacts secrets, in case AWS or something in between echoed one. A code or a request id that holds one is not AWS's,
    /// and is dropped.
    #[must_use]
    pub(crate) fn redact(mut self, redactor: &Redactor) -> Self {
        self.message = redactor.free_text(&self.message).into_owned();
        self.code = self.code.filter(|code| !redactor.is_in_identifier(code));
        self.request_id = self.request_id.filter(|id| !redactor.is_in_identifier(id));
        // The message is cut only now: cut before, a part of a secret could remain.
        if let Some((end, _)) = self.message.char_indices().nth(MAX_MESSAGE_CHARS) {
            self.message.truncate(end);
        }
        self
    }

    /// The error without these secrets, for calls that other crates make.
    #[must_use]
    pub fn without(self, secrets: &Secrets) -> Self {
        self.redact(&secrets.redactor([]))
    }

    /// Sets which credentials the call was made with.
    #[must_use]
    pub(crate) fn with_side(self, side: Side) -> Self {
        Self { side, ..self }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, code, message, .. } = self;
        match code {
            Some(code) if code != message => write!(f, "{operation}: {code}: {message}"),
            _ => write!(f, "{operation}: {message}"),
        }
    }
}

impl Error for CallError {}

/// Why a response is not one that AWS sends. Raised by [`crate::connect`]'s check of every response. It names elements and
/// never their text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MalformedAnswer {
    /// The document has no end.
    #[error("the response was cut short or is not in AWS's format")]
    Incomplete,
    /// The status says success, and the body is an error.
    #[error("the response is an error document with the HTTP status of success")]
    ErrorDocument,
    /// An element is absent, or has no text.
    #[error("the response has no {0}")]
    Missing(String),
    /// An element must have the value that the request has.
    #[error("{0} in the response is not the one that was requested")]
    OtherThanRequested(&'static str),
    /// An ARN must be in the account that is read.
    #[error("{0} in the response is in another account")]
    OtherAccount(&'static str),
}

/// The kind of an AWS error code, or of the HTTP status where the code is unknown.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html> and STS's common errors.
fn error_kind(code: &str, status: u16) -> ErrorKind {
    match code {
        "AccessDenied" | "AccessDeniedException" | "OptInRequired" | "NotAuthorized" => ErrorKind::Denied,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => ErrorKind::Credentials,
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException" => ErrorKind::Throttled,
        "NoSuchEntity" | "NoSuchEntityException" => ErrorKind::NotFound,
        _ if status == 429 => ErrorKind::Throttled,
        _ => ErrorKind::Other,
    }
}

fn is_html(response: &HttpResponse) -> bool {
    let content_type = response.headers().get("content-type").unwrap_or_default().to_ascii_lowercase();
    let body = response.body().bytes().unwrap_or_default().trim_ascii_start();
    let starts_with =
        |prefix: &str| body.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix.as_bytes()));
    content_type.starts_with("text/html") || starts_with("<!doctype html") || starts_with("<html")
}

/// A message up to its first line break, without characters that control a terminal. Where AWS rejects a signature, the
/// request that was signed follows the first line.
fn first_paragraph(message: &str) -> String {
    let line = message.trim().lines().next().unwrap_or_default();
    line.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// Longer messages are cut to this number of characters.
const MAX_MESSAGE_CHARS: usize = 1000;

/// The text, if it has the form of an error code of AWS, such as `AccessDenied` or `Client.RequestLimitExceeded`.
fn valid_code(text: &str) -> Option<String> {
    let is_valid = (1..=128).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    is_valid.then(|| text.to_owned())
}

/// The text, if it has the form of a request id: UUIDs, and the letters and digits of some services and emulators.
pub(crate) fn valid_request_id(text: Option<&str>) -> Option<String> {
    let is_valid = |text: &&str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    text.filter(is_valid).map(str::to_owned)
}

/// The messages of an error and of its sources, outermost first, without repetitions.
fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut messages: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = if let Some(metadata) = error.downcast_ref::<ErrorMetadata>() {
            service_error_text(metadata)
        } else if let Some(problem) = tls_error(error).and_then(certificate_validity) {
            problem
        } else {
            let text = error.to_string();
            match text.split_once(" Stderr: ") {
                Some((failure, stderr)) => format!("{failure} {}", process_message(stderr)),
                // The list of all sources that were tried begins on the next line.
                None => first_paragraph(&text).trim_end_matches(". Attempted:").to_owned(),
            }
        };
        // Some of the SDK's errors print the whole request, and some say less than their source.
        let shows_request = text.contains("SdkBody");
        let is_generic = text == "service error" || text.starts_with("unhandled error");
        if !text.is_empty()
            && !shows_request
            && !is_generic
            && !messages.iter().any(|previous| previous.contains(&text))
        {
            messages.push(text);
        }
        next = error.source();
    }
    // The outermost message says only that something failed; its sources say what.
    if messages.len() > 1 {
        messages.remove(0);
    }
    messages.join(": ")
}

/// How the text begins where a server's certificate is not valid now.
pub(crate) const BY_THE_CLOCK: &str = "by this machine's clock, the server's TLS certificate";

/// The text where the TLS handshake failed because the server's certificate is not valid now. It has no time of now, so that
/// it is the same for all accounts.
fn certificate_validity(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(problem) = error else { return None };
    let date = |time: &UnixTime| {
        let second =
            i64::try_from(time.as_secs()).ok().and_then(|second| Timestamp::from_second(second).ok());
        second.map_or("a time that no calendar has".to_owned(), |time| time.to_string())
    };
    let problem = match problem {
        CertificateError::ExpiredContext { not_after, .. } => format!("expired at {}", date(not_after)),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("is not valid before {}", date(not_before))
        }
        CertificateError::Expired => "has expired".to_owned(),
        CertificateError::NotValidYet => "is not valid yet".to_owned(),
        _ => return None,
    };
    Some(format!("{BY_THE_CLOCK} {problem}"))
}

/// The TLS error that an I/O error wraps, which is not its source.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let wrapped = wrapped.map(|wrapped| -> &(dyn Error + 'static) { wrapped });
    error.downcast_ref().or_else(|| tls_error(wrapped?))
}

/// What a `credential_process` printed to stderr, in one line. It may print anything, secrets too.
fn process_message(stderr: &str) -> String {
    const MAX_CHARS: usize = 300;
    let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
    let text = lines.map(|line| first_paragraph(&redact_unknown(line))).collect::<Vec<_>>().join(" | ");
    // The cause is at the end, below a stack trace for example.
    let skipped = text.chars().count().saturating_sub(MAX_CHARS);
    let cut: String = text.chars().skip(skipped).collect();
    match (text.is_empty(), skipped) {
        (true, _) => "The process printed nothing to stderr".to_owned(),
        (_, 0) => format!("The process printed: {cut}"),
        _ => format!("The process printed: …{cut}"),
    }
}

/// AWS's error to a call that the SDK made itself to get the caller's credentials.
fn service_error_text(metadata: &ErrorMetadata) -> String {
    let code = metadata.code().unwrap_or("an error without a code");
    match metadata.message().map(first_paragraph) {
        // The message quotes the rejected value: here the external id of a profile, which Rolecall never held and
        // therefore cannot redact.
        Some(message) if message.contains("externalId") => {
            format!("{code}: the profile's external_id was rejected")
        }
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    }
}

/// Whether no source of credentials has any, as opposed to a source that fails.
fn are_not_found(error: &(dyn Error + 'static)) -> bool {
    // The instance metadata are the last source. Outside of EC2, something else may respond at their address.
    matches!(source::<CredentialsError>(error), Some(CredentialsError::CredentialsNotLoaded(_)))
        || matches!(source::<ImdsError>(error), Some(ImdsError::FailedToLoadToken(_)))
}

/// The error, or the first of its sources, that is of this type.
fn source<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(<dyn Error>::downcast_ref::<E>)
}
