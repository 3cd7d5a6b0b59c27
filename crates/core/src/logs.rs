//! What may be logged, whatever `RUST_LOG` says.

use tracing::{Level, Metadata};

/// Crates that print requests, responses or events at TRACE, with external ids, tokens and `credential_process` commands
/// in them.
const CAPPED_AT_DEBUG: [&str; 5] = ["aws_", "lambda_runtime", "hyper", "rustls", "scratchstack_"];

/// The modules of the SDK's operations print the request id of each response, which something in between may have set, at
/// DEBUG. Records and errors have the request ids that are valid.
const OPERATIONS: &str = "::operation::";

/// The crate that finds the caller's credentials prints, at every level, the external id of a profile's role, and its
/// errors with `{:?}`, which include the response.
const MAY_PRINT_SECRETS: &str = "aws_config::";

/// The modules of that crate that print no secret: they report settings that cannot be read.
const PRINT_SETTINGS: [&str; 2] = ["aws_config::default_provider", "aws_config::provider_config"];

/// Whether a line or span may be logged. Both binaries combine it with the filter of the level.
#[must_use]
pub fn is_loggable(metadata: &Metadata<'_>) -> bool {
    let is_from = |part: &&str| metadata.target().starts_with(part);
    let is_capped = CAPPED_AT_DEBUG.iter().any(is_from);
    let may_hold_secrets = is_from(&MAY_PRINT_SECRETS) && !PRINT_SETTINGS.iter().any(is_from);
    let is_operation = metadata.target().starts_with("aws_sdk_") && metadata.target().contains(OPERATIONS);
    let most_verbose = if is_operation { Level::INFO } else { Level::DEBUG };
    !may_hold_secrets && (*metadata.level() <= most_verbose || !is_capped)
}

/// The log filter that drops lines of the SDK that repeat, in other words, what Rolecall's errors and gaps say.
pub const DEFAULT_DIRECTIVE: &str = "aws_smithy_runtime=off";

/// The environment variable that makes the SDK print secrets.
pub const LOG_SENSITIVE_BODIES: &str = "LOG_SENSITIVE_BODIES";

/// The error message where [`LOG_SENSITIVE_BODIES`] is set, shown before the first call.
pub const LOG_SENSITIVE_BODIES_ERROR: &str = "LOG_SENSITIVE_BODIES is set, which makes the AWS SDK log session secrets; unset it and run rolecall again";

/// Replaces the standard panic hook: it logs where a panic happened, but not the panic's message, which can hold data
/// that was being read.
pub fn install_redacting_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        tracing::error!("internal error{place}; please report it");
    }));
}
