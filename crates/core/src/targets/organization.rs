//! Lists the accounts of AWS Organizations.
//!
//! `ListAccounts` lists the accounts, and the tree of organizational units says where each one is. Both must have the same
//! accounts. Where they differ, both are read a second time; then an account of either is a target.
//!
//! Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Operations.html>

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_organizations::Client;
use aws_sdk_organizations::error::ProvideErrorMetadata;
use aws_sdk_organizations::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use futures_util::{FutureExt, StreamExt, stream};
use rolecall_roll::{Account, AccountId, ErrorKind, Fact, Organization};

use super::TargetSpec;
use crate::call::{CallError, valid_request_id};
use crate::collect::root_credentials;
use crate::pages::{self, Page};
use crate::secrets::Secrets;

/// What to read of an organization.
#[derive(Debug, Clone, Default)]
pub struct OrganizationReads {
    /// Organizational units, by id, name, or path below the root (`Workloads/Prod`), each with the units below it; empty for
    /// the whole organization.
    pub units: Vec<String>,
    /// Whether to read the accounts' tags, with one call for each account.
    pub tags: bool,
}

/// The selected accounts of an organization.
#[derive(Debug, Clone)]
pub struct OrganizationAccounts {
    /// The organization, with the number of all its accounts.
    pub organization: Organization,
    /// The selected accounts. Those that are not active have the reason why they are skipped.
    pub specs: Vec<TargetSpec>,
    /// The accounts of the organization that are not in the selected units.
    pub others: BTreeSet<AccountId>,
    /// Notes for the user: facts that could not be read.
    pub notes: Vec<String>,
}

/// Why the accounts of an organization could not be listed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The organization has no such unit; the second text lists those it has.
    #[error("organizational unit {0:?} does not exist; the organization has {1}")]
    NoUnit(String, String),
    /// This number of units have the same name.
    #[error("organizational unit {0:?}: {1} units have this name; give its id, or its path below the root")]
    Ambiguous(String, usize),
    /// These accounts are in the organization, and no unit lists them: they may be in a selected unit.
    #[error(
        "AWS Organizations lists {0} in no organizational unit, so it is unknown whether that is in the selected \
         units"
    )]
    Unplaced(String),
    /// The organization or its selected units have no accounts.
    #[error("AWS Organizations lists no accounts in the organization or in the selected units")]
    NoAccounts,
}

/// All actions that reading an organization may call.
pub const ACTIONS: &[&str] = &[
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListRoots",
    "organizations:ListTagsForResource",
    "iam:ListOrganizationsFeatures",
];

/// The maximum number of concurrent `ListTagsForResource` calls: Organizations throttles early.
const MAX_CONCURRENT_TAG_CALLS: usize = 4;

/// Clients to read an organization, with the credentials of an account that may do so.
#[derive(Debug)]
pub struct OrganizationsClient {
    client: Client,
    iam: aws_sdk_iam::Client,
    /// The secrets that are redacted from messages.
    secrets: Secrets,
    /// The number of accounts that are listed so far, for progress.
    listed: Arc<AtomicUsize>,
}

impl OrganizationsClient {
    /// Clients with the same credentials. `secrets` are redacted from messages, and `listed` counts the accounts as they are
    /// listed.
    #[must_use]
    pub fn new(client: Client, iam: aws_sdk_iam::Client, secrets: Secrets, listed: Arc<AtomicUsize>) -> Self {
        Self { client, iam, secrets, listed }
    }

