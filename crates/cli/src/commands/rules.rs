//! `rolecall rules`: the rules, with the thresholds and severities that are in effect.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rolecall_report::settings::EffectiveRule;
use rolecall_report::{Benchmark, Rule, Severity};
use serde::Serialize;
use serde_json::json;

use crate::args::{BenchmarkArgs, ConfigurationArgs, OutputArgs, OutputFormat};
use crate::configuration;
use crate::exit_code::{self, RolecallExitCode};
use crate::failure::Failure;
use crate::output::{self, Cell, Column};

const HELP: &str = "--format json lists the clauses of all benchmarks and the facts that each rule needs.";

const EXIT_CODES: [(RolecallExitCode, &str); 1] = [(RolecallExitCode::Success, "rules listed")];

/// The arguments of `rolecall rules`.
#[derive(Debug, Args)]
#[command(after_help = exit_code::help(HELP, &EXIT_CODES))]
pub(crate) struct RulesArgs {
    #[command(flatten)]
    pub(crate) benchmark: BenchmarkArgs,

    #[command(flatten)]
    pub(crate) output: OutputArgs<OutputFormat>,

    #[command(flatten)]
    pub(crate) configuration: ConfigurationArgs,
}

/// Lists the rules.
pub(crate) fn run(arguments: &RulesArgs) -> Result<ExitCode, Failure> {
    let configuration = configuration::read(&arguments.configuration)?;
    let settings = arguments.benchmark.apply_to(configuration.judging);
    let applied: Vec<EffectiveRule> = settings.effective_rules().collect();
    let (format, mut out) = arguments.output.open()?;
    let written = match format {
        OutputFormat::Json => {
            let rules: Vec<ListedRule> = applied.iter().map(ListedRule::new).collect();
            output::write_json(&mut out, &json!(rules))
        }
        OutputFormat::Table => {
            // The newest benchmark; json lists all of them.
            let benchmark = settings.benchmark.unwrap_or(Benchmark::Cis70);
            let clauses = benchmark.as_str().to_uppercase();
            let columns = [
                Column::id("RULE"),
                Column::id("SEVERITY"),
                Column::number("DAYS"),
                Column::id(clauses),
                Column::id("SECURITY HUB"),
                Column::text("FINDS"),
            ];
            let row = |it: &EffectiveRule| {
                vec![
                    Cell::new(it.rule.id),
                    Cell::severity(it.severity),
                    Cell::new(it.rule.days.map_or(String::new(), |_| it.days.to_string())),
                    Cell::new(it.rule.clause_for(benchmark).unwrap_or_default()),
                    Cell::new(it.rule.security_hub.join(", ")),
                    Cell::new(it.rule.title),
                ]
            };
            let rows: Vec<Vec<Cell<'_>>> = applied.iter().map(row).collect();
            out.write_all(output::table(out.terminal_style(), columns, &rows).as_bytes())
        }
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    Ok(ExitCode::SUCCESS)
}

/// A rule with its effective severity and threshold.
#[derive(Serialize)]
struct ListedRule {
    #[serde(flatten)]
    rule: &'static Rule,
    severity: Severity,
    days: Option<u32>,
}

impl ListedRule {
    fn new(applied: &EffectiveRule) -> Self {
        let EffectiveRule { rule, days, severity } = *applied;
        Self { rule, severity, days: rule.days.map(|_| days) }
    }
}
