//! Writes a large roll, the same in every run, or reads a roll once, which is what rendering it is compared with.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for people to run"
)]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Parser;
use jiff::{Timestamp, ToSpan};
use rolecall_roll::{
    AccessKey, Account, AccountRecord, ConsolePassword, Fact, FactKind, FactSelection, Header, LastUsed,
    MfaDevice, Policies, RoleArn, RollFile, RollWriter, Statistics, User,
};

#[derive(Parser)]
enum Command {
    /// Write a roll: of two users, one has one key and one has two.
    Write {
        path: PathBuf,
        #[arg(long)]
        accounts: u32,
        #[arg(long)]
        users: u32,
    },
    /// Read a roll once, and print the seconds that it took.
    Read { path: PathBuf },
}

fn main() {
    match Command::parse() {
        Command::Write { path, accounts, users } => write(&path, accounts, users),
        Command::Read { path } => {
            let began = Instant::now();
            let roll = RollFile::read(File::open(path).unwrap()).unwrap();
            println!("{} {}", began.elapsed().as_secs_f64(), roll.counts.access_keys);
        }
    }
}

fn write(path: &Path, accounts: u32, users: u32) {
    let as_of: Timestamp = "2026-11-25T12:00:00Z".parse().unwrap();
    let role_arn =
        |number: u32| -> RoleArn { format!("arn:aws:iam::{number:012}:role/IAMListRole").parse().unwrap() };
    let targets = (0..accounts).map(|number| role_arn(number).into()).collect();
    let run_id = "8a6f0c1e-52d1-4b7e-9f0e-6a2b3c4d5e6f".parse().unwrap();
    let mut header = Header::new(run_id, as_of, None, targets);
    let facts = [
        FactKind::Users,
        FactKind::AccessKeys,
        FactKind::LastUsed,
        FactKind::ConsolePassword,
        FactKind::MfaDevices,
        FactKind::Policies,
    ];
    header.collect = FactSelection { facts: facts.into(), ..FactSelection::default() };
    let mut writer = RollWriter::new(BufWriter::new(File::create(path).unwrap()), &header).unwrap();
    for number in 0..accounts {
        let users = (0..users).map(|user| new_user(number, number * users + user, as_of)).collect();
        let account = AccountRecord::read(role_arn(number), users, Vec::new(), Vec::new());
        let details = Account {
            name: Some(format!("workload-{number:05}")),
            organizational_unit: Some("Workloads/Prod".to_owned()),
            ..Account::default()
        };
        writer.write_account(&account.with_account(Some(details)).with_as_of(as_of)).unwrap();
    }
    writer.finish(Statistics::default()).unwrap().flush().unwrap();
}

fn new_user(account: u32, number: u32, as_of: Timestamp) -> User {
    let ago = |days: u32| as_of - (24 * i64::from(days)).hours();
    let key = |second: u32| AccessKey {
        access_key_id: format!("AKIA{:016}", number * 2 + second).parse().unwrap(),
        status: if number.is_multiple_of(7) { "Inactive" } else { "Active" }.to_owned().into(),
        create_date: Some(ago((number * 7 + second * 131) % 1500)),
        last_used: Fact::live((!number.is_multiple_of(3)).then(|| LastUsed {
            date: ago(number * 11 % 700),
            service: Some("s3".to_owned()),
            region: Some("eu-central-1".to_owned()),
        })),
    };
    let name = format!("user-{number:06}");
    let arn = format!("arn:aws:iam::{account:012}:user/team/{name}");
    let password = ConsolePassword { create_date: Some(ago(number % 900)), password_reset_required: false };
    let device = MfaDevice {
        serial_number: format!("arn:aws:iam::{account:012}:mfa/{name}"),
        enable_date: Some(ago(100)),
    };
    let policies = Policies {
        groups: vec!["developers".to_owned()],
        attached_policies: vec!["arn:aws:iam::aws:policy/ReadOnlyAccess".to_owned()],
        tags: [("Owner".to_owned(), format!("team-{}", number % 40))].into(),
        ..Policies::default()
    };
    User {
        access_keys: Some((0..=number % 2).map(key).collect()),
        console_password: Fact::live(number.is_multiple_of(4).then_some(password)),
        mfa_devices: Fact::live(if number.is_multiple_of(8) { vec![device] } else { Vec::new() }),
        policies: Fact::live(policies),
        ..User::new(name, format!("AIDA{number:016}"), arn, "/team/".to_owned(), ago(1600))
    }
}
