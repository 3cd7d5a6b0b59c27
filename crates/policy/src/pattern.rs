//! Wildcards (`*`, `?`) and policy variables (`${aws:username}`).
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use std::iter::Peekable;
use std::str::Chars;

use crate::context::Context;

/// A part of a pattern in a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// Matches this character.
    Char(char),
    /// `?`: matches any one character.
    AnyChar,
    /// `*`: matches any number of characters, also none.
    AnyText,
}

/// Parses a text of a policy as a pattern, and replaces its variables with their values. `None` where a variable has no
/// value: then the element with this text matches nothing.
#[must_use]
pub(crate) fn resolve(text: &str, variables: Option<&Context>) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, variables) {
            ('$', Some(context)) if rest.peek() == Some(&'{') => {
                rest.next();
                let name: String = read_to_brace(&mut rest)?;
                tokens.extend(variable_value(&name, context)?.chars().map(Token::Char));
            }
            ('*', _) => tokens.push(Token::AnyText),
            ('?', _) => tokens.push(Token::AnyChar),
            (c, _) => tokens.push(Token::Char(c)),
        }
    }
    Some(tokens)
}

/// Parses a `Resource` as a pattern, and replaces the variables in its resource portion, after the fifth colon of the
/// ARN. AWS supports none in the portions before it, such as the account id: there, a variable is plain text, which no
/// ARN has.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-wheretouse>
#[must_use]
pub(crate) fn resolve_arn(text: &str, variables: Option<&Context>) -> Option<Vec<Token>> {
    let (start, resource) = text.split_at(start_of_resource_portion(text));
    let mut tokens = resolve(start, None)?;
    tokens.extend(resolve(resource, variables)?);
    Some(tokens)
}

/// Whether a `Resource` has a variable before the fifth colon of the ARN, where AWS does not replace it.
#[must_use]
pub(crate) fn has_misplaced_variable(text: &str) -> bool {
    text.split_at(start_of_resource_portion(text)).0.contains("${")
}

/// The index after the fifth colon of an ARN; the colon in a variable such as `${aws:username}` is not counted. The
/// length of the text if it has fewer colons.
fn start_of_resource_portion(text: &str) -> usize {
    let (mut colons, mut is_in_variable, mut previous) = (0, false, ' ');
    for (index, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => is_in_variable = true,
            '}' => is_in_variable = false,
            ':' if !is_in_variable => colons += 1,
            _ => {}
        }
        if colons == 5 {
            return index + 1;
        }
        previous = c;
    }
    text.len()
}

/// Reads the text before the closing brace; `None` where there is no closing brace.
fn read_to_brace(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    loop {
        match rest.next()? {
            '}' => return Some(name),
            c => name.push(c),
        }
    }
}

/// The value of a variable: the condition key's single value in the request, or the default after the name, as in
/// `${aws:PrincipalTag/team, 'all'}`.
fn variable_value(name: &str, context: &Context) -> Option<String> {
    if matches!(name, "*" | "?" | "$") {
        return Some(name.to_owned());
    }
    let (key, default) = split_default(name)?;
    context.single(key).or(default).map(str::to_owned)
}

/// The key of a variable, which has no space, and its default, which is in single quotes after a comma and one space.
/// `None` where the text is neither a key nor a key with such a default: then the variable has no value.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-default-values>
fn split_default(name: &str) -> Option<(&str, Option<&str>)> {
    let (key, default) = match name.split_once(',') {
        Some((key, default)) => (key, Some(default.strip_prefix(" '")?.strip_suffix('\'')?)),
        None => (name, None),
    };
    (!key.contains(' ')).then_some((key, default))
}

