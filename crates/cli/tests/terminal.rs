//! What goes to stderr, on a terminal: messages are wrapped to its width, and none shares a line with a spinner.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod common;

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::organization::{LAMBDA_ROLE, ORGANIZATION, recipe, start};
use rolecall_testkit::process::caller_environment;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A terminal of this width, and what is written to it until its last user is gone.
fn terminal(columns: u16) -> (File, JoinHandle<String>) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let user = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    tcsetwinsize(&user, Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut master = File::from(master);
    let reader = thread::spawn(move || {
        let (mut text, mut part) = (Vec::new(), [0; 4096]);
        // The end is an error: the terminal is gone.
        while let Ok(number @ 1..) = master.read(&mut part) {
            text.extend_from_slice(part.get(..number).unwrap());
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    (user, reader)
}

fn rolecall(terminal: &File, endpoint: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command.env_clear().envs(caller_environment(endpoint)).args(arguments).arg("--color").arg("never");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(terminal.try_clone().unwrap());
    command
}

#[test]
fn a_failure_is_wrapped_to_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cases.json");
    fs::write(&file, "[]").unwrap();
    let (user, written) = terminal(40);
    let mut command = rolecall(&user, "http://127.0.0.1:9", &["policy", "evaluate", file.to_str().unwrap()]);
    assert_eq!(command.status().unwrap().code(), Some(2));
    drop((command, user));
    let text = written.join().unwrap();
    let wide: Vec<&str> = text.lines().filter(|line| line.trim_end().chars().count() > 40).collect();
    assert!(wide.is_empty() && text.contains("error: ") && text.lines().count() > 3, "{text}");
}

/// Runs a scan of a slow organization, and interrupts it while its line is on the terminal.
async fn interrupted(accounts: u32, line: Duration) -> String {
    let mut world = recipe(&format!("accounts={accounts},users=1,seed=1")).world().unwrap();
    world.fault_injection.latency_ms = 400;
    let emulator = start(world).await;
    let session = emulator.session(LAMBDA_ROLE, "test").unwrap();
    let (user, written) = terminal(80);
    let mut command = rolecall(&user, &emulator.url(), &ORGANIZATION);
    command.env("AWS_ACCESS_KEY_ID", session.access_key_id);
    command.env("AWS_SECRET_ACCESS_KEY", &session.secret_access_key);
    command.env("AWS_SESSION_TOKEN", &session.session_token);
    command.env("TERM", "xterm");
    let mut child = command.spawn().unwrap();
    tokio::time::sleep(line).await;
    kill_process(Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(), Signal::INT).unwrap();
    tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap();
    drop((command, user));
    written.join().unwrap()
}

#[tokio::test]
async fn no_message_shares_a_line_with_a_spinner() {
    let text = interrupted(3, Duration::from_millis(1500)).await;
    let (before, _) = text.split_once("interrupted").unwrap();
    assert!(before.contains("Listing accounts from AWS Organizations"), "{text:?}");
    let line = before.rsplit(['\n', '\r']).next().unwrap();
    assert!(line.is_empty() || line.ends_with("\u{1b}[2K"), "{line:?} is before it in {text:?}");
}
