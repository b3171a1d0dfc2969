//! The whole service on real media: a running server, asked as its users ask.

#![cfg(test)]

mod access;
mod assets;
mod cache;
mod conditional;
mod decoded;
mod fmp4;
mod frames;
mod hostile;
mod http;
mod index;
mod limits;
mod mpegts;
mod parsers;
mod playback;
mod players;
mod raw;
mod redbot;
mod regression;
mod samples;
mod sequence;
mod sessions;
mod support;
mod thumbnail;
mod whole;
