//! What may be a secret that was typed in the wrong place.

use std::fmt;

/// A text that is parsed later, since the command line's own errors repeat what they refuse.
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