    /// Whether the organization manages its members' root credentials centrally; unknown where the call fails.
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
        CallError::new(operation, error).redact(&self.secrets.redactor([]))
    }

    /// Lists the accounts of the client's organization.
    ///
    /// # Errors
    /// [`OrganizationError`] where a call fails or its response is malformed, a unit does not exist or is ambiguous, or there
    /// is no account.
    pub async fn list(&self, reads: &OrganizationReads) -> Result<OrganizationAccounts, OrganizationError> {
        let (id, management_account_id) = self.describe().boxed_local().await?;
        let mut listing = self.listing(reads, &management_account_id).boxed_local().await?;
        if listing.contradicts_itself() {
            // An account joined, left or moved between two calls, or an answer is not whole.
            listing = self.listing(reads, &management_account_id).boxed_local().await?;
        }
        let (mut accounts, notes) = listing.into_accounts(reads)?;
        let organization = Organization {
            id,
            management_account_id,
            accounts: accounts.all.len(),
            root_credentials_managed: Fact::NotRequested,
        };
        if accounts.selected.is_empty() {
            return Err(OrganizationError::NoAccounts);
        }
        if reads.tags {
            self.add_tags(&mut accounts.selected).boxed_local().await?;
        }
        let ListedAccounts { mut all, selected } = accounts;
        all.retain(|account_id| !selected.contains_key(account_id));
        Ok(OrganizationAccounts { organization, specs: selected.into_values().collect(), others: all, notes })
    }

    /// Lists the accounts and the units once.
    async fn listing(
        &self,
        reads: &OrganizationReads,
        management_account_id: &AccountId,
    ) -> Result<Listing, CallError> {
        let mut accounts: BTreeMap<AccountId, TargetSpec> = BTreeMap::new();
        let fetch = async |token| {
            let response = self.client.list_accounts().set_next_token(token).send().await;
            let response = response.map_err(|error| self.error("ListAccounts", &error))?;
            let (items, token) = (response.accounts(), response.next_token());
            convert_page("ListAccounts", items, token, response.request_id(), target_spec)
        };
        let take = |page: Vec<TargetSpec>| {
            accounts.extend(page.into_iter().map(|spec| (spec.account_id.clone(), spec)));
            self.listed.store(accounts.len(), Ordering::Relaxed);
        };
        pages::for_each("ListAccounts", fetch, account_key, take).boxed_local().await?;
        let units = match self.units().boxed_local().await {
            Ok(units) => Ok(units),
            Err(error) if reads.units.is_empty() && error.error_kind == ErrorKind::Denied => Err(error),
            Err(error) => return Err(error),
        };
        Ok(Listing { accounts, units, management_account_id: management_account_id.clone() })
    }

    /// Reads the tags of each account, some at a time.
    async fn add_tags(&self, accounts: &mut BTreeMap<AccountId, TargetSpec>) -> Result<(), CallError> {
        let ids: Vec<AccountId> = accounts.keys().cloned().collect();
        let mut results = stream::iter(ids)
            .map(|account_id| async move { (self.tags(&account_id).await, account_id) }.boxed_local())
            .buffer_unordered(MAX_CONCURRENT_TAG_CALLS);
        while let Some((tags, account_id)) = results.next().await {
            let tags = tags?;
            if let Some(account) = accounts.get_mut(&account_id).and_then(|spec| spec.account.as_mut()) {
                account.tags = Some(tags);
            }
        }
        Ok(())
    }

    async fn describe(&self) -> Result<(String, AccountId), CallError> {
        const DESCRIBE_ORGANIZATION: &str = "DescribeOrganization";
        let response = self.client.describe_organization().send().await;
        let response = response.map_err(|error| self.error(DESCRIBE_ORGANIZATION, &error))?;
        let request_id = valid_request_id(response.request_id());
        let organization = response.organization;
        let id = organization.as_ref().and_then(|it| it.id.clone()).filter(|id| is_organization_id(id));
        let management = organization.and_then(|it| it.master_account_id?.parse().ok());
        id.zip(management).ok_or_else(|| {
            let message = "the response has no organization id or no management account id";
            CallError::malformed(DESCRIBE_ORGANIZATION, message, request_id.as_deref())
        })
    }

    /// All units, each after its parent.
    async fn units(&self) -> Result<Vec<Unit>, CallError> {
        let mut units: Vec<Unit> = Vec::new();
        let roots = async |token| {
            let response = self.client.list_roots().set_next_token(token).send().await;
            let response = response.map_err(|error| self.error("ListRoots", &error))?;
            convert_page(
                "ListRoots",
                response.roots(),
                response.next_token(),
                response.request_id(),
                |root| {
                    let id = root.id().ok_or("a root in the response has no id")?.to_owned();
                    let name = root.name().unwrap_or_default().to_owned();
                    Ok(Unit { id, name, path: String::new(), parent: None, accounts: Vec::new() })
                },
            )
        };
        pages::for_each("ListRoots", roots, Unit::key, |page| units.extend(page)).await?;
        let mut next = 0;
        while let Some(Unit { id, path, .. }) = units.get(next) {
            let (children, accounts) =
                (self.child_units(id, path, next).await?, self.child_accounts(id).await?);
            if let Some(unit) = units.get_mut(next) {
                unit.accounts = accounts;
            }
            units.extend(children);
            next += 1;
        }
        Ok(units)
    }

    /// The units directly in a unit, which has this path and this index in the list of units.
    async fn child_units(&self, parent_id: &str, path: &str, index: usize) -> Result<Vec<Unit>, CallError> {
        const LIST_UNITS: &str = "ListOrganizationalUnitsForParent";
        let mut units = Vec::new();
        let fetch = async |token| {
            let call = self.client.list_organizational_units_for_parent().parent_id(parent_id);
            let response = call.set_next_token(token).send().await;
            let response = response.map_err(|error| self.error(LIST_UNITS, &error))?;
            let items = response.organizational_units();
            convert_page(LIST_UNITS, items, response.next_token(), response.request_id(), |unit| {
                let id = unit.id().ok_or("a unit in the response has no id")?.to_owned();
                let name = unit.name().unwrap_or(&id).to_owned();
                let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
                Ok(Unit { id, name, path, parent: Some(index), accounts: Vec::new() })
            })
        };
        pages::for_each(LIST_UNITS, fetch, Unit::key, |page| units.extend(page)).await?;
        Ok(units)
    }

    async fn child_accounts(&self, parent_id: &str) -> Result<Vec<TargetSpec>, CallError> {
        const LIST_ACCOUNTS: &str = "ListAccountsForParent";
        let mut accounts = Vec::new();
        let fetch = async |token| {
            let call = self.client.list_accounts_for_parent().parent_id(parent_id);
            let response = call.set_next_token(token).send().await;
            let response = response.map_err(|error| self.error(LIST_ACCOUNTS, &error))?;
            convert_page(
                LIST_ACCOUNTS,
                response.accounts(),
                response.next_token(),
                response.request_id(),
                target_spec,
            )
        };
        pages::for_each(LIST_ACCOUNTS, fetch, account_key, |page| accounts.extend(page)).await?;
        Ok(accounts)
    }

    async fn tags(&self, account_id: &AccountId) -> Result<BTreeMap<String, String>, CallError> {
        const LIST_TAGS: &str = "ListTagsForResource";
        let mut tags = BTreeMap::new();
        let fetch = async |token| {
            let call = self.client.list_tags_for_resource().resource_id(account_id.as_str());
            let response = call.set_next_token(token).send().await;
            let response = response.map_err(|error| self.error(LIST_TAGS, &error))?;
            let tag = |tag: &aws_sdk_organizations::types::Tag| Ok((tag.key.clone(), tag.value.clone()));
            convert_page(LIST_TAGS, response.tags(), response.next_token(), response.request_id(), tag)
        };
        pages::for_each(LIST_TAGS, fetch, |(key, _)| key.clone(), |page| tags.extend(page)).await?;
        Ok(tags)
    }
}

