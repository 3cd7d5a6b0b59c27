//! `rolecall diff`: what became of a roll.

use std::io::Write;
use std::process::ExitCode;

use rolecall_report::Diff;
use rolecall_report::diff::NotComparable;
use rolecall_report::render::markdown;
use rolecall_roll::json;

use crate::args::{self, Comparison};
use crate::configuration;
use crate::failure::{Code, Failure};
use crate::output;
use crate::report::read;

/// Compares two rolls, and shows what differs.
pub(crate) fn run(arguments: &args::Diff) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(arguments.config.as_deref())?;
    for roll in [&arguments.old, &arguments.new] {
        output::is_apart("a roll", roll, arguments.out.as_slice())?;
    }
    let (old, new) = (read(&arguments.old)?, read(&arguments.new)?);
    let settings = rolecall_report::Settings {
        benchmark: arguments.benchmark.or(configuration.judging.benchmark),
        ..configuration.judging
    };
    let diff = Diff::of(&old, &new, &settings, arguments.last_used).map_err(|error| match error {
        NotComparable::Io(error) => Failure::new(Code::Unexpected, error),
        other => Failure::new(Code::Usage, format!("these rolls cannot be compared: {other}"))
            .with_remedy("name two rolls of the same accounts, the earlier one first"),
    })?;
    let mut sink = output::open(arguments.out.as_deref())?;
    let write = || {
        match arguments.format {
            Comparison::Table => {
                let look = sink.look();
                sink.write_all(output::diff(&diff, look).as_bytes())?;
            }
            Comparison::Json => {
                json::to_writer_pretty(&mut sink, &diff)?;
                sink.write_all(b"\n")?;
            }
            Comparison::Markdown => markdown::render_diff(&mut sink, &diff)?,
        }
        sink.finish()
    };
    write().map_err(|error| output::not_written(&error))?;
    Ok(match (diff.is_empty(), diff.is_whole()) {
        (false, _) => Code::Different.into(),
        (true, false) => Code::Incomplete.into(),
        (true, true) => ExitCode::SUCCESS,
    })
}
