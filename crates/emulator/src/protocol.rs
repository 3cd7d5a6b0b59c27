//! The AWS Query protocol: parameters of a request, XML of a response. AWS JSON shares the parameters and the errors.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/programming.html>

use std::collections::BTreeMap;
use std::fmt::Write;

use quick_xml::escape::escape;

/// The parameters of a request, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query string and a form. The form wins if both have a name.
    #[must_use]
    pub(crate) fn parse(query: &str, form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Reads a JSON object; `None` if the body is not one. The operations with JSON take only texts and numbers.
    #[must_use]
    pub(crate) fn from_json(body: &[u8]) -> Option<Self> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
        let text = |value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Some(Self(object.into_iter().map(|(name, value)| (name, text(value))).collect()))
    }

    /// `None` if the request does not have the parameter.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Sets a parameter, whatever the request has.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// All parameters in one text, except those that say which page and those of a presigned URL.
    #[must_use]
    pub(crate) fn without_page(&self) -> String {
        let is_of_list = |name: &str| !["MaxItems", "Marker"].contains(&name) && !name.starts_with("X-Amz-");
        let pairs = self.0.iter().filter(|(name, _)| is_of_list(name));
        pairs.map(|(name, value)| format!("{name}={value}&")).collect()
    }

    /// A required parameter.
    ///
    /// # Errors
    /// `ValidationError` with AWS's message if it is missing.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::invalid(name, None, "Member must not be null"))
    }

    /// A whole number from `min` to `max`; `None` if the request does not have it.
    ///
    /// # Errors
    /// `MalformedInput` if it is not a number, `ValidationError` if it is out of range, with AWS's messages.
    pub(crate) fn number(&self, name: &str, min: u32, max: u32) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i64 = text.parse().map_err(|_| {
            ApiError::new(400, "MalformedInput", format!("{text:?} is not a valid integer for {name}"))
        })?;
        match u32::try_from(number) {
            Ok(number) if number > max => {
                let constraint = format!("Member must have value less than or equal to {max}");
                Err(ApiError::invalid(name, Some(text), &constraint))
            }
            Ok(number) if number >= min => Ok(Some(number)),
            _ => {
                let constraint = format!("Member must have value greater than or equal to {min}");
                Err(ApiError::invalid(name, Some(text), &constraint))
            }
        }
    }

    /// A text; `None` if the request does not have it.
    ///
    /// # Errors
    /// `ValidationError` with AWS's message if the text violates the constraint.
    pub(crate) fn text(&self, name: &str, constraint: TextConstraint) -> Result<Option<&str>, ApiError> {
        self.get(name).map(|text| constraint.check(name, text).map(|()| text)).transpose()
    }

    /// The members of a list of texts, `Name.member.1` and so on.
    #[must_use]
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|number| self.get(&format!("{name}.member.{number}"))).collect()
    }

    /// The members of a list of structures: of each, the texts of `Name.member.1.Field` by the field's name.
    #[must_use]
    pub(crate) fn members(&self, name: &str) -> Vec<BTreeMap<&str, &str>> {
        let mut members = Vec::new();
        for number in 1.. {
            let prefix = format!("{name}.member.{number}");
            let is_of_member = |key: &'_ String| {
                key.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let fields: BTreeMap<&str, &str> = self
                .0
                .iter()
                .filter(|(key, _)| is_of_member(key))
                .map(|(key, value)| (key.get(prefix.len() + 1..).unwrap_or_default(), value.as_str()))
                .collect();
            if fields.is_empty() {
                break;
            }
            members.push(fields);
        }
        members
    }
}

/// The length and the characters that AWS allows a text parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextConstraint {
    /// In characters.
    pub(crate) min_length: usize,
    /// In characters.
    pub(crate) max_length: usize,
    /// The characters allowed in addition to letters and digits.
    pub(crate) other_characters: &'static str,
    /// The same characters as the regular expression that AWS's message quotes. With `\p{L}`, letters of all scripts.
    pub(crate) pattern: &'static str,
}

impl TextConstraint {
    /// Checks a text.
    ///
    /// # Errors
    /// `ValidationError` with AWS's message if the text violates the constraint.
    pub(crate) fn check(self, name: &str, text: &str) -> Result<(), ApiError> {
        let length = text.chars().count();
        let violated = if length < self.min_length {
            format!("Member must have length greater than or equal to {}", self.min_length)
        } else if length > self.max_length {
            format!("Member must have length less than or equal to {}", self.max_length)
        } else if !text.chars().all(|c| {
            c.is_alphanumeric() && (c.is_ascii() || self.allows_all_scripts())
                || self.other_characters.contains(c)
        }) {
            format!("Member must satisfy regular expression pattern: {}", self.pattern)
        } else {
            return Ok(());
        };
        Err(ApiError::invalid(name, Some(text), &violated))
    }

    fn allows_all_scripts(self) -> bool {
        self.pattern.contains("\\p{L}")
    }
}

/// A name of a user or a role in a request.
pub(crate) const NAME: TextConstraint =
    TextConstraint { min_length: 1, max_length: 128, other_characters: "_+=,.@-", pattern: "[\\w+=,.@-]+" };

