//! The users of generated accounts.

use std::collections::BTreeMap;

use super::dice::{Dice, date};
use crate::world::{AccessKey, LastUsed, LoginProfile, MfaDevice, User, unique_id};

const FIRST_NAMES: [&str; 12] = [
    "ada",
    "alan",
    "barbara",
    "claude",
    "donald",
    "edsger",
    "grace",
    "john",
    "katherine",
    "ken",
    "leslie",
    "margaret",
];
const SERVICES: [&str; 6] = ["backup", "ci", "deploy", "etl", "metrics", "terraform"];

/// A user with its name. `with_keys` of 100 users have access keys.
pub(super) fn user(dice: Dice, account_id: &str, with_keys: u32) -> (String, User) {
    let is_service = dice.chance("service", 40);
    let (name, path) = name_and_path(dice, is_service);
    let age = dice.number("age") % 2_900 + 1;
    let has_password = dice.chance("password", if is_service { 3 } else { 75 });
    let password_reset_required = dice.chance("reset", 4);
    let password_used = has_password && dice.chance("password used", 80);
    let mfa = (has_password && dice.chance("mfa", 70)).then(|| MfaDevice {
        serial_number: format!("arn:aws:iam::{account_id}:mfa/{name}"),
        enable_date: date(dice.number("mfa age") % age),
        seed: None,
    });
    let group = dice.pick("group", &["developers", "operators", "auditors"]);
    let owner = dice.chance("tagged", 50).then(|| ("owner".to_owned(), format!("{group}@example.com")));
    let has_keys = dice.chance("keys", with_keys.into());
    let user = User {
        arn: format!("arn:aws:iam::{account_id}:user{path}{name}"),
        path: path.to_owned(),
        user_id: unique_id("AIDA", account_id, &name),
        create_date: date(age),
        password_last_used: password_used.then(|| date(dice.number("password age") % age)),
        login_profile: has_password.then(|| LoginProfile { create_date: date(age), password_reset_required }),
        mfa_devices: mfa.into_iter().collect(),
        ssh_public_keys: Vec::new(),
        signing_certificates: Vec::new(),
        service_specific_credentials: Vec::new(),
        groups: if is_service { Vec::new() } else { vec![group.to_owned()] },
        attached_policies: attached_policy(dice).map(str::to_owned).into_iter().collect(),
        inline_policies: inline_policy(dice).into_iter().collect(),
        policies: Vec::new(),
        permissions_boundary: None,
        access_keys: if has_keys { access_keys(dice, account_id, age) } else { Vec::new() },
        tags: BTreeMap::from_iter(owner),
    };
    (name, user)
}

fn name_and_path(dice: Dice, is_service: bool) -> (String, &'static str) {
    let number = dice.user;
    if is_service {
        (format!("svc-{}-{number:04}", dice.pick("name", &SERVICES)), "/service/")
    } else {
        (format!("{}.{number:04}", dice.pick("name", &FIRST_NAMES)), "/")
    }
}

/// One or two access keys of a user who was created `age` days ago.
fn access_keys(dice: Dice, account_id: &str, age: u64) -> Vec<AccessKey> {
    let count = if dice.chance("two keys", 30) { 2 } else { 1 };
    (0..count).map(|key| access_key(dice, account_id, key, age)).collect()
}

fn access_key(dice: Dice, account_id: &str, key: u32, age_of_user: u64) -> AccessKey {
    let key_number = |purpose: &str| dice.number(&format!("{purpose} {key}"));
    let age = key_number("key age") % age_of_user.max(1);
    let last_used = (key_number("used") % 100 < 75).then(|| LastUsed {
        date: date(key_number("last used") % age.max(1)),
        service: dice.pick("used for", &["s3", "ec2", "iam", "sts", "dynamodb"]).to_owned(),
        region: dice.pick("used in", &["eu-central-1", "us-east-1", "us-west-2"]).to_owned(),
    });
    AccessKey {
        access_key_id: access_key_id(account_id, dice.user, key),
        secret_access_key: None,
        status: if key_number("status") % 100 < 85 { "Active" } else { "Inactive" }.to_owned(),
        create_date: date(age),
        last_used,
    }
}

/// The ARN of a managed policy, which 15 of 100 users have.
fn attached_policy(dice: Dice) -> Option<&'static str> {
    match dice.number("attached") % 100 {
        0..3 => Some("arn:aws:iam::aws:policy/AdministratorAccess"),
        3..15 => Some("arn:aws:iam::aws:policy/PowerUserAccess"),
        _ => None,
    }
}

/// The name and the document of an inline policy, which 2 of 100 users have.
fn inline_policy(dice: Dice) -> Option<(String, String)> {
    dice.chance("inline", 2).then(|| {
        let document =
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        ("break-glass".to_owned(), document.to_owned())
    })
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The id of an access key, which encodes the account id, the user and the key. AWS's ids encode the account too.
pub(super) fn access_key_id(account_id: &str, user: u32, key: u32) -> String {
    let account: u128 = account_id.parse().unwrap_or_default();
    let bits = account << 40 | u128::from(user) << 8 | u128::from(key);
    let digit = |place: u32| {
        let index = usize::try_from(bits >> (place * 5) & 31).unwrap_or_default();
        char::from(BASE32.get(index).copied().unwrap_or(b'A'))
    };
    format!("AKIA{}", (0..16).rev().map(digit).collect::<String>())
}

/// The account id that a generated access key id encodes; `None` if the text is not of that form.
pub(crate) fn account_of_key(access_key_id: &str) -> Option<String> {
    let mut bits = 0_u128;
    for byte in access_key_id.strip_prefix("AKIA")?.bytes() {
        let digit = BASE32.iter().position(|digit| *digit == byte)?;
        bits = bits.checked_shl(5)? | u128::try_from(digit).ok()?;
    }
    Some(format!("{:012}", bits >> 40))
}
