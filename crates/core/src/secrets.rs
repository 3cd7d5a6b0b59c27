//! Secrets, kept only to redact them from what AWS, or something in between, echoes.
//!
//! An echo may be encoded: in percent escapes as in a request, in JSON escapes, in XML entities, in Base64 or in
//! hexadecimal digits. A text is therefore decoded until nothing changes, and searched at each step.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rolecall_roll::ExternalId;
use zeroize::Zeroizing;

/// What a secret is replaced with.
pub(crate) const REDACTED: &str = "[redacted]";

/// A secret of at least this number of bytes is in no text by chance, unless it is a number.
const DISTINCTIVE_LENGTH: usize = 12;

/// The secrets of the caller and of intermediate roles, or those of one session: secret access keys, session tokens and
/// external ids.
#[derive(Clone, Default)]
pub struct Secrets(Arc<Mutex<Vec<Arc<Secret>>>>);

impl Secrets {
    /// The configuration with a credentials provider that records the secrets that it returns.
    #[must_use]
    pub(crate) fn wrap_provider(sdk_config: SdkConfig) -> (SdkConfig, Self) {
        let secrets = Self::default();
        let Some(provider) = sdk_config.credentials_provider() else { return (sdk_config, secrets) };
        let recording = RecordingProvider { provider, secrets: secrets.clone() };
        let sdk_config =
            sdk_config.into_builder().credentials_provider(SharedCredentialsProvider::new(recording));
        (sdk_config.build(), secrets)
    }

    /// Records a secret, once.
    pub fn add(&self, secret: &str) {
        let mut secrets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !secret.is_empty() && !secrets.iter().any(|recorded| recorded.text.as_str() == secret) {
            secrets.push(Arc::new(Secret::new(secret)));
        }
    }

    /// Records an external id, unless it is a part of one of these ARNs, which every output shows: an external id may equal
    /// the name of the role or the id of an account.
    pub(crate) fn add_external_id<'a>(
        &self,
        external_id: Option<&ExternalId>,
        arns: impl IntoIterator<Item = &'a str>,
    ) {
        let Some(id) = external_id.map(ExternalId::expose) else { return };
        let is_shown = arns.into_iter().any(|arn| find(arn.as_bytes(), id.as_bytes(), true).next().is_some());
        if !is_shown {
            self.add(id);
        }
    }

    /// Redacts these secrets, and those of `others`.
    pub(crate) fn redactor<'a>(&self, others: impl IntoIterator<Item = &'a Self>) -> Redactor {
        let list = |secrets: &Self| secrets.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut all = list(self);
        others.into_iter().for_each(|secrets| all.extend(list(secrets)));
        Redactor(all)
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets(redacted)")
    }
}

#[derive(Debug)]
struct RecordingProvider {
    provider: SharedCredentialsProvider,
    secrets: Secrets,
}

impl ProvideCredentials for RecordingProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            let credentials = self.provider.provide_credentials().await?;
            self.secrets.add(credentials.secret_access_key());
            credentials.session_token().into_iter().for_each(|token| self.secrets.add(token));
            Ok(credentials)
        })
    }
}

/// A secret, with the forms in which a text is searched for it.
struct Secret {
    text: Zeroizing<String>,
    /// The Base64 of the secret at each of the three positions that it can have in the encoded text: the characters that
    /// depend on the secret alone. Of a secret that is not distinctive, all of its Base64.
    base64: Vec<Zeroizing<String>>,
    hex: Zeroizing<String>,
    is_distinctive: bool,
}

impl Secret {
    fn new(text: &str) -> Self {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let is_distinctive = text.len() >= DISTINCTIVE_LENGTH && !is_number;
        let base64 = if is_distinctive {
            (0..3).map(|offset| base64_at(text, offset)).collect()
        } else {
            vec![STANDARD_NO_PAD.encode(text)]
        };
        let base64 = base64.into_iter().map(Zeroizing::new).collect();
        Self { text: Zeroizing::new(text.to_owned()), base64, hex: hex(text), is_distinctive }
    }

