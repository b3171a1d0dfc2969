//! vedette: the delivery edge of a video platform. One road for every request:
//!
//! ```text
//! URL text
//!   │ request::parse            pure, total, no look-ups
//!   ▼ Request
//!   │ catalog.entry(id)         I/O behind a small cache
//!   ▼ Entry
//!   │ access::rules::decide     pure: state, session, rules, tokens
//!   ▼ Grant
//!   │ media::Facts of the sources that matter
//!   │ plan::plan                pure: source chosen, time clamped, geometry resolved
//!   ▼ Plan { key, work }        the key is the ETag
//!   │ cache                     one maker per key; what takes microseconds is made by whoever asks
//!   ▼ Work of pictures          Work of playback
//!   │ origin → media index      origin → media index
//!   │ → decode                  → packager::view: timelines, cuts, rates, remembered
//!   │ → thumbnail::transform    → packager::{hls, dash}: text
//!   │ → thumbnail::encode       → packager::{fmp4, mpegts}: where each byte comes from
//!   ▼ Artifact                  bytes, or slices of files that are read window by window
//!   │ server                    status, headers, range
//!   ▼ response
//! ```
//!
//! Read in this order: [`error`], [`network`], [`tables`], [`rules`], [`entry`], [`media`], [`thumbnail`], [`packager`],
//! [`request`], [`access`], [`plan`] (the core: no I/O, no clock), then [`catalog`], [`origin`], [`decode`], [`cache`],
//! [`country`], [`trace`], [`deliver`], [`server`], [`config`] (the shell: each owns one foreign thing).
//! `tests/architecture.rs` holds the code to who may use whom.

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
pub mod network;
pub mod origin;
pub mod packager;
pub mod plan;
pub mod request;
pub mod rules;
pub mod server;
pub mod tables;
pub mod thumbnail;
pub mod trace;