/// What AWS reports as an error in a text with variables; `None` where there is nothing to report.
///
/// Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html>
pub(crate) fn variable_problem(text: &str) -> Option<&'static str> {
    text.split("${").skip(1).find_map(|rest| {
        let Some((name, _)) = rest.split_once('}') else {
            return Some("a variable has no closing brace");
        };
        match split_default(name) {
            None if name.split(',').next().is_some_and(|key| key.contains(' ')) => {
                Some("the name of a variable has a space")
            }
            None => Some(
                "a default needs a comma, one space and single quotes, as in ${aws:PrincipalTag/team, 'all'}",
            ),
            Some(("", _)) => Some("a variable is empty"),
            Some(_) => None,
        }
    })
}

/// Whether a pattern matches the whole text, with case.
///
/// The parts between two `*` are searched from left to right, each at its first match, without backtracking. A part
/// without `?` is found in linear time, so then the total time is linear in the length of the text; a part with `?` is
/// compared at each position.
#[must_use]
pub(crate) fn matches(pattern: &[Token], text: &str) -> bool {
    let mut parts = pattern.split(|token| *token == Token::AnyText);
    let Some(mut rest) = parts.next().and_then(|first| strip_part(first, text)) else { return false };
    let parts: Vec<&[Token]> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(after) = find_part(part, rest) else { return false };
        rest = after;
    }
    // The last part must match at the end. Each of its tokens matches one character, so its start is known.
    let start =
        last.len().checked_sub(1).map_or(Some(rest.len()), |n| Some(rest.char_indices().nth_back(n)?.0));
    start.and_then(|start| rest.get(start..)).and_then(|end| strip_part(last, end)).is_some_and(str::is_empty)
}

/// The text after a part, if the text begins with the part.
fn strip_part<'a>(part: &[Token], text: &'a str) -> Option<&'a str> {
    let mut rest = text.chars();
    let is_match = part.iter().all(|token| match (token, rest.next()) {
        (Token::Char(c), Some(d)) => *c == d,
        (_, c) => c.is_some(),
    });
    is_match.then_some(rest.as_str())
}

/// The text after the first match of a part.
fn find_part<'a>(part: &[Token], text: &'a str) -> Option<&'a str> {
    let literal: Option<String> =
        part.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect();
    if let Some(literal) = literal {
        return text.get(text.find(&literal)? + literal.len()..);
    }
    text.char_indices().find_map(|(index, _)| strip_part(part, text.get(index..)?))
}