    /// Where the secret is in `bytes`. One that is not distinctive counts only as a whole word, and not within an ARN: AWS
    /// names what it denies by ARNs, and a secret such as `test` or `222222222222` may be a part of them by chance.
    fn find_in(&self, bytes: &Searchable) -> Vec<Range<usize>> {
        let mut found: Vec<_> = find(&bytes.plain, self.text.as_bytes(), !self.is_distinctive).collect();
        if self.is_distinctive {
            for form in &self.base64 {
                // The characters beside it hold a part of the secret too.
                let widened = find(&bytes.base64, form.as_bytes(), false).map(|at| {
                    let is_partial =
                        |index: &usize| bytes.base64.get(*index).is_some_and(|it| is_base64(*it));
                    let start = at.start.checked_sub(1).filter(is_partial).unwrap_or(at.start);
                    let end = if is_partial(&at.end) { at.end + 1 } else { at.end };
                    start..end
                });
                found.extend(widened);
            }
            found.extend(find(&bytes.lowercase, self.hex.as_bytes(), false));
        } else {
            let words = self.base64.iter().flat_map(|form| find(&bytes.base64, form.as_bytes(), true));
            found.extend(words.filter(|at| at.len() >= 6));
            found.retain(|at| !is_in_arn(&bytes.plain, at));
        }
        found
    }

    /// Where parts of the secret are in `bytes`: an answer may end within it, or have a character changed.
    fn find_parts_in(&self, bytes: &Searchable) -> Vec<Range<usize>> {
        if self.text.len() < RANDOM_LENGTH {
            return Vec::new();
        }
        let mut found = find_parts(&bytes.plain, &self.text, PART_LENGTH);
        found.extend(find_parts(&bytes.lowercase, &self.hex, PART_LENGTH * 2));
        // Four characters of Base64 are three bytes.
        let base64 = self.base64.iter();
        found.extend(base64.flat_map(|form| find_parts(&bytes.base64, form, PART_LENGTH * 4 / 3)));
        found
    }
}

/// A part of a long secret of at least this number of bytes is in no text by chance.
const PART_LENGTH: usize = 12;

/// A secret of at least this length is random: a secret access key, a session token, or a UUID. A shorter external id may have
/// words that other texts have too.
const RANDOM_LENGTH: usize = 36;

/// The places of parts of a text that are at least this long.
fn find_parts(haystack: &[u8], text: &str, length: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let parts: HashSet<&[u8]> = text.as_bytes().windows(length).collect();
    for (start, window) in haystack.windows(length).enumerate().filter(|(_, window)| parts.contains(window)) {
        let end = start + window.len();
        match found.last_mut().filter(|last| last.end >= start) {
            Some(last) => last.end = end,
            None => found.push(start..end),
        }
    }
    found
}

/// The hexadecimal digits of a secret. They are in one piece of memory, which is erased with the secret.
fn hex(text: &str) -> Zeroizing<String> {
    let mut hex = Zeroizing::new(String::with_capacity(text.len() * 2));
    let nibbles = text.bytes().flat_map(|byte| [byte >> 4, byte & 0xf]);
    hex.extend(nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)));
    hex
}

/// The Base64 of a secret that begins at a byte `offset` of a group of three, without the characters that neighbors share.
fn base64_at(text: &str, offset: usize) -> String {
    let padded = [vec![0; offset], text.as_bytes().to_vec()].concat();
    let encoded = STANDARD_NO_PAD.encode(&padded);
    let shared_at_start = (offset * 8).div_ceil(6);
    let whole = padded.len() * 8 / 6;
    encoded.get(shared_at_start..whole).unwrap_or_default().to_owned()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

/// How much of a secret is searched for at first: to prepare the search for a session token takes longer than the search.
const SEARCHED_PREFIX: usize = 32;

/// The places of `needle`, which do not overlap; with `whole_words` only those without a letter or digit beside them.
fn find<'a>(
    haystack: &'a [u8],
    needle: &'a [u8],
    whole_words: bool,
) -> impl Iterator<Item = Range<usize>> + 'a {
    let is_word = move |at: &Range<usize>| {
        let is_part = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        let before = at.start.checked_sub(1).and_then(|index| haystack.get(index));
        !is_part(before) && !is_part(haystack.get(at.end))
    };
    let prefix = memchr::memmem::Finder::new(needle.get(..SEARCHED_PREFIX).unwrap_or(needle));
    let mut from = 0;
    let places = std::iter::from_fn(move || {
        loop {
            let rest = haystack.get(from..).filter(|_| !needle.is_empty())?;
            let start = from + prefix.find(rest)?;
            let at = start..start + needle.len();
            if haystack.get(at.clone()) == Some(needle) {
                from = at.end;
                return Some(at);
            }
            from = start + 1;
        }
    });
    places.filter(move |at| !whole_words || is_word(at))
}

