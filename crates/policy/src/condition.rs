//! The `Condition` element: operators, and what they make of a request's condition keys.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::context::{Context, has_several_values};
use crate::pattern::{self, Token};

/// A line of a `Condition` block: a key, compared with values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// The operator.
    pub(crate) operator: Operator,
    /// The condition key.
    pub(crate) key: String,
    /// The values, any of which will do; for an operator that says "not", none of which may be.
    pub(crate) values: Vec<String>,
}

/// A condition operator, as `ForAnyValue:StringNotLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    over: ValueQuantifier,
    compare: Comparison,
    negated: bool,
    if_exists: bool,
}

/// Which of the key's values are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueQuantifier {
    /// The one that it has.
    Single,
    All,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Null,
    String,
    StringIgnoringCase,
    Like,
    Arn,
    Binary,
    Bool,
    IpAddress,
    Date(Ordering),
    Numeric(Ordering),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ordering {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Each operator, lower case, and whether it is one that says "not".
const OPERATORS: [(&str, Comparison, bool); 27] = [
    ("null", Comparison::Null, false),
    ("stringequals", Comparison::String, false),
    ("stringnotequals", Comparison::String, true),
    ("stringequalsignorecase", Comparison::StringIgnoringCase, false),
    ("stringnotequalsignorecase", Comparison::StringIgnoringCase, true),
    ("stringlike", Comparison::Like, false),
    ("stringnotlike", Comparison::Like, true),
    // Both do what the other does.
    ("arnequals", Comparison::Arn, false),
    ("arnlike", Comparison::Arn, false),
    ("arnnotequals", Comparison::Arn, true),
    ("arnnotlike", Comparison::Arn, true),
    ("binaryequals", Comparison::Binary, false),
    ("bool", Comparison::Bool, false),
    ("ipaddress", Comparison::IpAddress, false),
    ("notipaddress", Comparison::IpAddress, true),
    ("dateequals", Comparison::Date(Ordering::Equal), false),
    ("datenotequals", Comparison::Date(Ordering::Equal), true),
    ("datelessthan", Comparison::Date(Ordering::Less), false),
    ("datelessthanequals", Comparison::Date(Ordering::LessOrEqual), false),
    ("dategreaterthan", Comparison::Date(Ordering::Greater), false),
    ("dategreaterthanequals", Comparison::Date(Ordering::GreaterOrEqual), false),
    ("numericequals", Comparison::Numeric(Ordering::Equal), false),
    ("numericnotequals", Comparison::Numeric(Ordering::Equal), true),
    ("numericlessthan", Comparison::Numeric(Ordering::Less), false),
    ("numericlessthanequals", Comparison::Numeric(Ordering::LessOrEqual), false),
    ("numericgreaterthan", Comparison::Numeric(Ordering::Greater), false),
    ("numericgreaterthanequals", Comparison::Numeric(Ordering::GreaterOrEqual), false),
];

/// A condition operator that AWS does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("condition operator {0:?} is none of AWS's")]
pub(crate) struct UnknownOperator(String);

impl FromStr for Operator {
    type Err = UnknownOperator;

    fn from_str(text: &str) -> Result<Self, UnknownOperator> {
        let lower = text.to_ascii_lowercase();
        let (over, rest) = match lower.split_once(':') {
            Some(("forallvalues", rest)) => (ValueQuantifier::All, rest),
            Some(("foranyvalue", rest)) => (ValueQuantifier::Any, rest),
            _ => (ValueQuantifier::Single, lower.as_str()),
        };
        let (name, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |name| (name, true));
        let row = OPERATORS.iter().find(|(known, ..)| *known == name);
        let (_, compare, negated) = row.ok_or_else(|| UnknownOperator(text.to_owned()))?;
        Ok(Self { over, compare: *compare, negated: *negated, if_exists })
    }
}

impl Condition {
    /// Whether the request is as the condition says. `variables` are those that the policy's version has.
    #[must_use]
    pub(crate) fn evaluate(&self, context: &Context, variables: Option<&Context>) -> bool {
        let Operator { over, compare, negated, if_exists } = self.operator;
        let found = context.get(&self.key);
        if compare == Comparison::Null {
            return self.values.iter().any(|value| truth(value) == Some(found.is_none()));
        }
        match (over, found) {
            (ValueQuantifier::All, None) => true,
            (ValueQuantifier::Any, None) => false,
            (ValueQuantifier::All, Some(found)) => found.iter().all(|found| self.is(found, variables)),
            (ValueQuantifier::Any, Some(found)) => found.iter().any(|found| self.is(found, variables)),
            // A list is looked into by the other two alone.
            (ValueQuantifier::Single, Some(_)) if has_several_values(&self.key) => false,
            (ValueQuantifier::Single, None | Some([])) => if_exists || negated,
            (ValueQuantifier::Single, Some([first, ..])) => self.is(first, variables),
        }
    }

    /// What AWS calls an error in it: the operator, or a value that can be compared with nothing.
    pub(crate) fn problem(&self) -> Option<String> {
        let Operator { compare, if_exists, .. } = self.operator;
        if compare == Comparison::Null && if_exists {
            return Some("Null asks itself whether the key is there, take IfExists off".to_owned());
        }
        let wrong = self.values.iter().find_map(|value| Some((value, compare.problem(value)?)));
        wrong.map(|(value, problem)| format!("{value:?} {problem}"))
    }

    /// Whether one value of the request's is as the condition says. What cannot be compared is neither so nor not so.
    fn is(&self, found: &str, variables: Option<&Context>) -> bool {
        let mut answers =
            self.values.iter().map(|value| self.operator.compare.answer(found, value, variables));
        if self.operator.negated {
            answers.all(|answer| answer == Some(false))
        } else {
            answers.any(|answer| answer == Some(true))
        }
    }
}

impl Comparison {
    /// What is wrong with a value that a policy compares so.
    fn problem(self, value: &str) -> Option<&'static str> {
        let (is_right, problem) = match self {
            Self::String | Self::StringIgnoringCase | Self::Like | Self::Binary => return None,
            Self::Null | Self::Bool => (truth(value).is_some(), "is neither true nor false"),
            Self::Arn => (value.starts_with("arn:") || value == "*" || value.contains("${"), "is no ARN"),
            Self::IpAddress => (network(value).is_some(), "is no address and no network"),
            Self::Date(_) => (date(value).is_some(), "is no date of ISO 8601, and no seconds since 1970"),
            Self::Numeric(_) => (number(value).is_some(), "is no number"),
        };
        (!is_right).then_some(problem)
    }

    fn answer(self, found: &str, value: &str, variables: Option<&Context>) -> Option<bool> {
        // Variables stand in values that are compared as texts or ARNs, and in no others.
        let resolved = || pattern::resolve(value, variables);
        match self {
            Self::Null => None,
            Self::String => Some(literal(&resolved()?) == found),
            Self::StringIgnoringCase => Some(literal(&resolved()?).eq_ignore_ascii_case(found)),
            Self::Like => Some(pattern::matches(&resolved()?, found)),
            Self::Arn => is_arn_like(&resolved()?, found),
            Self::Binary => Some(value == found),
            Self::Bool => Some(truth(found)? == truth(value)?),
            Self::IpAddress => Some(network(value)?.contains(&found.parse::<IpAddr>().ok()?)),
            Self::Date(order) => Some(order.holds(date(found)?, date(value)?)),
            Self::Numeric(order) => Some(order.holds(number(found)?, number(value)?)),
        }
    }
}

