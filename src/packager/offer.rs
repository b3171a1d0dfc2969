//! What an entry offers to a player, whatever the protocol: pictures, sound and text to choose from.

use super::name::Selection;
use super::rendition::Rendition;

/// Everything that a player may choose from.
#[derive(Clone, Debug, Default)]
pub struct Offer<'a> {
    /// Pictures, in the order in which they are listed: players start with the first.
    pub videos: Vec<Video<'a>>,
    /// Sound that is fetched apart from pictures; of one language, each coding once.
    pub sounds: Vec<Sound<'a>>,
    /// Text shown over the pictures.
    pub captions: Vec<Caption>,
    /// Text inside the pictures; `None` where it is not known whether there is any.
    pub closed: Option<Vec<Closed>>,
    /// The language of the sound to begin with, as a tag; `None` leaves that to the marks.
    pub language: Option<String>,
}

/// Pictures to choose.
#[derive(Clone, Debug)]
pub struct Video<'a> {
    /// How it is named.
    pub of: Selection,
    /// What it is.
    pub rendition: &'a Rendition,
    /// The sound inside the same segments, if there is any; `of` names it too.
    pub muxed: Option<&'a Rendition>,
}

/// Sound to choose.
#[derive(Clone, Debug)]
pub struct Sound<'a> {
    /// How it is named.
    pub of: Selection,
    /// What it is.
    pub rendition: &'a Rendition,
    /// Its language, as a tag, where that is known.
    pub language: Option<&'a str>,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should begin with it.
    pub is_default: bool,
    /// Whether it describes the pictures to those who do not see them.
    pub is_description: bool,
}

/// Text to choose, in a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// How it is named.
    pub of: Selection,
    /// Its language, as a tag.
    pub language: Option<String>,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should show it unasked.
    pub is_default: bool,
}

/// Text inside the pictures (ANSI/CTA-608 and 708).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// Where in the pictures it is.
    pub channel: Channel,
    /// Its language, as a tag.
    pub language: Option<String>,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should show it unasked.
    pub is_default: bool,
}

/// A place of text inside pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `CC1` to `CC4` of ANSI/CTA-608.
    Cc(u8),
    /// Service 1 to 63 of ANSI/CTA-708.
    Service(u8),
}

impl Offer<'_> {
    /// The place of the sound to begin with among some of the offer's: the first in the language wanted, else the first that is
    /// marked, else the first that does not describe pictures, else the first.
    pub fn begins_with(&self, sounds: &[&Sound<'_>]) -> usize {
        let speaks = |sound: &&Sound<'_>| self.language.is_some() && sound.language == self.language.as_deref();
        let wanted = sounds.iter().position(|sound| speaks(sound) && !sound.is_description);
        let marked = || sounds.iter().position(|sound| sound.is_default);
        let plain = || sounds.iter().position(|sound| !sound.is_description);
        wanted.or_else(marked).or_else(plain).unwrap_or_default()
    }
}
