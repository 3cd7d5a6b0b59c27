//! `rolecall config`: the options as they are set, each with the place it was set in.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use comfy_table::{Attribute, Cell};
use rolecall_core::RunOptions;
use rolecall_core::options::{OptionRow, Origin};
use serde_json::{Value, json};

use crate::args::ConfigurationArgs;
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::{output, targets};

const HELP: &str = "\
Examples:
  rolecall config
  ROLECALL_MAX_ATTEMPTS=3 rolecall config --config rolecall.toml --format json
  rolecall config --format schema > rolecall.schema.json";

/// What its exit codes mean.
const EXIT_CODES: [(RolecallExitCode, &str); 1] = [(RolecallExitCode::Success, "shown")];

/// The arguments of `rolecall config`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,

    /// What to show
    #[arg(long, value_enum, default_value_t = View::Table)]
    pub(crate) format: View,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum View {
    /// Options, values and where each was set
    Table,
    /// The same for machines
    Json,
    /// JSON Schema of rolecall.toml
    Schema,
    /// Reference page of all options, in Markdown
    Reference,
}

/// Shows them.
pub(crate) fn run(arguments: &ConfigArgs) -> Result<ExitCode, Failure> {
    let text = match arguments.format {
        View::Schema => format!("{:#}\n", configuration::schema()),
        View::Reference => configuration::reference(),
        View::Table | View::Json => {
            let configuration = configuration::read(arguments.configuration.path.as_deref())?;
            let options = targets::options(RunOptions::default(), &configuration)?;
            options.resolve().map_err(Failure::usage)?;
            if arguments.format == View::Json { as_json(&options) } else { as_table(&options) }
        }
    };
    output::to_stdout(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

fn as_table(options: &RunOptions) -> String {
    let rows = RunOptions::rows().map(|row| {
        let (value, source) = value_and_source(row, options);
        vec![row.key.to_owned(), output::printable(&value.unwrap_or_default()), source]
    });
    output::table(
        ["OPTION", "VALUE", "SOURCE"].map(|name| Cell::new(name).add_attribute(Attribute::Bold)),
        rows,
    )
}

fn as_json(options: &RunOptions) -> String {
    let rows: Vec<Value> = RunOptions::rows()
        .map(|row| {
            let (value, source) = value_and_source(row, options);
            json!({ "option": row.key, "value": value, "source": source })
        })
        .collect();
    format!("{:#}\n", json!(rows))
}

/// The value of an option as it is set, and where: `(secret)` stands for a secret.
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
