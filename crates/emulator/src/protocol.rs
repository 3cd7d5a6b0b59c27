//! The AWS Query protocol: parameters in, XML out; and what of it AWS's JSON protocol has too.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/programming.html>

use std::collections::BTreeMap;
use std::fmt::Write;

use quick_xml::escape::escape;

/// The parameters of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Those of a query string and a form.
    #[must_use]
    pub(crate) fn parse(query: &str, form: &[u8]) -> Self {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// Those of a JSON object. The operations that have such take texts and numbers alone.
    #[must_use]
    pub(crate) fn of_json(body: &[u8]) -> Option<Self> {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).ok()?;
        let text = |value| match value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        Some(Self(object.into_iter().map(|(name, value)| (name, text(value))).collect()))
    }

    /// A parameter.
    #[must_use]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter without which nothing can be done.
    ///
    /// # Errors
    /// `ValidationError`, in AWS's words.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::invalid(name, None, "Member must not be null"))
    }

    /// A number within bounds.
    ///
    /// # Errors
    /// `ValidationError`, in AWS's words.
    pub(crate) fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number: i64 = text.parse().map_err(|_| {
            ApiError::new(400, "MalformedInput", format!("{text:?} is not a valid integer for {name}"))
        })?;
        match u32::try_from(number) {
            Ok(number) if number > most => {
                let limit = format!("Member must have value less than or equal to {most}");
                Err(ApiError::invalid(name, Some(text), &limit))
            }
            Ok(number) if number >= least => Ok(Some(number)),
            _ => {
                let limit = format!("Member must have value greater than or equal to {least}");
                Err(ApiError::invalid(name, Some(text), &limit))
            }
        }
    }

    /// A text of a length and of characters that AWS allows there.
    ///
    /// # Errors
    /// `ValidationError`, in AWS's words.
    pub(crate) fn text(&self, name: &str, rule: Rule) -> Result<Option<&str>, ApiError> {
        self.get(name).map(|text| rule.check(name, text).map(|()| text)).transpose()
    }

    /// The members of a list of texts.
    #[must_use]
    pub(crate) fn texts(&self, name: &str) -> Vec<&str> {
        (1..).map_while(|number| self.get(&format!("{name}.member.{number}"))).collect()
    }

    /// The members of a list, `Name.member.1` and so on, by their fields.
    #[must_use]
    pub(crate) fn members(&self, name: &str) -> Vec<BTreeMap<&str, &str>> {
        let mut members = Vec::new();
        for number in 1.. {
            let prefix = format!("{name}.member.{number}");
            let of_member = |key: &'_ String| {
                key.strip_prefix(&prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let fields: BTreeMap<&str, &str> = self
                .0
                .iter()
                .filter(|(key, _)| of_member(key))
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

/// What AWS allows a text to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rule {
    /// The shortest.
    pub(crate) least: usize,
    /// The longest.
    pub(crate) most: usize,
    /// Besides letters and digits.
    pub(crate) also: &'static str,
    /// The same as AWS says it.
    pub(crate) pattern: &'static str,
}

impl Rule {
    /// Holds a text against it.
    ///
    /// # Errors
    /// `ValidationError`, in AWS's words.
    pub(crate) fn check(self, name: &str, text: &str) -> Result<(), ApiError> {
        let length = text.chars().count();
        let broken = if length < self.least {
            format!("Member must have length greater than or equal to {}", self.least)
        } else if length > self.most {
            format!("Member must have length less than or equal to {}", self.most)
        } else if !text
            .chars()
            .all(|c| c.is_alphanumeric() && (c.is_ascii() || self.is_wide()) || self.also.contains(c))
        {
            format!("Member must satisfy regular expression pattern: {}", self.pattern)
        } else {
            return Ok(());
        };
        Err(ApiError::invalid(name, Some(text), &broken))
    }

    /// Whether letters of all scripts are meant.
    fn is_wide(self) -> bool {
        self.pattern.contains("\\p{L}")
    }
}

/// `[\w+=,.@-]`, the characters of names.
pub(crate) const NAME: Rule = Rule { least: 1, most: 128, also: "_+=,.@-", pattern: "[\\w+=,.@-]+" };

/// An error that AWS answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The code.
    pub(crate) code: String,
    /// What is said.
    pub(crate) message: String,
}

impl ApiError {
    /// A refusal.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into() }
    }

    /// A parameter that breaks a rule.
    #[must_use]
    pub(crate) fn invalid(name: &str, value: Option<&str>, rule: &str) -> Self {
        let mut member = name.to_owned();
        if let Some(first) = member.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        let value = value.map_or("null".to_owned(), |value| format!("'{value}'"));
        let value = if value == "null" { "Value null".to_owned() } else { format!("Value {value}") };
        let message = format!(
            "1 validation error detected: {value} at '{member}' failed to satisfy constraint: {rule}"
        );
        Self::new(400, "ValidationError", message)
    }

    /// Something that is not there.
    pub(crate) fn no_such_entity(message: impl Into<String>) -> Self {
        Self::new(404, "NoSuchEntity", message)
    }

    /// The status and the body of the answer, where the protocol is JSON: it has other codes for what is refused before
    /// an operation is reached.
    ///
    /// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/CommonErrors.html>
    #[must_use]
    pub(crate) fn to_json(&self) -> (u16, String) {
        let code = match self.code.as_str() {
            "AccessDenied" => "AccessDeniedException",
            "ExpiredToken" => "ExpiredTokenException",
            "InvalidAction" => "UnknownOperationException",
            "InvalidClientTokenId" => "UnrecognizedClientException",
            "MissingAuthenticationToken" => "MissingAuthenticationTokenException",
            "SignatureDoesNotMatch" => "InvalidSignatureException",
            "Throttling" => "TooManyRequestsException",
            other => other,
        };
        let status = if self.status == 403 { 400 } else { self.status };
        (status, serde_json::json!({ "__type": code, "Message": self.message }).to_string())
    }

    /// The answer's body, where the protocol is Query.
    #[must_use]
    pub(crate) fn to_xml(&self, namespace: &str, request_id: &str) -> String {
        let kind = if self.status < 500 { "Sender" } else { "Receiver" };
        let error = Xml::new().text("Type", kind).text("Code", &self.code).text("Message", &self.message);
        let body = Xml::new().element("Error", &error).text("RequestId", request_id);
        format!("<ErrorResponse xmlns=\"{namespace}\">{}</ErrorResponse>\n", body.0)
    }
}

