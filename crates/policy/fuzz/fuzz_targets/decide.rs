//! Deciding a case never panics, whatever the file contains.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall_policy::Case;

fuzz_target!(|data: &[u8]| {
    if let Ok(case) = serde_json::from_slice::<Case>(data) {
        let _ = case.decide();
    }
});
