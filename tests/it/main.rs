//! The whole service on real media: a running server, asked as its users ask.

#![cfg(test)]

mod access;
mod access_table;
mod assets;
mod cache;
mod cage;
#[allow(dead_code, reason = "the tests of origins use the rest")]
mod cloud;
mod conditional;
mod crowded;
mod decoded;
mod disk;
mod edge;
mod eyes;
#[allow(dead_code, reason = "the tests of origins use the rest")]
mod far;
mod fmp4;
mod frames;
mod guards;
mod hostile;
mod http;
mod index;
mod limits;
mod mpegts;
mod origin;
mod parsers;
mod playback;
mod players;
mod profiles;
mod proxies;
mod purge;
mod raw;
mod redbot;
mod regression;
mod reload;
mod remote;
mod s3;
mod samples;
mod sequence;
mod sessions;
mod stale;
mod support;
mod thumbnail;
mod tls;
mod traces;
mod whole;
