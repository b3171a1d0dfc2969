//! The whole service on real media: a running server, asked as its users ask.

#![cfg(test)]

mod frames;
mod http;
mod samples;
mod support;