/// Whether a pattern without variables matches the whole text, ignoring the case of ASCII letters.
#[must_use]
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    let pattern = resolve(&pattern.to_ascii_lowercase(), None).unwrap_or_default();
    matches(&pattern, &text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Token, has_misplaced_variable, matches, resolve, resolve_arn, variable_problem};
    use crate::context::Context;

    fn is_match(pattern: &str, text: &str) -> bool {
        matches(&resolve(pattern, None).unwrap(), text)
    }

    /// The simplest implementation of matching, for comparison.
    fn matches_by_recursion(pattern: &[Token], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some((Token::AnyText, rest)), None) => matches_by_recursion(rest, text),
            (Some((Token::AnyText, rest)), Some((_, after))) => {
                matches_by_recursion(rest, text) || matches_by_recursion(pattern, after)
            }
            (Some(_), None) => false,
            (Some((Token::AnyChar, rest)), Some((_, after))) => matches_by_recursion(rest, after),
            (Some((Token::Char(c), rest)), Some((d, after))) => c == d && matches_by_recursion(rest, after),
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_the_simplest_implementation(pattern in "[ab*?]{0,9}", text in "[ab]{0,9}") {
            let tokens = resolve(&pattern, None).unwrap();
            let expected = matches_by_recursion(&tokens, &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(matches(&tokens, &text), expected);
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not_slow() {
        let text = "a".repeat(100_000);
        assert!(!is_match(&format!("{}b", "a*".repeat(1000)), &text));
        assert!(is_match(&format!("{}a", "*?".repeat(1000)), &text));
        let half = "a".repeat(50_000);
        assert!(!is_match(&format!("*{half}b*"), &text));
    }

    #[test]
    fn a_variable_of_an_arn_is_replaced_only_after_the_fifth_colon() {
        let context = Context::from_iter([
            ("aws:PrincipalAccount", "111111111111"),
            ("aws:RequestedRegion", "eu-central-1"),
            ("aws:username", "a:b"),
        ]);
        let is_match =
            |text: &str, arn: &str| resolve_arn(text, Some(&context)).is_some_and(|p| matches(&p, arn));
        let role = "arn:aws:iam::111111111111:role/a:b";
        for (text, is_expected) in [
            ("arn:aws:iam::111111111111:role/${aws:username}", true),
            ("arn:aws:iam::*:role/${aws:username}", true),
            ("arn:aws:iam::${aws:PrincipalAccount}:role/a:b", false),
            ("arn:aws:iam::${aws:PrincipalAccount}:role/*", false),
            ("arn:aws:iam::${aws:PrincipalAccount, '111111111111'}:role/*", false),
            ("arn:aws:iam:*${aws:username}", false),
            ("${aws:username}", false),
        ] {
            assert_eq!(is_match(text, role), is_expected, "{text}");
            assert_eq!(has_misplaced_variable(text), !is_expected, "{text}");
        }
        assert!(!is_match("arn:aws:sqs:${aws:RequestedRegion}:1:q", "arn:aws:sqs:eu-central-1:1:q"));
        assert!(is_match("arn:aws:sqs:*:1:a:${aws:RequestedRegion}", "arn:aws:sqs:x:1:a:eu-central-1"));
    }

    #[test]
    fn what_aws_reports_as_an_error_in_a_variable_is_found() {
        for (text, words) in [
            ("${aws:username", "closing brace"),
            ("${}", "empty"),
            ("${, 'x'}", "empty"),
            ("${aws:username,'x'}", "comma"),
            ("${aws:username, x}", "quotes"),
            ("a${*}${aws:user name}", "space"),
        ] {
            assert!(variable_problem(text).is_some_and(|problem| problem.contains(words)), "{text}");
        }
        for text in ["", "$", "a${*}b${?}${$}", "${aws:username}", "x${aws:PrincipalTag/team, 'a b'}y"] {
            assert_eq!(variable_problem(text), None, "{text}");
        }
    }

    #[test]
    fn the_values_of_variables_are_literal_text() {
        let context = Context::from_iter([("aws:username", "b*b")]);
        let resolve_and_match =
            |text: &str, value: &str| resolve(text, Some(&context)).map(|p| matches(&p, value));
        assert_eq!(resolve_and_match("user/${aws:username}", "user/b*b"), Some(true));
        let wildcard = resolve_and_match("user/${aws:username}", "user/bob");
        assert_eq!(wildcard, Some(false), "the value of a variable is not a pattern");
        assert_eq!(resolve_and_match("user/${AWS:UserName}*", "user/b*bby"), Some(true));
        assert_eq!(resolve_and_match("${aws:PrincipalTag/team, 'all'}", "all"), Some(true));
        assert_eq!(resolve_and_match("${aws:PrincipalTag/team}", "all"), None);
        assert_eq!(resolve_and_match("${aws:PrincipalTag/team, ''}", ""), Some(true));
        assert_eq!(resolve_and_match("${aws:PrincipalTag/team, 'a, b'}", "a, b"), Some(true));
        for not_a_default in ["x,'all'", "x,  'all'", "x, all", "x, 'all", "x, ' all'", "x , 'all'"] {
            let text = format!("${{aws:PrincipalTag/{not_a_default}}}");
            assert_ne!(resolve_and_match(&text, "all"), Some(true), "{text}");
        }
        assert_eq!(resolve_and_match("${ aws:username }", "b*b"), None, "no space is part of a name");
        assert_eq!(resolve_and_match("a${*}b${?}c${$}", "a*b?c$"), Some(true));
        assert_eq!(resolve_and_match("${aws:username", "b*b"), None);
        let old_version = resolve("${x}", None).map(|p| matches(&p, "${x}"));
        assert_eq!(old_version, Some(true), "version 2008-10-17 has no variables");
    }
}
