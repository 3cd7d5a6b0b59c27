//! Which services a user, a group, a role or a policy may use, and which of them were used when.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_last-accessed.html>

use std::collections::BTreeMap;
use std::sync::Arc;

use rolecall_policy::NamedPolicy;

use super::{Page, account, date};
use crate::authorization::AuthorizationRequest;
use crate::call::Call;
use crate::protocol::{ApiError, Xml};
use crate::state::AccessJob;
use crate::world::{Account, LastUsed, User};

/// How many jobs are kept; older ones are dropped, as at AWS.
const MAX_JOBS: usize = 10_000;

/// `iam:GenerateServiceLastAccessedDetails`. The job is complete at once.
pub(crate) fn generate_service_last_accessed_details(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let arn = call.parameters.required("Arn")?;
    let granularity = call.parameters.get("Granularity").unwrap_or("SERVICE_LEVEL");
    if !["SERVICE_LEVEL", "ACTION_LEVEL"].contains(&granularity) {
        let constraint = "Member must satisfy enum value set: [SERVICE_LEVEL, ACTION_LEVEL]";
        return Err(ApiError::invalid("Granularity", Some(granularity), constraint));
    }
    call.allow(&AuthorizationRequest::new("iam:GenerateServiceLastAccessedDetails", arn, arn))?;
    if find_entity(&account(call), arn).is_none()
        && call.world.managed_policy(call.caller.account_id(), arn).is_none()
    {
        return Err(ApiError::no_such_entity(format!("The entity with arn {arn} cannot be found.")));
    }
    if call.access_jobs.len() >= MAX_JOBS {
        let oldest = call.access_jobs.iter().min_by_key(|(_, job)| job.created);
        if let Some(id) = oldest.map(|(id, _)| id.clone()) {
            call.access_jobs.remove(&id);
        }
    }
    let job_id = uuid::Uuid::new_v4().to_string();
    let granularity = granularity.to_owned();
    call.access_jobs
        .insert(job_id.clone(), AccessJob { arn: arn.to_owned(), granularity, created: call.now });
    Ok(Xml::new().text("JobId", job_id))
}

/// `iam:GetServiceLastAccessedDetails`: the services that the entity's policies name, and those that its access keys
/// were used for.
pub(crate) fn get_service_last_accessed_details(call: &mut Call<'_>) -> Result<Xml, ApiError> {
    let job_id = call.parameters.required("JobId")?;
    let page = Page::from_request(call, "GetServiceLastAccessedDetails")?;
    super::allow(call, "iam:GetServiceLastAccessedDetails")?;
    let account = account(call);
    let job = call.access_jobs.get(job_id).filter(|job| {
        let account_id = job.arn.split(':').nth(4).unwrap_or_default();
        account_id == call.caller.account_id() || account_id == "aws"
    });
    let job = job.ok_or_else(|| ApiError::no_such_entity(format!("Job with id {job_id} does not exist.")))?;
    let entity = find_entity(&account, &job.arn).or_else(|| {
        let policy = call.world.managed_policy(call.caller.account_id(), &job.arn)?;
        Some(Entity { policies: vec![policy.document.clone()], users: Vec::new() })
    });
    let services = entity.as_ref().map(Entity::services).unwrap_or_default();
    let services = services.iter().map(|(service, used)| {
        let xml = Xml::new().text("ServiceName", service);
        let xml = xml.optional("LastAuthenticated", used.as_ref().map(|(_, used)| date(used.date)));
        let xml = xml
            .text("ServiceNamespace", service)
            .optional("LastAuthenticatedEntity", used.as_ref().map(|(user, _)| &user.arn))
            .optional("LastAuthenticatedRegion", used.as_ref().map(|(_, used)| &used.region))
            .text("TotalAuthenticatedEntities", u8::from(used.is_some()).to_string());
        (service.as_str(), xml)
    });
    let list = page.render("ServicesLastAccessed", services);
    Ok(Xml::new()
        .text("JobStatus", "COMPLETED")
        .text("JobType", &job.granularity)
        .text("JobCreationDate", date(job.created))
        .append(&list)
        .text("JobCompletionDate", date(job.created)))
}

/// The policies of an entity, and the users whose use of access keys counts for it.
struct Entity {
    policies: Vec<NamedPolicy>,
    users: Vec<Arc<User>>,
}

/// The user, group or role with an ARN.
fn find_entity(account: &Account, arn: &str) -> Option<Entity> {
    if let Some((_, user)) = account.users.iter().find(|(_, user)| user.arn == arn) {
        let groups = user.groups.iter().filter_map(|name| account.groups.get(name));
        let policies = user.policies.iter().chain(groups.flat_map(|group| &group.policies)).cloned();
        return Some(Entity { policies: policies.collect(), users: vec![Arc::clone(user)] });
    }
    if let Some((name, group)) = account.groups.iter().find(|(_, group)| group.arn == arn) {
        let users = account.users.values().filter(|user| user.groups.contains(name)).cloned().collect();
        return Some(Entity { policies: group.policies.clone(), users });
    }
    let role = account.roles.values().find(|role| role.arn == arn)?;
    Some(Entity { policies: role.policies.clone(), users: Vec::new() })
}

impl Entity {
    /// The services by name, each with its last use.
    fn services(&self) -> BTreeMap<String, Option<(&User, &LastUsed)>> {
        let mut services: BTreeMap<String, Option<(&User, &LastUsed)>> = BTreeMap::new();
        for policy in &self.policies {
            services.extend(policy.policy.allowed_services().into_iter().map(|service| (service, None)));
        }
        for user in &self.users {
            for used in user.access_keys.iter().filter_map(|key| key.last_used.as_ref()) {
                let service = services.entry(used.service.clone()).or_default();
                if service.is_none_or(|(_, earlier)| earlier.date < used.date) {
                    *service = Some((user, used));
                }
            }
        }
        services
    }
}
