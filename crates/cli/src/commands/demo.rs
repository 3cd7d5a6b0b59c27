//! `rolecall demo`: the flow between two accounts, with all three permissions and with each of them missing.
//!
//! Everything is real except AWS itself: the scans are runs of this program, and the emulator denies access.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use rolecall_emulator::{Clock, Emulator, World};
use tokio::process::Command;

use crate::commands::emulator::{set_environment, settings};
use crate::environment;
use crate::failure::Failure;
use crate::output;
use crate::runtime::in_runtime;

const LAMBDA_ROLE: &str = "arn:aws:iam::222222222222:role/LambdaRole";
const IAM_LIST_ROLE: &str = "arn:aws:iam::111111111111:role/IAMListRole";

/// A permission of the flow, the policy file that grants it, and the edit that removes it.
struct Permission {
    title: &'static str,
    file: &'static str,
    granted_to: &'static str,
    replaced_by: &'static str,
}

const PERMISSIONS: [Permission; 3] = [
    Permission {
        title: "A's role trusts B's role",
        file: "member-trust.json",
        granted_to: "arn:aws:iam::222222222222:role/LambdaRole",
        replaced_by: "arn:aws:iam::222222222222:role/SomebodyElse",
    },
    Permission {
        title: "B's role may assume A's role",
        file: "hub-permissions.json",
        granted_to: "arn:aws:iam::111111111111:role/IAMListRole",
        replaced_by: "arn:aws:iam::111111111111:role/AnotherRole",
    },
    Permission {
        title: "Lambda may use B's role",
        file: "hub-trust.json",
        granted_to: "lambda.amazonaws.com",
        replaced_by: "ec2.amazonaws.com",
    },
];

/// Runs the scenes.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    in_runtime(run_scenes())
}

async fn run_scenes() -> Result<ExitCode, Failure> {
    show(
        "Rolecall runs as LambdaRole in account B, the hub (222222222222).\nAccount A, a member (111111111111), has \
         IAMListRole, which may list its users.\nThree permissions are needed to get from one to the other:\n\n",
    )?;
    for (number, permission) in (1..).zip(&PERMISSIONS) {
        show(&format!("  {number}. {:<30} infra/policies/{}\n", permission.title, permission.file))?;
    }
    heading("With all three permissions")?;
    let mut code = scene(|_, document| document.to_owned()).await?;
    for (number, Permission { title, file: changed, granted_to, replaced_by }) in (1..).zip(&PERMISSIONS) {
        heading(&format!("Without permission {number}, \"{title}\": {changed} names {replaced_by}"))?;
        scene(
            |file, text| {
                if file == *changed { text.replace(granted_to, replaced_by) } else { text.to_owned() }
            },
        )
        .await?;
    }
    heading("With all three permissions again")?;
    code = code.max(scene(|_, document| document.to_owned()).await?);
    show("\nTry it with your own policies: rolecall emulator --help\n")?;
    Ok(ExitCode::from(code))
}

/// Scans a world whose policy files `change` may edit, and prints who denied what. Returns the exit code of the scan.
async fn scene(change: impl Fn(&str, &str) -> String) -> Result<u8, Failure> {
    let unexpected = |problem: &dyn std::fmt::Display| Failure::unexpected(problem);
    let world = World::tutorial_with(change).map_err(|error| unexpected(&error))?;
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let emulator = Emulator::start(world, Clock::new(environment::now), listen, None).await;
    let emulator = emulator.map_err(|error| unexpected(&error))?;

    let lambda = emulator.can_assume("lambda.amazonaws.com", LAMBDA_ROLE).map_err(|e| unexpected(&e))?;
    if !lambda.is_allowed() {
        show(&format!(
            "AWS Lambda refuses to create a function with this role: \"The role defined for the function cannot be \
             assumed by Lambda.\"\nAccess denied: lambda.amazonaws.com may not assume {LAMBDA_ROLE}: {lambda}\n"
        ))?;
        return Ok(0);
    }
    let credentials = emulator.session(LAMBDA_ROLE, "rolecall").map_err(|problem| unexpected(&problem))?;
    let this_program = std::env::current_exe().map_err(|error| unexpected(&error))?;
    let mut scan = Command::new(this_program);
    let has_color = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let color = if has_color { "always" } else { "never" };
    scan.args(["scan", "--color", color, "--role-arn", IAM_LIST_ROLE]).kill_on_drop(true);
    for name in environment::own_variables() {
        scan.env_remove(name);
    }
    set_environment(&mut scan, &settings(&emulator, &credentials));
    show("$ rolecall scan --role-arn arn:aws:iam::111111111111:role/IAMListRole\n\n")?;
    let status = scan.status().await.map_err(|error| unexpected(&error))?;
    for line in emulator.requests().into_iter().filter(|line| line.verdict == "Denied") {
        let decided_by = line.decided_by.unwrap_or_default();
        show(&format!("\nThe emulator's log says: {} was denied, {decided_by}\n", line.operation))?;
    }
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn heading(text: &str) -> Result<(), Failure> {
    let bold = anstyle::Style::new().bold();
    show(&format!("\n{bold}{text}{bold:#}\n\n"))
}

/// Writes and flushes: the scans write to the same stdout.
fn show(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| output::not_written(&error))
}
