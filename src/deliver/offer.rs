//! What the flavors of a presentation come to for a player: which tracks are offered, and where they are fetched.

use std::sync::Arc;

use super::kit::Show;
use super::package::shown;
use crate::error::{Error, Kind as Failure, Result};
use crate::media::time::{Micros, Ticks};
use crate::media::{AudioFormat, ClosedCaptions};
use crate::packager::name::{File, Form, Pick, Selection};
use crate::packager::offer::{Caption, Channel, Closed, Offer, Sound, Video};
use crate::packager::rendition::Rendition;
use crate::packager::view::{Kind, View};
use crate::packager::{Container, language};
use crate::plan::playback::{Presentation, Reel};

/// The tracks of a presentation that a player can be offered.
#[derive(Debug)]
pub(super) struct Gathered {
    pictures: Vec<Offered>,
    sounds: Vec<Offered>,
    /// The sound that goes into the segments of pictures, by flavor.
    inside: Vec<Offered>,
    captions: Vec<Caption>,
    closed: ClosedCaptions,
    language: Option<String>,
    /// Why other tracks are not among them.
    pub(super) left_out: Vec<String>,
}

/// A track that is offered.
#[derive(Debug)]
struct Offered {
    /// Which flavor of the presentation it is of, from one.
    flavor: u32,
    of: Selection,
    rendition: Arc<Rendition>,
    /// The language of sound: that of its flavor where it states one.
    language: Option<String>,
    label: Option<String>,
    is_default: bool,
    is_description: bool,
}

/// How the segments of a container end.
pub(super) fn form(container: Container) -> Form {
    match container {
        Container::Fmp4 => Form::M4s,
        Container::Ts => Form::Ts,
    }
}

/// The tracks of the flavors that can be shown. Fails with what is wrong with the first where none can be offered.
pub(super) fn gather(presentation: &Presentation, shows: &[Result<Show>]) -> Result<Gathered> {
    let mut gathered = Gathered {
        pictures: Vec::new(),
        sounds: Vec::new(),
        inside: Vec::new(),
        captions: captions(presentation),
        closed: ClosedCaptions::default(),
        language: presentation.default_audio.as_deref().and_then(language::tag),
        left_out: Vec::new(),
    };
    let mut fault = None;
    for (flavor, (reel, show)) in (1u32..).zip(presentation.reels.iter().zip(shows)) {
        match show {
            Ok(show) => gathered.add(presentation, flavor, (reel, &show.views), &mut fault),
            Err(error) => {
                gathered.left_out.push(format!("{}: {error}", reel.source.location));
                fault.get_or_insert_with(|| error.clone());
            }
        }
    }
    if gathered.pictures.is_empty() && gathered.sounds.is_empty() {
        let nothing = || Error::new(Failure::NotFound, "no flavor shows anything in this part of the entry");
        return Err(fault.unwrap_or_else(nothing));
    }
    gathered.merge_sounds(presentation.container);
    gathered.dolby_first();
    Ok(gathered)
}

fn captions(presentation: &Presentation) -> Vec<Caption> {
    let captions = (1u32..).zip(&presentation.texts).map(|(number, text)| Caption {
        of: Selection::caption(number),
        language: language::tag(&text.language),
        label: text.label.clone(),
        is_default: text.is_default,
    });
    captions.collect()
}

impl Gathered {
    /// Adds the first track of pictures of a flavor, and all of its sound; of both only what is asked for.
    fn add(
        &mut self,
        presentation: &Presentation,
        flavor: u32,
        (reel, views): (&Reel, &[View]),
        fault: &mut Option<Error>,
    ) {
        for view in views {
            let of = match view.kind {
                Kind::Pictures => Selection::video(flavor, view.number),
                Kind::Sound => Selection::audio(flavor, view.number),
            };
            let is_further = view.kind == Kind::Pictures && view.number > 1 && presentation.tracks.picks.is_empty();
            if is_further || !is_asked_for(presentation, &of) {
                self.left_out.push(format!("{} {}: not asked for", reel.source.location, tracks_of(&of)));
                continue;
            }
            match shown(view, presentation.container) {
                Ok(Some(shown)) => {
                    self.closed.channels |= view.captions.channels;
                    self.closed.services |= view.captions.services;
                    self.take((flavor, of), reel, view.kind, &shown.rendition);
                }
                Ok(None) => {
                    let reason = "shows nothing in this part of the entry";
                    self.left_out.push(format!("{} {}: {reason}", reel.source.location, tracks_of(&of)));
                }
                Err(error) => {
                    self.left_out.push(format!("{} {}: {error}", reel.source.location, tracks_of(&of)));
                    fault.get_or_insert(error);
                }
            }
        }
    }

