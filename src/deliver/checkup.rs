//! Whether the service does what it is for: a small film within it is shown and packaged as any other is.

use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::fair::Flow;
use super::kit::Kit;
use super::reading::Reading;
use super::stop::Stop;
use super::{Delivery, make};
use crate::access::Grant;
use crate::decode::limits::Limits;
use crate::decode::stills;
use crate::entry::{Entry, EntryId, EntryKind, Flavor, FlavorId, PartnerId, Source};
use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;
use crate::origin::Origin;
use crate::plan::cost::Cost;
use crate::plan::{self, Client, Decision};
use crate::request;
use crate::thumbnail::Pixels;

/// Who it is for.
const HOUSE: Flow = Flow { partner: PartnerId(0), client: None };

/// Two seconds of 64x36 pixels, white on the left and black on the right, and a tone. Made by `ffmpeg -f lavfi -i
/// color=white:s=32x36:r=10:d=2,pad=64:36:0:0:black -f lavfi -i sine=440:r=16000:d=2 -g 10 -b:a 16k -ac 1`.
const FILM: &[u8] = include_bytes!("checkup.mp4");

/// A picture of it, what a player is told of it, and what it is sent.
const PICTURE: &str = "/p/0/thumbnail/entry_id/0_film/width/64/height/36/vid_sec/1.5";
const PLAYLIST: &str = "/hls/p/0/sp/0/serveFlavor/entryId/0_film/flavorId/0_film/name/a.mp4/index-v1.m3u8";
const SEGMENT: &str = "/hls/p/0/sp/0/serveFlavor/entryId/0_film/flavorId/0_film/name/a.mp4/seg-1-v1.m4s";

impl Delivery {
    /// Shows and packages the film, by the workers and decoders of all others. Fails where any of it does, and where what comes
    /// of it is not what it must be.
    pub async fn check_up(&self) -> Result<()> {
        // At a version that nobody has seen: nothing of it is remembered.
        static SEEN: AtomicU64 = AtomicU64::new(0);
        let version = Source::file_version(FILM.len() as u64, SEEN.fetch_add(1, Ordering::Relaxed).into());
        let source = Source { location: "checkup".into(), size: FILM.len() as u64, modified: 0, version };
        let kit = self.kit.at(Origin::held(Bytes::from_static(FILM)));
        let entry = film(source).ok_or_else(|| wrong("the film has no name"))?;
        let picture = self.made(&kit, &entry, PICTURE).await?;
        let shown = |_: &Stop| stills::decode(picture, 0, Limits::default());
        let (shown, _) = self.kit.pool.enter(HOUSE, Cost::NOTHING)?.run(Cost::NOTHING, shown).await?;
        check_picture(shown.pixels)?;
        let playlist = self.made(&kit, &entry, PLAYLIST).await?;
        if !playlist.starts_with(b"#EXTM3U") || !playlist.ends_with(b"#EXT-X-ENDLIST\n") {
            return Err(wrong("what players are told of the film is no playlist"));
        }
        let segment = self.made(&kit, &entry, SEGMENT).await?;
        match segment.windows(4).any(|name| name == b"moof") && segment.windows(4).any(|name| name == b"mdat") {
            true => Ok(()),
            false => Err(wrong("what players are sent of the film is no segment")),
        }
    }

    /// What is answered to a request for the film.
    async fn made(&self, kit: &Kit, entry: &Entry, target: &str) -> Result<Bytes> {
        let request = request::parse(target).ok_or_else(|| wrong("the film has no URL"))??;
        let mut known = Vec::new();
        for source in plan::sources(&request, entry) {
            known.push((source, kit.facts(source).await));
        }
        let decision = plan::plan(&request, entry, &known, Grant::FULL, Client::default(), &self.policy)?;
        let Decision::Make(plan) = decision else { return Err(wrong("the film is elsewhere")) };
        let body = make::artifact(kit.clone(), plan.work, HOUSE).await?.body;
        let length = body.len();
        let mut reading = Reading::begin(&kit.origin, vec![body]).await?;
        let mut bytes = Vec::new();
        while let Some(read) = poll_fn(|cx| reading.poll_next(cx)).await {
            bytes.extend_from_slice(&read?);
        }
        if bytes.len() as u64 != length {
            return Err(wrong("what was made of the film has another length than was said"));
        }
        Ok(bytes.into())
    }
}

fn film(source: Source) -> Option<Entry> {
    let flavor = Flavor {
        id: FlavorId::new("0_film")?,
        params_id: None,
        tags: Vec::new(),
        bitrate: None,
        language: None,
        label: None,
        is_default: false,
        is_original: true,
        source,
    };
    Some(Entry { flavors: vec![flavor], ..Entry::new(EntryId::new("0_film")?, EntryKind::Video) })
}

/// Whether it is white on the left and black on the right.
fn check_picture(pixels: Pixels) -> Result<()> {
    let Pixels::Yuv(planes) = pixels else { return Err(wrong("the picture of the film is none of luma and chroma")) };
    let at = |x: usize| planes.y.data.get(18 * planes.y.stride + x).copied();
    let is_right = planes.y.size == Size { width: 64, height: 36 } && at(10) > Some(200) && at(54) < Some(55);
    if is_right { Ok(()) } else { Err(wrong("the picture of the film shows something else")) }
}

fn wrong(what: &str) -> Error {
    Error::new(Kind::Internal, what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::Size;
    use crate::thumbnail::{Plane, Planes};

    #[test]
    fn another_picture_is_found_out() {
        let picture = |left: u8, right: u8| {
            let data = [[left; 32], [right; 32]].concat().repeat(36);
            let y = Plane { data: data.into(), stride: 64, size: Size { width: 64, height: 36 } };
            let (depth, shift) = (8, (1, 1));
            Pixels::Yuv(Planes { y, chroma: None, alpha: None, depth, shift, left_sited: false, interlaced: false })
        };
        assert!(check_picture(picture(235, 16)).is_ok());
        assert!(check_picture(picture(128, 128)).is_err() && check_picture(picture(16, 235)).is_err());
    }
}