/// XML in the making.
#[derive(Debug, Clone, Default)]
pub(crate) struct Xml(String);

impl FromIterator<Self> for Xml {
    fn from_iter<I: IntoIterator<Item = Self>>(parts: I) -> Self {
        Self(parts.into_iter().map(|part| part.0).collect())
    }
}

impl Xml {
    /// Nothing yet.
    #[must_use]
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds an element with a text.
    #[must_use]
    pub(crate) fn text(mut self, name: &str, text: impl AsRef<str>) -> Self {
        // Writing to a String does not fail.
        // What XML cannot hold stands in it as the character for what cannot be shown.
        let is_no_xml = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        let text = text.as_ref().replace(is_no_xml, "\u{fffd}");
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(&text));
        self
    }

    /// Adds an element with a text, where there is one.
    #[must_use]
    pub(crate) fn optional(self, name: &str, text: Option<impl AsRef<str>>) -> Self {
        match text {
            Some(text) => self.text(name, text),
            None => self,
        }
    }

    /// Adds an element.
    #[must_use]
    pub(crate) fn element(mut self, name: &str, inner: &Self) -> Self {
        let _ = write!(self.0, "<{name}>{}</{name}>", inner.0);
        self
    }

    /// Adds a list.
    #[must_use]
    pub(crate) fn list(self, name: &str, members: impl IntoIterator<Item = Self>) -> Self {
        let members = members.into_iter().fold(Self::new(), |list, member| list.element("member", &member));
        self.element(name, &members)
    }

    /// Adds a list of texts.
    #[must_use]
    pub(crate) fn texts(self, name: &str, texts: &[&str]) -> Self {
        let members = texts.iter().fold(Self::new(), |list, text| list.text("member", text));
        self.element(name, &members)
    }

    /// The body of an answer to an operation.
    #[must_use]
    pub(crate) fn answer(self, operation: &str, namespace: &str, request_id: &str) -> String {
        let metadata = Self::new().text("RequestId", request_id);
        let body =
            Self::new().element(&format!("{operation}Result"), &self).element("ResponseMetadata", &metadata);
        format!("<{operation}Response xmlns=\"{namespace}\">{}</{operation}Response>\n", body.0)
    }
}
