//! The codes of MFA devices: time-based one-time passwords of six digits.
//!
//! Source: <https://datatracker.ietf.org/doc/html/rfc6238>

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use sha1::Sha1;

/// How long a code is valid, in seconds.
const STEP_S: i64 = 30;

/// The seed of a device's codes. It has no `Debug`, because it is a secret.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct MfaSeed(Vec<u8>);

/// The error for a seed that is not Base32. It is without the text, which is a secret.
#[derive(Debug, thiserror::Error)]
#[error(
    "the seed is not Base32; write the letters A to Z and the digits 2 to 7 that a device shows, without spaces"
)]
pub(crate) struct InvalidSeed;

impl TryFrom<String> for MfaSeed {
    type Error = InvalidSeed;

    fn try_from(text: String) -> Result<Self, InvalidSeed> {
        let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
        for byte in text.trim_end_matches('=').bytes() {
            let digit = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a',
                b'2'..=b'7' => byte - b'2' + 26,
                _ => return Err(InvalidSeed),
            };
            buffer = buffer << 5 | u32::from(digit);
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push(u8::try_from(buffer >> bits & 0xff).unwrap_or_default());
            }
        }
        if bytes.is_empty() { Err(InvalidSeed) } else { Ok(Self(bytes)) }
    }
}

impl MfaSeed {
    /// The time step whose code this is: the current one or one of its neighbors, since clocks differ a little. `None`
    /// if the code is not valid.
    pub(crate) fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let current = now.as_second() / STEP_S;
        (current - 1..=current + 1).find(|step| self.code(*step).as_deref() == Some(code))
    }

    fn code(&self, step: i64) -> Option<String> {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).ok()?;
        mac.update(&step.to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let offset = usize::from(digest.last()? & 0xf);
        let bytes: [u8; 4] = digest.get(offset..offset + 4)?.try_into().ok()?;
        Some(format!("{:06}", (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::MfaSeed;

    #[test]
    fn codes_are_those_of_rfc_6238_and_valid_for_a_short_time() {
        // The secret of the RFC's appendix B, "12345678901234567890"; its codes have eight digits, ours the last six.
        let seed = MfaSeed::try_from("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".to_owned()).ok().unwrap();
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let at = |second| Timestamp::from_second(second).unwrap();
            assert_eq!(seed.step_of(code, at(second)), Some(second / 30), "{second}");
            assert_eq!(seed.step_of(code, at(second + 30)), Some(second / 30));
            assert_eq!(seed.step_of(code, at(second + 90)), None);
        }
        assert!(
            ["", "1", "SEED WITH SPACES"].iter().all(|text| MfaSeed::try_from((*text).to_owned()).is_err())
        );
    }
}
