//! SubRip and WebVTT: files of lines, in which a line of two times starts a cue.

use super::markup::{Dialect, normal};
use super::{Cue, Cues};
use crate::error::Result;
use crate::media::time::Micros;

/// What stands between the times of a cue.
const ARROW: &str = "-->";

/// Settings of a cue (WebVTT section 4.4) that hold without a region.
const SETTINGS: [&str; 5] = ["vertical", "line", "position", "size", "align"];

/// The cues of a SubRip file; `None` where nothing in it looks like one.
pub(super) fn subrip(text: &str) -> Result<Option<Vec<Cue>>> {
    if !text.contains(ARROW) && !text.trim().is_empty() {
        return Ok(None);
    }
    read(text, Dialect::SubRip).map(Some)
}

/// The cues of a WebVTT file; `None` where it is none (section 4.1).
pub(super) fn webvtt(text: &str) -> Result<Option<Vec<Cue>>> {
    let Some(behind) = text.strip_prefix("WEBVTT") else { return Ok(None) };
    if !behind.is_empty() && !behind.starts_with([' ', '\t', '\n', '\r']) {
        return Ok(None);
    }
    read(behind, Dialect::WebVtt).map(Some)
}

/// The cues of lines: times, then text up to an empty line, or to the next times.
fn read(text: &str, dialect: Dialect) -> Result<Vec<Cue>> {
    let mut cues = Cues::default();
    // Old files end their lines with a carriage return alone.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = text.split('\n').peekable();
    while let Some(line) = lines.next() {
        let Some(mut cue) = timing(line, dialect) else { continue };
        let mut body = String::new();
        while let Some(line) = lines.next_if(|line| !line.trim().is_empty() && !line.contains(ARROW)) {
            // The number of the next cue, where the empty line before it is missing.
            let is_number = line.trim().bytes().all(|byte| byte.is_ascii_digit());
            if dialect == Dialect::SubRip && is_number && lines.peek().is_some_and(|next| next.contains(ARROW)) {
                break;
            }
            body.push_str(line);
            body.push('\n');
        }
        cue.text = normal(&body, dialect);
        cues.push(cue)?;
    }
    Ok(cues.finish())
}

/// A cue without text, from its line of times.
fn timing(line: &str, dialect: Dialect) -> Option<Cue> {
    let (start, rest) = line.split_once(ARROW)?;
    let rest = rest.trim();
    let (end, settings) = rest.split_once([' ', '\t']).unwrap_or((rest, ""));
    let settings = if dialect == Dialect::WebVtt { settings } else { "" };
    let known = |setting: &&str| setting.split_once(':').is_some_and(|(name, _)| SETTINGS.contains(&name));
    let settings = settings.split_whitespace().filter(known).collect::<Vec<_>>().join(" ");
    Some(Cue { start: time(start.trim())?, end: time(end)?, settings, text: String::new() })
}

/// `h:mm:ss.mmm` or `mm:ss.mmm`, with a point or a comma, or no fraction at all.
fn time(text: &str) -> Option<Micros> {
    let (clock, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let fields: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match fields[..] {
        [minutes, seconds] => (0, sixty(minutes)?, sixty(seconds)?),
        [hours, minutes, seconds] => (number(hours, 6)?, sixty(minutes)?, sixty(seconds)?),
        _ => return None,
    };
    let fraction = match fraction {
        "" => 0,
        digits => number(digits, 6)? * 10i64.pow(6 - digits.len() as u32),
    };
    Some(Micros((hours * 3600 + minutes * 60 + seconds) * 1_000_000 + fraction))
}

fn sixty(text: &str) -> Option<i64> {
    number(text, 2).filter(|number| *number < 60)
}

/// A number of at most so many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let fits = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_time(text: &str, expected: Option<i64>) {
        assert_eq!(time(text), expected.map(Micros), "{text}");
    }

    #[test]
    fn times_in_every_form() {
        check_time("00:00:01,500", Some(1_500_000));
        check_time("0:01.5", Some(1_500_000));
        check_time("100:00:00.000", Some(360_000_000_000));
        check_time("01:02:03", Some(3_723_000_000));
        check_time("00:60.000", None);
        check_time("1.000", None);
        check_time("-1:00.000", None);
        check_time("9999999:00:00.000", None);
        check_time("00:00.0000000", None);
        check_time("", None);
    }

    type Row<'a> = (i64, i64, &'a str, &'a str);

    #[track_caller]
    fn check(cues: Result<Option<Vec<Cue>>>, expected: Option<&[Row]>) {
        let cues = cues.unwrap();
        let row = |cue: &'_ Cue| (cue.start.0 / 1000, cue.end.0 / 1000, cue.settings.clone(), cue.text.clone());
        let rows = cues.map(|cues| cues.iter().map(row).collect::<Vec<_>>());
        let own = |row: &Row| (row.0, row.1, row.2.to_owned(), row.3.to_owned());
        assert_eq!(rows, expected.map(|rows| rows.iter().map(own).collect()));
    }

    #[test]
    fn files_of_subrip() {
        let text = "1\r\n00:00:01,000 --> 00:00:02,000 X1:10\r\nOne\r\nand <i>half</i>\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nTwo";
        check(subrip(text), Some(&[(1000, 2000, "", "One\nand <i>half</i>"), (3000, 4000, "", "Two")]));
        // No empty line between, times in disorder, cues that end before they start, times that are none.
        let text =
            "1\n0:03,0-->0:04,0\nB\n2\n0:01,0 --> 0:02,0\nA\n\n3\n0:09,0 --> 0:08,0\nC\n\n4\nsoon --> later\nD\n";
        check(subrip(text), Some(&[(1000, 2000, "", "A"), (3000, 4000, "", "B")]));
        check(subrip(" \n"), Some(&[]));
        check(subrip("some --> thing"), Some(&[]));
        check(subrip("just text"), None);
    }

    #[test]
    fn files_of_webvtt() {
        let text = "WEBVTT - title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE --> no cue\n\nid\n\
            00:01.000 --> 00:02.000 align:start line:10% region:r fnord\n<v Fred>Hi & bye\n\n00:03.000 --> 00:04.000\n\n";
        check(webvtt(text), Some(&[(1000, 2000, "align:start line:10%", "<v Fred>Hi &amp; bye")]));
        check(webvtt("WEBVTT"), Some(&[]));
        check(webvtt("WEBVTTX\n\n00:01.000 --> 00:02.000\na"), None);
        check(webvtt("WEBVTT\r\r00:01.000 --> 00:02.000\ra\r"), Some(&[(1000, 2000, "", "a")]));
    }
}