/// Whether a place is within an ARN: in a word that has `arn:` before the place.
fn is_in_arn(bytes: &[u8], at: &Range<usize>) -> bool {
    let before = bytes.get(..at.start).unwrap_or_default();
    let is_delimiter = |byte: &u8| byte.is_ascii_whitespace() || b"'\"<>()".contains(byte);
    let word = before.rsplit(is_delimiter).next().unwrap_or_default();
    memchr::memmem::find(word, b"arn:").is_some()
}

/// Removes secrets from texts.
pub(crate) struct Redactor(Vec<Arc<Secret>>);

impl Redactor {
    /// A free text, such as a message, without secrets.
    #[must_use]
    pub(crate) fn free_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        redact(text, &self.0.iter().collect::<Vec<_>>(), true)
    }

    /// A field with a format of its own, such as a name, without distinctive secrets. A short external id that equals a
    /// user's name leaves the name as it is.
    #[must_use]
    pub(crate) fn field<'a>(&self, text: &'a str) -> Cow<'a, str> {
        redact(text, &self.0.iter().filter(|secret| secret.is_distinctive).collect::<Vec<_>>(), false)
    }

    /// Whether an identifier that AWS makes, such as an error code, has a distinctive secret or a part of it: the form of
    /// such an identifier admits Base64 and hexadecimal digits.
    #[must_use]
    pub(crate) fn is_in_identifier(&self, identifier: &str) -> bool {
        let secrets: Vec<&Arc<Secret>> = self.0.iter().filter(|secret| secret.is_distinctive).collect();
        matches!(redact(identifier, &secrets, true), Cow::Owned(_))
    }

    /// Whether [`Redactor::field`] would change the text.
    #[must_use]
    pub(crate) fn is_in(&self, text: &str) -> bool {
        matches!(self.field(text), Cow::Owned(_))
    }
}

/// How often a text is decoded: an echo may be encoded more than once.
const MAX_DECODINGS: usize = 4;

/// With `parts`, parts of long secrets are removed too, which takes longer.
fn redact<'a>(text: &'a str, secrets: &[&Arc<Secret>], parts: bool) -> Cow<'a, str> {
    let mut found = Vec::new();
    let mut bytes: Vec<u8> = text.as_bytes().to_vec();
    // For each byte, the start of its encoded form in `text`, and at the end the end of the text; `None` before the first
    // decoding, which few texts need: the record of an account may have megabytes.
    let mut starts: Option<Vec<usize>> = None;
    for _ in 0..MAX_DECODINGS {
        let searchable = Searchable::new(bytes);
        for secret in secrets {
            let mut places = secret.find_in(&searchable);
            if parts {
                places.extend(secret.find_parts_in(&searchable));
            }
            let start =
                |index: usize| starts.as_ref().map_or(Some(index), |starts| starts.get(index).copied());
            found.extend(places.into_iter().filter_map(|at| Some(start(at.start)?..start(at.end)?)));
        }
        let Some((decoded, decoded_starts)) = decode(&searchable.plain, starts.as_deref()) else { break };
        (bytes, starts) = (decoded, Some(decoded_starts));
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_by_key(|at| (at.start, at.end));
    let mut redacted = String::new();
    let mut position = 0;
    for at in found {
        let (start, end) = (text.floor_char_boundary(at.start), text.ceil_char_boundary(at.end));
        // A place that overlaps the one before lengthens its hole.
        if start >= position {
            redacted += text.get(position..start).unwrap_or_default();
            redacted += REDACTED;
        }
        position = position.max(end);
    }
    redacted += text.get(position..).unwrap_or_default();
    Cow::Owned(redacted)
}

/// A text in the forms that are searched, byte by byte at the same places.
struct Searchable {
    plain: Vec<u8>,
    /// In the standard alphabet of Base64.
    base64: Vec<u8>,
    lowercase: Vec<u8>,
}

