//! What runs did, and the sums over many of them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// What one run did, or several.
#[derive(Debug, Default)]
pub struct Figures {
    /// The runs by how they went: in memory, over TCP, with a signal, …
    pub runs: BTreeMap<&'static str, usize>,
    /// The records of accounts by outcome, and the runs that ended without a record.
    pub records: BTreeMap<String, usize>,
    /// The faults that happened, by kind.
    pub faults: BTreeMap<String, usize>,
    /// The requests that the server answered.
    pub requests: usize,
    /// The bytes of output that were searched for secrets.
    pub searched: usize,
}

impl AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        other.runs.into_iter().for_each(|(name, count)| *self.runs.entry(name).or_default() += count);
        other.records.into_iter().for_each(|(name, count)| *self.records.entry(name).or_default() += count);
        other.faults.into_iter().for_each(|(name, count)| *self.faults.entry(name).or_default() += count);
        self.requests += other.requests;
        self.searched += other.searched;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, records, faults, requests, searched } = self;
        writeln!(
            f,
            "worlds: {}; requests: {requests}; bytes searched for secrets: {searched}",
            runs.values().sum::<usize>()
        )?;
        let list = |counts: &mut dyn Iterator<Item = (String, usize)>| {
            counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "runs: {}", list(&mut runs.iter().map(|(name, count)| ((*name).to_owned(), *count))))?;
        writeln!(f, "accounts: {}", list(&mut records.iter().map(|(name, count)| (name.clone(), *count))))?;
        write!(
            f,
            "faults: {} ({})",
            faults.values().sum::<usize>(),
            list(&mut faults.iter().map(|(name, count)| (name.clone(), *count)))
        )
    }
}

/// What a run did, and which invariants it broke.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What it did.
    pub figures: Figures,
    /// The invariants that it broke, each as one line.
    pub problems: Vec<String>,
}

impl Outcome {
    pub(crate) fn add_problems(&mut self, problems: impl IntoIterator<Item = String>) {
        self.problems.extend(problems);
    }

    /// Searches an output for secrets.
    pub(crate) fn search(&mut self, name: &str, output: &[u8]) {
        self.figures.searched += output.len();
        self.problems.extend(crate::secrets::find(output).map(|found| format!("{name} has {found}")));
    }

    pub(crate) fn count_records(&mut self, records: &[serde_json::Value]) {
        for record in records {
            let outcome = record["outcome"].as_str().unwrap_or_default().to_owned();
            *self.figures.records.entry(outcome).or_default() += 1;
        }
    }
}
