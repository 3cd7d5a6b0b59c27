use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ParseIdError, quoted};

/// An AWS account id: 12 digits. Leading zeros are part of it, so it is never a number. The form of the AWS console is parsed
/// too: `1111-2222-3333`. Its copies take no memory of their own: a large roll has millions.
///
/// Source: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// The 12 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Digits are always UTF-8.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("AccountId").field(&self.as_str()).finish()
    }
}

impl std::fmt::Display for AccountId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for AccountId {
    type Error = ParseIdError;

    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

impl From<AccountId> for String {
    fn from(id: AccountId) -> Self {
        id.as_str().to_owned()
    }
}

impl FromStr for AccountId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if let Ok(digits) = <[u8; 12]>::try_from(text.as_bytes())
            && digits.iter().all(u8::is_ascii_digit)
        {
            return Ok(Self(digits));
        }
        if text.is_empty() {
            return Err(ParseIdError("the account id is empty; AWS account ids have 12 digits".into()));
        }
        let quoted = quoted(text);
        if let Some(digits) = without_console_dashes(text) {
            return digits.parse();
        }
        if text.contains(',') {
            return Err(ParseIdError(format!(
                "account id {quoted} is a list; give each account id separately"
            )));
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseIdError(format!(
                "account id {quoted} has other characters than digits; AWS account ids have 12 digits"
            )));
        }
        match text.len() {
            10 => Err(ParseIdError(format!(
                "account id {quoted} has 10 digits, but AWS account ids have 12. The 10-digit ids in tutorials are not \
                 real; `aws sts get-caller-identity` shows your account id. If a spreadsheet removed leading zeros, add \
                 them again"
            ))),
            digits @ 1..12 => Err(ParseIdError(format!(
                "account id {quoted} has {digits} digits, but AWS account ids have 12; if a spreadsheet removed \
                 leading zeros, add them again"
            ))),
            digits => Err(ParseIdError(format!(
                "account id {quoted} has {digits} digits, but AWS account ids have 12"
            ))),
        }
    }
}

impl AccountId {
    /// A pattern of account ids or names, as users write it: an id in the form of the AWS console loses its dashes.
    #[must_use]
    pub fn normalize_pattern(pattern: &str) -> String {
        without_console_dashes(pattern).unwrap_or_else(|| pattern.to_owned())
    }
}

/// The digits of `1111-2222-3333`; `None` for any other form.
fn without_console_dashes(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let are_four_digits = |part: &&str| part.len() == 4 && part.bytes().all(|b| b.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(are_four_digits)).then(|| parts.concat())
}

#[cfg(test)]
mod tests {
    use super::AccountId;

    fn problem(text: &str) -> String {
        text.parse::<AccountId>().map_or_else(|error| error.to_string(), |id| format!("accepted {id}"))
    }

    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!("000000000042".parse::<AccountId>().unwrap().to_string(), "000000000042");
    }

    #[test]
    fn the_form_of_the_aws_console_is_parsed() {
        assert_eq!("0000-5678-9012".parse::<AccountId>().unwrap().as_str(), "000056789012");
        let patterns = ["0000-5678-9012", "prod-2026-11", "1111*"].map(AccountId::normalize_pattern);
        assert_eq!(patterns, ["000056789012", "prod-2026-11", "1111*"]);
    }

    #[test]
    fn an_id_of_ten_digits_gets_a_hint_about_tutorials() {
        assert!(problem("1111111111").contains("tutorials"), "{}", problem("1111111111"));
    }

    #[test]
    fn an_invalid_id_is_an_error_that_has_the_value() {
        for text in [
            "",
            "42",
            "123-4567-89012",
            "1234-5678-9012-",
            "1234567890123",
            "12345678901x",
            "１２３４５６７８９０１２",
        ] {
            let problem = problem(text);
            assert!(problem.contains("12 digits") || problem.contains("have 12"), "{problem}");
            assert!(problem.contains(text), "{problem}");
        }
    }
}
