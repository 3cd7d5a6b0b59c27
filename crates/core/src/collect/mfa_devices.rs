//! MFA devices: `iam:ListMFADevices`, a call for each user.

use aws_sdk_iam::operation::RequestId as _;
use futures_util::FutureExt;
use rolecall_roll::{Fact, FactKind, MfaDevice};

use super::{Collector, FactSet, Progress, Read, mark_unread, timestamp};
use crate::call::CallError;
use crate::pages::{self, Page};
use crate::session::Session;

/// Declares the fact [`FactKind::MfaDevices`].
pub const COLLECTOR: Collector = Collector {
    fact: FactKind::MfaDevices,
    set: FactSet::Recommended,
    actions: &["iam:ListMFADevices"],
    description: "each user's MFA devices",
    read: Read::User(
        |session, _, progress, user_name| collect(session, progress, user_name).boxed_local(),
        |user, reason| mark_unread(&mut user.mfa_devices, reason),
    ),
};

const LIST_MFA_DEVICES: &str = "ListMFADevices";

async fn collect(session: &Session<'_>, progress: &Progress, user_name: &str) -> Result<(), CallError> {
    let devices = read_devices(session, user_name).await?;
    progress.update_user(user_name, |user| user.mfa_devices = Fact::live(devices));
    Ok(())
}

/// The MFA devices of a user, sorted by serial number.
async fn read_devices(session: &Session<'_>, user_name: &str) -> Result<Vec<MfaDevice>, CallError> {
    let mut devices = Vec::new();
    let fetch = async |marker| {
        let iam = session.iam().await?;
        let response = iam.client.list_mfa_devices().user_name(user_name).set_marker(marker).send().await;
        let response = response.map_err(|error| iam.error(LIST_MFA_DEVICES, &error))?;
        let request_id = response.request_id().map(str::to_owned);
        let device = |device: &aws_sdk_iam::types::MfaDevice| MfaDevice {
            serial_number: device.serial_number.clone(),
            enable_date: timestamp(&device.enable_date),
        };
        let items = response.mfa_devices.iter().map(device).collect();
        Ok(Page { items, is_truncated: response.is_truncated, marker: response.marker, request_id })
    };
    let key = |device: &MfaDevice| device.serial_number.clone();
    pages::for_each(LIST_MFA_DEVICES, fetch, key, |page| devices.extend(page)).await?;
    devices.sort_by(|a: &MfaDevice, b| a.serial_number.cmp(&b.serial_number));
    Ok(devices)
}
