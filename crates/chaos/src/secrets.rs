//! The secrets of a run, and the search for them in everything that a run writes.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Every secret is this text three times, with a beginning and an end. A part of a secret therefore holds it too.
const MARKER: &str = "cHa0s/9+SeCrEt=Qz";

fn secret(of: &str) -> String {
    format!("{of}{MARKER}{MARKER}{MARKER}{of}")
}

pub(crate) fn caller_secret_access_key() -> String {
    secret("caller")
}

pub(crate) fn caller_session_token() -> String {
    secret("token")
}

pub(crate) fn external_id() -> String {
    secret("external")
}

/// The external id of an account that has its own.
pub(crate) fn external_id_of(account_id: &str) -> String {
    secret(&format!("{account_id}external"))
}

pub(crate) fn secret_access_key(account_id: &str) -> String {
    secret(account_id)
}

pub(crate) fn session_token(account_id: &str) -> String {
    secret(&format!("{account_id}token"))
}

/// A secret in plain form and as a form body, JSON, XML, base64 and hex encode it, by name.
fn forms() -> Vec<(&'static str, String)> {
    let hex: String = MARKER.bytes().map(|byte| format!("{byte:02x}")).collect();
    let percent = |[slash, plus, equals]: [&str; 3]| {
        let text = MARKER.replace('/', slash).replace('+', plus).replace('=', equals);
        text.get(..14).unwrap_or_default().to_owned()
    };
    let mut forms = vec![
        ("plain", MARKER.get(..10).unwrap_or_default().to_owned()),
        ("percent-encoded", percent(["%2f", "%2b", "%3d"])),
        ("percent-encoded", percent(["%2F", "%2B", "%3D"])),
        ("JSON-escaped", MARKER.bytes().map(|byte| format!("\\u{byte:04x}")).collect()),
        ("XML-escaped", MARKER.bytes().map(|byte| format!("&#{byte};")).collect()),
        ("hex", hex.to_uppercase()),
        ("hex", hex),
    ];
    for before in 0..3 {
        // Of base64, the characters that depend on what comes before and after are left out.
        let text = format!("{}{MARKER}", "x".repeat(before));
        for encoded in [STANDARD.encode(&text), URL_SAFE.encode(&text)] {
            forms.push(("base64", encoded.get(4..20).unwrap_or_default().to_owned()));
        }
    }
    forms
}

/// Where a text holds a secret, in whatever form.
pub(crate) fn find(text: &[u8]) -> Option<String> {
    forms().into_iter().find_map(|(form, needle)| {
        let at = memchr::memmem::find(text, needle.as_bytes())?;
        let around = text.get(at.saturating_sub(200)..(at + 60).min(text.len())).unwrap_or_default();
        Some(format!("a secret, {form}: …{}…", String::from_utf8_lossy(around)))
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::{external_id, find};

    #[test]
    fn a_secret_is_found_in_every_form_and_in_part() {
        let secret = external_id();
        let percent: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let forms = [
            secret.clone(),
            percent.clone(),
            percent.replace("%2F", "%2f").replace("%2B", "%2b"),
            hex.to_uppercase(),
            hex,
        ];
        for form in forms {
            assert!(find(format!("a line with {form} in it").as_bytes()).is_some(), "{form}");
        }
        for before in 0..6 {
            let text = format!("{}{secret}", "a".repeat(before));
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(find(encoded.as_bytes()).is_some(), "{encoded}");
            }
        }
        assert!(find(&secret.as_bytes()[..30]).is_some());
        assert!(find(b"ASIA222222222222 and nothing else").is_none());
    }
}
