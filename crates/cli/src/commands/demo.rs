//! `rolecall demo`: the flow between two accounts, as it should be and with each of its three permissions taken away.
//!
//! Everything is real but AWS itself: the scans are runs of this very program, the refusals are the emulator's.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use rolecall_emulator::{Clock, Emulator, World};
use tokio::process::Command;

use crate::commands::emulator::{settings, within};
use crate::environment;
use crate::failure::Failure;
use crate::output;
use crate::runtime::in_runtime;

const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const IAM_LIST_ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// A permission of the flow, the document that gives it, and what takes it away.
struct Permission {
    says: &'static str,
    document: &'static str,
    given: &'static str,
    taken: &'static str,
}

const PERMISSIONS: [Permission; 3] = [
    Permission {
        says: "A's role trusts B's role",
        document: "member-trust.json",
        given: "arn:aws:iam::222222222222:role/LambdaRole",
        taken: "arn:aws:iam::222222222222:role/SomebodyElse",
    },
    Permission {
        says: "B's role may assume A's role",
        document: "hub-permissions.json",
        given: "arn:aws:iam::111111111111:role/IAMListRole",
        taken: "arn:aws:iam::111111111111:role/AnotherRole",
    },
    Permission {
        says: "Lambda may use B's role",
        document: "hub-trust.json",
        given: "lambda.amazonaws.com",
        taken: "ec2.amazonaws.com",
    },
];

/// Plays the scenes.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    in_runtime(play())
}

async fn play() -> Result<ExitCode, Failure> {
    show(
        "B, account 222222222222, has LambdaRole, as which Rolecall runs. A, account 111111111111, has IAMListRole, \
         which may\nlist A's users. Three permissions make the way from one to the other:\n\n",
    )?;
    for (number, permission) in (1..).zip(&PERMISSIONS) {
        show(&format!("  {number}. {:<30} infra/policies/{}\n", permission.says, permission.document))?;
    }
    heading("With all three")?;
    let mut code = scene(|_, document| document.to_owned()).await?;
    for (number, Permission { says, document, given, taken }) in (1..).zip(&PERMISSIONS) {
        heading(&format!("Without {number}, \"{says}\": {document} names {taken}"))?;
        scene(|file, text| if file == *document { text.replace(given, taken) } else { text.to_owned() })
            .await?;
    }
    heading("With all three again")?;
    code = code.max(scene(|_, document| document.to_owned()).await?);
    show("\nTry it with policies of your own: rolecall emulator --help\n")?;
    Ok(ExitCode::from(code))
}

/// Scans in a world whose documents are as `change` makes them, and shows who refused what. Gives the scan's exit code.
async fn scene(change: impl Fn(&str, &str) -> String) -> Result<u8, Failure> {
    let unexpected = |problem: &dyn std::fmt::Display| Failure::unexpected(problem);
    let world = World::tutorial_with(change).map_err(|error| unexpected(&error))?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let emulator = Emulator::start(world, Clock::new(environment::now), listen, None).await;
    let emulator = emulator.map_err(|error| unexpected(&error))?;

    let lambda = emulator.can_assume("lambda.amazonaws.com", LAMBDA_ROLE).map_err(|e| unexpected(&e))?;
    if !lambda.is_allowed() {
        show(&format!(
            "AWS makes no function with this role: \"The role defined for the function cannot be assumed by \
             Lambda.\"\nWho refused: {LAMBDA_ROLE} is asked for by lambda.amazonaws.com, and {lambda}\n"
        ))?;
        return Ok(0);
    }
    let credentials = emulator.session(LAMBDA_ROLE, "rolecall").map_err(|problem| unexpected(&problem))?;
    let this_program = std::env::current_exe().map_err(|error| unexpected(&error))?;
    let mut scan = Command::new(this_program);
    scan.args(["scan", "--role-arn", IAM_LIST_ROLE]).kill_on_drop(true);
    for name in environment::own_variables() {
        scan.env_remove(name);
    }
    within(&mut scan, &settings(&emulator, &credentials));
    show("$ rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole\n\n")?;
    let status = scan.status().await.map_err(|error| unexpected(&error))?;
    for line in emulator.requests().into_iter().filter(|line| line.verdict == "Denied") {
        let decided_by = line.decided_by.unwrap_or_default();
        show(&format!("\nWho refused, by the emulator's log: {}, {decided_by}\n", line.operation))?;
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn heading(text: &str) -> Result<(), Failure> {
    let bold = anstyle::Style::new().bold();
    show(&format!("\n{bold}{text}{bold:#}\n\n"))
}

/// Written at once, for the scans write to the same place.
fn show(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| output::not_written(&error))
}
