//! Whether the organisation manages its members' root credentials centrally: `iam:ListOrganizationsFeatures`.

use aws_sdk_iam::types::FeatureType;
use rolecall_roll::{Fact, Step};

use super::{Collector, Seen};
use crate::call::CallError;
use crate::session::Session;

/// What this file reads and needs.
pub const COLLECTOR: Collector =
    Collector { step: Step::RootCredentials, actions: &["iam:ListOrganizationsFeatures"] };

/// Reads it.
pub(super) async fn collect(session: &Session<'_>, seen: &Seen) {
    let managed = match read(session).await {
        Ok(managed) => Fact::live(managed),
        // Of the organisation another account can tell: that is no gap of this one.
        Err(error) if error.code.as_deref() == Some("CallerIsNotManagementAccountException") => {
            Fact::Unknown {
                unknown: "the management account or a delegated administrator can tell".to_owned(),
            }
        }
        Err(error) => seen.failed(Step::RootCredentials, None, error),
    };
    seen.facts.borrow_mut().root_credentials_managed = managed;
}

async fn read(session: &Session<'_>) -> Result<bool, CallError> {
    const LIST_FEATURES: &str = "ListOrganizationsFeatures";
    /// An account that is in no organisation, or one whose organisation has not switched it on.
    const NOT_IN_USE: [&str; 3] = [
        "OrganizationNotFoundException",
        "OrganizationNotInAllFeaturesModeException",
        "ServiceAccessNotEnabledException",
    ];
    let iam = session.iam().await?;
    match iam
        .client
        .list_organizations_features()
        .send()
        .await
        .map_err(|error| iam.error(LIST_FEATURES, &error))
    {
        Ok(answer) => {
            Ok(answer.enabled_features.unwrap_or_default().contains(&FeatureType::RootCredentialsManagement))
        }
        Err(error) if error.code.as_deref().is_some_and(|code| NOT_IN_USE.contains(&code)) => Ok(false),
        Err(error) => Err(error),
    }
}
