//! The arguments that several commands share.

mod configuration;
mod how;
mod judging;
mod outputs;
mod whom;

pub(crate) use configuration::ConfigurationArgs;
pub(crate) use how::How;
pub(crate) use judging::{BenchmarkArgs, JudgingArgs};
pub(crate) use outputs::{Format, OutputArgs, Outputs, Rendering};
pub(crate) use whom::{Caller, Through, Unparsed, Whom};
