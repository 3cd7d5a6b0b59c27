//! `rolecall-lambda`: scans accounts as a Lambda function. The event names the targets; the response is the roll as one
//! JSON document.

mod answer;
mod environment;
mod event;
mod failure;
mod function;
mod terms;

use std::process::ExitCode;

fn main() -> ExitCode {
    match function::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            ExitCode::FAILURE
        }
    }
}