/// Converts a page and each of its items.
fn convert_page<T, U>(
    operation: &'static str,
    items: &[T],
    token: Option<&str>,
    request_id: Option<&str>,
    convert: impl Fn(&T) -> Result<U, &'static str>,
) -> Result<Page<U>, CallError> {
    let items = items.iter().map(convert).collect::<Result<_, _>>();
    let items = items.map_err(|problem| CallError::malformed(operation, problem, request_id))?;
    Ok(Page::with_token(items, token.map(str::to_owned), request_id))
}

/// Converts an account of Organizations; one that is not active is skipped.
fn target_spec(account: &aws_sdk_organizations::types::Account) -> Result<TargetSpec, &'static str> {
    let account_id =
        account.id().and_then(|id| id.parse().ok()).ok_or("an account in the response has no valid id")?;
    // `Status` was retired in September 2026 in favor of `State`, which has more values.
    let state = account.state().map(|state| state.as_str().to_owned());
    let state = state.or_else(|| account.status().map(|status| status.as_str().to_owned()));
    let skipped = match state.as_deref() {
        // An account in a state that AWS adds later is read: it must not be skipped silently.
        Some(state @ ("SUSPENDED" | "PENDING_CLOSURE" | "CLOSED" | "PENDING_ACTIVATION")) => {
            Some(state.to_ascii_lowercase().replace('_', " "))
        }
        _ => None,
    };
    let details = Account {
        name: account.name().map(str::to_owned),
        email: account.email().map(str::to_owned),
        ..Account::default()
    };
    Ok(TargetSpec { skipped, account: Some(details), ..TargetSpec::new(account_id) })
}

