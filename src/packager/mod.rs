//! From tracks to what a player fetches: pure functions of the media index and what was asked.

pub mod captions;
pub mod layout;
pub mod mpegts;
pub mod segments;
pub mod timeline;
