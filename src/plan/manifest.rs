//! What answers `playManifest`: a playlist, a redirect, or a description.

use std::sync::Arc;

use super::choice::{self, Candidate};
use super::key::version;
use super::playback::{Presentation, beside, check_window, decided, extension, reel, text, with_tracks};
use super::seal::Stretch;
use super::{Decision, Freshness, Known, Plan, Policy, Work, filename};
use crate::access::Grant;
use crate::entry::{Entry, EntryKind, Flavor};
use crate::error::{Code, Error, Result};
use crate::packager::{Container, Protocol};
use crate::request::playback::{Format, PlayManifest, Response};
use crate::request::served::{Place, told, urlset};

/// What answers `asked`. `base` is the scheme and host that URLs begin with; empty for none.
pub(super) fn plan(
    asked: &PlayManifest,
    entry: &Entry,
    known: &[Known<'_>],
    (base, grant): (&str, Grant<'_>),
    policy: &Policy,
) -> Result<Decision> {
    if !matches!(entry.kind, EntryKind::Video | EntryKind::Audio | EntryKind::Image) {
        return Err(Error::coded(Code::WrongEntryType, "the entry is neither video nor sound"));
    }
    let chosen = match entry.kind {
        EntryKind::Image => Err(Error::coded(Code::FlavorNotFound, "a picture has no flavor that plays")),
        _ => choice::choose(entry, known, &asked.choice, &asked.format),
    }?;
    if let Format::Other(name) = &asked.format {
        let message =
            format!("This format is unsupported: {name:?}; allowed are applehttp, mpegdash, url and download");
        return Err(Error::coded(Code::BadQuery, message));
    }
    check_window(asked.window)?;
    let desk = Desk { asked, entry, base, grant, policy };
    let form = asked.response.clone().unwrap_or(match asked.format {
        Format::Hls => Response::Playlist,
        _ => Response::Redirect,
    });
    match form {
        Response::Json => Ok(desk.make(described(&desk, &chosen, None), "application/json", known)),
        Response::Jsonp(None) => Ok(desk.make(
            r#"Expecting "callback" parameter for jsonp format"#.into(),
            "text/plain; charset=utf-8",
            known,
        )),
        Response::Jsonp(Some(name)) => Ok(desk.make(described(&desk, &chosen, Some(&name)), "text/javascript", known)),
        Response::Playlist if asked.format == Format::Hls => {
            let work = Work::Presentation(Box::new(desk.playlist(&chosen)));
            Ok(desk.decided(work, known))
        }
        Response::Playlist | Response::Redirect => match asked.format {
            Format::Dash if policy.playback.inline_manifest => {
                let work = Work::Presentation(Box::new(desk.manifest(&chosen)));
                Ok(desk.decided(work, known))
            }
            _ => Ok(Decision::Redirect { location: desk.location(&chosen), freshness: desk.freshness() }),
        },
    }
}

/// What the parts of an answer to `playManifest` have in common.
struct Desk<'a> {
    asked: &'a PlayManifest,
    entry: &'a Entry,
    base: &'a str,
    grant: Grant<'a>,
    policy: &'a Policy,
}

impl Desk<'_> {
    fn container(&self) -> Container {
        self.asked.container.unwrap_or_default()
    }

    fn freshness(&self) -> Freshness {
        Freshness::Private(self.policy.playback.max_age_manifest)
    }

    fn stretch(&self) -> Stretch<'_> {
        Stretch { entry: &self.entry.id, window: self.asked.window, sequence: &self.asked.sequence }
    }

    /// Where a flavor is, in a URL that names it together with others.
    fn place(&self, protocol: Option<Protocol>, flavor: &Flavor, together: &[&Flavor]) -> String {
        let token = self.stretch().of_flavors(self.grant, together);
        let is_download = self.asked.format == Format::Download;
        let name = filename::safe(&filename::of_flavor(self.entry, flavor));
        let place = Place {
            protocol,
            container: if protocol.is_some() { self.container() } else { Container::Fmp4 },
            partner: self.entry.partner,
            entry: &self.entry.id,
            window: self.asked.window,
            sequence: &self.asked.sequence,
            token: token.as_deref(),
            version: &version(&flavor.source, &self.policy.playback.pace),
            of: ("flavorId", flavor.id.as_str()),
            file_name: is_download.then_some(&name),
            extension: extension(&flavor.source).unwrap_or("mp4"),
        };
        match protocol {
            Some(_) => with_tracks(&place, &self.asked.tracks),
            None => place.to_string(),
        }
    }

    /// Where a redirect leads, with what the document there is to be told.
    fn location(&self, chosen: &[Candidate<'_>]) -> String {
        let target = self.target(chosen);
        match self.asked.format {
            Format::Dash | Format::Hls => target + &told(self.asked.default_audio.as_deref(), self.asked.captions),
            Format::Url | Format::Download | Format::Other(_) => target,
        }
    }

    /// The path to which a redirect leads.
    fn target(&self, chosen: &[Candidate<'_>]) -> String {
        let (protocol, document) = match self.asked.format {
            Format::Dash => (Some(Protocol::Dash), "/manifest.mpd"),
            Format::Hls => (Some(Protocol::Hls), "/master.m3u8"),
            Format::Url | Format::Download | Format::Other(_) => (None, ""),
        };
        let flavors: Vec<&Flavor> = chosen.iter().map(|candidate| candidate.flavor).collect();
        let paths: Vec<String> = flavors.iter().map(|flavor| self.place(protocol, flavor, &flavors)).collect();
        format!("{}{}{document}", self.base, urlset(&paths))
    }

    /// A multivariant playlist, whose flavors each have a place of their own, so that the same segment has one URL whatever it
    /// is played with.
    fn playlist(&self, chosen: &[Candidate<'_>]) -> Presentation {
        let reels = chosen.iter().map(|candidate| {
            let flavor = candidate.flavor;
            let place = format!("{}{}/", self.base, self.place(Some(Protocol::Hls), flavor, &[flavor]));
            reel(flavor, place.into(), None)
        });
        let texts = self.entry.captions.iter().filter(|_| self.asked.captions).map(|caption| {
            let token = self.stretch().of_caption(self.grant, &caption.id);
            let place = Place {
                protocol: Some(Protocol::Hls),
                container: self.container(),
                partner: self.entry.partner,
                entry: &self.entry.id,
                window: self.asked.window,
                sequence: &self.asked.sequence,
                token: token.as_deref(),
                version: &version(&caption.source, &self.policy.playback.pace),
                of: ("captionId", &caption.id),
                file_name: None,
                extension: "vtt",
            };
            text(caption, format!("{}{place}/", self.base).into(), 1)
        });
        Presentation {
            protocol: Protocol::Hls,
            container: self.container(),
            reels: reels.collect(),
            texts: texts.collect(),
            window: self.asked.window,
            pace: self.policy.playback.pace.clone(),
            default_audio: self.asked.default_audio.clone(),
            base: None,
            tracks: self.asked.tracks.clone(),
            is_entrance: true,
        }
    }

    /// A manifest as the packager has it, told where that would be.
    fn manifest(&self, chosen: &[Candidate<'_>]) -> Presentation {
        let flavors: Vec<&Flavor> = chosen.iter().map(|candidate| candidate.flavor).collect();
        let texts = (1u32..).zip(self.entry.captions.iter().filter(|_| self.asked.captions));
        Presentation {
            protocol: Protocol::Dash,
            container: Container::Fmp4,
            reels: beside(&flavors),
            texts: texts.map(|(number, caption)| text(caption, "".into(), number)).collect(),
            window: self.asked.window,
            pace: self.policy.playback.pace.clone(),
            default_audio: self.asked.default_audio.clone(),
            base: self.target(chosen).strip_suffix("manifest.mpd").map(Arc::from),
            tracks: self.asked.tracks.clone(),
            is_entrance: true,
        }
    }

    fn make(&self, body: String, media_type: &'static str, known: &[Known<'_>]) -> Decision {
        self.decided(Work::Written { body, media_type }, known)
    }

    fn decided(&self, work: Work, known: &[Known<'_>]) -> Decision {
        let plan = decided(work, self.entry, known, self.freshness());
        Decision::Make(Plan { failure: Some(Code::FlavorNotFound), ..plan })
    }
}

/// The description of an entry's flavors in JSON.
fn described(desk: &Desk<'_>, chosen: &[Candidate<'_>], callback: Option<&str>) -> String {
    let (protocol, tail) = match desk.asked.format {
        Format::Dash => (Some(Protocol::Dash), "/manifest.mpd"),
        Format::Hls => (Some(Protocol::Hls), "/index.m3u8"),
        Format::Url | Format::Download | Format::Other(_) => (None, ""),
    };
    let flavors: Vec<serde_json::Value> = chosen
        .iter()
        .map(|candidate| {
            let size = candidate.size();
            serde_json::json!({
                "url": format!("{}{}{tail}", desk.base, desk.place(protocol, candidate.flavor, &[candidate.flavor])),
                "urlPrefix": "",
                "ext": extension(&candidate.flavor.source).unwrap_or_default(),
                "bitrate": candidate.bitrate,
                "width": size.width,
                "height": size.height,
                "type": if candidate.is_sound() { "audio" } else { "video" },
                "flavorId": candidate.flavor.id.as_str(),
                "lang": candidate.flavor.language,
                "label": candidate.flavor.label,
            })
        })
        .collect();
    let duration = chosen.iter().map(|candidate| candidate.facts.duration.0).max().unwrap_or_default();
    let body = serde_json::json!({
        "entryId": desk.entry.id.as_str(),
        "duration": duration / 1000,
        "baseUrl": desk.base,
        "flavors": flavors,
    });
    match callback {
        Some(name) => format!("{name}({body})"),
        None => body.to_string(),
    }
}
