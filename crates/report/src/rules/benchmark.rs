//! The versions of the CIS Amazon Web Services Foundations Benchmark, and how their clauses are named.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A version of the CIS Amazon Web Services Foundations Benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Benchmark {
    /// 3.0.0
    Cis30,
    /// 4.0.1
    Cis401,
    /// 5.0.0
    Cis50,
    /// 6.0.0
    Cis60,
    /// 7.0.0
    Cis70,
}

impl Benchmark {
    /// All versions, the oldest first.
    pub(crate) const ALL: [Self; 5] = [Self::Cis30, Self::Cis401, Self::Cis50, Self::Cis60, Self::Cis70];

    /// The name in settings and flags, such as `cis-3.0`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cis30 => "cis-3.0",
            Self::Cis401 => "cis-4.0.1",
            Self::Cis50 => "cis-5.0",
            Self::Cis60 => "cis-6.0",
            Self::Cis70 => "cis-7.0",
        }
    }
}

impl Benchmark {
    /// The full version number as CIS writes it, such as `3.0.0`.
    #[must_use]
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Cis30 => "3.0.0",
            Self::Cis401 => "4.0.1",
            Self::Cis50 => "5.0.0",
            Self::Cis60 => "6.0.0",
            Self::Cis70 => "7.0.0",
        }
    }
}

impl fmt::Display for Benchmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Benchmark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl FromStr for Benchmark {
    type Err = UnknownBenchmark;

    fn from_str(text: &str) -> Result<Self, UnknownBenchmark> {
        Self::ALL
            .into_iter()
            .find(|benchmark| benchmark.as_str() == text)
            .ok_or_else(|| UnknownBenchmark(text.to_owned()))
    }
}

/// A text that is not the name of a supported benchmark version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown benchmark {0:?}; expected one of {names}", names = Benchmark::ALL.map(Benchmark::as_str).join(", "))]
pub struct UnknownBenchmark(String);

/// The clauses of the benchmarks from 3.0 to 7.0, in this order. Versions 3.0 and 4.0.1 number them the same.
pub(super) const fn clauses(
    v3: &'static str,
    v5: &'static str,
    v6: &'static str,
    v7: &'static str,
) -> [(Benchmark, &'static str); 5] {
    [
        (Benchmark::Cis30, v3),
        (Benchmark::Cis401, v3),
        (Benchmark::Cis50, v5),
        (Benchmark::Cis60, v6),
        (Benchmark::Cis70, v7),
    ]
}

/// The clauses of a rule that version 7.0 dropped.
pub(super) const fn clauses_to_6(
    v3: &'static str,
    v5: &'static str,
    v6: &'static str,
) -> [(Benchmark, &'static str); 4] {
    [(Benchmark::Cis30, v3), (Benchmark::Cis401, v3), (Benchmark::Cis50, v5), (Benchmark::Cis60, v6)]
}
