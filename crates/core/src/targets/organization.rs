//! Accounts as AWS Organizations lists them.
//!
//! `ListAccounts` says which there are, the tree of units where each of them is: an account that moves while the tree is
//! walked is not lost, its unit is unknown.
//!
//! Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html>

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::ProvideErrorMetadata;
use aws_sdk_organizations::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use futures_util::{FutureExt, StreamExt, stream};
use rolecall_roll::{Account, AccountId, ErrorKind, Fact, Organization};

use super::TargetSpec;
use crate::call::CallError;
use crate::caller::CallerSecrets;
use crate::collect::root_credentials;
use crate::pages::{self, Page};

/// What is wanted of an organisation.
#[derive(Debug, Clone, Default)]
pub struct OrganizationReads {
    /// Units, by id, by name, or by names from below the root on: `Workloads/Prod`; with none, the whole organisation.
    /// What is below a unit is wanted too.
    pub units: Vec<String>,
    /// Whether the accounts' tags are wanted: a call for each of them.
    pub tags: bool,
}

/// What AWS Organizations lists.
#[derive(Debug, Clone)]
pub struct OrganizationAccounts {
    /// The organisation.
    pub organization: Organization,
    /// The accounts that are wanted. Those that are not active are named with the reason why they are not to be asked.
    pub specs: Vec<TargetSpec>,
    /// What could not be learned besides, for a person.
    pub notes: Vec<String>,
}

/// Why an organisation's accounts are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationError {
    /// A call did not succeed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A unit that is wanted is not there.
    #[error("unit {0:?}: the organization has no such unit; it has {1}")]
    NoUnit(String, String),
    /// A unit's name is that of several.
    #[error(
        "unit {0:?}: {1} units have this name; name one by its id, or by the names from below the root on"
    )]
    Ambiguous(String, usize),
    /// There are no accounts.
    #[error("AWS Organizations lists no account here")]
    NoAccounts,
}

/// How many tag look-ups are made side by side: Organizations throttles early.
const AT_ONCE: usize = 4;

/// AWS Organizations, as somebody who may ask it.
#[derive(Debug)]
pub struct OrganizationsClient {
    client: Client,
    iam: aws_sdk_iam::Client,
    /// What no message may hold.
    secrets: CallerSecrets,
}

impl OrganizationsClient {
    /// Asks with these clients.
    #[must_use]
    pub fn new(client: Client, iam: aws_sdk_iam::Client, secrets: CallerSecrets) -> Self {
        Self { client, iam, secrets }
    }

    /// Whether the organisation manages its members' root credentials centrally.
    pub async fn root_credentials_managed(&self) -> Fact<bool> {
        let error = |operation, error: &_| self.error(operation, error);
        match root_credentials::are_managed(&self.iam, error).boxed_local().await {
            Ok(managed) => Fact::live(managed),
            Err(error) => Fact::Unknown { unknown: error.to_string() },
        }
    }

    fn error<E>(&self, operation: &'static str, error: &SdkError<E, HttpResponse>) -> CallError
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let secrets = self.secrets.secrets();
        CallError::new(operation, error).redact(secrets.iter().map(|secret| secret.as_str()))
    }

    /// Lists the accounts of the organisation that the caller is in.
    ///
    /// # Errors
    /// [`Unknown`] where a call does not succeed or answers what AWS does not answer, or where there is nothing to list.
    pub async fn list(&self, wanted: &OrganizationReads) -> Result<OrganizationAccounts, OrganizationError> {
        let (id, management_account_id) = self.describe().boxed_local().await?;
        let mut accounts: BTreeMap<AccountId, TargetSpec> = BTreeMap::new();
        pages::each(
            "ListAccounts",
            async |token| {
                let answer = self.client.list_accounts().set_next_token(token).send().await;
                let answer = answer.map_err(|error| self.error("ListAccounts", &error))?;
                page("ListAccounts", answer.accounts(), answer.next_token(), answer.request_id(), target_spec)
            },
            |page| accounts.extend(page.into_iter().map(|spec| (spec.account_id.clone(), spec))),
        )
        .boxed_local()
        .await?;
        let organization = Organization {
            id,
            management_account_id,
            accounts: accounts.len(),
            root_credentials_managed: Fact::NotRequested,
        };
        let mut notes = Vec::new();
        match self.units().boxed_local().await {
            Ok(units) => {
                for unit in &units {
                    for account_id in &unit.accounts {
                        let account = accounts.get_mut(account_id).and_then(|spec| spec.account.as_mut());
                        if let Some(account) = account {
                            account.organizational_unit = Some(unit.path.clone());
                        }
                    }
                }
                let below = below(&units, &wanted.units)?;
                accounts
                    .retain(|account_id, _| below.as_ref().is_none_or(|below| below.contains(account_id)));
            }
            Err(error) if wanted.units.is_empty() && error.error_kind == ErrorKind::Denied => {
                notes.push(format!("the accounts' organizational units are unknown: {error}"));
            }
            Err(error) => return Err(error.into()),
        }
        if accounts.is_empty() {
            return Err(OrganizationError::NoAccounts);
        }
        if wanted.tags {
            let ids: Vec<AccountId> = accounts.keys().cloned().collect();
            let mut answers = stream::iter(ids)
                .map(|account_id| async move { (self.tags(&account_id).await, account_id) }.boxed_local())
                .buffer_unordered(AT_ONCE);
            while let Some((tags, account_id)) = answers.next().await {
                let tags = tags?;
                if let Some(account) = accounts.get_mut(&account_id).and_then(|spec| spec.account.as_mut()) {
                    account.tags = Some(tags);
                }
            }
        }
        Ok(OrganizationAccounts { organization, specs: accounts.into_values().collect(), notes })
    }

