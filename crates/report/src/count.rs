//! Numbers that may not be the whole truth: a count of what could only partly be evaluated must not read as exact, and "not
//! evaluated" must not read as zero.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::coverage_summary::{count_of, with_thousands_separator};

/// A number, with what is known about it. It is serialized as the number, or as `null` where nothing was evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Everything was evaluated.
    Exact(usize),
    /// Something could not be read or evaluated, so there may be more.
    AtLeast(usize),
    /// Nothing was evaluated.
    NotEvaluated,
}

impl Count {
    /// The number, exact or a lower bound.
    #[must_use]
    pub(crate) fn new(number: usize, is_exact: bool) -> Self {
        if is_exact { Self::Exact(number) } else { Self::AtLeast(number) }
    }

    /// How many are known; 0 where nothing was evaluated.
    #[must_use]
    pub fn number(self) -> usize {
        match self {
            Self::Exact(number) | Self::AtLeast(number) => number,
            Self::NotEvaluated => 0,
        }
    }

    /// The count of several parts together, whose numbers add up to `number`.
    #[must_use]
    pub(crate) fn combined(number: usize, parts: impl IntoIterator<Item = Self>) -> Self {
        let parts: Vec<Self> = parts.into_iter().collect();
        if parts.iter().all(|part| *part == Self::NotEvaluated) {
            return Self::NotEvaluated;
        }
        Self::new(number, parts.iter().all(|part| matches!(part, Self::Exact(_))))
    }

    /// The count with its noun in singular or plural: `1 user`, `at least 1,200 users`.
    #[must_use]
    pub fn of(self, noun: &str) -> String {
        match self {
            Self::Exact(number) => count_of(number, noun),
            Self::AtLeast(0) => format!("number of {noun}s unknown"),
            Self::AtLeast(number) => format!("at least {}", count_of(number, noun)),
            Self::NotEvaluated => format!("{noun}s not evaluated"),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(number) => f.pad(&with_thousands_separator(number)),
            Self::AtLeast(0) => f.pad("0 or more"),
            Self::AtLeast(number) => f.pad(&format!("at least {}", with_thousands_separator(number))),
            Self::NotEvaluated => f.pad("–"),
        }
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Exact(number) | Self::AtLeast(number) => number.serialize(serializer),
            Self::NotEvaluated => serializer.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Count;

    #[test]
    fn a_part_that_was_not_evaluated_makes_the_sum_a_lower_bound() {
        let parts = [Count::Exact(2), Count::NotEvaluated];
        assert_eq!(Count::combined(2, parts), Count::AtLeast(2));
        assert_eq!(Count::combined(0, [Count::NotEvaluated]), Count::NotEvaluated);
        assert_eq!(Count::combined(0, []), Count::NotEvaluated);
        assert_eq!(Count::combined(3, [Count::Exact(1), Count::Exact(2)]), Count::Exact(3));
        assert_eq!(Count::AtLeast(1_200).of("user"), "at least 1,200 users");
        assert_eq!(format!("{:>4}", Count::NotEvaluated), "   –");
        let json = serde_json::to_value([Count::Exact(1), Count::AtLeast(2), Count::NotEvaluated]).unwrap();
        assert_eq!(json, serde_json::json!([1, 2, null]));
    }
}
