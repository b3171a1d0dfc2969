//! File names in: which file a name stands for.

use super::{File, Form, Pick, Selection};
use crate::error::{Error, Kind, Result};
use crate::packager::silence::{MILLIS_MAX, RATES, Silence};

/// Most picks of a name, as many as nginx-vod allows sequences.
pub(super) const PICKS_MAX: usize = 32;

/// What may be asked for, for those who asked for something else.
const ALLOWED: &str = "master.m3u8, manifest.mpd, index.m3u8, iframes.m3u8, init.mp4, seg-N.ts, seg-N.m4s, seg-N.vtt, \
                       iframe-N.ts, iframe-N.m4s, sub.vtt, blank.vtt";

/// The file that a name stands for. Fails with `invalid` for a name that is none, number zero included, and with `not found`
/// for numbers greater than anything has.
pub fn parse(name: &str) -> Result<File> {
    let unknown = || Error::invalid(format!("the file {name} is unknown; allowed are {ALLOWED}"));
    let (stem, extension) = name.rsplit_once('.').ok_or_else(unknown)?;
    let mut words = stem.split('-');
    let word = words.next().unwrap_or_default();
    let file = match (word, extension) {
        // Languages say which sound goes into the pictures' segments; here none does.
        ("master", "m3u8") if selection(name, words.clone())?.picks.is_empty() => File::Multivariant,
        ("manifest", "mpd") if stem == word => File::Manifest,
        ("blank", "vtt") if stem == word => File::Blank,
        ("index", "m3u8") => File::Playlist(selection(name, words)?),
        ("iframes", "m3u8") => File::IframePlaylist(selection(name, words)?),
        ("init", "mp4") => File::Init(selection(name, words)?),
        ("sub", "vtt") => File::Subtitles(captions(selection(name, words)?)),
        ("seg", "ts" | "m4s" | "vtt") | ("fragment", "m4s") | ("iframe", "ts" | "m4s") => {
            let number = number(name, words.next().unwrap_or_default())?;
            let of = selection(name, words)?;
            match (word, extension) {
                ("iframe", "ts") => File::Iframe { number, of, form: Form::Ts },
                ("iframe", _) => File::Iframe { number, of, form: Form::M4s },
                (_, "ts") => File::Segment { number, of, form: Form::Ts },
                (_, "vtt") => File::Segment { number, of: captions(of), form: Form::Vtt },
                _ => File::Segment { number, of, form: Form::M4s },
            }
        }
        _ => return Err(unknown()),
    };
    Ok(file)
}

/// A selection by its words.
fn selection<'a>(name: &str, words: impl Iterator<Item = &'a str>) -> Result<Selection> {
    let mut picks: Vec<Pick> = Vec::new();
    for word in words {
        let mut letters = word.chars();
        let letter = letters.next().unwrap_or_default();
        let rest = letters.as_str();
        match letter {
            'f' => picks.push(Pick { flavor: Some(number(name, rest)?), ..Pick::default() }),
            's' => picks.push(Pick { caption: Some(number(name, rest)?), ..Pick::default() }),
            'q' => picks.push(Pick { silence: Some(silence(name, rest)?), ..Pick::default() }),
            'v' | 'a' => {
                let track = digits(name, rest)?;
                if picks.is_empty() {
                    picks.push(Pick::default());
                }
                let pick = picks.last_mut().filter(|pick| pick.caption.is_none() && pick.silence.is_none());
                let place = pick.map(|pick| if letter == 'v' { &mut pick.video } else { &mut pick.audio });
                match place {
                    Some(place @ None) => *place = Some(track),
                    Some(_) => {
                        return Err(Error::invalid(format!(
                            "{name} names two tracks of a kind and flavor; one is allowed"
                        )));
                    }
                    None => {
                        return Err(Error::invalid(format!("{name} names a track of a caption or of silence: {word}")));
                    }
                }
            }
            'p' | 'x' => drop(digits(name, rest)?),
            'c' if number(name, rest)? == 1 => {}
            'c' => return Err(Error::new(Kind::NotFound, format!("{name} names clip {rest}; there is one"))),
            'l' if rest.bytes().all(|byte| byte.is_ascii_alphabetic()) && !rest.is_empty() => {}
            _ => {
                let allowed = "fN, vN, aN, sN, qCxRxM, pN, lXXX, xN";
                return Err(Error::invalid(format!("{word:?} in {name} selects nothing; allowed are {allowed}")));
            }
        }
    }
    if picks.len() > PICKS_MAX {
        return Err(Error::invalid(format!("{name} picks {} times; at most {PICKS_MAX} are allowed", picks.len())));
    }
    Ok(Selection { picks })
}

/// The same selection with numbers of flavors read as those of captions: names of captions in nginx-vod.
fn captions(mut of: Selection) -> Selection {
    for pick in &mut of.picks {
        if let Some(flavor) = pick.flavor {
            *pick = Pick { caption: Some(flavor), ..Pick::default() };
        }
    }
    of
}

/// Silence by its channels, rate and milliseconds.
fn silence(name: &str, text: &str) -> Result<Silence> {
    let unknown = || Error::invalid(format!("{name} names no silence: q2x48000x4000 is 4 s in stereo"));
    let (channels, rest) = text.split_once('x').ok_or_else(unknown)?;
    let (rate, millis) = rest.split_once('x').ok_or_else(unknown)?;
    let (channels, rate, millis) = (digits(name, channels)?, digits(name, rate)?, digits(name, millis)?);
    let is_allowed = (1..=2).contains(&channels) && RATES.contains(&rate) && (1..=MILLIS_MAX).contains(&millis);
    is_allowed.then_some(Silence { channels: channels as u8, rate, millis }).ok_or_else(unknown)
}

/// A number from 1.
fn number(name: &str, text: &str) -> Result<u32> {
    match digits(name, text)? {
        0 => Err(Error::invalid(format!("{name} has number 0; numbers start at 1"))),
        number => Ok(number),
    }
}

fn digits(name: &str, text: &str) -> Result<u32> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid(format!("{text:?} in {name} is not a number")));
    }
    text.parse().map_err(|_| Error::new(Kind::NotFound, format!("{name} has a number beyond any: {text}")))
}
