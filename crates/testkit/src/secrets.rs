//! Secrets that are in every test's way, and are looked for in all that it prints.

/// The caller's secret key.
pub const CALLER_SECRET_ACCESS_KEY: &str = "caller0SECRET0caller0SECRET0caller0SECRE";
/// The caller's session token.
pub const CALLER_SESSION_TOKEN: &str = "caller1TOKEN1caller1TOKEN1caller1TOKEN1";
/// The secret key of every role session.
pub const SECRET_ACCESS_KEY: &str = "member2SECRET2member2SECRET2member2SECRE";
/// The token of every role session.
pub const SESSION_TOKEN: &str = "member3TOKEN3member3TOKEN3member3TOKEN3";
/// The external id that tests use. It has a character that is escaped on the wire.
pub const EXTERNAL_ID: &str = "external4ID:4external4ID";

/// Panics where `text` holds a secret, as it is or as it stands in a request.
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
            assert!(at < from, "a secret ({secret}) stands in: …{}", text.split_at(from).1);
        }
    }
}
