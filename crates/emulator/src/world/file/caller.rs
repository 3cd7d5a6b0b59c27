//! Builds the caller of a world file, and the VPC endpoint.

use std::io;

use rolecall_policy::PolicyType;

use super::InvalidWorld;
use super::format::{FileCaller, FileVpcEndpoint};
use super::policies::PolicyLoader;
use super::validation::check_tags;
use crate::world::caller::{Caller, CallerIdentity};
use crate::world::vpc_endpoint::VpcEndpoint;
use crate::world::{AccessKey, World};

impl FileCaller {
    pub(super) fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        world: &World,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<Caller, InvalidWorld> {
        let Self { arn, session_policy, session_duration, source_identity, tags } = self;
        if session_duration > 43_200 {
            return Err(InvalidWorld::new(format!(
                "caller.session_duration: {session_duration} is out of range; write 0 to 43200 seconds, with 0 for \
                 credentials that have expired"
            )));
        }
        check_tags("caller", &tags)?;
        let session_policy = session_policy
            .map(|value| policies.load("caller.session_policy", value, PolicyType::Session))
            .transpose()?;
        let identity = if world.role(&arn).is_some() {
            CallerIdentity::Role { arn, session_policy, source_identity, tags }
        } else {
            if session_policy.is_some() || source_identity.is_some() || !tags.is_empty() {
                return Err(InvalidWorld::new(format!(
                    "caller: {arn} is not a role of this world, and only the session of a role has session_policy, \
                     source_identity and tags; write the ARN of a role, or remove them"
                )));
            }
            access_key(world, arn)?
        };
        Ok(Caller { identity, session_duration })
    }
}

/// The first active access key of a user or of a root user.
fn access_key(world: &World, arn: String) -> Result<CallerIdentity, InvalidWorld> {
    let account = world.account(arn.split(':').nth(4).unwrap_or_default()).unwrap_or_default();
    let user = account.users.values().find(|user| user.arn == arn);
    let of_root = arn.ends_with(":root").then_some(&account.root.access_keys);
    let keys = user.map(|user| &user.access_keys).or(of_root);
    let keys = keys.ok_or_else(|| {
        InvalidWorld::new(format!(
            "caller.arn: {arn:?} is not in this world; write the ARN of a role, of a user, or of a root user such as \
             arn:aws:iam::222222222222:root"
        ))
    })?;
    let is_usable = |key: &&AccessKey| key.status == "Active" && key.secret_access_key.is_some();
    let key = keys.iter().find(is_usable).ok_or_else(|| {
        InvalidWorld::new(format!(
            "caller.arn: {arn} has no active access key with a secret; add one to its access_keys, with \
             secret_access_key"
        ))
    })?;
    Ok(CallerIdentity::AccessKey { key: key.clone(), arn })
}

impl FileVpcEndpoint {
    pub(super) fn build<F: Fn(&str) -> io::Result<String>>(
        self,
        policies: &PolicyLoader<'_, F>,
    ) -> Result<VpcEndpoint, InvalidWorld> {
        let Self { id, services, policy } = self;
        let policy = policies.load_endpoint_policy("vpc_endpoint.policy", policy)?;
        Ok(VpcEndpoint { id, services, policy })
    }
}
