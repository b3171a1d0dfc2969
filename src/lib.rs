//! vedette: the delivery edge of a video platform. One road for every request:
//!
//! ```text
//! URL text
//!   │ request::parse            pure, total, no look-ups
//!   ▼ Request
//!   │ catalog.entry(id)         I/O behind a small cache
//!   ▼ Entry
//!   │ access::check             pure
//!   ▼ Grant
//!   │ media::Facts of the sources that matter
//!   │ plan::plan                pure: source chosen, time clamped, geometry resolved
//!   ▼ Plan { key, work }        the key is the ETag
//!   │ cache                     one maker per key
//!   ▼ Work
//!   │ origin → media index → decode → thumbnail::{transform, encode}
//!   ▼ Artifact
//!   │ server                    status, headers, range
//!   ▼ response
//! ```
//!
//! Read in this order: [`error`], [`entry`], [`media`], [`thumbnail`], [`request`], [`access`], [`plan`] (the core: no I/O,
//! no clock), then [`catalog`], [`origin`], [`decode`], [`cache`], [`country`], [`deliver`], [`server`], [`config`] (the
//! shell: each owns one foreign thing). `tests/architecture.rs` holds the code to who may use whom.

pub mod access;
pub mod cache;
pub mod catalog;
pub mod config;
pub mod country;
pub mod decode;
pub mod deliver;
pub mod entry;
pub mod error;
pub mod media;
pub mod origin;
pub mod packager;
pub mod plan;
pub mod request;
pub mod server;
pub mod thumbnail;
