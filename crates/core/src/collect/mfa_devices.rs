//! MFA devices: `iam:ListMFADevices`, a call for each user.

use aws_sdk_iam::operation::RequestId as _;
use rolecall_roll::{MfaDevice, Step};

use super::{Collector, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// What this file reads and needs.
pub const COLLECTOR: Collector = Collector { step: Step::MfaDevices, actions: &["iam:ListMFADevices"] };

const LIST_MFA_DEVICES: &str = "ListMFADevices";

/// The devices of a user, by serial number.
pub(super) async fn of_user(session: &Session<'_>, user_name: &str) -> Result<Vec<MfaDevice>, CallError> {
    let mut devices = Vec::new();
    let fetch = async |marker| {
        let iam = session.iam().await?;
        let answer = iam.client.list_mfa_devices().user_name(user_name).set_marker(marker).send().await;
        let answer = answer.map_err(|error| iam.error(LIST_MFA_DEVICES, &error))?;
        let request_id = answer.request_id().map(str::to_owned);
        let device = |device: &aws_sdk_iam::types::MfaDevice| MfaDevice {
            serial_number: device.serial_number.clone(),
            enable_date: timestamp(&device.enable_date),
        };
        let items = answer.mfa_devices.iter().map(device).collect();
        Ok(Page { items, is_truncated: answer.is_truncated, marker: answer.marker, request_id })
    };
    pages::each(LIST_MFA_DEVICES, fetch, |page| devices.extend(page)).await?;
    devices.sort_by(|a: &MfaDevice, b| a.serial_number.cmp(&b.serial_number));
    Ok(devices)
}
