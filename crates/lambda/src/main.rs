//! `rolecall-lambda`: takes the roll as a Lambda function. Event in, roll out as one JSON document.

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
