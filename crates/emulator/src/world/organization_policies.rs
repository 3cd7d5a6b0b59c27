//! The policies of an organization, as AWS Organizations describes them.

use rolecall_policy::{NamedPolicy, PolicyType};
use serde_json::{Value, json};

use super::{Organization, unique_id};

/// The SCP of AWS that is attached where no other is.
pub(in crate::world) const FULL_ACCESS_SCP: &str = "FullAWSAccess";

/// The RCP of AWS that is attached to the root, every unit and every account. It cannot be detached, and decides
/// nothing, so it is not among the RCPs that are evaluated.
///
/// Source: <https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html>
const FULL_ACCESS_RCP: &str = "RCPFullAWSAccess";

/// A policy that is attached to the root, a unit or an account of an organization.
#[derive(Debug, Clone)]
pub(crate) struct OrganizationPolicy {
    /// [`PolicyType::Scp`] or [`PolicyType::Rcp`].
    policy_type: PolicyType,
    pub(crate) name: String,
    pub(crate) arn: String,
    /// The document.
    pub(crate) content: Value,
}

impl OrganizationPolicy {
    /// The id, `p-…`, which is the last part of the ARN.
    pub(crate) fn id(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it is a policy of AWS.
    pub(crate) fn is_aws_managed(&self) -> bool {
        is_of_aws(&self.name)
    }

    /// The type as the API names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self.policy_type {
            PolicyType::Rcp => "RESOURCE_CONTROL_POLICY",
            _ => "SERVICE_CONTROL_POLICY",
        }
    }
}

/// The document of `FullAWSAccess`.
pub(in crate::world) fn full_access() -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }],
    })
}

fn is_of_aws(name: &str) -> bool {
    [FULL_ACCESS_SCP, FULL_ACCESS_RCP].contains(&name)
}

impl Organization {
    /// The ARN of an SCP or RCP, by the name of its document. Its id is made from the name.
    ///
    /// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsorganizations.html>
    #[must_use]
    pub(crate) fn policy_arn(&self, policy_type: PolicyType, document: &str) -> String {
        let Self { id, management_account, .. } = self;
        let policy_type =
            if policy_type == PolicyType::Rcp { "resource_control_policy" } else { "service_control_policy" };
        if is_of_aws(document) {
            return format!("arn:aws:organizations::aws:policy/{policy_type}/p-{document}");
        }
        let policy_id = unique_id("p-", id, document).to_ascii_lowercase();
        let policy_id = policy_id.get(..12).unwrap_or_default();
        format!("arn:aws:organizations::{management_account}:policy/{id}/{policy_type}/{policy_id}")
    }

    /// The policies of a type that are attached to the root, unit or account with this id itself. `None` if the
    /// organization does not have it.
    pub(crate) fn policies_of(
        &self,
        target_id: &str,
        policy_type: PolicyType,
    ) -> Option<Vec<OrganizationPolicy>> {
        let unit = self.units.iter().find(|unit| unit.id == target_id);
        let member = self.members.get(target_id);
        let (scps, rcps) = unit
            .map(|unit| (Some(&unit.scps), &unit.rcps))
            .or_else(|| member.map(|member| (member.scps.as_ref(), &member.rcps)))?;
        let own = |policies: &[NamedPolicy]| -> Vec<OrganizationPolicy> {
            policies.iter().map(|policy| self.own_policy(policy_type, policy)).collect()
        };
        Some(match policy_type {
            PolicyType::Rcp => [vec![self.full_access_rcp()], own(rcps)].concat(),
            _ => scps.map_or_else(|| vec![self.full_access_scp()], |scps| own(scps)),
        })
    }

    /// The policy with this id, if it is attached to something.
    pub(crate) fn policy(&self, policy_id: &str) -> Option<OrganizationPolicy> {
        let of_units =
            self.units.iter().flat_map(|unit| [(PolicyType::Scp, &unit.scps), (PolicyType::Rcp, &unit.rcps)]);
        let of_members = self.members.values().flat_map(|member| {
            let scps = member.scps.iter().map(|scps| (PolicyType::Scp, scps));
            scps.chain([(PolicyType::Rcp, &member.rcps)])
        });
        let own = of_units
            .chain(of_members)
            .flat_map(|(policy_type, policies)| policies.iter().map(move |policy| (policy_type, policy)))
            .map(|(policy_type, policy)| self.own_policy(policy_type, policy));
        [self.full_access_scp(), self.full_access_rcp()]
            .into_iter()
            .chain(own)
            .find(|it| it.id() == policy_id)
    }

    fn own_policy(&self, policy_type: PolicyType, policy: &NamedPolicy) -> OrganizationPolicy {
        self.policy_named(policy_type, &policy.name, policy.policy.source().clone())
    }

    fn full_access_scp(&self) -> OrganizationPolicy {
        self.policy_named(PolicyType::Scp, FULL_ACCESS_SCP, full_access())
    }

    fn full_access_rcp(&self) -> OrganizationPolicy {
        let statement = json!({ "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] });
        self.policy_named(PolicyType::Rcp, FULL_ACCESS_RCP, document)
    }

    fn policy_named(&self, policy_type: PolicyType, name: &str, content: Value) -> OrganizationPolicy {
        let arn = self.policy_arn(policy_type, name);
        OrganizationPolicy { policy_type, name: name.to_owned(), arn, content }
    }
}