    async fn describe(&self) -> Result<(String, AccountId), CallError> {
        const DESCRIBE_ORGANIZATION: &str = "DescribeOrganization";
        let answer = self.client.describe_organization().send().await;
        let answer = answer.map_err(|error| self.error(DESCRIBE_ORGANIZATION, &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        let organization = answer.organization;
        let id = organization.as_ref().and_then(|it| it.id.clone());
        let management = organization.and_then(|it| it.master_account_id?.parse().ok());
        id.zip(management).ok_or_else(|| {
            let message = "the answer does not say the organisation's id and management account";
            CallError::malformed(DESCRIBE_ORGANIZATION, message, request_id.as_deref())
        })
    }

    /// All units, each behind the one that it is in.
    async fn units(&self) -> Result<Vec<Unit>, CallError> {
        let mut units: Vec<Unit> = Vec::new();
        let roots = async |token| {
            let answer = self.client.list_roots().set_next_token(token).send().await;
            let answer = answer.map_err(|error| self.error("ListRoots", &error))?;
            page("ListRoots", answer.roots(), answer.next_token(), answer.request_id(), |root| {
                let id = root.id().ok_or("a root in the answer has no id")?.to_owned();
                let name = root.name().unwrap_or_default().to_owned();
                Ok(Unit { id, name, path: String::new(), parent: None, accounts: Vec::new() })
            })
        };
        pages::each("ListRoots", roots, |page| units.extend(page)).await?;
        let mut next = 0;
        while let Some(Unit { id, path, .. }) = units.get(next) {
            let (below, accounts) = (self.units_in(id, path, next).await?, self.accounts_in(id).await?);
            if let Some(unit) = units.get_mut(next) {
                unit.accounts = accounts;
            }
            units.extend(below);
            next += 1;
        }
        Ok(units)
    }

    /// The units in a unit, whose path and number these are.
    async fn units_in(&self, parent_id: &str, path: &str, number: usize) -> Result<Vec<Unit>, CallError> {
        const LIST_UNITS: &str = "ListOrganizationalUnitsForParent";
        let mut units = Vec::new();
        let fetch = async |token| {
            let call = self.client.list_organizational_units_for_parent().parent_id(parent_id);
            let answer = call.set_next_token(token).send().await;
            let answer = answer.map_err(|error| self.error(LIST_UNITS, &error))?;
            let items = answer.organizational_units();
            page(LIST_UNITS, items, answer.next_token(), answer.request_id(), |unit| {
                let id = unit.id().ok_or("a unit in the answer has no id")?.to_owned();
                let name = unit.name().unwrap_or(&id).to_owned();
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                Ok(Unit { id, name, path, parent: Some(number), accounts: Vec::new() })
            })
        };
        pages::each(LIST_UNITS, fetch, |page| units.extend(page)).await?;
        Ok(units)
    }

    async fn accounts_in(&self, parent_id: &str) -> Result<Vec<AccountId>, CallError> {
        const LIST_ACCOUNTS: &str = "ListAccountsForParent";
        let mut accounts = Vec::new();
        let fetch = async |token| {
            let call = self.client.list_accounts_for_parent().parent_id(parent_id);
            let answer = call.set_next_token(token).send().await;
            let answer = answer.map_err(|error| self.error(LIST_ACCOUNTS, &error))?;
            page(LIST_ACCOUNTS, answer.accounts(), answer.next_token(), answer.request_id(), target_spec)
        };
        let take = |page: Vec<TargetSpec>| accounts.extend(page.into_iter().map(|spec| spec.account_id));
        pages::each(LIST_ACCOUNTS, fetch, take).await?;
        Ok(accounts)
    }

    async fn tags(&self, account_id: &AccountId) -> Result<BTreeMap<String, String>, CallError> {
        const LIST_TAGS: &str = "ListTagsForResource";
        let mut tags = BTreeMap::new();
        let fetch = async |token| {
            let call = self.client.list_tags_for_resource().resource_id(account_id.as_str());
            let answer = call.set_next_token(token).send().await;
            let answer = answer.map_err(|error| self.error(LIST_TAGS, &error))?;
            let tag = |tag: &aws_sdk_organizations::types::Tag| Ok((tag.key.clone(), tag.value.clone()));
            page(LIST_TAGS, answer.tags(), answer.next_token(), answer.request_id(), tag)
        };
        pages::each(LIST_TAGS, fetch, |page| tags.extend(page)).await?;
        Ok(tags)
    }
}

/// A page, its items read one by one.
fn page<T, U>(
    operation: &'static str,
    items: &[T],
    token: Option<&str>,
    request_id: Option<&str>,
    read: impl Fn(&T) -> Result<U, &'static str>,
) -> Result<Page<U>, CallError> {
    let items = items.iter().map(read).collect::<Result<_, _>>();
    let items = items.map_err(|problem| CallError::malformed(operation, problem, request_id))?;
    Ok(Page::with_token(items, token.map(str::to_owned), request_id))
}

/// An account as Organizations gives it.
fn target_spec(account: &aws_sdk_organizations::types::Account) -> Result<TargetSpec, &'static str> {
    let account_id =
        account.id().and_then(|id| id.parse().ok()).ok_or("an account in the answer has no id")?;
    // `Status` was retired in September 2026 for `State`, which tells more.
    let state = account.state().map(|state| state.as_str().to_owned());
    let state = state.or_else(|| account.status().map(|status| status.as_str().to_owned()));
    let skipped = match state.as_deref() {
        // One that AWS adds later is asked: it is not passed over without a word.
        Some(state @ ("SUSPENDED" | "PENDING_CLOSURE" | "CLOSED" | "PENDING_ACTIVATION")) => {
            Some(state.to_ascii_lowercase().replace('_', " "))
        }
        _ => None,
    };
    let known = Account {
        name: account.name().map(str::to_owned),
        email: account.email().map(str::to_owned),
        ..Account::default()
    };
    Ok(TargetSpec { skipped, account: Some(known), ..TargetSpec::new(account_id) })
}

/// A unit, or the root.
struct Unit {
    id: String,
    name: String,
    /// The names from below the root on; empty for the root.
    path: String,
    parent: Option<usize>,
    accounts: Vec<AccountId>,
}

/// The accounts in the wanted units and below; `None` where no unit is wanted in particular.
fn below(units: &[Unit], wanted: &[String]) -> Result<Option<BTreeSet<AccountId>>, OrganizationError> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let mut chosen = BTreeSet::new();
    for name in wanted {
        let by_id = units.iter().position(|unit| &unit.id == name);
        let by_path =
            || units.iter().position(|unit| !unit.path.is_empty() && unit.path == name.trim_matches('/'));
        let number = if let Some(number) = by_id.or_else(by_path) {
            number
        } else {
            let by_name = units.iter().enumerate().filter(|(_, unit)| &unit.name == name);
            match by_name.map(|(number, _)| number).collect::<Vec<_>>()[..] {
                [number] => number,
                [] => {
                    let known = units.iter().filter(|unit| !unit.path.is_empty());
                    let known: Vec<&str> = known.map(|unit| unit.path.as_str()).collect();
                    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                    return Err(OrganizationError::NoUnit(name.clone(), known));
                }
                ref several => return Err(OrganizationError::Ambiguous(name.clone(), several.len())),
            }
        };
        chosen.insert(number);
    }
    // Each unit stands behind the one that it is in.
    for (number, unit) in units.iter().enumerate() {
        if unit.parent.is_some_and(|parent| chosen.contains(&parent)) {
            chosen.insert(number);
        }
    }
    let accounts =
        chosen.iter().filter_map(|number| units.get(*number)).flat_map(|unit| unit.accounts.clone());
    Ok(Some(accounts.collect()))
}
