//! Whether the organization manages its members' root credentials centrally: `iam:ListOrganizationsFeatures`. Where AWS
//! Organizations lists the accounts, it is read once for the organization, otherwise in each account.

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

/// Declares the fact [`FactKind::RootCredentials`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::RootCredentials,
    set: FactSet::All,
    actions: &["iam:ListOrganizationsFeatures"],
    description: "whether root credentials are managed centrally; read once per organization",
    read: Read::Account(
        |session, _, progress| collect(session, progress).boxed_local(),
        |facts, reason| mark_unread(&mut facts.root_credentials_managed, reason),
    ),
};

async fn collect(session: &Session<'_>, progress: &Progress) {
    let managed = match read(session).await {
        // Only other accounts of the organization may read it: that is no gap of this account.
        Err(error)
            if error.code.as_deref() == Some("AccountNotManagementOrDelegatedAdministratorException") =>
        {
            Fact::Unavailable {
                unavailable: "only the management account or a delegated administrator can read this"
                    .to_owned(),
            }
        }
        managed => progress.fact(FactKind::RootCredentials, None, managed),
    };
    progress.facts.borrow_mut().root_credentials_managed = managed;
}

async fn read(session: &Session<'_>) -> Result<bool, CallError> {
    let iam = session.iam().await?;
    are_managed(&iam.client, |operation, error| iam.error(operation, error)).await
}

/// Whether the organization of `client`'s account manages root credentials centrally. `error` converts the SDK's error.
pub(crate) async fn are_managed(
    client: &Client,
    error: impl Fn(&'static str, &SdkError<ListOrganizationsFeaturesError, HttpResponse>) -> CallError,
) -> Result<bool, CallError> {
    const LIST_FEATURES: &str = "ListOrganizationsFeatures";
    /// The errors for an account in no organization, or in one that has not enabled the feature.
    const NOT_IN_USE: [&str; 3] = [
        "OrganizationNotFoundException",
        "OrganizationNotInAllFeaturesModeException",
        "ServiceAccessNotEnabledException",
    ];
    match client
        .list_organizations_features()
        .send()
        .await
        .map_err(|sdk_error| error(LIST_FEATURES, &sdk_error))
    {
        Ok(response) => Ok(response
            .enabled_features
            .unwrap_or_default()
            .contains(&FeatureType::RootCredentialsManagement)),
        Err(error) if error.code.as_deref().is_some_and(|code| NOT_IN_USE.contains(&code)) => Ok(false),
        Err(error) => Err(error),
    }
}
