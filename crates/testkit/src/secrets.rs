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

/// Panics if `text` contains a secret, plain or percent-encoded as in a request.
pub fn assert_no_secret_in(text: &str) {
    let escaped = EXTERNAL_ID.replace(':', "%3A");
    let secrets = [
        CALLER_SECRET_ACCESS_KEY,
        CALLER_SESSION_TOKEN,
        SECRET_ACCESS_KEY,
        SESSION_TOKEN,
        EXTERNAL_ID,
        escaped.as_str(),
    ];
    for secret in secrets {
        if let Some(at) = text.find(secret) {
            let from = text.floor_char_boundary(at.saturating_sub(300));
            assert!(at < from, "a secret ({secret}) is in: …{}", text.split_at(from).1);
        }
    }
}
