//! Pictures out of coded media, and processes that can do nothing else than such work; the only module that knows ffmpeg and
//! still-image decoders.

pub mod cage;
mod decoder;
pub mod demux;
mod demuxer;
mod order;
mod packed;

pub mod frames;
pub mod limits;
pub mod place;
mod planes;
pub mod priority;
pub mod probe;
pub mod scan;
pub mod stills;
mod streams;
mod timeline;
