//! The three CRC algorithms of S3, with the interface of the crate `crc-fast`, which the S3 client computes them with.
//!
//! `crc-fast` has tables of 8 to 32 KiB for each of some 40 algorithms. They are an eighth of the function's zip for `x86_64`, because
//! tables of checksums cannot be compressed. S3 needs three algorithms, and [`crc32fast`] and [`crc`] have them in 19 KiB.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>
//!
//! ```
//! use crc_fast::{CrcAlgorithm, Digest};
//!
//! let mut digest = Digest::new(CrcAlgorithm::Crc64Nvme);
//! digest.update(b"12345");
//! digest.update(b"6789");
//! assert_eq!(digest.finalize(), 0xae8b_1486_0a79_9888);
//! ```

use std::fmt;

use crc::{CRC_32_ISCSI, CRC_64_NVME, Crc, Table};

/// An algorithm of S3, with the name that it has in the catalogue of CRC algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrcAlgorithm {
    /// `CRC32` in S3. The SDK sends it with each object that it uploads.
    Crc32IsoHdlc,
    /// `CRC32C` in S3.
    Crc32Iscsi,
    /// `CRC64NVME` in S3, which other programs upload with.
    Crc64Nvme,
}

static CRC32C: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISCSI);
static CRC64: Crc<u64, Table<1>> = Crc::<u64, Table<1>>::new(&CRC_64_NVME);

/// A checksum of bytes that arrive in parts.
pub struct Digest(State);

enum State {
    // With the processor's instructions for it, where it has them.
    Crc32(crc32fast::Hasher),
    Crc32c(crc::Digest<'static, u32, Table<1>>),
    Crc64(crc::Digest<'static, u64, Table<1>>),
}

impl Digest {
    /// The checksum of no bytes.
    #[must_use]
    pub fn new(algorithm: CrcAlgorithm) -> Self {
        Self(match algorithm {
            CrcAlgorithm::Crc32IsoHdlc => State::Crc32(crc32fast::Hasher::new()),
            CrcAlgorithm::Crc32Iscsi => State::Crc32c(CRC32C.digest()),
            CrcAlgorithm::Crc64Nvme => State::Crc64(CRC64.digest()),
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Crc32(hasher) => hasher.update(bytes),
            State::Crc32c(digest) => digest.update(bytes),
            State::Crc64(digest) => digest.update(bytes),
        }
    }

    /// The checksum of all bytes, in the lower half for an algorithm of 32 bits.
    #[must_use]
    pub fn finalize(self) -> u64 {
        match self.0 {
            State::Crc32(hasher) => hasher.finalize().into(),
            State::Crc32c(digest) => digest.finalize().into(),
            State::Crc64(digest) => digest.finalize(),
        }
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Digest").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{CrcAlgorithm, Digest};

    /// The check values of the catalogue are of these bytes.
    ///
    /// Source: <https://reveng.sourceforge.io/crc-catalogue/all.htm>
    #[test]
    fn an_algorithm_has_the_check_value_of_the_catalogue() {
        for (algorithm, check) in [
            (CrcAlgorithm::Crc32IsoHdlc, 0xcbf4_3926),
            (CrcAlgorithm::Crc32Iscsi, 0xe306_9283),
            (CrcAlgorithm::Crc64Nvme, 0xae8b_1486_0a79_9888),
        ] {
            for middle in 0..=9 {
                let (first, second) = b"123456789".split_at(middle);
                let mut digest = Digest::new(algorithm);
                digest.update(first);
                digest.update(second);
                assert_eq!(digest.finalize(), check, "{algorithm:?}, {middle} bytes first");
            }
        }
    }
}
