//! The objects that a merge stores: an evidence bundle, and what changed. Each is made while it is stored, so that neither memory nor
//! the disk of a function holds them.

use std::io::{self, Write};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use rolecall_report::bundle::{Bundle, SUMS_FILE, write_sum};
use rolecall_report::render;
use rolecall_roll::json;

use super::Merged;
use super::baseline::{BASELINE, Comparison};
use crate::run_key::RunKey;
use crate::store::{MakeBytes, Store, StoreError, to_json};

/// The object with the result of the merge.
pub(super) const MERGED: &str = "merged.json";

/// Findings as OCSF events. They repeat themselves: compressed, they have a twentieth of the size.
const OCSF: &str = "findings.ocsf.json.gz";

const DIFF: &str = "diff.json";

/// What the objects are made from.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) bundle: Bundle,
    pub(super) comparison: Comparison,
}

impl Files {
    fn names(&self) -> Vec<&'static str> {
        let diff = self.comparison.diff.is_some().then_some(DIFF);
        self.bundle.names().into_iter().chain([OCSF, BASELINE]).chain(diff).collect()
    }

    fn write(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        let Self { bundle, comparison } = self;
        match name {
            OCSF => {
                let mut compressed = GzEncoder::new(out, Compression::default());
                let diff = comparison.diff.as_ref();
                render::ocsf::render_changes(&mut compressed, &bundle.roll, &bundle.report, diff)?;
                compressed.finish().map(|_| ())
            }
            BASELINE => comparison.write_baseline(&bundle.roll, out),
            DIFF => {
                json::to_writer_pretty(&mut *out, &comparison.diff)?;
                out.write_all(b"\n")
            }
            name => bundle.write_file(name, out),
        }
    }
}

/// Stores all files, then their checksums, then the result. Returns their keys.
pub(super) async fn store(
    store: &Store,
    run: &RunKey,
    files: &Arc<Files>,
    merged: &Merged,
) -> Result<Vec<String>, StoreError> {
    let mut sums = Vec::new();
    let mut keys = Vec::new();
    for name in files.names() {
        let files = Arc::clone(files);
        let make: MakeBytes = Box::new(move |out| files.write(name, out));
        let key = run.object(name);
        let sum = store.put_stream(&key, make).await?;
        // A vector takes all bytes.
        let _ = write_sum(&mut sums, name, &sum);
        keys.push(key);
    }
    keys.extend([run.object(SUMS_FILE), run.object(MERGED)]);
    store.put(&run.object(SUMS_FILE), sums).await?;
    let merged = Merged { files: keys.clone(), ..merged.clone() };
    store.put(&run.object(MERGED), to_json(&merged)).await?;
    Ok(keys)
}
