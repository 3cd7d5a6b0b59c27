//! What is written where: each format into its file, or one of them to stdout.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::open;
use super::sink::Sink;
use crate::args::{Format, Outputs};
use crate::failure::Failure;

/// Formats with where they go, opened before anything is asked: a file that cannot be written is heard of now, not after
/// an hour.
pub(crate) struct Destinations {
    pub(super) each: Vec<(Format, Sink)>,
    pub(crate) files: Vec<PathBuf>,
}

impl Destinations {
    /// Opens what was typed.
    pub(crate) fn open(outputs: &Outputs, no_rules: bool) -> Result<Self, Failure> {
        let usage = |problem: String, remedy: &str| Failure::usage(problem).with_remedy(remedy);
        let formats = if outputs.format.is_empty() { vec![Format::Table] } else { outputs.format.clone() };
        if let Some(format) = formats.iter().find(|format| no_rules && format.needs_rules()) {
            let problem = format!("--format {} shows findings, and --no-rules makes none", format.name());
            let others = Format::names_without_rules();
            return Err(usage(
                problem,
                &format!("leave --no-rules out, or take one of the formats {others}"),
            ));
        }
        let stdout = [PathBuf::from("-")];
        let paths: &[PathBuf] = match (formats.len(), outputs.out.as_slice()) {
            (1, []) => &stdout,
            (formats, paths) if formats == paths.len() => paths,
            (formats, paths) => {
                let problem = format!("--format stands {formats} times and --out {} times", paths.len());
                return Err(usage(problem, "give each --format its --out, in the same order; `-` is stdout"));
            }
        };
        let mut seen = BTreeSet::new();
        for path in paths {
            if !seen.insert(std::fs::canonicalize(path).unwrap_or_else(|_| path.clone())) {
                let problem = format!("--out {} stands twice", path.display());
                return Err(usage(
                    problem,
                    "give each --format a file of its own; one of them may go to `-`",
                ));
            }
        }
        let files = paths.iter().filter(|path| path.as_path() != Path::new("-")).cloned().collect();
        let open = |(format, path): (Format, &PathBuf)| Ok((format, open(Some(path))?));
        let each = formats.into_iter().zip(paths).map(open).collect::<Result<_, Failure>>()?;
        Ok(Self { each, files })
    }

    /// Whether all findings are shown, and not the most urgent alone.
    pub(super) fn show_all(&self) -> bool {
        self.each.iter().any(|(format, _)| format.shows_all_findings())
    }
}
