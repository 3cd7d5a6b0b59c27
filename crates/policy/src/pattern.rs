//! Wildcards (`*`, `?`) and policy variables (`${aws:username}`).
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>

use std::iter::Peekable;
use std::str::Chars;

use crate::context::Context;

/// A part of a text that a policy holds, read as a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// This character.
    Is(char),
    /// `?`: any one character.
    One,
    /// `*`: any characters, or none.
    Many,
}

/// The pattern that a text stands for, its variables put in. `None` where a variable has no value: then what the text
/// stands in matches nothing.
#[must_use]
pub(crate) fn resolve(text: &str, variables: Option<&Context>) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, variables) {
            ('$', Some(context)) if rest.peek() == Some(&'{') => {
                rest.next();
                let name: String = until_brace(&mut rest)?;
                tokens.extend(value_of(&name, context)?.chars().map(Token::Is));
            }
            ('*', _) => tokens.push(Token::Many),
            ('?', _) => tokens.push(Token::One),
            (c, _) => tokens.push(Token::Is(c)),
        }
    }
    Some(tokens)
}

/// What stands before the closing brace; `None` where there is none.
fn until_brace(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    loop {
        match rest.next()? {
            '}' => return Some(name),
            c => name.push(c),
        }
    }
}

/// A variable's value: a single value of the request's, or the default that is written behind the name.
fn value_of(name: &str, context: &Context) -> Option<String> {
    if matches!(name, "*" | "?" | "$") {
        return Some(name.to_owned());
    }
    let (key, default) = match name.split_once(',') {
        Some((key, default)) => (key, Some(default.trim().strip_prefix('\'')?.strip_suffix('\'')?)),
        None => (name, None),
    };
    context.single(key.trim()).or(default).map(str::to_owned)
}

/// Whether a text is what the pattern says, case and all.
///
/// The parts between two `*` are looked for one after the other, each at the first place where it is, and none is
/// looked for again. A part without `?` is found in linear time, so the whole takes no longer than the text is long; one
/// with `?` is held against each place.
#[must_use]
pub(crate) fn matches(pattern: &[Token], text: &str) -> bool {
    let mut parts = pattern.split(|token| *token == Token::Many);
    let Some(mut rest) = parts.next().and_then(|first| behind(first, text)) else { return false };
    let parts: Vec<&[Token]> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(behind) = find(part, rest) else { return false };
        rest = behind;
    }
    // The last part stands at the end, which is as many characters away as it has.
    let from =
        last.len().checked_sub(1).map_or(Some(rest.len()), |n| Some(rest.char_indices().nth_back(n)?.0));
    from.and_then(|from| rest.get(from..)).and_then(|end| behind(last, end)).is_some_and(str::is_empty)
}

/// What stands behind a part with which a text begins.
fn behind<'a>(part: &[Token], text: &'a str) -> Option<&'a str> {
    let mut rest = text.chars();
    let is_so = part.iter().all(|token| match (token, rest.next()) {
        (Token::Is(c), Some(d)) => *c == d,
        (_, c) => c.is_some(),
    });
    is_so.then_some(rest.as_str())
}

/// What stands behind the first place where a part is.
fn find<'a>(part: &[Token], text: &'a str) -> Option<&'a str> {
    let literal: Option<String> =
        part.iter().map(|token| if let Token::Is(c) = token { Some(*c) } else { None }).collect();
    if let Some(literal) = literal {
        return text.get(text.find(&literal)? + literal.len()..);
    }
    text.char_indices().find_map(|(at, _)| behind(part, text.get(at..)?))
}

/// The same, for ASCII letters of either case.
#[must_use]
pub(crate) fn matches_ignoring_case(pattern: &str, text: &str) -> bool {
    let pattern = resolve(&pattern.to_ascii_lowercase(), None).unwrap_or_default();
    matches(&pattern, &text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Token, matches, resolve};
    use crate::context::Context;

    fn like(pattern: &str, text: &str) -> bool {
        matches(&resolve(pattern, None).unwrap(), text)
    }

    /// What a pattern means, said as plainly as can be.
    fn means(pattern: &[Token], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, _) => text.is_empty(),
            (Some((Token::Many, rest)), None) => means(rest, text),
            (Some((Token::Many, rest)), Some((_, after))) => means(rest, text) || means(pattern, after),
            (Some(_), None) => false,
            (Some((Token::One, rest)), Some((_, after))) => means(rest, after),
            (Some((Token::Is(c), rest)), Some((d, after))) => c == d && means(rest, after),
        }
    }

    proptest! {
        #[test]
        fn a_match_is_what_the_pattern_means(pattern in "[ab*?]{0,9}", text in "[ab]{0,9}") {
            let tokens = resolve(&pattern, None).unwrap();
            prop_assert_eq!(matches(&tokens, &text), means(&tokens, &text.chars().collect::<Vec<_>>()));
        }
    }

    #[test]
    fn a_pattern_made_to_be_slow_is_not() {
        let text = "a".repeat(100_000);
        assert!(!like(&format!("{}b", "a*".repeat(1000)), &text));
        assert!(like(&format!("{}a", "*?".repeat(1000)), &text));
        let half = "a".repeat(50_000);
        assert!(!like(&format!("*{half}b*"), &text));
    }

    #[test]
    fn variables_are_put_in_as_they_are() {
        let context = Context::from_iter([("aws:username", "b*b")]);
        let is = |text: &str, value: &str| resolve(text, Some(&context)).map(|p| matches(&p, value));
        assert_eq!(is("user/${aws:username}", "user/b*b"), Some(true));
        assert_eq!(is("user/${aws:username}", "user/bob"), Some(false), "its value is no pattern");
        assert_eq!(is("user/${AWS:UserName}*", "user/b*bby"), Some(true));
        assert_eq!(is("${aws:PrincipalTag/team, 'all'}", "all"), Some(true));
        assert_eq!(is("${aws:PrincipalTag/team}", "all"), None);
        assert_eq!(is("a${*}b${?}c${$}", "a*b?c$"), Some(true));
        assert_eq!(is("${aws:username", "b*b"), None);
        assert_eq!(resolve("${x}", None).map(|p| matches(&p, "${x}")), Some(true), "an old version has none");
    }
}
