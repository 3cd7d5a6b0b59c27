//! Whether the organisation manages its members' root credentials centrally: `iam:ListOrganizationsFeatures`. Where
//! AWS Organizations lists the accounts it is asked once, of the organisation; else each account is.

use aws_sdk_iam::Client;
use aws_sdk_iam::operation::list_organizations_features::ListOrganizationsFeaturesError;
use aws_sdk_iam::types::FeatureType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use futures_util::FutureExt;
use rolecall_roll::{Fact, FactKind};

use super::{Collector, FactSet, Progress, Read, mark_unread};
use crate::call::CallError;
use crate::session::Session;

/// The row of this fact.
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::RootCredentials,
    set: FactSet::All,
    actions: &["iam:ListOrganizationsFeatures"],
    description: "whether root credentials are managed centrally; of an organisation it is read once",
    read: Read::Account(
        |session, _, progress| collect(session, progress).boxed_local(),
        |facts, reason| mark_unread(&mut facts.root_credentials_managed, reason),
    ),
};

/// Reads it.
async fn collect(session: &Session<'_>, progress: &Progress) {
    let managed = match of(session).await {
        // Of the organisation another account can tell: that is no gap of this one.
        Err(error) if error.code.as_deref() == Some("CallerIsNotManagementAccountException") => {
            Fact::Unknown {
                unknown: "the management account or a delegated administrator can tell".to_owned(),
            }
        }
        read => progress.fact(FactKind::RootCredentials, None, read),
    };
    progress.facts.borrow_mut().root_credentials_managed = managed;
}

async fn of(session: &Session<'_>) -> Result<bool, CallError> {
    let iam = session.iam().await?;
    are_managed(&iam.client, |operation, error| iam.error(operation, error)).await
}

/// Whether they are, as the organisation that `client` asks in says; `error` reads what went wrong.
pub(crate) async fn are_managed(
    client: &Client,
    error: impl Fn(&'static str, &SdkError<ListOrganizationsFeaturesError, HttpResponse>) -> CallError,
) -> Result<bool, CallError> {
    const LIST_FEATURES: &str = "ListOrganizationsFeatures";
    /// An account that is in no organisation, or one whose organisation has not switched it on.
    const NOT_IN_USE: [&str; 3] = [
        "OrganizationNotFoundException",
        "OrganizationNotInAllFeaturesModeException",
        "ServiceAccessNotEnabledException",
    ];
    match client.list_organizations_features().send().await.map_err(|refused| error(LIST_FEATURES, &refused))
    {
        Ok(answer) => {
            Ok(answer.enabled_features.unwrap_or_default().contains(&FeatureType::RootCredentialsManagement))
        }
        Err(error) if error.code.as_deref().is_some_and(|code| NOT_IN_USE.contains(&code)) => Ok(false),
        Err(error) => Err(error),
    }
}