    fn take(&mut self, (flavor, of): (u32, Selection), reel: &Reel, kind: Kind, rendition: &Arc<Rendition>) {
        let stated = reel.language.as_deref().and_then(language::tag);
        let offered = Offered {
            flavor,
            of,
            language: stated.or_else(|| rendition.language.clone()),
            rendition: Arc::clone(rendition),
            label: reel.label.clone(),
            is_default: reel.is_default,
            is_description: reel.is_description,
        };
        match kind {
            Kind::Pictures => self.pictures.push(offered),
            Kind::Sound => self.sounds.push(offered),
        }
    }

    /// Offers the same sound once: flavors that differ in their pictures carry the same language in the same coding, and the
    /// best of it serves all of them. A transport stream takes it inside, where there is no other to choose.
    fn merge_sounds(&mut self, container: Container) {
        let mut merged: Vec<Offered> = Vec::new();
        let mut all = std::mem::take(&mut self.sounds);
        let is_inside = |sound: &Offered| self.pictures.iter().any(|pictures| pictures.flavor == sound.flavor);
        // The label of a flavor with pictures is not that of its sound.
        all.iter_mut().filter(|sound| is_inside(sound)).for_each(|sound| sound.label = None);
        if container == Container::Ts && all.iter().all(|sound| is_inside(sound) && is_same(sound, &all[0])) {
            self.inside = all;
            return;
        }
        for sound in all {
            match merged.iter_mut().find(|other| is_same(other, &sound)) {
                None => merged.push(sound),
                Some(other) => {
                    let is_default = other.is_default || sound.is_default;
                    let average = |of: &Offered| of.rendition.rate(Form::M4s).average;
                    let lesser = match average(&sound) > average(other) {
                        true => std::mem::replace(other, sound),
                        false => sound,
                    };
                    other.is_default = is_default;
                    self.left_out.push(format!("{}: the same sound as {}, which is better", lesser.of, other.of));
                }
            }
        }
        self.sounds = merged;
    }

    /// Puts sound of Dolby's codings before other sound, the better one first, unless a player should begin with other sound.
    fn dolby_first(&mut self) {
        let rank = |sound: &Offered| match &sound.rendition.codec[..] {
            "ec-3" => 0,
            "ac-3" => 1,
            _ => 2,
        };
        if !self.sounds.iter().any(|sound| sound.is_default && rank(sound) == 2) {
            self.sounds.sort_by_key(rank);
        }
    }

    /// A track of pictures, with the sound that goes into its segments.
    fn video<'a>(&'a self, pictures: &'a Offered) -> Video<'a> {
        let muxed = self.inside.iter().find(|sound| sound.flavor == pictures.flavor);
        let mut of = pictures.of.clone();
        let audio = muxed.and_then(|sound| sound.of.picks.first()).and_then(|pick| pick.audio);
        of.picks.iter_mut().for_each(|pick| pick.audio = audio);
        Video { of, rendition: &pictures.rendition, muxed: muxed.map(|sound| &*sound.rendition) }
    }

    /// How long the longest track is.
    pub(super) fn length(&self) -> Micros {
        let length = |of: &Offered| {
            Ticks(i64::try_from(of.rendition.duration).unwrap_or(i64::MAX)).micros(of.rendition.timescale)
        };
        self.pictures.iter().chain(&self.sounds).map(length).max().unwrap_or_default()
    }

    /// Leaves out pictures or sound where another offer has none.
    pub(super) fn keep_kinds_of(&mut self, other: &Gathered) {
        if other.pictures.is_empty() {
            self.pictures.clear();
        }
        if other.sounds.is_empty() {
            self.sounds.clear();
        }
    }

    /// The first sound with its language, where this offer has sound and another one has none.
    pub(super) fn sound_missing_in(&self, other: &Gathered) -> Option<(AudioFormat, Option<String>)> {
        let first = self.sounds.first().filter(|_| other.sounds.is_empty())?;
        Some((*first.rendition.sound()?, first.language.clone()))
    }