impl Searchable {
    fn new(plain: Vec<u8>) -> Self {
        let standard = |byte: &u8| match byte {
            b'-' => b'+',
            b'_' => b'/',
            byte => *byte,
        };
        let base64 = plain.iter().map(standard).collect();
        Self { base64, lowercase: plain.to_ascii_lowercase(), plain }
    }
}

/// Decodes percent escapes, JSON escapes and XML entities, once. `None` where there are none.
fn decode(bytes: &[u8], starts: Option<&[usize]>) -> Option<(Vec<u8>, Vec<usize>)> {
    memchr::memchr3(b'%', b'\\', b'&', bytes)?;
    let start = |index: usize| starts.map_or(Some(index), |starts| starts.get(index).copied());
    let (mut decoded, mut decoded_starts) = (Vec::with_capacity(bytes.len()), Vec::new());
    let mut index = 0;
    let mut is_changed = false;
    while let Some((byte, rest)) = bytes.get(index..).and_then(<[u8]>::split_first) {
        let escape = match byte {
            b'%' => percent_escape(rest),
            b'\\' => json_escape(rest),
            b'&' => xml_entity(rest),
            _ => None,
        };
        is_changed |= escape.is_some();
        let (c, length) = escape.unwrap_or((char::from(*byte), 0));
        // A byte that is not ASCII is a part of no secret, and stays as it is.
        let ascii = if escape.is_some() { u8::try_from(c).unwrap_or(b'?') } else { *byte };
        decoded.push(ascii);
        decoded_starts.extend(start(index));
        index += 1 + length;
    }
    decoded_starts.extend(start(bytes.len()));
    is_changed.then_some((decoded, decoded_starts))
}

