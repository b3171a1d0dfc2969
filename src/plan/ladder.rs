//! The flavors of a video that can be decoded, and which of them a picture is taken from.

use std::cmp::Reverse;

use super::{Known, facts};
use crate::entry::{Entry, Flavor};
use crate::error::{Code, Error, Result};
use crate::media::PictureFacts;
use crate::media::time::Micros;
use crate::request::thumbnail::Thumbnail;
use crate::thumbnail::Geometry;

/// The tag of flavors that pictures are to be taken from.
const PICTURE_TAG: &str = "thumbsource";

/// How much earlier than the original a flavor may end and still stand for it near the end.
const EARLY_END: Micros = Micros(1_000_000);

/// The flavors that can be decoded, at least one.
#[derive(Debug)]
pub(super) struct Ladder<'a> {
    rungs: Vec<Rung<'a>>,
    original: usize,
}

/// A flavor with what is known of it.
#[derive(Debug)]
pub(super) struct Rung<'a> {
    /// The flavor.
    pub(super) flavor: &'a Flavor,
    /// Its pictures, of a size that is not empty.
    pub(super) picture: PictureFacts,
    /// Its length.
    pub(super) duration: Micros,
    /// Bits per second, as stated or as measured.
    bitrate: u64,
}

impl<'a> Ladder<'a> {
    /// The flavors of `entry` that can be decoded. Without any, the reason why the first one cannot: one that may heal
    /// before one that lasts.
    pub(super) fn of(entry: &'a Entry, known: &[Known<'_>]) -> Result<Ladder<'a>> {
        let mut rungs = Vec::with_capacity(entry.flavors.len());
        let mut fault: Option<Error> = None;
        for flavor in &entry.flavors {
            match Rung::of(flavor, known) {
                Ok(rung) => rungs.extend(rung),
                Err(error) if fault.as_ref().is_none_or(|first| first.is_lasting() && !error.is_lasting()) => {
                    fault = Some(error);
                }
                Err(_) => {}
            }
        }
        let flagged = rungs.iter().position(|rung| rung.flavor.is_original);
        let best = || (0..rungs.len()).max_by_key(|at| (rungs[*at].bitrate, Reverse(*at)));
        match flagged.or_else(best) {
            Some(original) => Ok(Ladder { rungs, original }),
            None => Err(match fault {
                Some(error) => error.or_code(Code::ImageResizeFailed),
                None => Error::coded(Code::FlavorNotFound, "no flavor of the entry has pictures"),
            }),
        }
    }

    /// The flavor that sizes and lengths are measured on: the original, or the one of the highest bitrate where it is not
    /// said or cannot be decoded.
    pub(super) fn original(&self) -> &Rung<'a> {
        &self.rungs[self.original]
    }

    /// The flavor to decode for pictures of `geometry`, the last of them at `latest`: the original or the one named where
    /// the request says so; else the smallest that has as many pixels as are shown; else the original. Flavors tagged for
    /// pictures go before all others.
    pub(super) fn choose(&self, thumbnail: &Thumbnail, geometry: &Geometry, latest: Micros) -> &Rung<'a> {
        if thumbnail.from_original {
            return self.original();
        }
        let named = |rung: &&Rung<'_>| Some(&rung.flavor.id) == thumbnail.flavor.as_ref();
        if let Some(rung) = self.rungs.iter().find(named) {
            return rung;
        }
        let any_tagged = self.rungs.iter().any(Rung::is_tagged);
        let eligible = || self.rungs.iter().filter(|rung| rung.is_tagged() || !any_tagged);
        let latest = latest.min(self.original().picture.last_frame);
        let fits = |rung: &&Rung<'_>| rung.covers(geometry) && rung.reaches(latest);
        let smallest = eligible().filter(fits).min_by_key(|rung| rung.cost());
        let largest_tagged = || eligible().filter(|_| any_tagged).max_by_key(|rung| rung.cost());
        smallest.or_else(largest_tagged).unwrap_or_else(|| self.original())
    }
}

impl<'a> Rung<'a> {
    /// `None` where the flavor has no pictures.
    fn of(flavor: &'a Flavor, known: &[Known<'_>]) -> Result<Option<Rung<'a>>> {
        let facts = facts(known, &flavor.source)?;
        let bitrate = flavor.bitrate.map_or(facts.bitrate, |kilobits| u64::from(kilobits) * 1000);
        let picture = facts.picture.filter(|picture| !picture.shown.is_empty());
        Ok(picture.map(|picture| Rung { flavor, picture, duration: facts.duration, bitrate }))
    }

    fn is_tagged(&self) -> bool {
        self.flavor.tags.iter().any(|tag| tag == PICTURE_TAG)
    }

    /// What makes decoding it dear, the most important first.
    fn cost(&self) -> (u64, u64) {
        (self.picture.shown.area(), self.bitrate)
    }

    /// Whether the part that is kept has at least as many pixels in this flavor as are shown, across and down.
    fn covers(&self, geometry: &Geometry) -> bool {
        let enough = |part: u32, own: u32, shown: u32, reference: u32| {
            u64::from(part) * u64::from(own) >= u64::from(shown) * u64::from(reference)
        };
        let Geometry { reference, crop, scaled, .. } = geometry;
        let own = self.picture.shown;
        enough(crop.width, own.width, scaled.width, reference.width)
            && enough(crop.height, own.height, scaled.height, reference.height)
    }

    /// Whether it lasts until `latest`, or nearly so.
    fn reaches(&self, latest: Micros) -> bool {
        self.picture.last_frame.0.saturating_add(EARLY_END.0) >= latest.0
    }
}
