//! An argument that may hold a secret by mistake.

use std::fmt;

/// A text that the command parses, not clap: clap's errors repeat the value that they reject.
#[derive(Clone)]
pub(crate) struct SensitiveText(pub(crate) String);

impl From<String> for SensitiveText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SensitiveText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SensitiveText(redacted)")
    }
}
