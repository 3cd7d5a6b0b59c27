//! Names that AWS gives a shape. Each is parsed once with `FromStr`; what holds one, holds a valid one.

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

/// Why a text is not what it was given as: the value (unless it is a secret), what is wrong, what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseIdError(pub(crate) String);

/// A refused text as a message shows it: quoted, and cut where it is longer than any name can be.
fn quoted(text: &str) -> String {
    let (shown, rest) = text.split_at(text.floor_char_boundary(200));
    format!("{shown:?}{}", if rest.is_empty() { "" } else { "…" })
}

/// `Display`, `AsRef<str>` and serde for a name that is kept as text and may be shown.
macro_rules! shown_as_text {
    ($name:ident) => {
        impl $name {
            /// The text, as AWS writes it.
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
use shown_as_text;

/// The characters that IAM allows in names: `[\w+=,.@-]`, where `\w` is ASCII.
fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}
