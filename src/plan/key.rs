//! The name of a piece of work.

/// Changes whenever the bytes made for an unchanged [`Work`](super::Work) change; every key, and so every ETag, follows it.
pub const FORMAT_VERSION: u32 = 1;

/// A digest of the format version and a piece of work. Equal work has equal keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(pub [u8; 16]);
