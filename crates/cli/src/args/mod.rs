//! The arguments that several commands share.

mod caller;
mod condition_keys;
mod configuration;
mod filters;
mod flags;
mod global;
mod judging;
mod outputs;
mod scan;
mod sensitive;

pub(crate) use caller::CallerArgs;
pub(crate) use condition_keys::condition_keys;
pub(crate) use configuration::ConfigurationArgs;
pub(crate) use filters::FilterArgs;
pub(crate) use flags::{
    DeliveryFlags, ExternalIdFlags, Flags, MemberRoleFlags, PlanFlags, RoleFlags, SelectionFlags,
    SessionFlags, SettingFlags, StoreFlags, TargetFlags,
};
pub(crate) use global::GlobalArgs;
pub(crate) use judging::{BenchmarkArgs, JudgingArgs};
pub(crate) use outputs::{Format, OutputArgs, OutputFormat, Outputs};
pub(crate) use scan::ScanOptionArgs;
pub(crate) use sensitive::SensitiveText;
