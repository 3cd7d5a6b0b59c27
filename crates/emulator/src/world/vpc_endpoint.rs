//! The VPC endpoint that requests pass on their way to AWS.

use rolecall_policy::{Decision, NamedPolicy, PolicySet, Request, authorize};

use crate::statements::permissive_policies;

/// A VPC endpoint of AWS `PrivateLink` with a policy.
///
/// Source: <https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html>
#[derive(Debug, Clone)]
pub(crate) struct VpcEndpoint {
    /// `vpce-…`.
    pub(crate) id: String,
    /// The prefixes of the services that are called through it, such as `sts`.
    pub(crate) services: Vec<String>,
    /// Like the policy of a resource, it has principals. It allows nothing by itself; without a statement that allows, it
    /// denies.
    pub(crate) policy: NamedPolicy,
}

impl VpcEndpoint {
    /// Its ARN, in the account and the region of a request that passes it.
    pub(crate) fn arn(&self, region: &str, account_id: &str) -> String {
        format!("arn:aws:ec2:{region}:{account_id}:vpc-endpoint/{}", self.id)
    }

    /// The request as the endpoint's policy is evaluated against it: it lets requests pass to resources of any account.
    pub(crate) fn forwarded(request: &Request) -> Request {
        Request { resource_account: request.principal.account_id().to_owned(), ..request.clone() }
    }

    /// What the endpoint's policy decides.
    pub(crate) fn decide(&self, request: &Request) -> Decision {
        let policies = PolicySet { trust: Some(self.policy.clone()), ..permissive_policies() };
        authorize(&Self::forwarded(request), &policies)
    }
}
