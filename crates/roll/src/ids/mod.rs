//! Identifiers with a format that AWS defines. Each is parsed once with `FromStr`; a value of these types is always valid.

mod access_key_id;
mod account_id;
mod external_id;
mod partition;
mod role;
mod role_session_name;
mod run_id;

pub use access_key_id::{AccessKeyId, AccessKeyIdKind, unprintable_in};
pub use account_id::AccountId;
pub use external_id::ExternalId;
pub use partition::Partition;
pub use role::{RoleArn, RoleName};
pub use role_session_name::RoleSessionName;
pub use run_id::RunId;

/// Why a text is not a valid identifier. The message has the text (unless it may be a secret), what is wrong, and what is
/// expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseIdError(pub(crate) String);

/// Quotes an invalid text for a message. A text longer than 200 bytes is cut, as no name is so long.
fn quoted(text: &str) -> String {
    let (start, rest) = text.split_at(text.floor_char_boundary(200));
    format!("{start:?}{}", if rest.is_empty() { "" } else { "…" })
}

/// Implements `as_str`, `Display` and the conversions for serde, for a type that holds a text that is not a secret.
macro_rules! impl_text_id {
    ($name:ident) => {
        impl $name {
            /// The text in AWS's spelling.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::ids::ParseIdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
use impl_text_id;

/// The characters that IAM allows in names: `[\w+=,.@-]`, where `\w` is ASCII.
fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}
