//! `rolecall report`: a roll judged again, offline, with today's configuration.

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use rolecall_roll::Stored;

use crate::args::{Format, Report};
use crate::configuration;
use crate::failure::{Code, Failure};
use crate::output::{self, Destinations, Showing};

/// Judges it, and shows what came of it.
pub(crate) fn run(arguments: &Report) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(arguments.config.as_deref())?;
    output::is_apart("ROLL", &arguments.roll, &arguments.outputs.out)?;
    let config = arguments.config.as_deref().unwrap_or(Path::new(configuration::FILE));
    output::is_apart("--config", config, &arguments.outputs.out)?;
    let mut stored = read(&arguments.roll)?;
    let destinations = Destinations::open(&arguments.outputs, false)?;
    if let Some(as_of) = arguments.as_of {
        let taken = stored.header.as_of;
        if as_of < taken {
            let problem = format!("--as-of {as_of} is before {taken:.0}, when the roll was taken");
            return Err(Failure::new(Code::Usage, problem)
                .with_remedy("what was known before then stands in an earlier roll"));
        }
        if arguments.outputs.format.contains(&Format::Jsonl) {
            return Err(Failure::new(Code::Usage, "a roll file stands for the moment that it was taken at")
                .with_remedy("leave --as-of out for --format jsonl"));
        }
        stored.header.as_of = as_of;
    }
    if configuration.is_there {
        stored.header.accepted.clone_from(&configuration.accepted);
    }
    let judging = arguments.judging.over(configuration.judging);
    let files = destinations.files.clone();
    let grouping = arguments.group_by.map(Into::into);
    let showing = Showing { judging: Some(&judging), grouping, keys: false, retry: None };
    let judged = output::show(&stored, destinations, &showing)?;
    judged.tell_of(&files, false);
    Ok(judged.exit_code(arguments.judging.fail_on))
}

/// Reads a roll file.
pub(crate) fn read(path: &Path) -> Result<Stored, Failure> {
    let wrong = |problem: &dyn std::fmt::Display| {
        Failure::new(Code::Usage, format!("{}: {problem}", path.display()))
            .with_remedy("name a roll file, as `rolecall scan --roll FILE` or --format jsonl writes it")
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    if file.metadata().is_ok_and(|there| !there.is_file()) {
        return Err(wrong(&"it is no ordinary file"));
    }
    Stored::read(file).map_err(|error| wrong(&error))
}
