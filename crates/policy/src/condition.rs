//! The `Condition` element: the condition operators, applied to the condition keys of a request.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use jiff::Timestamp;

use crate::context::{Context, is_multivalued, shown_values};
use crate::pattern::{self, Token};

/// One comparison of a `Condition` block: a key, an operator and values.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    /// The operator as the policy has it, such as `StringEquals`.
    pub(crate) operator_name: String,
    pub(crate) key: String,
    /// At least one value must match; for a negated operator, none may match.
    pub(crate) values: Vec<String>,
}

/// Without the values of `sts:ExternalId`.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator_name, key, .. } = self;
        write!(f, "{operator_name} {key:?}: {:?}", shown_values(key, &self.values))
    }
}

/// A condition operator, such as `ForAnyValue:StringNotLikeIfExists`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    quantifier: ValueQuantifier,
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
}

/// Which values of the key in the request are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ValueQuantifier {
    /// No prefix: the single value of the key.
    Single,
    /// `ForAllValues`: all values must match.
    All,
    /// `ForAnyValue`: at least one value must match.
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

/// Each operator in lower case, its comparison, and whether it is negated.
const OPERATORS: [(&str, Comparison, bool); 27] = [
    ("null", Comparison::Null, false),
    ("stringequals", Comparison::String, false),
    ("stringnotequals", Comparison::String, true),
    ("stringequalsignorecase", Comparison::StringIgnoringCase, false),
    ("stringnotequalsignorecase", Comparison::StringIgnoringCase, true),
    ("stringlike", Comparison::Like, false),
    ("stringnotlike", Comparison::Like, true),
    // AWS: ArnEquals and ArnLike behave identically.
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

/// The global condition keys whose values are no plain text, in lower case.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>
const TYPED_KEYS: [(&str, Comparison); 9] = [
    ("aws:assumedroot", Comparison::Bool),
    ("aws:currenttime", Comparison::Date(Ordering::Equal)),
    ("aws:ec2instancesourceprivateipv4", Comparison::IpAddress),
    ("aws:epochtime", Comparison::Date(Ordering::Equal)),
    ("aws:multifactorauthage", Comparison::Numeric(Ordering::Equal)),
    ("aws:multifactorauthpresent", Comparison::Bool),
    ("aws:sourceip", Comparison::IpAddress),
    ("aws:tokenissuetime", Comparison::Date(Ordering::Equal)),
    ("aws:vpcsourceip", Comparison::IpAddress),
];

/// What is wrong with a value that a request has for a global condition key; `None` for a key whose values are texts.
#[must_use]
pub fn request_value_problem(key: &str, value: &str) -> Option<&'static str> {
    let key = key.to_ascii_lowercase();
    let (_, comparison) = TYPED_KEYS.iter().find(|(typed, _)| *typed == key)?;
    match comparison {
        // A request has one address, not a block of them.
        Comparison::IpAddress => value.parse::<IpAddr>().is_err().then_some("is not an IP address"),
        comparison => comparison.problem(value),
    }
}

/// A condition operator that AWS does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown condition operator {0:?}")]
pub(crate) struct UnknownOperator(String);

impl FromStr for Operator {
    type Err = UnknownOperator;

    fn from_str(text: &str) -> Result<Self, UnknownOperator> {
        let lower = text.to_ascii_lowercase();
        let (quantifier, rest) = match lower.split_once(':') {
            Some(("forallvalues", rest)) => (ValueQuantifier::All, rest),
            Some(("foranyvalue", rest)) => (ValueQuantifier::Any, rest),
            _ => (ValueQuantifier::Single, lower.as_str()),
        };
        let (name, if_exists) = rest.strip_suffix("ifexists").map_or((rest, false), |name| (name, true));
        let row = OPERATORS.iter().find(|(known, ..)| *known == name);
        let (_, comparison, negated) = row.ok_or_else(|| UnknownOperator(text.to_owned()))?;
        Ok(Self { quantifier, comparison: *comparison, negated: *negated, if_exists })
    }
}

impl Condition {
    /// Whether the request meets the condition. `variables` is `None` where the policy's version has no variables.
    #[must_use]
    pub(crate) fn evaluate(&self, context: &Context, variables: Option<&Context>) -> bool {
        let Operator { quantifier, comparison, negated, if_exists } = self.operator;
        let request_values = context.get(&self.key);
        if comparison == Comparison::Null {
            return self.values.iter().any(|value| parse_bool(value) == Some(request_values.is_none()));
        }
        match (quantifier, request_values) {
            (ValueQuantifier::All, None) => true,
            (ValueQuantifier::Any, None) => false,
            (ValueQuantifier::All, Some(values)) => values.iter().all(|it| self.is_met_by(it, variables)),
            (ValueQuantifier::Any, Some(values)) => values.iter().any(|it| self.is_met_by(it, variables)),
            // A multivalued key needs ForAllValues or ForAnyValue.
            (ValueQuantifier::Single, Some(_)) if is_multivalued(&self.key) => false,
            (ValueQuantifier::Single, None | Some([])) => if_exists || negated,
            (ValueQuantifier::Single, Some([first, ..])) => self.is_met_by(first, variables),
        }
    }