/// Whether a text has the form of an organization's id. AWS's have 10 to 32 characters behind `o-`; emulators have fewer too.
///
/// Source: <https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html>
fn is_organization_id(text: &str) -> bool {
    let is_valid = |rest: &str| {
        (1..=32).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.strip_prefix("o-").is_some_and(is_valid)
}

/// An organizational unit, or the root.
struct Unit {
    id: String,
    name: String,
    /// The names from below the root, joined by `/`; empty for the root.
    path: String,
    /// The index of the parent in the list of units; `None` for the root.
    parent: Option<usize>,
    /// The accounts directly in it.
    accounts: Vec<TargetSpec>,
}

impl Unit {
    /// What identifies a unit in a list.
    fn key(&self) -> String {
        self.id.clone()
    }
}

/// What identifies an account in a list.
fn account_key(spec: &TargetSpec) -> String {
    spec.account_id.to_string()
}

/// What AWS Organizations says of its accounts in two ways: as a list, and as the tree of units.
struct Listing {
    accounts: BTreeMap<AccountId, TargetSpec>,
    /// The error of a caller who may not read the tree.
    units: Result<Vec<Unit>, CallError>,
    management_account_id: AccountId,
}

/// The accounts of an organization, after the list and the tree were compared.
struct ListedAccounts {
    /// All accounts.
    all: BTreeSet<AccountId>,
    /// The accounts in the selected units.
    selected: BTreeMap<AccountId, TargetSpec>,
}

impl Listing {
    /// The accounts of the tree that are not in the list.
    fn unlisted(&self) -> BTreeMap<AccountId, TargetSpec> {
        let tree = self.units.iter().flatten().flat_map(|unit| &unit.accounts);
        let management = TargetSpec::new(self.management_account_id.clone());
        let all = tree.chain([&management]).filter(|spec| !self.accounts.contains_key(&spec.account_id));
        // The management account is added last only where the tree does not have it.
        let mut unlisted = BTreeMap::new();
        for spec in all {
            unlisted.entry(spec.account_id.clone()).or_insert_with(|| spec.clone());
        }
        unlisted
    }

    /// The accounts of the list that are in no unit of the tree.
    fn unplaced(&self) -> Vec<&AccountId> {
        let Ok(units) = &self.units else { return Vec::new() };
        let placed: BTreeSet<&AccountId> =
            units.iter().flat_map(|unit| &unit.accounts).map(|spec| &spec.account_id).collect();
        self.accounts.keys().filter(|account_id| !placed.contains(account_id)).collect()
    }

    fn contradicts_itself(&self) -> bool {
        !self.unlisted().is_empty() || !self.unplaced().is_empty()
    }

    /// The accounts of the list and of the tree, and notes about what contradicts itself or is unknown.
    ///
    /// # Errors
    /// Where a unit does not exist, and where accounts that are in no unit could be in a selected one.
    fn into_accounts(
        mut self,
        reads: &OrganizationReads,
    ) -> Result<(ListedAccounts, Vec<String>), OrganizationError> {
        let mut notes = Vec::new();
        let unlisted = self.unlisted();
        if !unlisted.is_empty() {
            notes.push(format!(
                "ListAccounts does not return {}, which the organization has; read all the same",
                enumerate(unlisted.keys())
            ));
        }
        let unplaced = self.unplaced();
        if !unplaced.is_empty() {
            let unplaced = enumerate(unplaced);
            if !reads.units.is_empty() {
                return Err(OrganizationError::Unplaced(unplaced));
            }
            notes
                .push(format!("the organizational unit of {unplaced} is unknown: no unit lists the account"));
        }
        self.accounts.extend(unlisted);
        let mut listed =
            ListedAccounts { all: self.accounts.keys().cloned().collect(), selected: self.accounts };
        match &self.units {
            Ok(units) => {
                for unit in units {
                    for spec in &unit.accounts {
                        let account = listed.selected.get_mut(&spec.account_id);
                        if let Some(account) = account.and_then(|spec| spec.account.as_mut()) {
                            account.organizational_unit = Some(unit.path.clone());
                        }
                    }
                }
                if let Some(selected) = accounts_in_units(units, &reads.units)? {
                    listed.selected.retain(|account_id, _| selected.contains(account_id));
                }
            }
            Err(error) => notes.push(format!("the accounts' organizational units are unknown: {error}")),
        }
        Ok((listed, notes))
    }
}

/// Account ids in a sentence: at most five of them.
fn enumerate<'a>(ids: impl IntoIterator<Item = &'a AccountId>) -> String {
    const SHOWN: usize = 5;
    let ids: Vec<&str> = ids.into_iter().map(AccountId::as_str).collect();
    let shown = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match (ids.len(), ids.len().saturating_sub(SHOWN)) {
        (1, _) => format!("account {shown}"),
        (count, 0) => format!("{count} accounts ({shown})"),
        (count, more) => format!("{count} accounts ({shown} and {more} more)"),
    }
}

