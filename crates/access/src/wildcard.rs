//! Wildcards of policies: `*` for any text, `?` for one character.

/// Whether everything that the pattern `particular` matches is matched by the pattern `general` too. `false` may also mean
/// that the texts alone do not show it.
pub(crate) fn covers(general: &str, particular: &str) -> bool {
    let general: Vec<char> = general.chars().collect();
    let particular: Vec<char> = particular.chars().collect();
    let (mut at, mut text) = (0, 0);
    // Where to continue after a mismatch: the last `*` takes one more character.
    let mut star: Option<(usize, usize)> = None;
    while let Some(symbol) = particular.get(text) {
        match general.get(at) {
            Some('*') => {
                star = Some((at + 1, text));
                at += 1;
            }
            // A `*` of the particular pattern stands for any text, and only a `*` covers it.
            Some('?') if *symbol != '*' => (at, text) = (at + 1, text + 1),
            Some(expected) if expected == symbol => (at, text) = (at + 1, text + 1),
            _ => match star {
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    (at, text) = (after, taken + 1);
                }
                None => return false,
            },
        }
    }
    general.iter().skip(at).all(|rest| *rest == '*')
}

/// As [`covers`], for names of actions, whose case does not matter.
pub(crate) fn covers_action(general: &str, particular: &str) -> bool {
    covers(&general.to_ascii_lowercase(), &particular.to_ascii_lowercase())
}

/// A pattern of texts that both patterns match, of which there may be others; `None` where no text matches both.
pub(crate) fn intersection(one: &str, other: &str) -> Option<String> {
    if !has_wildcard(one) {
        return covers(other, one).then(|| one.to_owned());
    }
    if !has_wildcard(other) {
        return covers(one, other).then(|| other.to_owned());
    }
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    // Whether a text matches both rests, for each pair of rests: filled from the ends, then walked from the start.
    let mut meet = vec![vec![false; other.len() + 1]; one.len() + 1];
    let step = |meet: &[Vec<bool>], i: usize, j: usize| {
        let steps = steps(one.get(i).copied(), other.get(j).copied());
        let targets = steps.into_iter().map(move |(c, di, dj)| (c, i + di, j + dj));
        targets.into_iter().find(|(_, i, j)| meet.get(*i).and_then(|row| row.get(*j)) == Some(&true))
    };
    for i in (0..=one.len()).rev() {
        for j in (0..=other.len()).rev() {
            let is_met = (i, j) == (one.len(), other.len()) || step(&meet, i, j).is_some();
            if let Some(cell) = meet.get_mut(i).and_then(|row| row.get_mut(j)) {
                *cell = is_met;
            }
        }
    }
    let mut text = String::new();
    let (mut i, mut j) = (0, 0);
    while (i, j) != (one.len(), other.len()) {
        let (c, next_i, next_j) = step(&meet, i, j)?;
        text.extend(c);
        (i, j) = (next_i, next_j);
    }
    Some(text)
}

/// The ways to continue a text that both patterns match, from the next symbol of each: the symbol of the text, and how far each
/// pattern goes on.
fn steps(one: Option<char>, other: Option<char>) -> Vec<(Option<char>, usize, usize)> {
    match (one, other) {
        // The other `*` may take more than what this one takes.
        (Some('*'), Some('*')) => vec![(Some('*'), 1, 0), (Some('*'), 0, 1)],
        (Some('*'), None) => vec![(None, 1, 0)],
        (None, Some('*')) => vec![(None, 0, 1)],
        (Some('*'), Some(symbol)) => vec![(None, 1, 0), (Some(symbol), 0, 1)],
        (Some(symbol), Some('*')) => vec![(None, 0, 1), (Some(symbol), 1, 0)],
        (Some('?'), Some(symbol)) | (Some(symbol), Some('?')) => vec![(Some(symbol), 1, 1)],
        (Some(one), Some(other)) if one == other => vec![(Some(one), 1, 1)],
        _ => Vec::new(),
    }
}

/// Whether a text has a wildcard.
pub(crate) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::{covers, covers_action, intersection};

    #[test]
    fn a_pattern_covers_what_it_matches_and_narrower_patterns() {
        for (general, particular, expected) in [
            ("*", "", true),
            ("*", "a*", true),
            ("iam:List*", "iam:ListUsers", true),
            ("iam:List*", "iam:Get*", false),
            ("iam:*Users", "iam:ListUsersUsers", true),
            ("role/?", "role/R", true),
            ("role/?", "role/*", false),
            ("role/?", "role/?", true),
            ("role/*", "role/a?b*", true),
            ("role/R", "role/*", false),
            ("arn:aws:iam::*:role/R", "arn:aws:iam::111111111111:role/R", true),
            ("arn:aws:iam::*:role/R", "arn:aws:iam::111111111111:role/Ra", false),
            ("a*b*c", "a**c", false),
            ("a*c", "a*b", false),
            ("", "a", false),
        ] {
            assert_eq!(covers(general, particular), expected, "{general} {particular}");
        }
        assert!(covers_action("IAM:list*", "iam:ListUsers"));
    }

    #[test]
    fn both_patterns_cover_their_intersection() {
        for (one, other, expected) in [
            ("*", "*", Some("*")),
            ("*", "", Some("")),
            ("user/*", "user/ci/*", Some("user/ci/*")),
            ("user/team/*", "user/*/admin", Some("user/team/admin")),
            ("*ab", "*b", Some("*ab")),
            ("a*b*c", "a?c", Some("abc")),
            ("a*c", "a?c", Some("a?c")),
            ("arn:aws:iam::*:role/R", "arn:aws:iam::*:role/*", Some("arn:aws:iam::*:role/R")),
            ("arn:aws:iam::1:user/*", "arn:aws:iam::2:user/*", None),
            ("a", "b", None),
            ("?", "*", Some("?")),
            ("", "a", None),
        ] {
            let found = intersection(one, other);
            assert_eq!(found.as_deref(), expected, "{one} {other}");
            assert_eq!(found.is_some(), intersection(other, one).is_some(), "{one} {other}");
            if let Some(found) = found {
                assert!(covers(one, &found) && covers(other, &found), "{one} {other}: {found}");
            }
        }
    }

    #[test]
    fn many_wildcards_take_no_more_than_quadratic_time() {
        assert!(!covers(&"*a".repeat(2_000), &"a".repeat(1_999)));
    }
}
