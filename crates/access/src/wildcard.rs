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

/// Whether a text has a wildcard.
pub(crate) fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}

#[cfg(test)]
mod tests {
    use super::{covers, covers_action};

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
    fn many_wildcards_take_no_more_than_quadratic_time() {
        assert!(!covers(&"*a".repeat(2_000), &"a".repeat(1_999)));
    }
}