impl Ordering {
    fn holds<T: PartialOrd + Copy>(self, found: T, value: T) -> bool {
        match self {
            Self::Equal => found == value,
            Self::Less => found < value,
            Self::LessOrEqual => found <= value,
            Self::Greater => found > value,
            Self::GreaterOrEqual => found >= value,
        }
    }
}

/// A pattern's text, where wildcards are only characters.
fn literal(tokens: &[Token]) -> String {
    let character = |token: &Token| match token {
        Token::Is(c) => *c,
        Token::One => '?',
        Token::Many => '*',
    };
    tokens.iter().map(character).collect()
}

/// Each of an ARN's six parts by itself. What is no ARN cannot be compared.
fn is_arn_like(pattern: &[Token], found: &str) -> Option<bool> {
    let found: Vec<&str> = found.splitn(6, ':').collect();
    let pattern: Vec<&[Token]> = pattern.splitn(6, |token| *token == Token::Is(':')).collect();
    if found.len() < 6 || pattern.len() < 5 {
        return None;
    }
    let parts = pattern.iter().zip(&found);
    Some(pattern.len() == 6 && parts.into_iter().all(|(pattern, found)| pattern::matches(pattern, found)))
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A network, or one address.
fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (all_digits(whole) && all_digits(fraction)).then(|| text.parse().ok())?
}

/// A date as AWS takes it: one of the forms of the W3C's profile of ISO 8601, or seconds since 1970.
///
/// Source: <https://www.w3.org/TR/NOTE-datetime>
fn date(text: &str) -> Option<Timestamp> {
    if text.len() > 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_second(text.parse().ok()?).ok();
    }
    let rest = match text.len() {
        4 => "-01-01T00:00:00",
        7 => "-01T00:00:00",
        10 => "T00:00:00",
        _ => "",
    };
    let text = format!("{text}{rest}");
    // Without a zone it is UTC.
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Operator, date, network, number};

    #[test]
    fn operators_are_those_of_aws_in_any_case() {
        for text in
            ["StringEquals", "stringequals", "ForAllValues:StringNotLikeIfExists", "Null", "NotIpAddress"]
        {
            assert!(text.parse::<Operator>().is_ok(), "{text}");
        }
        for text in ["", "StringFoo", "ForSomeValues:StringEquals", "BoolNot", "IfExists", "ForAnyValue:"] {
            assert!(text.parse::<Operator>().unwrap_err().to_string().contains(text), "{text}");
        }
    }

    #[test]
    fn dates_are_read_as_aws_reads_them() {
        let moment = date("2026-11-23T12:00:00Z");
        assert!(moment.is_some());
        for text in
            ["2026-11-23T13:00:00+01:00", "2026-11-23T12:00Z", "2026-11-23T12:00:00.000Z", "1795435200"]
        {
            assert_eq!(date(text), moment, "{text}");
        }
        assert_eq!(date("2026"), date("2026-01-01T00:00:00Z"));
        assert_eq!(date("2026-11"), date("2026-11-01"));
        for text in ["", "x", "2026-13", "tomorrow", "20261"] {
            assert!(date(text).is_none() || text == "20261", "{text}");
        }
    }

    #[test]
    fn numbers_and_networks_are_read_as_aws_reads_them() {
        assert_eq!(number(" 300 "), number("300.0"));
        for text in ["", "x", "3e2", "0x12", ".", "1."] {
            assert_eq!(number(text), None, "{text}");
        }
        assert!(network("10.1.2.9/24").is_some() && network("2001:db8::1").is_some());
        assert!(network("10.1.2").is_none() && network("10.0.0.0/33").is_none());
    }
}