/// The character of `digits` in hexadecimal, if it is one.
fn hex_char(digits: Option<&[u8]>) -> Option<char> {
    let digits = std::str::from_utf8(digits?).ok().filter(|it| it.bytes().all(|b| b.is_ascii_hexdigit()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// What follows a `%`, and its length.
fn percent_escape(rest: &[u8]) -> Option<(char, usize)> {
    Some((hex_char(rest.get(..2))?, 2))
}

/// What follows a `\`, and its length.
fn json_escape(rest: &[u8]) -> Option<(char, usize)> {
    match rest.first()? {
        b'u' => Some((hex_char(rest.get(1..5))?, 5)),
        b'x' => Some((hex_char(rest.get(1..3))?, 3)),
        c @ (b'/' | b'"' | b'\\' | b'\'') => Some((char::from(*c), 1)),
        _ => None,
    }
}

/// What follows an `&`, and its length.
fn xml_entity(rest: &[u8]) -> Option<(char, usize)> {
    let end = rest.iter().take(12).position(|byte| *byte == b';')?;
    let name = std::str::from_utf8(rest.get(..end)?).ok()?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => match name.strip_prefix("#x").or(name.strip_prefix("#X")) {
            Some(digits) => hex_char(Some(digits.as_bytes()))?,
            None => char::from_u32(name.strip_prefix('#')?.parse().ok()?)?,
        },
    };
    Some((c, end + 1))
}

/// A diagnostic text that may hold secrets that are unknown here, such as what a `credential_process` prints, without the
/// words that look like secrets: long ones that mix letters and digits, and what is assigned to the name of a secret.
#[must_use]
pub(crate) fn redact_unknown(text: &str) -> String {
    const NAMES: [&str; 7] = ["secret", "token", "passw", "pwd", "apikey", "externalid", "authorization"];
    let mut redacted = String::new();
    // What stands between the name of a secret and the next word; `None` where no name came before.
    let mut after_name: Option<String> = None;
    for part in text.split_inclusive(|c: char| c.is_whitespace() || "\"'=:,;?&{}()<>[]".contains(c)) {
        let end = part.char_indices().next_back().map_or(0, |(at, _)| at);
        let is_word = |c: char| c.is_alphanumeric() || "+/_-.~@!$#%^*|\\".contains(c);
        let (body, delimiter) = if part.ends_with(is_word) {
            (part, "")
        } else {
            part.split_at_checked(end).unwrap_or((part, ""))
        };
        if !body.is_empty() {
            let name = body.to_ascii_lowercase().replace(['_', '-'], "");
            let is_assigned = after_name.take().is_some_and(|between| between.contains([':', '=']));
            let has = |class: fn(char) -> bool| body.contains(class);
            let looks_secret =
                body.len() >= 16 && has(|c| c.is_ascii_digit()) && has(|c| c.is_ascii_alphabetic());
            redacted += if is_assigned || looks_secret { REDACTED } else { body };
            let is_scheme = is_assigned && ["bearer", "basic"].contains(&name.as_str());
            if NAMES.iter().any(|it| name.contains(it)) {
                after_name = Some(String::new());
            } else if is_scheme {
                after_name = Some(":".to_owned());
            }
        }
        if let Some(between) = &mut after_name {
            between.push_str(delimiter);
        }
        redacted += delimiter;
    }
    redacted
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::{REDACTED, Secrets, redact_unknown};

    const SECRET: &str = "external4ID:4external4ID";
    const TOKEN: &str = "FwoGZXIvYXdzEBYaD+/w==~Zp";

    fn redactor(secrets: &[&str]) -> super::Redactor {
        let all = Secrets::default();
        for secret in secrets {
            all.add(secret);
        }
        all.redactor([])
    }

    /// Every form in which an echo may hold a secret.
    fn forms(secret: &str) -> Vec<String> {
        let each = |f: &dyn Fn(u8) -> String| secret.bytes().map(f).collect::<String>();
        let percent =
            each(&|b| if b.is_ascii_alphanumeric() { char::from(b).into() } else { format!("%{b:02X}") });
        let base64 = |prefix: &str, suffix: &str| {
            let text = format!("{prefix}{secret}{suffix}");
            [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]
        };
        let mut forms = vec![
            secret.to_owned(),
            percent.replace('%', "%25"),
            percent,
            each(&|b| format!("%{b:02x}")),
            each(&|b| format!("\\u{b:04X}")),
            each(&|b| format!("\\\\u{b:04x}")),
            each(&|b| format!("&#{b};")),
            each(&|b| format!("&#x{b:X};")),
            each(&|b| format!("&amp;#x{b:x};")),
            each(&|b| format!("{b:02x}")),
            each(&|b| format!("{b:02X}")),
            secret.replace('/', "\\/"),
        ];
        for (prefix, suffix) in
            [("", ""), ("a", "z"), ("ab", "yz"), ("{\"id\":\"", "\"}"), ("ExternalId=", "&x=1")]
        {
            forms.extend(base64(prefix, suffix));
        }
        forms
    }

    #[test]
    fn a_secret_is_redacted_in_every_encoding() {
        for secret in [SECRET, TOKEN, "7f9c24e8-3b7a-4c1d-9e52-0a6f1b2c3d4e"] {
            let redactor = redactor(&["another secret", secret]);
            for form in forms(secret) {
                let text = format!("User é: {form} is not authorized");
                let redacted = redactor.free_text(&text).into_owned();
                assert!(
                    redacted.starts_with("User é: ") && redacted.ends_with(" is not authorized"),
                    "{redacted}"
                );
                let rest = redacted.replace("User é: ", "").replace(" is not authorized", "");
                assert!(rest.contains(REDACTED), "{form} stays: {redacted}");
                // At most the rest of what it was encoded with stays.
                assert!(rest.replace(REDACTED, "").len() <= 24, "{form} leaves {rest}");
                assert!(redactor.is_in(&text));
            }
        }
    }

    #[test]
    fn a_part_of_a_long_secret_is_redacted_and_words_of_an_external_id_are_not() {
        let secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY012345";
        let redactor = redactor(&[secret, "ExampleCorp-between-us-2026"]);
        for length in 12..secret.len() {
            for text in [&secret[..length], &secret[secret.len() - length..]] {
                let redacted = redactor.free_text(text);
                assert_eq!(redacted, "[redacted]", "{text}");
            }
        }
        for length in 18..secret.len() {
            for text in [&secret[..length], &secret[secret.len() - length..]] {
                let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
                let base64 = ["", "i", "id", "id="].map(|before| STANDARD.encode(format!("{before}{text}")));
                for form in base64.into_iter().chain([hex.to_uppercase(), hex]) {
                    assert!(redactor.is_in_identifier(&form), "{text} as {form}");
                    let redacted = redactor.free_text(&form).into_owned();
                    assert!(redacted.contains(REDACTED), "{text} as {form}");
                    assert!(redacted.replace(REDACTED, "").len() <= 12, "{text} as {form} leaves {redacted}");
                }
            }
        }
        let changed = format!("x {}?{} y", &secret[..20], &secret[21..]);
        assert_eq!(redactor.free_text(&changed), "x [redacted]?[redacted] y");
        let words = "role ExampleCorp-between-them does not trust the caller";
        assert_eq!(redactor.free_text(words), words);
        for identifier in ["AccessDenied", "ExampleCorp-between-them", "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f"]
        {
            assert!(!redactor.is_in_identifier(identifier), "{identifier}");
        }
    }

    #[test]
    fn a_long_secret_is_found_behind_its_own_beginning() {
        let secret = format!("{}b", "a".repeat(40));
        let redactor = redactor(&[&secret]);
        let is_left = "a".repeat(40);
        assert_eq!(redactor.field(&is_left), is_left);
        for before in ["aaa", "a a", &"a".repeat(40)] {
            let text = format!("{before}{secret}{secret}c");
            assert_eq!(redactor.field(&text), format!("{before}[redacted][redacted]c"));
        }
    }

    #[test]
    fn a_text_without_the_secret_is_unchanged() {
        let redactor = redactor(&[SECRET, TOKEN, "test", "222222222222"]);
        for text in [
            "User: arn:aws:sts::222222222222:assumed-role/LambdaRole/test is not authorized",
            "the latest attestation of the contest",
            "100% of \\u12 &nbsp; &#; %zz",
            "",
        ] {
            assert_eq!(redactor.free_text(text), text);
            assert!(!redactor.is_in(text));
        }
        assert_eq!(redactor.free_text("Value 'test' at"), "Value '[redacted]' at");
        assert_eq!(redactor.free_text("account 222222222222, dGVzdA=="), "account [redacted], [redacted]==");
        assert_eq!(redactor.field("test"), "test");
    }

    #[test]
    fn an_external_id_that_is_a_part_of_a_shown_arn_hides_nothing() {
        let arns = [
            "arn:aws:iam::111111111111:role/path/CompanyAuditRole",
            "arn:aws:sts::222222222222:assumed-role/Hub/x",
        ];
        for (id, is_recorded) in [
            ("CompanyAuditRole", false),
            ("path/CompanyAuditRole", false),
            ("222222222222", false),
            (arns[0], false),
            ("AuditRole", true),
            (SECRET, true),
        ] {
            let secrets = Secrets::default();
            secrets.add_external_id(Some(&id.parse().unwrap()), arns);
            assert_eq!(
                secrets.redactor([]).free_text(&format!("it is {id} ")) != format!("it is {id} "),
                is_recorded,
                "{id}"
            );
        }
    }

    #[test]
    fn the_diagnostics_of_a_program_keep_their_words_and_lose_what_looks_like_a_secret() {
        for (text, expected) in [
            (
                "Unable to locate ~/.aws/credentials; run `corp login` (exit 3)",
                "Unable to locate ~/.aws/credentials; run `corp login` (exit 3)",
            ),
            ("The SSO token has expired. Run it", "The SSO token has expired. Run it"),
            (
                "{\"SecretAccessKey\": \"abc\", \"Version\": 1}",
                "{\"SecretAccessKey\": \"[redacted]\", \"Version\": 1}",
            ),
            ("password=hunter2, user=me", "password=[redacted], user=me"),
            ("Authorization: Bearer abc.def", "Authorization: [redacted] [redacted]"),
            ("got wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY here", "got [redacted] here"),
        ] {
            assert_eq!(redact_unknown(text), expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_redacted_without_a_panic_and_keeps_no_secret(before in ".{0,20}", after in ".{0,20}", form in 0_usize..20) {
            let redactor = redactor(&[SECRET]);
            let forms = forms(SECRET);
            let text = format!("{before} {} {after}", forms[form % forms.len()]);
            let redacted = redactor.free_text(&text).into_owned();
            prop_assert!(!redactor.is_in(&redacted), "{} -> {}", text, redacted);
        }
    }
}