    /// Whether a request without the key meets the condition.
    #[must_use]
    pub(crate) fn is_met_without_key(&self) -> bool {
        self.evaluate(&Context::default(), None)
    }

    /// What AWS reports as an error in the condition: in the operator, or in a value that cannot be compared with anything,
    /// with the index of the value.
    pub(crate) fn problem(&self) -> Option<(Option<usize>, String)> {
        let Operator { comparison, if_exists, .. } = self.operator;
        if comparison == Comparison::Null && if_exists {
            return Some((None, "Null already checks whether the key exists; remove IfExists".to_owned()));
        }
        let shown = shown_values(&self.key, &self.values);
        let mut values = self.values.iter().zip(shown).enumerate();
        values.find_map(|(index, (value, shown))| {
            Some((Some(index), format!("{shown:?} {}", comparison.problem(value)?)))
        })
    }

    /// Whether one value of the request meets the condition. Values that cannot be compared meet neither an operator nor
    /// its negation.
    fn is_met_by(&self, request_value: &str, variables: Option<&Context>) -> bool {
        let mut results =
            self.values.iter().map(|value| self.operator.comparison.compare(request_value, value, variables));
        if self.operator.negated {
            results.all(|result| result == Some(false))
        } else {
            results.any(|result| result == Some(true))
        }
    }
}

impl Operator {
    /// Whether it has neither `ForAllValues` nor `ForAnyValue`, and so compares a single value.
    pub(crate) fn compares_one_value(self) -> bool {
        self.quantifier == ValueQuantifier::Single && self.comparison != Comparison::Null
    }

    /// Whether its values are `true` and `false`.
    pub(crate) fn has_booleans(self) -> bool {
        matches!(self.comparison, Comparison::Bool | Comparison::Null)
    }

    /// Whether it is met where none of the values matches, such as `StringNotEquals`.
    pub(crate) fn is_negated(self) -> bool {
        self.negated
    }

    /// Whether it compares texts character by character, so that `*` and `?` are no wildcards.
    pub(crate) fn is_literal(self) -> bool {
        matches!(self.comparison, Comparison::String | Comparison::StringIgnoringCase)
    }

    /// Whether it compares ARNs, part by part.
    pub(crate) fn compares_arns(self) -> bool {
        self.comparison == Comparison::Arn
    }

    /// Whether it compares texts or ARNs, whose values can have policy variables.
    pub(crate) fn has_variables(self) -> bool {
        self.is_literal() || matches!(self.comparison, Comparison::Like | Comparison::Arn)
    }

    /// Whether it compares IP addresses with networks.
    pub(crate) fn compares_networks(self) -> bool {
        self.comparison == Comparison::IpAddress
    }

    /// Whether it only checks that the request has the key.
    pub(crate) fn is_null(self) -> bool {
        self.comparison == Comparison::Null
    }
}

impl Comparison {
    /// What is wrong with a value in a policy, for this comparison.
    fn problem(self, value: &str) -> Option<&'static str> {
        let (is_valid, problem) = match self {
            Self::Binary => return None,
            Self::String | Self::StringIgnoringCase | Self::Like => return pattern::variable_problem(value),
            Self::Null | Self::Bool => (parse_bool(value).is_some(), "is neither true nor false"),
            Self::Arn if value.contains("${") => return pattern::variable_problem(value),
            Self::Arn => (value.starts_with("arn:") || value == "*", "is not an ARN"),
            Self::IpAddress => (parse_network(value).is_some(), "is not an IP address or CIDR block"),
            Self::Date(_) => (parse_date(value).is_some(), "is not an ISO 8601 date or seconds since 1970"),
            Self::Numeric(_) => (parse_number(value).is_some(), "is not a number"),
        };
        (!is_valid).then_some(problem)
    }

    /// Compares a value of the request with a value of the policy; `None` where they cannot be compared.
    fn compare(self, request_value: &str, value: &str, variables: Option<&Context>) -> Option<bool> {
        // Only values that are compared as strings or ARNs can have variables.
        let resolved = || pattern::resolve(value, variables);
        match self {
            Self::Null => None,
            Self::String => Some(literal(&resolved()?) == request_value),
            Self::StringIgnoringCase => Some(literal(&resolved()?).eq_ignore_ascii_case(request_value)),
            Self::Like => Some(pattern::matches(&resolved()?, request_value)),
            Self::Arn => is_arn_like(&resolved()?, request_value),
            Self::Binary => Some(value == request_value),
            Self::Bool => Some(parse_bool(request_value)? == parse_bool(value)?),
            Self::IpAddress => Some(parse_network(value)?.contains(&request_value.parse::<IpAddr>().ok()?)),
            Self::Date(ordering) => Some(ordering.compare(parse_date(request_value)?, parse_date(value)?)),
            Self::Numeric(ordering) => {
                Some(ordering.compare(parse_number(request_value)?, parse_number(value)?))
            }
        }
    }
}

