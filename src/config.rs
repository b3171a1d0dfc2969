//! config.rs
