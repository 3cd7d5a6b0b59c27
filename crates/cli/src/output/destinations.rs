//! The output files, each with its format.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rolecall_report::FindingDetails;

use super::open;
use super::sink::Sink;
use crate::args::{Format, Outputs};
use crate::failure::Failure;

/// The open outputs, each with its format. They are opened before the first call to AWS, so that a file that cannot be
/// written is reported at once.
pub(crate) struct Destinations {
    pub(super) each: Vec<(Format, Sink)>,
    pub(crate) files: Vec<PathBuf>,
}

impl Destinations {
    /// Opens the outputs.
    pub(crate) fn open(outputs: &Outputs, no_rules: bool) -> Result<Self, Failure> {
        let usage = |problem: String, remedy: &str| Failure::usage(problem).with_remedy(remedy);
        let pairs = outputs.pairs()?;
        let mut formats = pairs.iter().map(|(format, _)| format);
        if let Some(format) = formats.find(|format| no_rules && format.needs_rules()) {
            let problem =
                format!("--format {} has only findings, and --no-rules evaluates none", format.name());
            let others = Format::names_without_rules();
            return Err(usage(problem, &format!("remove --no-rules, or use one of the formats {others}")));
        }
        let mut distinct = BTreeSet::new();
        for (_, path) in &pairs {
            if !distinct.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())) {
                let problem = format!("--out {} is given twice", path.display());
                return Err(usage(problem, "each --format needs its own --out; one of them may be `-`"));
            }
        }
        let files = pairs.iter().map(|(_, path)| path).filter(|path| path.as_path() != Path::new("-"));
        let files = files.cloned().collect();
        let open = |(format, path): (Format, PathBuf)| Ok((format, open(Some(&path))?));
        let each = pairs.into_iter().map(open).collect::<Result<_, Failure>>()?;
        Ok(Self { each, files })
    }

    /// Whether one of the outputs has this format.
    pub(crate) fn has(&self, format: Format) -> bool {
        self.each.iter().any(|(it, _)| *it == format)
    }

    /// The names of the formats, if none of them can group findings.
    pub(crate) fn formats_without_groups(&self) -> Option<String> {
        let names: Vec<String> = self.each.iter().map(|(format, _)| format.name()).collect();
        (!self.each.iter().any(|(format, _)| format.groups())).then(|| names.join(", "))
    }

    /// Whether one of the outputs shows findings.
    pub(crate) fn show_findings(&self) -> bool {
        self.each.iter().any(|(format, _)| format.shows_findings())
    }

    /// What the outputs show of a finding beside its subject and message.
    pub(super) fn finding_details(&self) -> FindingDetails {
        let details = self.each.iter().map(|(format, _)| format.finding_details());
        details.fold(FindingDetails::default(), FindingDetails::or)
    }

    /// Whether one of the outputs shows all findings, and not only the most urgent.
    pub(super) fn show_all(&self) -> bool {
        self.each.iter().any(|(format, _)| format.shows_all_findings())
    }
}
