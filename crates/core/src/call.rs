//! What went wrong with a call to AWS: the one place that looks into the SDK's errors.
//!
//! The SDK's errors are never printed whole: a malformed answer to `AssumeRole` carries the session's secrets, and a
//! refused signature is answered with the headers that were signed, the session token among them.

use std::error::Error;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use rolecall_roll::{ErrorKind, Side};

/// A call that did not succeed, and all attempts at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallError {
    /// The API operation, as AWS spells it.
    pub operation: &'static str,
    /// Whose credentials it was made with.
    pub side: Side,
    /// What kind of obstacle it was.
    pub error_kind: ErrorKind,
    /// The AWS error code, where AWS answered with one.
    pub code: Option<String>,
    /// What happened, in AWS's words where AWS answered.
    pub message: String,
    /// The id of the request, where there was an answer.
    pub request_id: Option<String>,
}

impl CallError {
    /// Reads the SDK's error. Nothing else does.
    pub(crate) fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let bare = |class, message: String| Self {
            operation,
            side: Side::Caller,
            error_kind: class,
            code: None,
            message,
            request_id: None,
        };
        match error {
            SdkError::ServiceError(context) => Self::from_answer(operation, context.err(), context.raw()),
            SdkError::ResponseError(context) => {
                let request_id = context.raw().headers().request_id().map(str::to_owned);
                let message = if is_about::<TruncatedXml>(error) {
                    "the answer was cut short or is not XML".into()
                } else {
                    "the answer broke off".into()
                };
                Self { request_id, ..bare(ErrorKind::Malformed, message) }
            }
            SdkError::TimeoutError(_) => {
                bare(ErrorKind::TimedOut, "no answer in the time that was allowed".into())
            }
            SdkError::DispatchFailure(failure) => {
                let Some(error) = failure.as_connector_error() else {
                    return bare(ErrorKind::Transport, "the request could not be sent".into());
                };
                let class = if is_about::<CredentialsError>(error) {
                    ErrorKind::Credentials
                } else if error.is_timeout() {
                    ErrorKind::TimedOut
                } else {
                    ErrorKind::Transport
                };
                bare(class, chain(error))
            }
            other => {
                if is_about::<TruncatedXml>(other) {
                    bare(ErrorKind::Malformed, "the answer was cut short or is not XML".into())
                } else if is_about::<CredentialsError>(other) {
                    bare(ErrorKind::Credentials, chain(other))
                } else {
                    bare(ErrorKind::Internal, "the request could not be built".into())
                }
            }
        }
    }

    /// Reads an answer that is an error: AWS's, or that of something between.
    fn from_answer(
        operation: &'static str,
        error: &impl ProvideErrorMetadata,
        response: &HttpResponse,
    ) -> Self {
        let status = response.status().as_u16();
        let code = error.code().map(str::to_owned);
        let (class, message) = match &code {
            Some(code) => {
                let message = error.message().map_or_else(|| code.clone(), first_paragraph);
                (error_kind(code, status), message)
            }
            None if (200..300).contains(&status) => {
                (ErrorKind::Malformed, "the answer is not what AWS answers".into())
            }
            // A proxy or a gateway refused the request, and AWS never saw it.
            None if is_html(response) => (
                ErrorKind::Transport,
                format!("HTTP status {status} with a web page, which is not AWS's answer"),
            ),
            None => (error_kind("", status), format!("HTTP status {status} without an AWS error code")),
        };
        let request_id = response.headers().request_id().map(str::to_owned);
        Self { operation, side: Side::Caller, error_kind: class, code, message, request_id }
    }

    /// An answer that AWS does not give.
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
            request_id,
        }
    }

    /// The same, with `secrets` taken out of its message, should AWS or something between have echoed one, as it is or
    /// as it stands in a request.
    #[must_use]
    pub(crate) fn redact<'a>(mut self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            for written in [secret.to_owned(), percent_encoded(secret)] {
                self.message = self.message.replace(&written, "[redacted]");
            }
        }
        // Only now: of a secret that was cut before, a part would stay.
        if let Some((end, _)) = self.message.char_indices().nth(LONGEST) {
            self.message.truncate(end);
        }
        self
    }

    /// The same, of a call with these credentials.
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

/// The answer's XML is not whole. Raised by [`crate::connect`]'s check of every answer.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not whole")]
pub(crate) struct TruncatedXml;

/// AWS's error codes by what they mean for us.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html> and those of STS.
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

fn is_html(answer: &HttpResponse) -> bool {
    let content_type = answer.headers().get("content-type").unwrap_or_default().to_ascii_lowercase();
    let begin = answer.body().bytes().unwrap_or_default().trim_ascii_start();
    let begins =
        |word: &str| begin.get(..word.len()).is_some_and(|it| it.eq_ignore_ascii_case(word.as_bytes()));
    content_type.starts_with("text/html") || begins("<!doctype html") || begins("<html")
}

/// A message up to its first line break, without what would steer a terminal. What follows in a refused signature is
/// the request that was signed.
fn first_paragraph(message: &str) -> String {
    let line = message.trim().lines().next().unwrap_or_default();
    line.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The most characters of a message that are kept.
const LONGEST: usize = 1000;

/// A text as a form has it.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// An error and what it came from, outermost first, each said once.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = if let Some(answered) = error.downcast_ref::<ErrorMetadata>() {
            message_of(answered)
        } else {
            // The list of all that was tried begins on the next line. What a `credential_process` says on stderr may be
            // anything.
            let text = first_paragraph(&error.to_string());
            let text = text.split(" Stderr: ").next().unwrap_or_default();
            text.trim_end_matches(". Attempted:").to_owned()
        };
        // Some of the SDK's errors show the request that they are about, and some say less than what they came from.
        let shows_request = text.contains("SdkBody");
        let says_less = text == "service error" || text.starts_with("unhandled error");
        if !text.is_empty()
            && !shows_request
            && !says_less
            && !said.iter().any(|earlier| earlier.contains(&text))
        {
            said.push(text);
        }
        next = error.source();
    }
    // The outermost says only that something failed; what failed is further in.
    if said.len() > 1 {
        said.remove(0);
    }
    said.join(": ")
}

/// What AWS answered to a call of the SDK's own, on its way to the caller's credentials.
fn message_of(answered: &ErrorMetadata) -> String {
    let code = answered.code().unwrap_or("an error without a code");
    match answered.message().map(first_paragraph) {
        // It quotes what it refuses: here the external id of a profile, which we have never held and cannot take out.
        Some(message) if message.contains("externalId") => format!("{code}: about the profile's external_id"),
        Some(message) => format!("{code}: {message}"),
        None => code.to_owned(),
    }
}

fn is_about<E: Error + 'static>(error: &(dyn Error + 'static)) -> bool {
    std::iter::successors(Some(error), |&error| error.source())
        .any(<dyn std::error::Error + 'static>::is::<E>)
}
