//! The names of the files that playlists and manifests write and requests read.
//!
//! A name is a word, the number of a piece where the file is one, and a selection of what to carry, with `-` between:
//! `seg-3-f2-v1.m4s` is the third segment of the first pictures of the second flavor. Of the grammar of nginx-vod some is read
//! and ignored: `pN` (parts), `xN` (version), `lXXX` (languages, which the selection settles already), and `c1`, as there is
//! one clip. Silence has a word of its own, `q` and its channels, rate and milliseconds with `x` between: `q2x48000x4000`.

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use self::read::parse;
pub use self::write::{Series, init};
use super::silence::Silence;

/// A file that a player fetches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum File {
    /// `master.m3u8`: all that HLS has to offer.
    Multivariant,
    /// `manifest.mpd`: all that DASH has to offer.
    Manifest,
    /// `index….m3u8`: the segments of a selection.
    Playlist(Selection),
    /// `iframes….m3u8`: the keyframes of a selection.
    IframePlaylist(Selection),
    /// `init….mp4`: what comes before the segments of a selection.
    Init(Selection),
    /// `seg-{n}….ts`, `.m4s` or `.vtt`; also read as `fragment-{n}….m4s`.
    Segment {
        /// Its number, from 1.
        number: u32,
        /// What it carries.
        of: Selection,
        /// How it is packed.
        form: Form,
    },
    /// `iframe-{n}….ts` or `.m4s`: one keyframe alone.
    Iframe {
        /// Its number among the keyframes, from 1.
        number: u32,
        /// What it carries.
        of: Selection,
        /// How it is packed; captions have none.
        form: Form,
    },
    /// `sub….vtt`: a whole caption file.
    Subtitles(Selection),
    /// `blank.vtt`: captions that say nothing, however long.
    Blank,
}

/// How a segment is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// MPEG-2 transport stream (ISO/IEC 13818-1).
    Ts,
    /// A fragment of ISO BMFF (CMAF, ISO/IEC 23000-19).
    M4s,
    /// WebVTT.
    Vtt,
}

/// What of an entry a file carries. Its text is also the id of a DASH representation: `f2-v1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Selection {
    /// What is picked, in order; empty for everything. Only the first pick of tracks may leave its flavor open.
    pub picks: Vec<Pick>,
}

/// Tracks of one flavor, or one caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Pick {
    /// `fN`: the flavor by its number, from 1; `None` for any.
    pub flavor: Option<u32>,
    /// `vN`: the track of pictures by its number among those of the flavor, from 1; zero for all of them.
    pub video: Option<u32>,
    /// `aN`: the track of sound in the same way.
    pub audio: Option<u32>,
    /// `sN`: the caption of the entry by its number, from 1. A pick of a caption has nothing else.
    pub caption: Option<u32>,
    /// `qCxRxM`: silence, whatever the entry holds. A pick of silence has nothing else.
    pub silence: Option<Silence>,
}

impl Selection {
    /// One track of pictures of a flavor, both by their numbers from 1.
    pub fn video(flavor: u32, track: u32) -> Selection {
        Selection::of(Pick { flavor: Some(flavor), video: Some(track), ..Pick::default() })
    }

    /// One track of sound of a flavor, both by their numbers from 1.
    pub fn audio(flavor: u32, track: u32) -> Selection {
        Selection::of(Pick { flavor: Some(flavor), audio: Some(track), ..Pick::default() })
    }

    /// One caption by its number, from 1.
    pub fn caption(number: u32) -> Selection {
        Selection::of(Pick { caption: Some(number), ..Pick::default() })
    }

    /// Silence alone.
    pub fn silence(silence: Silence) -> Selection {
        Selection::of(Pick { silence: Some(silence), ..Pick::default() })
    }

    /// A selection of one pick.
    pub fn of(pick: Pick) -> Selection {
        Selection { picks: vec![pick] }
    }

    /// The same without sound.
    pub fn pictures(&self) -> Selection {
        let picks = self.picks.iter().map(|pick| Pick { audio: None, ..*pick });
        Selection { picks: picks.filter(|pick| pick.video.is_some()).collect() }
    }

    /// Whether it names sound and nothing else.
    pub fn is_audio_alone(&self) -> bool {
        let is_audio = |pick: &Pick| pick.silence.is_some() || (pick.audio.is_some() && pick.video.is_none());
        !self.picks.is_empty() && self.picks.iter().all(is_audio)
    }
}

impl File {
    /// Whether it tells of other files.
    pub fn is_document(&self) -> bool {
        matches!(self, File::Multivariant | File::Manifest | File::Playlist(_) | File::IframePlaylist(_))
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        match self {
            // RFC 8216 section 4.
            File::Multivariant | File::Playlist(_) | File::IframePlaylist(_) => "application/vnd.apple.mpegurl",
            File::Manifest => "application/dash+xml",
            File::Init(of) => Form::M4s.content_type(of),
            File::Segment { of, form, .. } | File::Iframe { of, form, .. } => form.content_type(of),
            File::Subtitles(of) => Form::Vtt.content_type(of),
            File::Blank => "text/vtt",
        }
    }
}

impl Form {
    /// The media type of what carries a selection in this form.
    pub(super) fn content_type(self, of: &Selection) -> &'static str {
        match self {
            Form::Ts => "video/MP2T",
            Form::M4s if of.is_audio_alone() => "audio/mp4",
            Form::M4s => "video/mp4",
            Form::Vtt => "text/vtt",
        }
    }

    /// What names in this form end with, without the dot.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Form::Ts => "ts",
            Form::M4s => "m4s",
            Form::Vtt => "vtt",
        }
    }
}