    /// Adds sound that is of no flavor.
    pub(super) fn add_sound(&mut self, of: Selection, rendition: Rendition, language: Option<String>) {
        let (label, is_default, is_description) = (None, false, false);
        let rendition = Arc::new(rendition);
        self.sounds.push(Offered { flavor: 0, of, rendition, language, label, is_default, is_description });
    }

    /// The same as [`Gathered::offer`], with captions named as their own entry numbers them.
    pub(super) fn offer_of(&self, presentation: &Presentation) -> Offer<'_> {
        let mut offer = self.offer();
        for (caption, text) in offer.captions.iter_mut().zip(&presentation.texts) {
            caption.of = Selection::caption(text.number);
        }
        offer
    }

    /// What the packager writes documents of.
    pub(super) fn offer(&self) -> Offer<'_> {
        Offer {
            videos: self.pictures.iter().map(|pictures| self.video(pictures)).collect(),
            sounds: self
                .sounds
                .iter()
                .map(|offered| Sound {
                    of: offered.of.clone(),
                    rendition: &offered.rendition,
                    language: offered.language.as_deref(),
                    label: offered.label.clone(),
                    is_default: offered.is_default,
                    is_description: offered.is_description,
                })
                .collect(),
            captions: self.captions.clone(),
            closed: Some(closed(self.closed)),
            language: self.language.clone(),
        }
    }
}

/// The text inside the pictures, which do not say its language.
fn closed(captions: ClosedCaptions) -> Vec<Closed> {
    let channels = (1..=4).filter(|channel| captions.channels >> (channel - 1) & 1 == 1).map(Channel::Cc);
    let services = (1..=63).filter(|service| captions.services >> service & 1 == 1).map(Channel::Service);
    let all = channels.chain(services);
    all.map(|channel| Closed { channel, language: None, label: None, is_default: false }).collect()
}

/// Whether the tracks asked for are all, or this one is among them; number zero stands for all of a kind.
fn is_asked_for(presentation: &Presentation, of: &Selection) -> bool {
    let is_met = |asked: Option<u32>, one: Option<u32>| one.is_some() && (asked == one || asked == Some(0));
    let picks = || presentation.tracks.picks.iter().flat_map(|asked| of.picks.iter().map(move |one| (asked, one)));
    presentation.tracks.picks.is_empty()
        || picks().any(|(asked, one)| is_met(asked.video, one.video) || is_met(asked.audio, one.audio))
}

/// The tracks of a selection as a path names them, without the flavor.
fn tracks_of(of: &Selection) -> Selection {
    Selection { picks: of.picks.iter().map(|pick| Pick { flavor: None, ..*pick }).collect() }
}

fn is_same(one: &Offered, other: &Offered) -> bool {
    let key = |of: &Offered| {
        let codec = of.rendition.codec.split('.').next().unwrap_or_default().to_owned();
        let channels = of.rendition.sound().map(|format| format.channels);
        (of.language.clone(), codec, channels, of.label.clone(), of.is_description)
    };
    key(one) == key(other)
}

/// Where a file of the offer is fetched: offers number all flavors, addresses only those that share a place.
pub(super) fn address(presentation: &Presentation, file: &File) -> String {
    let mut place = None;
    let file = with_picks(file, |pick| {
        let reel = pick.flavor.and_then(|number| presentation.reels.get(number as usize - 1));
        let text = pick.caption.and_then(|number| presentation.texts.get(number as usize - 1));
        place = reel.map(|reel| &reel.place).or_else(|| text.map(|text| &text.place)).cloned().or(place.take());
        Pick { flavor: reel.and_then(|reel| reel.number), caption: text.map(|text| text.number), ..pick }
    });
    format!("{}{file}", place.as_deref().unwrap_or_default())
}

fn with_picks(file: &File, change: impl FnMut(Pick) -> Pick) -> File {
    let mut file = file.clone();
    let of = match &mut file {
        File::Multivariant | File::Manifest | File::Blank => return file,
        File::Playlist(of) | File::IframePlaylist(of) | File::Init(of) | File::Subtitles(of) => of,
        File::Segment { of, .. } | File::Iframe { of, .. } => of,
    };
    of.picks = of.picks.iter().copied().map(change).collect();
    file
}
