//! Errors of calls to AWS: the one place that looks into the SDK's errors.
//!
//! The SDK's errors are never printed in full: a malformed response to `AssumeRole` carries the session's secrets, and
//! AWS responds to a rejected signature with the headers that were signed, the session token among them.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use rolecall_roll::{ErrorKind, Side};

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
    pub(crate) fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
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
                let request_id = context.raw().headers().request_id().map(str::to_owned);
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
        let code = error.code().map(str::to_owned);
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
            None => (error_kind("", status), format!("HTTP status {status} without an AWS error code")),
        };
        let request_id = response.headers().request_id().map(str::to_owned);
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

    /// The error of a response that AWS would not send, such as one without a required field.
    #[must_use]
    pub(crate) fn malformed(
        operation: &'static str,
        message: impl Into<String>,
        request_id: Option<&str>,
    ) -> Self {
        let request_id = request_id.map(str::to_owned);
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

    /// Redacts `secrets` and their parts in the message, in case AWS or something in between echoed one: in plain form, and
    /// percent-encoded as in a request.
    #[must_use]
    pub(crate) fn redact<'a>(mut self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            for form in [secret.to_owned(), percent_encoded(secret)] {
                self.message = without_parts(&self.message.replace(&form, "[redacted]"), &form);
            }
        }
        // The message is cut only now: cut before, a part of a secret could remain.
        if let Some((end, _)) = self.message.char_indices().nth(MAX_MESSAGE_CHARS) {
            self.message.truncate(end);
        }
        self
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MalformedAnswer {
    /// The document has no end.
    #[error("the response was cut short or is not in AWS's format")]
    Incomplete,
    /// The status says success, and the body is an error.
    #[error("the response is an error document with the HTTP status of success")]
    ErrorDocument,
    /// An element is absent, or has no text.
    #[error("the response has no {0}")]
    Missing(&'static str),
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

/// Parts of a secret from this length on are redacted.
const MIN_SECRET_PART: usize = 12;

/// A message without the parts of a secret: an answer may end within the secret, or have a character in it.
fn without_parts(message: &str, secret: &str) -> String {
    let parts: HashSet<&[u8]> = secret.as_bytes().windows(MIN_SECRET_PART).collect();
    let (mut redacted, mut end) = (String::new(), 0);
    for (index, character) in message.char_indices() {
        let part = message.as_bytes().get(index..index + MIN_SECRET_PART);
        if part.is_some_and(|part| parts.contains(part)) {
            if index >= end {
                redacted.push_str("[redacted]");
            }
            end = index + MIN_SECRET_PART;
        }
        if index >= end {
            redacted.push(character);
        }
    }
    redacted
}

/// A text as a form body encodes it.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// The messages of an error and of its sources, outermost first, without repetitions.
fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut messages: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = if let Some(metadata) = error.downcast_ref::<ErrorMetadata>() {
            service_error_text(metadata)
        } else {
            // The list of all sources that were tried begins on the next line. A `credential_process` may write
            // anything, secrets too, to stderr.
            let text = first_paragraph(&error.to_string());
            let text = text.split(" Stderr: ").next().unwrap_or_default();
            text.trim_end_matches(". Attempted:").to_owned()
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
