//! `rolecall man`: manual pages and the command-line reference, made from the definitions of the commands.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory, ValueEnum};
use clap_mangen::Man;

use crate::commands::Arguments;
use crate::failure::Failure;
use crate::output;

const HELP: &str = "\
Examples:
  rolecall man scan | man -l -
  rolecall man --out ~/.local/share/man/man1
  rolecall man --format markdown > cli.md";

/// The arguments of `rolecall man`.
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct ManArgs {
    /// Command to print the manual page of, such as scan [default: rolecall itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    command: Vec<String>,

    /// Output format
    #[arg(long, value_enum, default_value_t = ManFormat::Man, conflicts_with_all = ["out", "command"])]
    format: ManFormat,

    /// Write the manual pages of all commands to this existing folder
    #[arg(long, short, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ManFormat {
    /// A manual page, for man
    Man,
    /// The help of all commands on one page, as Markdown
    Markdown,
}

/// Prints or writes the pages.
pub(crate) fn run(arguments: &ManArgs) -> Result<ExitCode, Failure> {
    let mut root = Arguments::command();
    root.build();
    if let Some(folder) = &arguments.out {
        for (name, command) in all_commands(&root) {
            let file = folder.join(format!("{}.1", name.replace(' ', "-")));
            let page = page(&name, command).and_then(|page| fs::write(&file, page));
            page.map_err(|error| output::cannot_write("--out", &file, &error))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let text = match arguments.format {
        ManFormat::Markdown => reference(&root).into_bytes(),
        ManFormat::Man => {
            let name = [&["rolecall".to_owned()], arguments.command.as_slice()].concat().join(" ");
            let commands = all_commands(&root);
            let Some((name, command)) = commands.into_iter().find(|(it, _)| *it == name) else {
                return Err(Failure::usage(format!("{name}: no such command"))
                    .with_remedy("`rolecall --help` lists the commands"));
            };
            page(&name, command).map_err(Failure::unexpected)?
        }
    };
    output::to_stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The manual page of a command.
fn page(name: &str, command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let title = name.replace(' ', "-");
    Man::new(command.clone().name(title.clone()).bin_name(name.to_owned())).title(title).render(&mut page)?;
    page.flush()?;
    Ok(page)
}

/// All commands with their names as they are typed, the program itself first.
fn all_commands(root: &Command) -> Vec<(String, &Command)> {
    fn add<'a>(name: &str, command: &'a Command, all: &mut Vec<(String, &'a Command)>) {
        all.push((name.to_owned(), command));
        for subcommand in command.get_subcommands().filter(|it| it.get_name() != "help" && !it.is_hide_set())
        {
            add(&format!("{name} {}", subcommand.get_name()), subcommand, all);
        }
    }
    let mut all = Vec::new();
    add("rolecall", root, &mut all);
    all
}

const REFERENCE_HEAD: &str = "\
# CLI reference

`rolecall man --format markdown` prints this page: the text of `--help` of each command. `rolecall man COMMAND` prints a manual
page.
";

/// The columns of the help texts in the reference.
const WIDTH: usize = 100;

/// The reference of all commands, as Markdown.
fn reference(root: &Command) -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    for (name, command) in all_commands(root) {
        let mut command = command.clone().bin_name(name.clone()).term_width(WIDTH);
        let help: String = command.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        text += &format!("\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    }
    text
}
