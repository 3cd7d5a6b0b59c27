//! `rolecall policy`: what IAM would decide.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use rolecall_policy::Case;
use rolecall_policy::case::Verdict;

use crate::args::{Evaluate, Rendering};
use crate::failure::{Code, Failure};
use crate::output::{self, Answer};

/// Decides the situations of a file.
pub(crate) fn evaluate(arguments: &Evaluate) -> Result<ExitCode, Failure> {
    let shown = arguments.file.display();
    let wrong = |problem: &dyn std::fmt::Display| Failure::new(Code::Usage, format!("{shown}: {problem}"));
    let text = read(&arguments.file).map_err(|error| wrong(&error))?;
    let cases: Vec<Case> = rolecall_policy::json::parse(&text).map_err(|error| {
        wrong(&error).with_remedy("`rolecall policy evaluate --help` shows what is expected")
    })?;
    let mut answers = Vec::with_capacity(cases.len());
    for (index, case) in cases.into_iter().enumerate() {
        let place = format!("[{index}] {:?}", case.name);
        let no_situation = |problem| wrong(&format!("{place}: {problem}"));
        let decision = case.decide().map_err(no_situation)?;
        for error in case.policy_errors().map_err(no_situation)? {
            output::say(&format!("{shown}: {place}: {error} (AWS calls it an error)"));
        }
        answers.push(Answer {
            verdict: Verdict::from(&decision),
            decided_by: decision.to_string(),
            expected: case.expected,
            name: case.name,
        });
    }
    let mut out = output::open(arguments.out.as_deref())?;
    let written = match arguments.format {
        Rendering::Table => out.write_all(output::verdicts(&answers, out.look()).as_bytes()),
        Rendering::Json => serde_json::to_writer_pretty(&mut out, &answers)
            .map_err(io::Error::from)
            .and_then(|()| out.write_all(b"\n")),
    };
    written.and_then(|()| out.finish()).map_err(|error| output::not_written(&error))?;
    let all_as_expected = answers.iter().all(Answer::is_as_expected);
    Ok(if all_as_expected { ExitCode::SUCCESS } else { Code::Different.into() })
}

fn read(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}
