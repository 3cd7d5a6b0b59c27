//! `rolecall-lambda`: scans accounts as a Lambda function.

use std::process::ExitCode;

fn main() -> ExitCode {
    match rolecall_lambda::serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the function cannot start");
            ExitCode::FAILURE
        }
    }
}
