//! The canonical bytes of a piece of work, which its key is a digest of.

use crate::entry::Source;
use crate::media::time::Micros;
use crate::packager::name::Selection;
use crate::packager::segments::Pace;
use crate::packager::silence::Silence;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};
use crate::plan::playback::{Cues, Cut, Presentation, Reel, Strand, Text, TrackPick};
use crate::plan::sequence::{Chain, Clip, Words};
use crate::plan::{Placeholder, Precision, Style, Subject, Tiles, Work};
use crate::thumbnail::{Encoding, Format, Geometry, Rgb};

/// The canonical bytes of a piece of work: a tag before every choice, a length before every text and list, numbers in eight
/// bytes with the lowest first. A change of any of it is a change of [`FORMAT_VERSION`](super::FORMAT_VERSION).
pub(super) struct Form(Vec<u8>);

impl Form {
    pub(super) fn with_capacity(bytes: usize) -> Form {
        Form(Vec::with_capacity(bytes))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn tag(&mut self, tag: u8) {
        self.0.push(tag);
    }

    pub(super) fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn work(&mut self, work: &Work) {
        match work {
            Work::Thumbnail { subject, geometry, encoding } => {
                self.tag(0);
                self.subject(subject);
                self.geometry(geometry);
                self.encoding(encoding);
            }
            Work::Strip { tiles, geometry, encoding } => {
                self.tag(1);
                self.tiles(tiles);
                self.geometry(geometry);
                self.encoding(encoding);
            }
            Work::Presentation(presentation) => {
                self.tag(2);
                self.presentation(presentation);
            }
            Work::Playlist { cut, of, iframes } => {
                self.tag(3);
                self.cut(cut);
                self.selection(of);
                self.tag((*iframes).into());
            }
            Work::Init(cut) => {
                self.tag(4);
                self.cut(cut);
            }
            Work::Segment { cut, number, iframe } => {
                self.tag(5);
                self.cut(cut);
                self.number((*number).into());
                self.tag((*iframe).into());
            }
            Work::CaptionList { of, length, pace } => {
                self.tag(6);
                self.selection(of);
                self.number(length.0 as u64);
                self.pace(pace);
            }
            Work::Cues(cues) => {
                self.tag(7);
                self.cues(cues);
            }
            Work::Stored { source, window, moov_first } => {
                self.tag(8);
                self.tag((*moov_first).into());
                self.source(source);
                self.window(*window);
            }
            Work::Written { body, media_type } => {
                self.tag(9);
                self.text(body);
                self.text(media_type);
            }
            Work::Chain(chain) => {
                self.tag(10);
                self.chain(chain);
            }
            Work::CaptionChain { words, pace } => {
                self.tag(11);
                self.number(words.len() as u64);
                for Words { place, length } in words {
                    self.maybe(place.as_deref());
                    self.number(length.0 as u64);
                }
                self.pace(pace);
            }
            Work::Transcript { source, style } => {
                self.tag(14);
                self.source(source);
                self.style(style);
            }
            Work::TranscriptList { seconds, total } => {
                self.tag(15);
                self.number((*seconds).into());
                self.number(*total);
            }
            Work::Periods(periods) => {
                self.tag(12);
                self.number(periods.len() as u64);
                periods.iter().for_each(|presentation| self.presentation(presentation));
            }
            Work::Silence { silence: Silence { channels, rate, millis }, number, container, pace } => {
                self.tag(13);
                self.tag(*channels);
                self.number((*rate).into());
                self.number((*millis).into());
                self.number(number.map_or(0, u64::from));
                self.container(*container);
                self.pace(pace);
            }
        }
    }

    fn presentation(&mut self, presentation: &Presentation) {
        let Presentation { protocol, container, reels, texts, window, pace, default_audio, base, tracks, is_entrance } =
            presentation;
        self.tag(match protocol {
            Protocol::Hls => 0,
            Protocol::Dash => 1,
        });
        self.container(*container);
        self.number(reels.len() as u64);
        for Reel { source, place, number, language, label, is_default, is_description } in reels {
            self.tag((*is_description).into());
            self.source(source);
            self.text(place);
            self.number(number.unwrap_or_default().into());
            self.maybe(language.as_deref());
            self.maybe(label.as_deref());
            self.tag((*is_default).into());
        }
        self.number(texts.len() as u64);
        for Text { place, number, language, label, is_default } in texts {
            self.text(place);
            self.number((*number).into());
            self.text(language);
            self.maybe(label.as_deref());
            self.tag((*is_default).into());
        }
        self.window(*window);
        self.pace(pace);
        self.maybe(default_audio.as_deref());
        self.maybe(base.as_deref());
        self.selection(tracks);
        self.tag((*is_entrance).into());
    }

    fn cut(&mut self, cut: &Cut) {
        let Cut { strands, container, window, pace } = cut;
        self.number(strands.len() as u64);
        for Strand { source, track } in strands {
            self.source(source);
            let (tag, number) = match track {
                TrackPick::Video(number) => (0, number),
                TrackPick::Audio(number) => (1, number),
            };
            self.tag(tag);
            self.number((*number).into());
        }
        self.container(*container);
        self.window(*window);
        self.pace(pace);
    }

    fn chain(&mut self, Chain { clips, iframes }: &Chain) {
        self.tag((*iframes).into());
        self.number(clips.len() as u64);
        for clip in clips {
            match clip {
                Clip::Cut { cut, of, place } => {
                    self.tag(0);
                    self.cut(cut);
                    self.selection(of);
                    self.text(place);
                }
                Clip::Silence { length } => {
                    self.tag(1);
                    self.number(length.0 as u64);
                }
            }
        }
    }

    fn cues(&mut self, cues: &Cues) {
        let Cues { source, number, length, container, window, pace } = cues;
        self.source(source);
        self.number(number.map_or(0, u64::from));
        self.number(length.0 as u64);
        self.container(*container);
        self.window(*window);
        self.pace(pace);
    }

    fn style(&mut self, style: &Style) {
        match style {
            Style::Json => self.tag(0),
            Style::WebVtt => self.tag(1),
            Style::Segment { from, to, local } => {
                self.tag(2);
                [from, to, local].into_iter().for_each(|at| self.number(at.0 as u64));
            }
        }
    }

    fn container(&mut self, container: Container) {
        self.tag(match container {
            Container::Fmp4 => 0,
            Container::Ts => 1,
        });
    }

    fn window(&mut self, Window { from, to }: Window) {
        self.number(from.0 as u64);
        self.tag(to.is_some().into());
        self.number(to.unwrap_or_default().0 as u64);
    }

    pub(super) fn pace(&mut self, Pace { target, first }: &Pace) {
        self.number(target.0 as u64);
        self.number(first.len() as u64);
        first.iter().for_each(|Micros(length)| self.number(*length as u64));
    }

    fn selection(&mut self, of: &Selection) {
        self.text(&of.text());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.tag(text.is_some().into());
        self.text(text.unwrap_or_default());
    }

    fn subject(&mut self, subject: &Subject) {
        match subject {
            Subject::Frame { source, at, precision } => {
                self.tag(0);
                self.source(source);
                self.number(at.0 as u64);
                self.precision(*precision);
            }
            Subject::Still { source } => {
                self.tag(1);
                self.source(source);
            }
            Subject::Placeholder(Placeholder::Draft) => self.tag(2),
            Subject::Placeholder(Placeholder::Audio) => self.tag(3),
            Subject::Blank => self.tag(4),
        }
    }

    fn tiles(&mut self, tiles: &Tiles) {
        match tiles {
            Tiles::Frames { source, moments, precision } => {
                self.tag(0);
                self.source(source);
                self.number(moments.len() as u64);
                moments.iter().for_each(|moment| self.number(moment.0 as u64));
                self.precision(*precision);
            }
            Tiles::Copies { subject, count } => {
                self.tag(1);
                self.subject(subject);
                self.number((*count).into());
            }
        }
    }

    pub(super) fn source(&mut self, source: &Source) {
        let Source { location, size, modified, version } = source;
        self.text(location);
        self.number(*size);
        self.number(*modified);
        self.text(version);
    }

    fn precision(&mut self, precision: Precision) {
        self.tag(match precision {
            Precision::Exact => 0,
            Precision::Keyframe => 1,
        });
    }

    fn geometry(&mut self, geometry: &Geometry) {
        let Geometry { reference, crop, scaled, canvas, left, top } = *geometry;
        let sizes = [reference, scaled, canvas].into_iter().flat_map(|size| [size.width, size.height]);
        let places = [crop.x, crop.y, crop.width, crop.height, left, top];
        sizes.chain(places).for_each(|number| self.0.extend_from_slice(&number.to_le_bytes()));
    }

    fn encoding(&mut self, encoding: &Encoding) {
        let Encoding { format, quality, density, background: Rgb(red, green, blue) } = *encoding;
        let [low, high] = density.to_le_bytes();
        self.0.extend_from_slice(&[format_tag(format), quality, low, high, red, green, blue]);
    }
}

pub(super) fn format_tag(format: Format) -> u8 {
    match format {
        Format::Jpeg => 0,
        Format::Png => 1,
        Format::Png8 => 2,
        Format::Png24 => 3,
        Format::Png32 => 4,
        Format::Png48 => 5,
        Format::Png64 => 6,
        Format::Bmp => 7,
        Format::Gif => 8,
        Format::Tiff => 9,
        Format::Psd => 10,
        Format::Pdf => 11,
        Format::Webp => 12,
        Format::Avif => 13,
    }
}
