//! Reads CloudTrail events from a stream, one event in memory at a time.
//!
//! The forms in which people have them: log files from a trail's bucket (`{"Records": […]}`, compressed with gzip), the
//! output of `aws cloudtrail lookup-events` (`{"Events": [{"CloudTrailEvent": "…"}]}`), arrays of either, one event per
//! line, and any of these concatenated.
//!
//! Sources: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-examples.html>,
//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html>

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use jiff::Timestamp;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A CloudTrail event, with the fields that are compared.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html>
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "eventTime")]
    pub(super) time: Timestamp,
    #[serde(rename = "eventSource")]
    source: String,
    #[serde(rename = "eventName")]
    name: String,
    #[serde(rename = "requestID")]
    pub(super) request_id: Option<String>,
    #[serde(rename = "eventID")]
    pub(super) id: Option<String>,
    #[serde(rename = "sourceIPAddress")]
    pub(super) source_ip: Option<String>,
    #[serde(rename = "errorCode")]
    pub(super) error_code: Option<String>,
    #[serde(rename = "userIdentity")]
    identity: Option<Identity>,
    /// Its form depends on the operation.
    #[serde(rename = "requestParameters")]
    request_parameters: Option<Box<RawValue>>,
    #[serde(rename = "responseElements")]
    response_elements: Option<Box<RawValue>>,
}

/// Who called. The account whose role is assumed from another account records neither ARN nor access key id of the caller.
///
/// Source: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html>
#[derive(Debug, Default, Deserialize)]
struct Identity {
    arn: Option<String>,
    #[serde(rename = "principalId")]
    principal_id: Option<String>,
    #[serde(rename = "accessKeyId")]
    access_key_id: Option<String>,
}

/// The parameters of an `AssumeRole` call, and the access key id of the session that it returned. The parameters of a call
/// that was denied may be left out.
#[derive(Debug, Default)]
pub(super) struct AssumeRole {
    pub(super) role_arn: Option<String>,
    pub(super) session_name: Option<String>,
    pub(super) issued_access_key_id: Option<String>,
}

impl Event {
    /// The action as policies name it, such as `iam:CreateAccessKey`.
    pub(super) fn action(&self) -> String {
        let service = self.source.split('.').next().unwrap_or_default();
        format!("{service}:{}", self.name)
    }

    /// The `AssumeRole` call; `None` where the event is another call.
    pub(super) fn assume_role(&self) -> Option<AssumeRole> {
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Parameters {
            role_arn: Option<String>,
            role_session_name: Option<String>,
        }
        #[derive(Default, Deserialize)]
        struct Response {
            credentials: Option<Credentials>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Credentials {
            access_key_id: Option<String>,
        }
        if self.action() != "sts:AssumeRole" {
            return None;
        }
        let parameters: Option<Parameters> = parse(self.request_parameters.as_deref());
        let response: Option<Response> = parse(self.response_elements.as_deref());
        let Parameters { role_arn, role_session_name } = parameters.unwrap_or_default();
        let credentials = response.and_then(|response| response.credentials);
        Some(AssumeRole {
            role_arn,
            session_name: role_session_name,
            issued_access_key_id: credentials.and_then(|credentials| credentials.access_key_id),
        })
    }

    /// The ARN of the caller.
    pub(super) fn principal(&self) -> Option<&str> {
        self.identity.as_ref().and_then(|identity| identity.arn.as_deref())
    }

    /// The access key id that signed the call; `None` where CloudTrail left it out.
    pub(super) fn access_key_id(&self) -> Option<&str> {
        let id = self.identity.as_ref().and_then(|identity| identity.access_key_id.as_deref());
        id.filter(|id| !id.is_empty())
    }

    /// The name of the role session that called; `None` where the caller is not a role session.
    pub(super) fn caller_session_name(&self) -> Option<&str> {
        let identity = self.identity.as_ref()?;
        let from_arn = identity.arn.as_deref().filter(|arn| arn.contains(":assumed-role/"));
        let from_arn = from_arn.and_then(|arn| arn.rsplit('/').next());
        // `AROAEXAMPLE:session-name`, which is there without an ARN too.
        from_arn.or_else(|| {
            let (role_id, name) = identity.principal_id.as_deref()?.split_once(':')?;
            role_id.starts_with("AROA").then_some(name)
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// What a file of events holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FileContent {
    /// The number of events.
    pub events: usize,
    /// The number of records that are not CloudTrail events of API calls, such as digests and Insights events.
    pub other_records: usize,
    /// The number of lists of events: log files, or results of `lookup-events`. A list may be empty.
    pub lists: usize,
    /// Whether it ends with a result of `lookup-events` that has a `NextToken`: there are more events.
    pub is_cut: bool,
}

/// Why a file of events could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file could not be read or decompressed.
    #[error(transparent)]
    Io(io::Error),
    /// The file is not JSON, or ends within a document. The text says what is wrong, and in which line and column.
    #[error("not valid JSON: {0}")]
    Json(String),
}

impl From<serde_json::Error> for EventsError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() { Self::Io(error.into()) } else { Self::Json(error.to_string()) }
    }
}

/// Reads all events of a stream, which may be compressed, and calls `on_event` with each.
pub(super) fn read(input: impl Read, mut on_event: impl FnMut(Event)) -> Result<FileContent, EventsError> {
    const GZIP: &[u8] = &[0x1f, 0x8b];
    let mut input = BufReader::new(input);
    let is_compressed = input.fill_buf().map_err(EventsError::Io)?.starts_with(GZIP);
    let mut content = FileContent::default();
    let documents = Documents { content: &mut content, on_event: &mut on_event, is_in_text: false };
    if is_compressed {
        // Files that were concatenated are several gzip members.
        documents.read_all(BufReader::new(MultiGzDecoder::new(input)))?;
    } else {
        documents.read_all(input)?;
    }
    Ok(content)
}

/// Reads JSON values: each is an event, a list of values, or an object with such a list.
struct Documents<'a, F> {
    content: &'a mut FileContent,
    on_event: &'a mut F,
    /// Whether the value is within a JSON text, as in the field `CloudTrailEvent`. A text within it is not an event.
    is_in_text: bool,
}

