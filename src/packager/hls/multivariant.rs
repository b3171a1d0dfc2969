//! The playlist of playlists: variants of pictures, and the groups of sound and text that go with them.

use std::collections::BTreeSet;
use std::fmt::Display;

use super::attributes::Attributes;
use crate::media::AudioFormat;
use crate::packager::name::{File, Form};
use crate::packager::offer::{Caption, Channel, Closed, Offer, Sound, Video};
use crate::packager::rendition::{Access, Rate, Rendition, VideoRange};

/// The id of the group of captions, and that of text inside the pictures.
const CAPTIONS: &str = "subs";
const CLOSED: &str = "cc";

/// All that an entry offers (RFC 8216 section 4.3.4). Each of the pictures is listed once for each group of sound; sound
/// without pictures is listed by itself where it has one language, so that players choose by rate.
pub fn multivariant<U: Display>(offer: &Offer<'_>, form: Form, uri: impl Fn(&File) -> U) -> String {
    let groups = if is_ladder_of_sound(offer) { Vec::new() } else { groups(offer, form) };
    let mut lines = head(offer, form);
    for group in &groups {
        lines.extend(media_of_sound(offer, group, &uri));
    }
    lines.extend(media_of_captions(&offer.captions, &uri));
    lines.extend(media_of_closed(offer.closed.as_deref().unwrap_or_default()));
    let listing = Listing { offer, form, groups: &groups };
    lines.extend(listing.variants(&uri));
    lines.extend(offer.videos.iter().filter_map(|video| iframes(video, form, &uri)));
    lines.push(String::new());
    lines.join("\n")
}

fn head(offer: &Offer<'_>, form: Form) -> Vec<String> {
    let is_service = |closed: &Closed| matches!(closed.channel, Channel::Service(_));
    // Services of closed captions need version 7 (RFC 8216 section 7), and players look for it beside fragments.
    let services = offer.closed.as_deref().unwrap_or_default().iter().any(is_service);
    let version = if services || form == Form::M4s { 7 } else { 6 };
    let mut lines = vec!["#EXTM3U".to_owned(), format!("#EXT-X-VERSION:{version}")];
    if offer.videos.iter().all(|video| video.rendition.access == Access::Independent) {
        lines.push("#EXT-X-INDEPENDENT-SEGMENTS".to_owned());
    }
    lines
}

/// Sound of one coding and one number of channels.
struct Group<'a> {
    id: String,
    sounds: Vec<&'a Sound<'a>>,
    codecs: Vec<&'a str>,
    rate: Rate,
}

fn is_ladder_of_sound(offer: &Offer<'_>) -> bool {
    let languages: BTreeSet<_> = offer.sounds.iter().map(|sound| sound.language).collect();
    offer.videos.is_empty() && languages.len() <= 1 && !offer.sounds.iter().any(|sound| sound.is_description)
}

fn groups<'a>(offer: &'a Offer<'_>, form: Form) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for sound in &offer.sounds {
        let id = sound.rendition.coding();
        let rate = sound.rendition.rate(form);
        let codec = &sound.rendition.codec[..];
        match groups.iter_mut().find(|group| group.id == id) {
            None => groups.push(Group { id, sounds: vec![sound], codecs: vec![codec], rate }),
            Some(group) => {
                group.sounds.push(sound);
                group.rate = group.rate.max(rate);
                if !group.codecs.contains(&codec) {
                    group.codecs.push(codec);
                }
            }
        }
    }
    groups
}

fn media_of_sound<U: Display>(offer: &Offer<'_>, group: &Group<'_>, uri: impl Fn(&File) -> U) -> Vec<String> {
    let first = offer.begins_with(&group.sounds);
    let mut names = Names::default();
    let lines = group.sounds.iter().enumerate().map(|(place, sound)| {
        let language = sound.language;
        let mut line = Attributes::new("#EXT-X-MEDIA");
        line.word("TYPE", "AUDIO").quoted("GROUP-ID", &group.id);
        line.quoted("NAME", &names.unique(sound.label.as_deref().or(language), "Audio"));
        line.some("LANGUAGE", language).word("DEFAULT", yes(place == first)).word("AUTOSELECT", "YES");
        if sound.is_description {
            line.quoted("CHARACTERISTICS", "public.accessibility.describes-video");
        }
        if let Some(AudioFormat { channels: channels @ 1.., .. }) = sound.rendition.sound() {
            line.quoted("CHANNELS", &channels.to_string());
        }
        line.quoted("URI", &uri(&File::Playlist(sound.of.clone())).to_string());
        line.finish()
    });
    lines.collect()
}

