//! What a manifest says of pictures and sound: attributes and descriptors.

use super::xml::Element;
use super::{Member, Set};
use crate::media::picture::{Color, Matrix, Primaries, Size, Transfer};
use crate::packager::language;
use crate::packager::offer::{Channel, Closed};
use crate::packager::rendition::{Rate, Rendition, VideoRange};

/// What there is to say of a set of pictures, among all sets.
pub(super) fn video_set(element: Element, set: &Set<'_>, all: &[Set<'_>]) -> Element {
    let pictures = || set.members.iter().filter_map(|member| member.rendition.pictures());
    let largest = pictures().max_by_key(|pictures| pictures.shown.area());
    let element = element
        .with("contentType", "video")
        .with("mimeType", "video/mp4")
        .some("segmentAlignment", set.lines_up().then_some(true))
        .some("startWithSAP", set.sap())
        .some("maxWidth", pictures().map(|pictures| pictures.coded.width).max())
        .some("maxHeight", pictures().map(|pictures| pictures.coded.height).max())
        .some("par", largest.and_then(|pictures| aspect(pictures.shown)));
    // A player that knows no PQ would show it pale: it had better take standard range, where that is on offer.
    let has_other = all.iter().any(|other| other.range == Some(VideoRange::Sdr));
    let is_essential = set.range == Some(VideoRange::Pq) && has_other;
    let name = if is_essential { "EssentialProperty" } else { "SupplementalProperty" };
    let color = largest.map(|pictures| pictures.color).filter(|color| color.transfer != Transfer::Sdr);
    element.children(color.into_iter().flat_map(|color| colors(name, color)))
}

/// What there is to say of a set of sound.
pub(super) fn sound_set(element: Element, set: &Set<'_>) -> Element {
    element
        .with("contentType", "audio")
        .with("mimeType", "audio/mp4")
        .some("lang", set.language)
        .some("segmentAlignment", set.lines_up().then_some(true))
        .some("startWithSAP", set.sap())
        .children(set.members.first().and_then(|member| channels(member.rendition)))
}

/// A representation without its segments, at the rate given.
pub(super) fn representation(member: &Member<'_>, id: String, rate: Rate) -> Element {
    let rendition = member.rendition;
    let mut element = Element::new("Representation")
        .with("id", id)
        .with("bandwidth", rate.peak.max(1))
        .with("codecs", &rendition.codec);
    if let Some((codec, brand)) = rendition.supplemental.as_deref().and_then(|codec| codec.split_once('/')) {
        // ANSI/SCTE 214-1.
        element = element.with("scte214:supplementalCodecs", codec).with("scte214:supplementalProfiles", brand);
    }
    if let Some(pictures) = rendition.pictures() {
        element = element
            .with("width", pictures.coded.width)
            .with("height", pictures.coded.height)
            .with("sar", format_args!("{}:{}", pictures.sample_aspect.0, pictures.sample_aspect.1));
    }
    let rate = rendition.sound().map(|format| format.sample_rate);
    element.some("audioSamplingRate", rate.filter(|rate| *rate > 0))
}

/// The same of pictures that move at their own rate.
pub(super) fn moving(element: Element, rendition: &Rendition) -> Element {
    let rate = rendition.pictures().and_then(|pictures| pictures.rate).map(|(frames, seconds)| match seconds {
        1 => frames.to_string(),
        _ => format!("{frames}/{seconds}"),
    });
    element.some("frameRate", rate)
}

/// `16:9`; `None` for no picture.
fn aspect(size: Size) -> Option<String> {
    let (mut one, mut other) = (size.width, size.height);
    while other != 0 {
        (one, other) = (other, one % other);
    }
    Some(format!("{}:{}", size.width.checked_div(one)?, size.height.checked_div(one)?))
}

