//! Which accounts a run is given, and how: an organization with filters, account ids, or an accounts file.

use fastrand::Rng;
use serde_json::json;

use crate::world::{ROLE_NAME, World, intermediate_role};

/// How the targets are given. The default is everything: the organization, or the ids of all accounts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) list: List,
    /// Units of the organization, by their indices; empty for all.
    pub(crate) units: Vec<usize>,
    /// Whether units are given by their paths, and not by their ids.
    pub(crate) has_paths: bool,
    /// The value of the tag `team`.
    pub(crate) team: Option<&'static str>,
    /// Whether tags are fetched although no filter needs them.
    pub(crate) fetches_tags: bool,
    /// How the ids of included and excluded accounts begin.
    pub(crate) include: Option<String>,
    pub(crate) exclude: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum List {
    /// The options give the organization or the ids.
    #[default]
    Options,
    Csv,
    JsonLines,
    /// The event of the function, which has role ARNs and external ids.
    Event,
}

/// Options by their keys.
pub(crate) type Options = Vec<(&'static str, Vec<String>)>;

impl Selection {
    /// A selection that has at least one account that is read.
    pub(crate) fn generate(rng: &mut Rng, world: &World) -> Self {
        let ids: Vec<&String> = world.accounts.keys().collect();
        let selected = rng.choice(&ids).expect("an account").as_str();
        let other = rng.choice(&ids).expect("an account").as_str();
        let mut selection = Self::default();
        if let Some(organization) = &world.organization {
            if rng.u8(..3) == 0 {
                let units = organization.with_parents(selected);
                selection.units.extend(rng.choice(units));
                selection.units.extend(rng.bool().then(|| rng.usize(..organization.units.len())));
                selection.units.dedup();
                selection.has_paths = !selection.units.contains(&0) && rng.bool();
            }
            selection.fetches_tags = rng.u8(..3) == 0;
        } else if world.has_own_external_ids || rng.bool() {
            selection.list = if rng.bool() { List::Csv } else { List::JsonLines };
        }
        if (world.organization.is_some() || selection.is_file()) && rng.u8(..3) == 0 {
            selection.team = world.teams.get(selected).copied();
        }
        selection.include = (rng.u8(..6) == 0).then(|| selected[..1].to_owned());
        let length = rng.usize(1..12);
        let exclude = (rng.u8(..6) == 0).then(|| other[..length].to_owned());
        selection.exclude = exclude.filter(|prefix| !selected.starts_with(prefix));
        selection
    }

    /// Whether a file has the accounts, with their names and tags.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.list, List::Csv | List::JsonLines)
    }

    /// Whether the run knows the tags of the accounts.
    pub(crate) fn has_tags(&self, world: &World) -> bool {
        let are_fetched = self.fetches_tags || self.team.is_some();
        self.is_file() || (world.organization.is_some() && are_fetched)
    }

    /// The options, without those that name a file or are secret.
    pub(crate) fn options(&self, world: &World) -> Options {
        let mut options = vec![("role_name", vec![ROLE_NAME.to_owned()])];
        match &world.organization {
            Some(organization) => {
                options.push(("organization", vec!["true".to_owned()]));
                let unit = |index: &usize| {
                    if self.has_paths {
                        organization.path(*index)
                    } else {
                        organization.units[*index].0.clone()
                    }
                };
                options.push(("ou", self.units.iter().map(unit).collect()));
                options.push(("fetch_account_tags", vec![self.fetches_tags.to_string()]));
            }
            None if self.list == List::Options => {
                options.push(("account", world.accounts.keys().cloned().collect()));
            }
            None => {}
        }
        let pattern = |prefix: &Option<String>| prefix.iter().map(|prefix| format!("{prefix}*")).collect();
        options.push(("include", pattern(&self.include)));
        options.push(("exclude", pattern(&self.exclude)));
        options.push(("include_tag", self.team.iter().map(|team| format!("team={team}")).collect()));
        // The rows of JSON lines have the role chain themselves.
        let chain = if self.list == List::JsonLines { &[] } else { &world.chain[..] };
        options.push(("via", chain.iter().map(|id| intermediate_role(id)).collect()));
        options.retain(|(_, values)| !values.is_empty() && *values != ["false"]);
        options
    }

    /// The text of the accounts file; `None` where there is none.
    pub(crate) fn file(&self, world: &World) -> Option<String> {
        let row = |id: &String| {
            let team = world.teams.get(id);
            let external_id = world.external_id(id);
            if self.list == List::Csv {
                let tags = team.map_or(String::new(), |team| format!("team={team}"));
                return format!("{id},{},{external_id},Account {id},{tags}\n", role_arn(id));
            }
            let chain: Vec<String> = world.chain.iter().map(|id| intermediate_role(id)).collect();
            let mut row = json!({"account_id": id, "external_id": external_id, "via": chain, "name": format!("Account {id}")});
            if let Some(team) = team {
                row["tags"] = json!({"team": team});
            }
            format!("{row}\n")
        };
        let rows: String = world.accounts.keys().map(row).collect();
        match self.list {
            List::Options | List::Event => None,
            List::Csv => Some(format!("account_id,role_arn,external_id,name,tags\n{rows}")),
            List::JsonLines => Some(rows),
        }
    }

    /// The event of the function.
    pub(crate) fn event(&self, world: &World) -> String {
        let target = |id: &String| json!({"role_arn": role_arn(id), "external_id": world.external_id(id)});
        match self.list {
            List::Options => "{}".to_owned(),
            List::Csv | List::JsonLines | List::Event => {
                json!({"targets": world.accounts.keys().map(target).collect::<Vec<_>>()}).to_string()
            }
        }
    }
}

fn role_arn(id: &str) -> String {
    format!("arn:aws:iam::{id}:role/{ROLE_NAME}")
}
