//! Scans seeded worlds under seeded faults, and checks what comes out against a reference model.
//!
//! - `world`: what AWS has; `answers`: what it says of it; `server`: how it says so, byte by byte;
//! - `fault`: what goes wrong, in seeded plans; `lies`: the answers that are then given;
//! - `model`: what a perfect roll of a world has; `check`: the invariants; `secrets`: the search for secrets;
//! - `selection`: which accounts a run is given; `scenario`: how a world is read; `in_process`: runs in this process, in memory with a simulated clock or over TCP;
//!   `process`: runs of the built binaries, with signals, kills and full disks.
//!
//! The model shares nothing with `rolecall-core`, so that a mistake there cannot hide in its own mirror.
//!
//! ```
//! let outcome = rolecall_chaos::run_in_memory(1);
//! assert_eq!(outcome.problems, [""; 0]);
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::similar_names,
    clippy::single_match_else,
    reason = "a test program panics where its setup fails; it may read the clock; `user` and `used` are AWS's words"
)]

mod answers;
mod check;
mod fault;
mod in_process;
mod lies;
mod model;
mod outcome;
mod process;
mod scenario;
mod secrets;
mod selection;
mod server;
mod wire;
mod world;

use std::path::Path;

pub use outcome::{Figures, Outcome};

/// Runs a seed in this process, in memory.
#[must_use]
pub fn run_in_memory(seed: u64) -> Outcome {
    in_process::simulated(seed)
}

/// Runs a seed: most in memory, one of a hundred over TCP, and some with the binaries in `binaries`. The seed alone decides.
#[must_use]
pub fn run(seed: u64, binaries: &Path) -> Outcome {
    match seed % 400 {
        99 | 199 | 299 | 399 => in_process::over_tcp(seed),
        50 | 250 => process::binary(seed, binaries),
        150 => process::function(seed, binaries),
        _ => in_process::simulated(seed),
    }
}

/// Scans a small world in memory, where every answer to an operation is `body`: for fuzzing.
///
/// # Panics
/// Where the roll of the scan cannot be read, or holds a secret.
pub fn scan_with_answer(operation: &'static str, body: &[u8]) {
    in_process::with_answer(operation, body);
}

/// Seeds for fuzzing: for each target of the fuzzer, names and bytes.
#[must_use]
pub fn fuzz_seeds() -> Vec<(&'static str, String, Vec<u8>)> {
    let world = world::World::small(true);
    let mut seeds = Vec::new();
    let mut add = |target: &'static str, index: usize, operation: &str, body: Vec<u8>| {
        let letter = b'a' + u8::try_from(index).unwrap_or_default();
        seeds.push((target, operation.to_owned(), [vec![letter], body].concat()));
    };
    for (target, operations) in [("iam_answer", &IAM[..]), ("organizations_answer", &ORGANIZATIONS)] {
        for (index, operation) in operations.iter().enumerate() {
            let request = answers::Request::example(&world, operation, target == "organizations_answer");
            let (_, body) = answers::answer(&world, &request, world::begin(), 0).write(&request);
            add(target, index, operation, body);
        }
    }
    let report = answers::report(world::HUB, &world.accounts[world::HUB]);
    for (name, rows) in [("whole", 9), ("root", 2), ("header", 1)] {
        let text: Vec<&str> = report.lines().take(rows).collect();
        seeds.push(("credential_report", name.to_owned(), text.join("\n").into_bytes()));
    }
    // Rolls that are read, failed, and resumed.
    for seed in 1..8 {
        seeds.push(("roll_file", format!("seed-{seed}"), in_process::roll_of(seed)));
    }
    seeds
}

/// The operations of IAM and STS that are fuzzed, in the order of their letters.
pub const IAM: [&str; 13] = [
    "ListUsers",
    "ListAccessKeys",
    "GetAccessKeyLastUsed",
    "GetLoginProfile",
    "ListMFADevices",
    "GetAccountAuthorizationDetails",
    "GetAccountSummary",
    "ListAccountAliases",
    "GenerateCredentialReport",
    "GetCredentialReport",
    "ListOrganizationsFeatures",
    "GetCallerIdentity",
    "GetUser",
];

/// The operations of AWS Organizations that are fuzzed, in the order of their letters.
pub const ORGANIZATIONS: [&str; 6] = [
    "ListAccounts",
    "ListAccountsForParent",
    "ListOrganizationalUnitsForParent",
    "ListRoots",
    "DescribeOrganization",
    "ListTagsForResource",
];
