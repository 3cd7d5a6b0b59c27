//! The reference model: what a perfect roll of a world has, in the roll file's own names. A fact is its plain value.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::selection::Selection;
use crate::world::{ADMINISTRATOR, Account, BOUNDARY, Key, User, World};

/// What stands in the place of a value that AWS has for nobody, such as the row of a user who is younger than the report.
pub(crate) const UNAVAILABLE: &str = "unavailable";

/// The selected targets of a world: those that are skipped with the reason, and those that are read with `None`.
pub(crate) fn targets<'a>(world: &'a World, selection: &Selection) -> BTreeMap<&'a str, Option<String>> {
    let read = world.accounts.keys().map(|id| (id.as_str(), None));
    let members = world.organization.iter().flat_map(|it| &it.members);
    let skipped = members.filter(|(_, (state, _))| *state != "ACTIVE");
    let reason = |state: &str| Some(state.to_lowercase().replace('_', " "));
    let all = read.chain(skipped.map(|(id, (state, _))| (id.as_str(), reason(state))));
    all.filter(|(id, _)| is_selected(world, selection, id)).collect()
}

fn is_selected(world: &World, selection: &Selection, id: &str) -> bool {
    let is_in = |units: Vec<usize>| units.iter().any(|unit| selection.units.contains(unit));
    let begins = |prefix: &String| id.starts_with(prefix);
    let organization = world.organization.as_ref().filter(|_| !selection.units.is_empty());
    organization.is_none_or(|it| is_in(it.with_parents(id)))
        && selection.team.is_none_or(|team| world.teams.get(id) == Some(&team))
        && selection.include.as_ref().is_none_or(begins)
        && !selection.exclude.as_ref().is_some_and(begins)
}

/// What a list of accounts has of an account: its name, its email address and its tags.
pub(crate) fn account(world: &World, selection: &Selection, id: &str) -> Value {
    let is_organization = world.organization.is_some();
    let is_listed = is_organization || selection.is_file();
    let team = world.teams.get(id);
    let tags = team.map_or(json!({}), |team| json!({ "team": team }));
    // A file says of an account without a tag nothing, and AWS Organizations that it has none.
    let has_tags = selection.has_tags(world) && (is_organization || team.is_some());
    json!({
        "name": is_listed.then(|| format!("Account {id}")),
        "email": is_organization.then(|| format!("{id}@example.com")),
        "tags": has_tags.then_some(tags),
    })
}

/// The facts of an account as a whole.
pub(crate) fn facts(account: &Account) -> Value {
    let managed = account.manages_root_credentials.map_or(json!(UNAVAILABLE), Value::from);
    json!({
        "alias": account.alias,
        "summary": {
            "users": account.users.len(), "root_has_access_keys": account.root_key,
            "root_has_mfa": account.root_mfa, "root_has_password": true,
        },
        "root": {
            "access_keys_active": [account.root_key, false], "mfa_active": account.root_mfa,
            "password_last_used": account.root_password_used,
        },
        "root_credentials_managed": managed,
    })
}

/// A user of an account, with all facts.
pub(crate) fn user(account_id: &str, account: &Account, user: &User) -> Value {
    let used = |key: &Key| {
        key.used.map(|(date, service, region)| json!({"date": date, "service": service, "region": region}))
    };
    let mut keys: Vec<&Key> = user.keys.iter().collect();
    keys.sort_by_key(|key| &key.id);
    let keys = keys.into_iter().map(|key| {
        json!({"access_key_id": key.id, "status": key.status, "create_date": key.created, "last_used": used(key)})
    });
    let mfa = user.mfa.iter().enumerate();
    let row_of_key = |index: usize| match user.keys.get(index) {
        Some(key) => {
            json!({"active": key.status == "Active", "last_rotated": key.created, "last_used": used(key)})
        }
        None => json!({"active": false, "last_rotated": null, "last_used": null}),
    };
    let row = json!({
        "password_enabled": user.password.is_some(), "password_last_used": user.password_used,
        "password_last_changed": user.password.map(|(created, _)| created), "mfa_active": !user.mfa.is_empty(),
        "access_keys": [row_of_key(0), row_of_key(1)],
    });
    json!({
        "user_name": user.name, "user_id": user.id(), "arn": user.arn(account_id), "path": user.path,
        "create_date": user.created, "password_last_used": user.password_used,
        "access_keys": keys.collect::<Vec<_>>(),
        "console_password": user.password.map(|(created, reset)| json!({"create_date": created, "password_reset_required": reset})),
        "mfa_devices": mfa.map(|(number, enabled)| json!({"serial_number": user.mfa_serial(account_id, number), "enable_date": enabled})).collect::<Vec<_>>(),
        "policies": {
            "groups": user.groups, "attached_policies": if user.is_administrator { vec![ADMINISTRATOR] } else { vec![] },
            "inline_policies": ["own"], "permissions_boundary": user.boundary.then_some(BOUNDARY),
            "is_administrator": user.is_administrator.then_some(true), "tags": user.tags,
        },
        "report": if user.is_in_report(account) { row } else { json!(UNAVAILABLE) },
    })
}