fn media_of_captions<U: Display>(captions: &[Caption], uri: impl Fn(&File) -> U) -> Vec<String> {
    let first = captions.iter().position(|caption| caption.is_default);
    let mut names = Names::default();
    let lines = captions.iter().enumerate().map(|(place, caption)| {
        let mut line = Attributes::new("#EXT-X-MEDIA");
        line.word("TYPE", "SUBTITLES").quoted("GROUP-ID", CAPTIONS);
        line.quoted("NAME", &names.unique(caption.label.as_deref().or(caption.language.as_deref()), "Captions"));
        line.some("LANGUAGE", caption.language.as_deref());
        line.word("DEFAULT", yes(first == Some(place))).word("AUTOSELECT", "YES").word("FORCED", "NO");
        line.quoted("URI", &uri(&File::Playlist(caption.of.clone())).to_string());
        line.finish()
    });
    lines.collect()
}

fn media_of_closed(closed: &[Closed]) -> Vec<String> {
    let first = closed.iter().position(|closed| closed.is_default);
    let mut names = Names::default();
    let lines = closed.iter().enumerate().map(|(place, closed)| {
        let channel = match closed.channel {
            Channel::Cc(number) => format!("CC{number}"),
            Channel::Service(number) => format!("SERVICE{number}"),
        };
        let mut line = Attributes::new("#EXT-X-MEDIA");
        line.word("TYPE", "CLOSED-CAPTIONS").quoted("GROUP-ID", CLOSED);
        line.quoted("NAME", &names.unique(closed.label.as_deref().or(closed.language.as_deref()), &channel));
        line.some("LANGUAGE", closed.language.as_deref());
        line.word("DEFAULT", yes(first == Some(place))).word("AUTOSELECT", "YES").quoted("INSTREAM-ID", &channel);
        line.finish()
    });
    lines.collect()
}

fn yes(is: bool) -> &'static str {
    if is { "YES" } else { "NO" }
}

/// Longest name that is handed on, in characters.
const NAME_MAX: usize = 200;

/// The names given in a group so far: no two may be the same (RFC 8216 section 4.3.4.1.1).
#[derive(Default)]
struct Names(BTreeSet<String>);

impl Names {
    /// A name like the one wanted that is not given yet.
    fn unique(&mut self, wanted: Option<&str>, otherwise: &str) -> String {
        let wanted = wanted.map(|name| Attributes::clean(&name.chars().take(NAME_MAX).collect::<String>()));
        let wanted = wanted.filter(|name| !name.is_empty());
        let wanted = wanted.unwrap_or_else(|| otherwise.to_owned());
        let mut name = wanted.clone();
        let mut more = 2u32;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted} {more}");
            more += 1;
        }
        name
    }
}

/// What the lines of variants are made of.
struct Listing<'a> {
    offer: &'a Offer<'a>,
    form: Form,
    groups: &'a [Group<'a>],
}

