//! What may be logged, whatever `RUST_LOG` asks for.

use tracing::{Level, Metadata};

/// Crates that print requests, answers or events at TRACE, with external ids, tokens and `credential_process` commands
/// in them.
const CAPPED_AT_DEBUG: [&str; 5] = ["aws_", "lambda_runtime", "hyper", "rustls", "scratchstack_"];

/// The crate that finds the caller's credentials prints, at every level, the external id of a profile's role, and its
/// errors with `{:?}`, with the answer that they are about.
const MAY_PRINT_SECRETS: &str = "aws_config::";

/// Its modules that do not: those that tell of settings that cannot be read.
const PRINT_SETTINGS: [&str; 2] = ["aws_config::default_provider", "aws_config::provider_config"];

/// Whether a line or span may be logged. Both binaries put this in front of every other filter.
#[must_use]
pub fn is_loggable(metadata: &Metadata<'_>) -> bool {
    let is_of = |part: &&str| metadata.target().starts_with(part);
    let is_capped = CAPPED_AT_DEBUG.iter().any(is_of);
    let may_hold_secrets = is_of(&MAY_PRINT_SECRETS) && !PRINT_SETTINGS.iter().any(is_of);
    !may_hold_secrets && (*metadata.level() <= Level::DEBUG || !is_capped)
}

/// The filter for lines of the SDK's that say again, in its own words, what stands in our errors and gaps.
pub const DEFAULT_DIRECTIVE: &str = "aws_smithy_runtime=off";

/// The environment variable that makes the SDK print secrets.
pub const LOG_SENSITIVE_BODIES: &str = "LOG_SENSITIVE_BODIES";

/// What to say where it is set, before anything is asked.
pub const PRINTS_SECRETS_REFUSED: &str =
    "LOG_SENSITIVE_BODIES makes the AWS SDK print session secrets, rolecall does not run with it; unset it";

/// In place of the standard hook: where a panic happened, and not with what words, for they can hold what was being
/// read.
pub fn install_redacting_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        tracing::error!("internal error{place}; please report it");
    }));
}