impl Ordering {
    fn compare<T: PartialOrd + Copy>(self, request_value: T, value: T) -> bool {
        match self {
            Self::Equal => request_value == value,
            Self::Less => request_value < value,
            Self::LessOrEqual => request_value <= value,
            Self::Greater => request_value > value,
            Self::GreaterOrEqual => request_value >= value,
        }
    }
}

/// The text of a pattern, with wildcards as plain characters.
fn literal(tokens: &[Token]) -> String {
    let character = |token: &Token| match token {
        Token::Char(c) => *c,
        Token::AnyChar => '?',
        Token::AnyText => '*',
    };
    tokens.iter().map(character).collect()
}

/// Compares each of the six parts of an ARN separately; `None` where one of the two is not an ARN.
fn is_arn_like(pattern: &[Token], arn: &str) -> Option<bool> {
    let arn: Vec<&str> = arn.splitn(6, ':').collect();
    let pattern: Vec<&[Token]> = pattern.splitn(6, |token| *token == Token::Char(':')).collect();
    if arn.len() < 6 || pattern.len() < 5 {
        return None;
    }
    let parts = pattern.iter().zip(&arn);
    Some(pattern.len() == 6 && parts.into_iter().all(|(pattern, part)| pattern::matches(pattern, part)))
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Parses a CIDR block, or an IP address as a block of one address.
pub(crate) fn parse_network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Parses an integer or a decimal. Unlike Rust, AWS accepts no exponent and no hexadecimal number.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (all_digits(whole) && all_digits(fraction)).then(|| text.parse().ok())?
}

/// Parses a date in the formats that AWS accepts: the W3C profile of ISO 8601, or seconds since 1970.
///
/// Source: <https://www.w3.org/TR/NOTE-datetime>
fn parse_date(text: &str) -> Option<Timestamp> {
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
    // A date without a time zone is in UTC.
    text.parse().or_else(|_| format!("{text}Z").parse()).ok()
}

#[cfg(test)]
mod tests {
    use super::{Operator, parse_date, parse_network, parse_number, request_value_problem};

    #[test]
    fn aws_operators_are_accepted_in_any_case_and_no_others() {
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
    fn dates_are_parsed_as_aws_parses_them() {
        let noon = parse_date("2026-11-23T12:00:00Z");
        assert!(noon.is_some());
        for text in
            ["2026-11-23T13:00:00+01:00", "2026-11-23T12:00Z", "2026-11-23T12:00:00.000Z", "1795435200"]
        {
            assert_eq!(parse_date(text), noon, "{text}");
        }
        assert_eq!(parse_date("2026"), parse_date("2026-01-01T00:00:00Z"));
        assert_eq!(parse_date("2026-11"), parse_date("2026-11-01"));
        for text in ["", "x", "2026-13", "tomorrow", "20261"] {
            assert!(parse_date(text).is_none() || text == "20261", "{text}");
        }
    }

    #[test]
    fn numbers_and_networks_are_parsed_as_aws_parses_them() {
        assert_eq!(parse_number(" 300 "), parse_number("300.0"));
        for text in ["", "x", "3e2", "0x12", ".", "1."] {
            assert_eq!(parse_number(text), None, "{text}");
        }
        assert!(parse_network("10.1.2.9/24").is_some() && parse_network("2001:db8::1").is_some());
        assert!(parse_network("10.1.2").is_none() && parse_network("10.0.0.0/33").is_none());
    }

    #[test]
    fn a_value_of_a_request_has_the_type_of_its_key() {
        for (key, valid, invalid) in [
            ("aws:CurrentTime", "2026-11-23T12:00:00Z", "tomorrow"),
            ("aws:EpochTime", "1795435200", "now"),
            ("aws:SourceIp", "2001:db8::1", "10.0.0.0/8"),
            ("AWS:MultiFactorAuthAge", "300", "5m"),
            ("aws:MultiFactorAuthPresent", "True", "yes"),
        ] {
            assert_eq!(request_value_problem(key, valid), None, "{key}");
            assert!(request_value_problem(key, invalid).is_some(), "{key}");
        }
        assert_eq!(request_value_problem("aws:PrincipalOrgID", "o-example001"), None);
    }
}
