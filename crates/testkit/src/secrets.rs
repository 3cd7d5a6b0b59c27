//! The secrets that all tests use, and the check that no output contains one.

/// The caller's secret access key.
pub const CALLER_SECRET_ACCESS_KEY: &str = "caller0SECRET0caller0SECRET0caller0SECRE";
/// The caller's session token.
pub const CALLER_SESSION_TOKEN: &str = "caller1TOKEN1caller1TOKEN1caller1TOKEN1";
/// The secret access key of every role session.
pub const SECRET_ACCESS_KEY: &str = "member2SECRET2member2SECRET2member2SECRE";
/// The session token of every role session.
pub const SESSION_TOKEN: &str = "member3TOKEN3member3TOKEN3member3TOKEN3";
/// The external id that tests use. It has a character that is percent-encoded in a request.
pub const EXTERNAL_ID: &str = "external4ID:4external4ID";

/// Panics if `text` contains a secret, plain or in a form in which something may echo it.
pub fn assert_no_secret_in(text: &str) {
    for secret in
        [CALLER_SECRET_ACCESS_KEY, CALLER_SESSION_TOKEN, SECRET_ACCESS_KEY, SESSION_TOKEN, EXTERNAL_ID]
    {
        for form in echoes(secret) {
            if let Some(at) = text.find(&form) {
                let from = text.floor_char_boundary(at.saturating_sub(300));
                assert!(at < from, "a secret ({secret}) is as {form} in: …{}", text.split_at(from).1);
            }
        }
    }
}

/// The forms in which AWS, or something in between, may echo a secret: plain, in percent escapes, in JSON escapes, in XML
/// entities, in hexadecimal digits, and in Base64 of both alphabets at each of the three positions in a longer text.
#[must_use]
pub fn echoes(secret: &str) -> Vec<String> {
    let each = |encode: &dyn Fn(u8) -> String| secret.bytes().map(encode).collect::<String>();
    let escaped = |encode: &dyn Fn(u8) -> String| {
        each(&|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { encode(b) })
    };
    let mut forms = vec![
        secret.to_owned(),
        escaped(&|b| format!("%{b:02X}")),
        escaped(&|b| format!("%{b:02x}")),
        escaped(&|b| format!("\\u{b:04x}")),
        escaped(&|b| format!("&#{b};")),
        escaped(&|b| format!("&#x{b:X};")),
        each(&|b| format!("{b:02x}")),
        each(&|b| format!("{b:02X}")),
    ];
    // Of Base64, the characters that depend on the secret alone.
    for offset in 0..3 {
        let padded = "\0".repeat(offset) + secret;
        let bits: String = padded.bytes().map(|byte| format!("{byte:08b}")).collect();
        let sextets = bits.as_bytes().chunks_exact(6).skip((offset * 8).div_ceil(6));
        let values =
            sextets.map(|bits| bits.iter().fold(0, |value, bit| value * 2 + usize::from(bit - b'0')));
        let values: Vec<usize> = values.collect();
        for last_two in [b"+/", b"-_"] {
            let alphabet = (b'A'..=b'Z').chain(b'a'..=b'z').chain(b'0'..=b'9').chain(*last_two);
            let alphabet: Vec<char> = alphabet.map(char::from).collect();
            forms.push(values.iter().filter_map(|value| alphabet.get(*value)).collect());
        }
    }
    forms
}