/// The accounts in the units with these names and in the units below them; `None` where `names` is empty, for all accounts.
fn accounts_in_units(
    units: &[Unit],
    names: &[String],
) -> Result<Option<BTreeSet<AccountId>>, OrganizationError> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut selected = BTreeSet::new();
    for name in names {
        let by_id = units.iter().position(|unit| &unit.id == name);
        let by_path =
            || units.iter().position(|unit| !unit.path.is_empty() && unit.path == name.trim_matches('/'));
        let index = if let Some(index) = by_id.or_else(by_path) {
            index
        } else {
            let by_name = units.iter().enumerate().filter(|(_, unit)| &unit.name == name);
            match by_name.map(|(index, _)| index).collect::<Vec<_>>()[..] {
                [index] => index,
                [] => {
                    let paths = units.iter().filter(|unit| !unit.path.is_empty());
                    let paths: Vec<&str> = paths.map(|unit| unit.path.as_str()).collect();
                    let paths = if paths.is_empty() { "none".to_owned() } else { paths.join(", ") };
                    return Err(OrganizationError::NoUnit(name.clone(), paths));
                }
                ref several => return Err(OrganizationError::Ambiguous(name.clone(), several.len())),
            }
        };
        selected.insert(index);
    }
    // Each unit comes after its parent.
    for (index, unit) in units.iter().enumerate() {
        if unit.parent.is_some_and(|parent| selected.contains(&parent)) {
            selected.insert(index);
        }
    }
    let accounts = selected.iter().filter_map(|index| units.get(*index)).flat_map(|unit| &unit.accounts);
    Ok(Some(accounts.map(|spec| spec.account_id.clone()).collect()))
}