/// An error response of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status under the Query protocol.
    pub(crate) status: u16,
    /// The error code under the Query protocol, such as `AccessDenied`.
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// `ValidationError` for a parameter that violates a constraint; `value` is `None` if the parameter is missing.
    #[must_use]
    pub(crate) fn invalid(name: &str, value: Option<&str>, constraint: &str) -> Self {
        let mut member = name.to_owned();
        if let Some(first) = member.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        let value = value.map_or("null".to_owned(), |value| format!("'{value}'"));
        let value = if value == "null" { "Value null".to_owned() } else { format!("Value {value}") };
        let message = format!(
            "1 validation error detected: {value} at '{member}' failed to satisfy constraint: {constraint}"
        );
        Self::new(400, "ValidationError", message)
    }

    /// `NoSuchEntity`, which IAM returns for a resource that does not exist.
    pub(crate) fn no_such_entity(message: impl Into<String>) -> Self {
        Self::new(404, "NoSuchEntity", message)
    }

    /// The HTTP status and the body under AWS JSON, which has other codes for errors that all operations share.
    ///
    /// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/CommonErrors.html>
    #[must_use]
    pub(crate) fn to_json(&self) -> (u16, String) {
        let status = if self.status == 403 { 400 } else { self.status };
        (status, serde_json::json!({ "__type": self.json_code(), "Message": self.message }).to_string())
    }

    /// The error code under the protocols with JSON.
    #[must_use]
    pub(crate) fn json_code(&self) -> &str {
        match self.code.as_str() {
            "AccessDenied" => "AccessDeniedException",
            "ExpiredToken" => "ExpiredTokenException",
            "InvalidAction" => "UnknownOperationException",
            "InvalidClientTokenId" => "UnrecognizedClientException",
            "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch" => "InvalidSignatureException",
            "Throttling" => "TooManyRequestsException",
            other => other,
        }
    }

    /// The HTTP status and the body under EC2's protocol, which has other codes for errors that all operations share.
    ///
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>
    #[must_use]
    pub(crate) fn to_ec2_xml(&self, request_id: &str) -> (u16, String) {
        let (status, code) = match self.code.as_str() {
            "AccessDenied" => (403, "UnauthorizedOperation"),
            "InvalidClientTokenId" | "SignatureDoesNotMatch" => (401, "AuthFailure"),
            "ExpiredToken" => (400, "RequestExpired"),
            "Throttling" => (503, "RequestLimitExceeded"),
            code => (self.status, code),
        };
        let message = match code {
            "UnauthorizedOperation" => {
                format!("You are not authorized to perform this operation. {}", self.message)
            }
            _ => self.message.clone(),
        };
        let error = Xml::new().text("Code", code).text("Message", message);
        let errors = Xml::new().element("Error", &error);
        let body = Xml::new().element("Errors", &errors).text("RequestID", request_id);
        (status, format!("<Response>{}</Response>\n", body.0))
    }

    /// The body under the protocol of S3.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    #[must_use]
    pub(crate) fn to_s3_xml(&self, request_id: &str) -> String {
        let error = Xml::new().text("Code", &self.code).text("Message", &self.message);
        let body = Xml::new().element("Error", &error.text("RequestId", request_id));
        format!("{}\n", body.0)
    }

    /// The body under the Query protocol.
    #[must_use]
    pub(crate) fn to_xml(&self, namespace: &str, request_id: &str) -> String {
        let error_type = if self.status < 500 { "Sender" } else { "Receiver" };
        let error =
            Xml::new().text("Type", error_type).text("Code", &self.code).text("Message", &self.message);
        let body = Xml::new().element("Error", &error).text("RequestId", request_id);
        format!("<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>\n", body.0)
    }
}

/// An XML fragment that is built element by element.
#[derive(Debug, Clone, Default)]
pub(crate) struct Xml(String);

impl FromIterator<Self> for Xml {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

impl Xml {
    /// An empty fragment.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an element with a text, escaped.
    #[must_use]
    pub(crate) fn text(mut self, name: &str, text: impl AsRef<str>) -> Self {
        // XML cannot hold control characters; U+FFFD replaces them.
        let is_not_xml = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        let text = text.as_ref().replace(is_not_xml, "\u{fffd}");
        // Writing to a String does not fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(&text));
        self
    }

    /// Adds an element with a text, or nothing if the text is `None`.
    #[must_use]
    pub(crate) fn optional(self, name: &str, text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds an element with a fragment in it.
    #[must_use]
    pub(crate) fn element(mut self, name: &str, inner: &Self) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", inner.0);
        self
    }

    /// Adds a fragment as it is.
    #[must_use]
    pub(crate) fn append(mut self, other: &Self) -> Self {
        self.0.push_str(&other.0);
        self
    }

    /// Adds a list of fragments, each as a `member` element.
    #[must_use]
    pub(crate) fn list(self, name: &str, members: impl IntoIterator<Item = Self>) -> Self {
        let members = members.into_iter().fold(Self::new(), |list, member| list.element("member", &member));
        self.element(name, &members)
    }

    /// Adds a list of texts, each as a `member` element.
    #[must_use]
    pub(crate) fn texts(self, name: &str, texts: &[&str]) -> Self {
        let members = texts.iter().fold(Self::new(), |list, text| list.text("member", text));
        self.element(name, &members)
    }

    /// The body of the response of an operation of EC2.
    #[must_use]
    pub(crate) fn into_ec2_response(self, operation: &str, namespace: &str, request_id: &str) -> String {
        let body = Self::new().text("requestId", request_id).0 + &self.0;
        format!("<{operation}Response xmlns=\"{namespace}\">{body}</{operation}Response>\n")
    }

    /// The body of the response of an operation.
    #[must_use]
    pub(crate) fn into_response(self, operation: &str, namespace: &str, request_id: &str) -> String {
        let metadata = Self::new().text("RequestId", request_id);
        let body =
            Self::new().element(&format!("{operation}Result"), &self).element("ResponseMetadata", &metadata);
        format!("<{operation}Response xmlns=\"{namespace}\">{}</{operation}Response>\n", body.0)
    }
}