impl<F: FnMut(Event)> Documents<'_, F> {
    fn read_all(mut self, mut input: impl BufRead) -> Result<(), EventsError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        if input.fill_buf().map_err(EventsError::Io)?.starts_with(BYTE_ORDER_MARK) {
            input.consume(BYTE_ORDER_MARK.len());
        }
        let mut json = serde_json::Deserializer::from_reader(input);
        loop {
            match json.end() {
                Ok(()) => return Ok(()),
                Err(error) if error.is_io() => return Err(error.into()),
                // There is another document.
                Err(_) => self.by_reference().deserialize(&mut json)?,
            }
        }
    }

    fn by_reference(&mut self) -> Documents<'_, F> {
        Documents { content: self.content, on_event: self.on_event, is_in_text: self.is_in_text }
    }

    /// Reads the events in a text. A text that is not JSON is a record of another form.
    fn read_text(&mut self, text: &str) {
        let mut json = serde_json::Deserializer::from_str(text);
        let is_in_text = self.is_in_text;
        let nested = Documents { is_in_text: true, ..self.by_reference() };
        if is_in_text || nested.deserialize(&mut json).is_err() {
            self.content.other_records += 1;
        }
    }

    fn add(&mut self, fields: &[(String, Box<RawValue>)]) {
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("\"{name}\":{}", value.get())).collect();
        match serde_json::from_str(&format!("{{{}}}", fields.join(","))) {
            Ok(event) => {
                self.content.events += 1;
                (self.on_event)(event);
            }
            Err(_) => self.content.other_records += 1,
        }
    }
}

/// The fields of [`Event`]. Only these are kept in memory.
const FIELDS: &[&str] = &[
    "eventTime",
    "eventSource",
    "eventName",
    "requestID",
    "eventID",
    "sourceIPAddress",
    "errorCode",
    "userIdentity",
    "requestParameters",
    "responseElements",
];

impl<'de, F: FnMut(Event)> DeserializeSeed<'de> for Documents<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Event)> Visitor<'de> for Documents<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CloudTrail events")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut fields = Vec::new();
        let (mut has_events, mut is_lookup, mut has_next_token) = (false, false, false);
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "Records" | "Events" => {
                    map.next_value_seed(self.by_reference())?;
                    self.content.lists += 1;
                    is_lookup |= name == "Events";
                    has_events = true;
                }
                "CloudTrailEvent" => {
                    map.next_value_seed(self.by_reference())?;
                    has_events = true;
                }
                "NextToken" => has_next_token = map.next_value::<Option<IgnoredAny>>()?.is_some(),
                known if FIELDS.contains(&known) => fields.push((name, map.next_value()?)),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_lookup {
            // Of several results after each other, each but the last has the token of the next one.
            self.content.is_cut = has_next_token;
        }
        if !has_events {
            self.add(&fields);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.by_reference())?.is_some() {}
        Ok(())
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.read_text(text);
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.content.other_records += 1;
        Ok(())
    }
}