impl Listing<'_> {
    /// Those of pictures for each group; those of sound alone where there are none.
    fn variants<U: Display>(&self, uri: impl Fn(&File) -> U) -> Vec<String> {
        let mut lines = Vec::new();
        let mut add = |line: String, file: File| lines.extend([line, Attributes::clean(&uri(&file).to_string())]);
        let (videos, sounds) = (&self.offer.videos, &self.offer.sounds);
        let alone = videos.iter().filter(|video| self.groups.is_empty() || video.muxed.is_some());
        for video in alone {
            add(self.variant(video, None), File::Playlist(video.of.clone()));
        }
        for group in self.groups {
            for video in videos.iter().filter(|video| video.muxed.is_none()) {
                add(self.variant(video, Some(group)), File::Playlist(video.of.clone()));
            }
        }
        if !videos.is_empty() {
            return lines;
        }
        for group in self.groups {
            let line = self.sound(group.rate, &group.codecs, Some(&group.id));
            if let Some(first) = group.sounds.get(self.offer.begins_with(&group.sounds)) {
                add(line, File::Playlist(first.of.clone()));
            }
        }
        for sound in sounds.iter().filter(|_| self.groups.is_empty()) {
            let line = self.sound(sound.rendition.rate(self.form), &[&sound.rendition.codec], None);
            add(line, File::Playlist(sound.of.clone()));
        }
        lines
    }

    fn variant(&self, video: &Video<'_>, group: Option<&Group<'_>>) -> String {
        let mut rate = video.rendition.rate(self.form);
        let mut codecs = vec![&video.rendition.codec[..]];
        if let Some(muxed) = video.muxed {
            rate = rate.plus(muxed.rate(self.form));
            codecs.push(&muxed.codec);
        }
        if let Some(group) = group {
            rate = rate.plus(group.rate);
            codecs.extend(&group.codecs);
        }
        let mut line = Attributes::new("#EXT-X-STREAM-INF");
        rates(&mut line, rate);
        line.quoted("CODECS", &codecs.join(","));
        looks(&mut line, video.rendition, Moving::Yes);
        line.some("AUDIO", group.map(|group| &group.id[..]));
        self.texts(&mut line);
        line.finish()
    }

    fn sound(&self, rate: Rate, codecs: &[&str], group: Option<&str>) -> String {
        let mut line = Attributes::new("#EXT-X-STREAM-INF");
        rates(&mut line, rate);
        line.quoted("CODECS", &codecs.join(",")).some("AUDIO", group);
        self.texts(&mut line);
        line.finish()
    }

    fn texts(&self, line: &mut Attributes) {
        line.some("SUBTITLES", (!self.offer.captions.is_empty()).then_some(CAPTIONS));
        match self.offer.closed.as_deref() {
            // Where it is not known, nothing is claimed.
            None => line,
            Some([]) => line.word("CLOSED-CAPTIONS", "NONE"),
            Some(_) => line.quoted("CLOSED-CAPTIONS", CLOSED),
        };
    }
}

/// The line of a rendition's keyframes (RFC 8216 section 4.3.4.3); `None` where there are none.
fn iframes<U: Display>(video: &Video<'_>, form: Form, uri: impl Fn(&File) -> U) -> Option<String> {
    if video.rendition.keyframes.is_empty() {
        return None;
    }
    let mut line = Attributes::new("#EXT-X-I-FRAME-STREAM-INF");
    rates(&mut line, video.rendition.keyframe_rate(form));
    line.quoted("CODECS", &video.rendition.codec);
    looks(&mut line, video.rendition, Moving::No);
    line.quoted("URI", &uri(&File::IframePlaylist(video.of.pictures())).to_string());
    Some(line.finish())
}

fn rates(line: &mut Attributes, rate: Rate) {
    line.word("BANDWIDTH", rate.peak.max(1)).word("AVERAGE-BANDWIDTH", rate.average.max(1));
}

/// Whether pictures are shown at their own rate: keyframes alone have none.
#[derive(Clone, Copy, PartialEq)]
enum Moving {
    Yes,
    No,
}

fn looks(line: &mut Attributes, rendition: &Rendition, moving: Moving) {
    let Some(pictures) = rendition.pictures() else { return };
    line.some("SUPPLEMENTAL-CODECS", rendition.supplemental.as_deref());
    line.word("RESOLUTION", pictures.shown);
    if let Some((frames, seconds)) = pictures.rate.filter(|_| moving == Moving::Yes) {
        let thousandths = (u64::from(frames) * 1000 + u64::from(seconds) / 2) / u64::from(seconds);
        line.word("FRAME-RATE", format_args!("{}.{:03}", thousandths / 1000, thousandths % 1000));
    }
    let range = match pictures.range() {
        VideoRange::Sdr => "SDR",
        VideoRange::Hlg => "HLG",
        VideoRange::Pq => "PQ",
    };
    line.word("VIDEO-RANGE", range);
}
