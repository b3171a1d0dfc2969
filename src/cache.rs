//! cache.rs
