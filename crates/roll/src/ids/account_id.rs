use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ParseIdError, quoted, shown_as_text};

/// An AWS account id: 12 digits. Leading zeros are part of it, so it is never a number.
///
/// Source: <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccountId(String);

shown_as_text!(AccountId);

impl FromStr for AccountId {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        if text.is_empty() {
            return Err(ParseIdError("the account id is empty, AWS account ids have 12 digits".into()));
        }
        let shown = quoted(text);
        if text.contains(',') {
            return Err(ParseIdError(format!("account id {shown} is more than one, give each by itself")));
        }
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(ParseIdError(format!(
                "account id {shown} is not made of digits alone, AWS account ids have 12 digits and no dashes"
            )));
        }
        match text.len() {
            12 => Ok(Self(text.to_owned())),
            10 => Err(ParseIdError(format!(
                "account id {shown} has 10 digits, AWS account ids have 12; the 10-digit ids that tutorials print \
                 are made up, `aws sts get-caller-identity` shows yours; if a spreadsheet has dropped leading zeros, put \
                 them back"
            ))),
            digits @ 1..12 => Err(ParseIdError(format!(
                "account id {shown} has {digits} digits, AWS account ids have 12; if a spreadsheet has dropped \
                 leading zeros, put them back"
            ))),
            digits => {
                Err(ParseIdError(format!("account id {shown} has {digits} digits, AWS account ids have 12")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AccountId;

    fn problem(text: &str) -> String {
        text.parse::<AccountId>().map_or_else(|e| e.to_string(), |id| format!("accepted {id}"))
    }

    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!("000000000042".parse::<AccountId>().unwrap().to_string(), "000000000042");
    }

    #[test]
    fn the_ten_digits_of_tutorials_are_named() {
        assert!(problem("1111111111").contains("tutorials"), "{}", problem("1111111111"));
    }

    #[test]
    fn everything_else_is_refused_with_the_value() {
        for text in ["", "42", "1234-5678-9012", "1234567890123", "12345678901x", "１２３４５６７８９０１２"]
        {
            let problem = problem(text);
            assert!(problem.contains("12 digits") || problem.contains("have 12"), "{problem}");
            assert!(problem.contains(text), "{problem}");
        }
    }
}
