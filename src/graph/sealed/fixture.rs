//! Bytes of buckets for tests of whatever keeps or moves them.

use super::frame::{ALGORITHM_VERSION, BucketKey, Header, Marks, write};

/// A whole bucket that says `says`, read at `position`, which its digest does not cover.
pub(crate) fn bucket(key: &BucketKey, says: &[u8], position: &[u8]) -> Vec<u8> {
    let header =
        Header { algorithm: ALGORITHM_VERSION, config: 7, key: key.clone(), marks: Marks::default() };
    write(&header, &[(1, says.to_vec()), (64, position.to_vec())])
}
