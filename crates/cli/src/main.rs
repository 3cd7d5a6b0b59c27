//! `rolecall`: an inventory of IAM users and access keys across AWS accounts.

use std::process::ExitCode;

fn main() -> ExitCode {
    rolecall::main()
}
