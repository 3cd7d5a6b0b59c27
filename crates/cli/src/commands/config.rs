//! `rolecall config`: all options, their values and where each was set.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use rolecall_core::RunOptions;
use rolecall_core::options::row::{OptionRow, Origin};
use serde_json::{Value, json};

use crate::args::{ConfigurationArgs, OutputArgs};
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{Cell, Column};
use crate::{output, targets};

const HELP: &str = "\
Examples:
  rolecall config
  ROLECALL_MAX_ATTEMPTS=3 rolecall config --config rolecall.toml --format json
  rolecall config --format schema > rolecall.schema.json";

const EXIT_CODES: [(RolecallExitCode, &str); 1] = [(RolecallExitCode::Success, "options listed")];

/// The arguments of `rolecall config`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs<View>,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// Options, values and where each was set, for a terminal
    Table,
    /// Options, values and where each was set, as JSON
    Json,
    /// JSON Schema of rolecall.toml
    Schema,
    /// Reference page of all options, as Markdown
    Reference,
}

/// Lists them.
pub(crate) fn run(arguments: &ConfigArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    let options = targets::options(RunOptions::default(), &configuration)?;
    targets::settings(&options)?;
    let (format, mut out) = arguments.output.open()?;
    let written = match format {
        View::Schema => output::write_json(&mut out, &configuration::schema()),
        View::Reference => out.write_all(configuration::reference().as_bytes()),
        View::Json => output::write_json(&mut out, &as_json(&options)),
        View::Table => {
            let columns = [Column::id("OPTION"), Column::text("VALUE"), Column::text("SOURCE")];
            let rows: Vec<Vec<Cell<'_>>> = RunOptions::rows().map(|row| as_row(row, &options)).collect();
            out.write_all(output::table(out.terminal_style(), columns, &rows).as_bytes())
        }
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(ExitCode::SUCCESS)
}

fn as_row(row: &OptionRow, options: &RunOptions) -> Vec<Cell<'static>> {
    let (value, source) = value_and_source(row, options);
    vec![Cell::new(row.key), Cell::new(value.unwrap_or_default()), Cell::new(source)]
}

fn as_json(options: &RunOptions) -> Vec<Value> {
    let rows = RunOptions::rows().map(|row| {
        let (value, source) = value_and_source(row, options);
        json!({ "option": row.key, "value": value, "source": source })
    });
    rows.collect()
}

/// The value of an option and where it was set; `(secret)` for a secret.
fn value_and_source(row: &OptionRow, options: &RunOptions) -> (Option<String>, String) {
    match options.given(row.key) {
        None => {
            let default = (row.default)();
            let source = if default.is_some() { "default" } else { "not set" };
            (default, source.to_owned())
        }
        Some((text, origin)) => {
            let source = match origin {
                Origin::File => row.toml.map_or("file".to_owned(), |toml| format!("file, {toml}")),
                Origin::Variable => row.variable(),
                Origin::Event => "event".to_owned(),
                Origin::Flag => row.flag(),
            };
            (Some(text.to_owned()), source)
        }
    }
}
