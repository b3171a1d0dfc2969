//! Captions as the API has them: JSON, WebVTT, and segments of it.

use super::artifact::Artifact;
use super::kit::Kit;
use super::package::written;
use crate::entry::Source;
use crate::error::{Error, Result};
use crate::media::time::Micros;
use crate::packager::captions::{self, Cue, TimestampMap};
use crate::packager::hls;
use crate::packager::timeline::Window;
use crate::plan::Style;
use crate::request::asset::segment_name;

/// The clock of a transport stream that the API maps times to, in ticks of 90 kHz: ten seconds.
const STREAM: u64 = 900_000;

/// What is made of a caption file.
pub(super) async fn artifact(kit: &Kit, source: Source, style: Style) -> Result<Artifact> {
    if source.size > captions::BYTES_MAX as u64 {
        return Err(Error::too_large(format!("a caption file of more than {} bytes", captions::BYTES_MAX)));
    }
    let bytes = kit.origin.read(&source, 0..source.size).await?;
    kit.compute(move || {
        let cues = captions::parse(&bytes)?;
        Ok(match style {
            Style::Json => written(captions::json(&cues), "application/json"),
            Style::WebVtt => written(captions::whole(&cues, Window::default()), WEBVTT),
            Style::Segment { from, to, local } => written(segment(&cues, from, to, local), WEBVTT),
        })
    })
    .await
}

/// The registered type of WebVTT, which is always in UTF-8.
const WEBVTT: &str = "text/vtt; charset=utf-8";

fn segment(cues: &[Cue], from: Micros, to: Micros, local: Micros) -> String {
    // Players take ten seconds of the stream for ten seconds of captions unless they are told otherwise.
    let is_usual = local == Micros(10_000_000);
    let map = (!is_usual).then_some(TimestampMap { stream: STREAM, local });
    captions::segment(cues, from, to, Micros(0), map)
}

/// A playlist of segments of captions.
pub(super) fn list(seconds: u32, total: u64) -> Artifact {
    written(hls::dialect_captions(seconds, total, segment_name), "application/x-mpegurl")
}
