//! From tracks to what a player fetches: pure functions of the media index and what was asked.

pub mod dash;
pub mod hls;
pub mod keyframes;
pub mod language;
pub mod layout;
pub mod name;
pub mod offer;
pub mod rendition;
pub mod segments;
pub mod timeline;

#[cfg(test)]
mod tests;
