//! TTML and DFXP (W3C Timed Text Markup Language): paragraphs and spans with times.

use std::collections::HashMap;

use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use super::markup::{escape, trimmed};
use super::{Cue, Cues, TEXT_MAX};
use crate::error::Result;
use crate::media::time::Micros;

/// Deepest nesting that is followed; the file counts as damaged from there on.
const DEPTH_MAX: usize = 64;

/// Most styles and regions that are remembered.
const STYLES_MAX: usize = 1000;

/// The cues of a TTML file up to where it is damaged; `None` where it is none.
pub(super) fn ttml(text: &str) -> Result<Option<Vec<Cue>>> {
    if !text.trim_start().starts_with('<') {
        return Ok(None);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_end_names = false;
    let mut document: Option<Document> = None;
    while let Ok(event) = reader.read_event() {
        match (&event, &mut document) {
            (Event::Eof, _) => break,
            (Event::Start(tag) | Event::Empty(tag), None) => {
                if tag.local_name().as_ref() != "tt" {
                    return Ok(None);
                }
                document = Some(Document::new(&Attributes::of(tag)));
            }
            (_, None) => {}
            (Event::Start(tag), Some(document)) if document.open.len() < DEPTH_MAX => document.start(tag),
            (Event::Start(_), Some(_)) => break,
            (Event::Empty(tag), Some(document)) => {
                document.start(tag);
                document.end()?;
            }
            (Event::End(_), Some(document)) => document.end()?,
            (Event::Text(text), Some(document)) => document.say(text.as_ref()),
            (Event::CData(text), Some(document)) => document.say(text.as_ref()),
            (Event::GeneralRef(name), Some(document)) => match name.resolve_char_ref() {
                Ok(Some(char)) => document.say(char.encode_utf8(&mut [0; 4])),
                _ => document.say(quick_xml::escape::resolve_xml_entity(name.as_ref()).unwrap_or_default()),
            },
            _ => {}
        }
    }
    Ok(document.map(|document| document.cues.finish()))
}

/// The attributes of an element by their names without prefix.
struct Attributes(HashMap<String, String>);

impl Attributes {
    fn of(tag: &BytesStart<'_>) -> Attributes {
        let mut attributes = tag.attributes();
        let pairs = attributes.with_checks(false).flatten().filter_map(|attribute| {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            Some((attribute.key.local_name().as_ref().to_owned(), value.into_owned()))
        });
        Attributes(pairs.collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

/// How a text looks and where it stands.
#[derive(Clone, Debug, Default)]
struct Style {
    bold: bool,
    italic: bool,
    underlined: bool,
    align: Option<&'static str>,
    /// From the left and the top, in parts of a hundred.
    origin: Option<(f32, f32)>,
    width: Option<f32>,
}

impl Style {
    /// The style with what attributes say over it.
    fn with(mut self, attributes: &Attributes) -> Style {
        let says = |name, word: &str| attributes.get(name).map(|value| value.contains(word));
        self.bold = says("fontWeight", "bold").unwrap_or(self.bold);
        self.italic = attributes.get("fontStyle").map_or(self.italic, |style| matches!(style, "italic" | "oblique"));
        // `noUnderline` has a capital.
        self.underlined = says("textDecoration", "underline").unwrap_or(self.underlined);
        let align = attributes
            .get("textAlign")
            .and_then(|align| ["left", "center", "right", "start", "end"].into_iter().find(|known| *known == align));
        self.align = align.or(self.align);
        self.origin = attributes.get("origin").and_then(percents).or(self.origin);
        self.width = attributes.get("extent").and_then(percents).map(|(width, _)| width).or(self.width);
        self
    }

    fn settings(&self) -> String {
        let mut settings = Vec::new();
        settings.extend(self.align.map(|align| format!("align:{align}")));
        if let Some((left, top)) = self.origin {
            settings.push(format!("line:{top}%"));
            settings.push(format!("position:{left}%,line-left"));
            settings.extend(self.width.map(|width| format!("size:{width}%")));
        }
        settings.join(" ")
    }
}

/// Two parts of a hundred: `10% 80%`.
fn percents(text: &str) -> Option<(f32, f32)> {
    let part = |text: &str| {
        let part = text.strip_suffix('%')?.parse::<f32>().ok()?;
        (0.0..=100.0).contains(&part).then_some((part * 100.0).round() / 100.0)
    };
    let (first, second) = text.split_once(' ')?;
    Some((part(first)?, part(second.trim())?))
}

/// What times are counted in.
#[derive(Clone, Copy, Debug)]
struct Rates {
    /// Frames in so many seconds.
    frames: (i64, i64),
    /// Ticks per second.
    ticks: i64,
}

/// An element that is open.
struct Element {
    start: Micros,
    end: Option<Micros>,
    style: Style,
    /// What was said so far, of an element with times.
    text: Option<String>,
    /// What closes its markup, the outermost last.
    closing: &'static str,
}

struct Document {
    rates: Rates,
    styles: HashMap<String, Style>,
    open: Vec<Element>,
    cues: Cues,
}

impl Document {
    fn new(attributes: &Attributes) -> Document {
        let number = |name| attributes.get(name).and_then(|value| value.parse::<i64>().ok());
        let number = |name| number(name).filter(|number| (1..=1_000_000_000).contains(number));
        let frames = number("frameRate").unwrap_or(30);
        let multiplier = attributes.get("frameRateMultiplier").and_then(|value| {
            let (over, under) = value.split_once([' ', ':'])?;
            let part = |text: &str| text.trim().parse().ok().filter(|part| (1..=100_000i64).contains(part));
            Some((part(over)?, part(under)?))
        });
        let (over, under) = multiplier.unwrap_or((1, 1));
        let ticks = number("tickRate").unwrap_or(frames);
        let rates = Rates { frames: (frames.saturating_mul(over), under), ticks };
        Document { rates, styles: HashMap::new(), open: Vec::new(), cues: Cues::default() }
    }

    fn start(&mut self, tag: &BytesStart<'_>) {
        let attributes = Attributes::of(tag);
        let name = tag.local_name();
        let name = name.as_ref();
        let (outer, limit) = self.open.last().map_or((Micros(0), None), |element| (element.start, element.end));
        let style = self.style(name, &attributes);
        let time = |name| attributes.get(name).and_then(|value| time(value, self.rates));
        let begin = time("begin");
        let start = Micros(outer.0.saturating_add(begin.unwrap_or_default().0));
        let lasting = time("dur").map(|length| Micros(start.0.saturating_add(length.0)));
        let end = time("end").map(|end| Micros(outer.0.saturating_add(end.0)));
        let end = [lasting, end, limit].into_iter().flatten().min();
        let is_cue = name == "p" || (name == "span" && begin.is_some());
        let mut element = Element { start, end, style, text: is_cue.then(String::new), closing: "" };
        if name == "br" {
            self.add("\n");
        }
        if is_cue {
            let (opening, closing) = marks(&element.style, &Style::default());
            element.closing = closing;
            element.text = Some(opening.to_owned());
        } else if name == "span" {
            let before = self.open.last().map(|element| element.style.clone()).unwrap_or_default();
            let (opening, closing) = marks(&element.style, &before);
            element.closing = closing;
            self.add(opening);
        }
        self.open.push(element);
    }

    /// The style of an element: that of what it is in, its styles and region, and its own. Remembers those with a name.
    fn style(&mut self, name: &str, attributes: &Attributes) -> Style {
        let is_definition = matches!(name, "style" | "region");
        let inherited = self.open.last().map(|element| element.style.clone());
        let mut style = inherited.filter(|_| !is_definition).unwrap_or_default();
        let named = ["region", "style"].into_iter().filter_map(|kind| attributes.get(kind));
        for other in named.flat_map(str::split_whitespace).filter_map(|name| self.styles.get(name)) {
            style = Style {
                bold: style.bold | other.bold,
                italic: style.italic | other.italic,
                underlined: style.underlined | other.underlined,
                align: other.align.or(style.align),
                origin: other.origin.or(style.origin),
                width: other.width.or(style.width),
            };
        }
        let style = style.with(attributes);
        if let Some(id) = attributes.get("id")
            && is_definition
            && self.styles.len() < STYLES_MAX
        {
            self.styles.insert(id.to_owned(), style.clone());
        }
        style
    }

    /// Ends the innermost element; one with times is a cue.
    fn end(&mut self) -> Result<()> {
        let Some(element) = self.open.pop() else { return Ok(()) };
        let Some(mut text) = element.text else {
            self.add(element.closing);
            return Ok(());
        };
        text.push_str(element.closing);
        let (Some(end), text) = (element.end, trimmed(&text)) else { return Ok(()) };
        if super::markup::plain(&text).trim().is_empty() {
            return Ok(());
        }
        self.cues.push(Cue { start: element.start, end, settings: element.style.settings(), text })
    }

    /// Adds text; white space counts as one space.
    fn say(&mut self, text: &str) {
        let mut out = String::with_capacity(text.len());
        for char in text.chars() {
            match char.is_ascii_whitespace() {
                true if out.ends_with(' ') => {}
                true => out.push(' '),
                false => escape(char, &mut out),
            }
        }
        self.add(&out);
    }

    /// Adds markup to the innermost element with times, up to more than a cue may have.
    fn add(&mut self, markup: &str) {
        let text = self.open.iter_mut().rev().find_map(|element| element.text.as_mut());
        if let Some(text) = text.filter(|text| text.len() <= TEXT_MAX) {
            let markup = if text.ends_with(' ') { markup.strip_prefix(' ').unwrap_or(markup) } else { markup };
            text.push_str(markup);
        }
    }
}

/// What opens and closes what a style has and the one around it has not.
fn marks(style: &Style, before: &Style) -> (&'static str, &'static str) {
    let new = |has: bool, had: bool| has && !had;
    let bold = new(style.bold, before.bold);
    let italic = new(style.italic, before.italic);
    let underlined = new(style.underlined, before.underlined);
    match (bold, italic, underlined) {
        (false, false, false) => ("", ""),
        (true, false, false) => ("<b>", "</b>"),
        (false, true, false) => ("<i>", "</i>"),
        (false, false, true) => ("<u>", "</u>"),
        (true, true, false) => ("<b><i>", "</i></b>"),
        (true, false, true) => ("<b><u>", "</u></b>"),
        (false, true, true) => ("<i><u>", "</u></i>"),
        (true, true, true) => ("<b><i><u>", "</u></i></b>"),
    }
}

/// A time expression (TTML2 section 12.3.1): a clock with a fraction or frames, or a number with its unit.
fn time(text: &str, rates: Rates) -> Option<Micros> {
    let text = text.trim();
    if text.contains(':') {
        return clock(text, rates);
    }
    let unit = text.find(|char: char| char.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit);
    let (over, under) = match unit {
        "h" => (3600, 1),
        "m" => (60, 1),
        "s" => (1, 1),
        "ms" => (1, 1000),
        "f" => (rates.frames.1, rates.frames.0),
        "t" => (1, rates.ticks),
        _ => return None,
    };
    let micros = i128::from(micros(number)?) * i128::from(over) / i128::from(under);
    i64::try_from(micros).ok().map(Micros)
}

/// `hh:mm:ss`, with a fraction of a second, or with frames behind a fourth field's colon.
fn clock(text: &str, rates: Rates) -> Option<Micros> {
    let fields: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds, frames) = match fields[..] {
        [hours, minutes, seconds] => (hours, minutes, seconds, "0"),
        [hours, minutes, seconds, frames] => (hours, minutes, seconds, frames),
        _ => return None,
    };
    let frames = i128::from(micros(frames)?) * i128::from(rates.frames.1) / i128::from(rates.frames.0);
    let whole = |text: &str| text.parse::<u16>().ok().map(i64::from);
    let minutes = whole(hours)? * 60 + whole(minutes).filter(|minutes| *minutes < 60)?;
    let seconds = micros(seconds).filter(|micros| *micros <= 60_000_000)?;
    Some(Micros(minutes * 60_000_000 + seconds + i64::try_from(frames).ok()?))
}

/// A number with at most six decimals that count, in millionths.
fn micros(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.is_empty() || whole.len() > 12 {
        return None;
    }
    let fraction = format!("{:0<6.6}", fraction);
    Some(whole.parse::<i64>().ok()? * 1_000_000 + fraction.parse::<i64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: Rates = Rates { frames: (24_000, 1001), ticks: 10_000_000 };

    #[track_caller]
    fn check_time(text: &str, expected: Option<i64>) {
        assert_eq!(time(text, RATES), expected.map(Micros), "{text}");
    }

    #[test]
    fn times_in_every_form() {
        check_time("00:00:01.5", Some(1_500_000));
        check_time("01:00:00", Some(3_600_000_000));
        check_time("00:00:01:12", Some(1_500_500));
        check_time("12.5s", Some(12_500_000));
        check_time("500ms", Some(500_000));
        check_time("24f", Some(1_001_000));
        check_time("25000000t", Some(2_500_000));
        check_time("2h", Some(7_200_000_000));
        check_time("1.5m", Some(90_000_000));
        check_time("99999999999999h", None);
        check_time("5", None);
        check_time("é5s", None);
        check_time("00:61:00", None);
        check_time("", None);
    }

    type Row<'a> = (i64, i64, &'a str, &'a str);

    #[track_caller]
    fn check(text: &str, expected: Option<&[Row]>) {
        let cues = ttml(text).unwrap();
        let row = |cue: &Cue| (cue.start.0 / 1000, cue.end.0 / 1000, cue.settings.clone(), cue.text.clone());
        let rows = cues.map(|cues| cues.iter().map(row).collect::<Vec<_>>());
        let own = |row: &Row| (row.0, row.1, row.2.to_owned(), row.3.to_owned());
        assert_eq!(rows, expected.map(|rows| rows.iter().map(own).collect()), "{text}");
    }

    #[test]
    fn a_file_with_everything() {
        let text = r##"<?xml version="1.0" encoding="UTF-8"?>
            <!-- a comment --><tt xmlns="http://www.w3.org/ns/ttml" xmlns:tts="x" xml:lang="en">
            <head><styling><style xml:id="s" tts:fontStyle="italic"/></styling>
            <layout><region xml:id="r" tts:origin="10% 80%" tts:extent="80% 15%" tts:textAlign="left"/></layout></head>
            <body begin="10s"><div>
            <p begin="1s" end="2s">One<br/>and   half &amp; &#233; &lt;</p>
            <p begin="00:00:03.000" dur="1s" region="r"><span style="s">It <span tts:fontWeight="bold">is</span></span></p>
            <p><span begin="5s" end="6s">A</span><span begin="6s" end="7s">B</span></p>
            <p begin="8s">no end</p><p begin="9s" end="8s">backwards</p><p begin="8s" end="9s"> <br/> </p>
            </div></body></tt>"##;
        let expected: &[Row] = &[
            (11_000, 12_000, "", "One\nand half &amp; é &lt;"),
            (13_000, 14_000, "align:left line:80% position:10%,line-left size:80%", "<i>It <b>is</b></i>"),
            (15_000, 16_000, "", "A"),
            (16_000, 17_000, "", "B"),
        ];
        check(text, Some(expected));
    }

    #[test]
    fn files_that_are_damaged_or_others() {
        check(r#"<tt><p begin="1s" end="2s">a</p><p begin="3s" <<"#, Some(&[(1000, 2000, "", "a")]));
        check(r#"<x:tt><x:p begin="1s" end="2s">a</x:q></x:p>"#, Some(&[(1000, 2000, "", "a")]));
        check("<tt/>", Some(&[]));
        check(&format!("<tt>{}", "<div>".repeat(1000)), Some(&[]));
        check("<html><tt/></html>", None);
        check("<", None);
    }
}