/// What the numbers of pictures mean, in code points of ISO/IEC 23091-2.
fn colors(name: &'static str, color: Color) -> [Element; 3] {
    let primaries = match color.primaries {
        Primaries::Bt709 => 1,
        Primaries::Bt2020 => 9,
        Primaries::DisplayP3 => 12,
    };
    let transfer = match color.transfer {
        Transfer::Sdr => 1,
        Transfer::Pq => 16,
        Transfer::Hlg => 18,
    };
    let matrix = match color.matrix {
        Matrix::Identity => 0,
        Matrix::Bt709 => 1,
        Matrix::Unspecified => 2,
        Matrix::Bt601 => 6,
        Matrix::Bt2020 => 9,
    };
    let property = |scheme: &str, value: u8| Element::new(name).with("schemeIdUri", scheme).with("value", value);
    [
        property("urn:mpeg:mpegB:cicp:ColourPrimaries", primaries),
        property("urn:mpeg:mpegB:cicp:TransferCharacteristics", transfer),
        property("urn:mpeg:mpegB:cicp:MatrixCoefficients", matrix),
    ]
}

/// The channels of sound: those of Dolby as a mask of places (ETSI TS 102 366 section I.1.2.1), others by number (ISO/IEC 23091-3
/// section 6.2); `None` for numbers that stand for several layouts.
fn channels(rendition: &Rendition) -> Option<Element> {
    let channels = rendition.sound()?.channels;
    let (scheme, value) = match &rendition.codec[..] {
        "ac-3" | "ec-3" => {
            let masks = ["4000", "A000", "E000", "B800", "F800", "F801", "F901", "FA01"];
            let mask = masks.get(usize::from(channels).checked_sub(1)?)?;
            ("tag:dolby.com,2014:dash:audio_channel_configuration:2011", (*mask).to_owned())
        }
        _ => {
            let layout = match channels {
                1..=6 => channels,
                7 => 11,
                8 => 12,
                _ => return None,
            };
            ("urn:mpeg:mpegB:cicp:ChannelConfiguration", layout.to_string())
        }
    };
    Some(Element::new("AudioChannelConfiguration").with("schemeIdUri", scheme).with("value", value))
}

/// Text inside the pictures (ANSI/SCTE 214-1).
pub(super) fn closed(closed: &[Closed]) -> Vec<Element> {
    let mut lines = Vec::new();
    let mut services = Vec::new();
    for text in closed {
        let language = text.language.as_deref().map(|tag| language::three_letters(tag).unwrap_or("und"));
        match (text.channel, language) {
            (Channel::Cc(number), Some(language)) => lines.push(format!("CC{number}={language}")),
            (Channel::Cc(number), None) => lines.push(format!("CC{number}")),
            (Channel::Service(number), language) => {
                services.push(format!("{number}=lang:{}", language.unwrap_or("und")));
            }
        }
    }
    let schemes = [("urn:scte:dash:cc:cea-608:2015", lines), ("urn:scte:dash:cc:cea-708:2015", services)];
    let stated = schemes.into_iter().filter(|(_, values)| !values.is_empty());
    stated.map(|(scheme, values)| accessibility(scheme, &values.join(";"))).collect()
}

/// Sound for those who do not see the pictures (ETSI TS 102 822-3-1, AudioPurposeCS).
pub(super) fn for_the_blind() -> Element {
    accessibility("urn:tva:metadata:cs:AudioPurposeCS:2007", "1")
}

fn accessibility(scheme: &str, value: &str) -> Element {
    Element::new("Accessibility").with("schemeIdUri", scheme).with("value", value)
}

/// What a set is for (ISO/IEC 23009-1 section 5.8.5.5).
pub(super) fn role(value: &str) -> Element {
    Element::new("Role").with("schemeIdUri", "urn:mpeg:dash:role:2011").with("value", value)
}

/// A property that a player may ignore.
pub(super) fn supplemental(scheme: &str, value: String) -> Element {
    Element::new("SupplementalProperty").with("schemeIdUri", scheme).with("value", value)
}
