//! How the values of fields are written: dates, ranges, foreign text.

use std::cell::RefCell;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::header::HeaderValue;

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// A date as HTTP writes it (RFC 9110 section 5.6.7).
pub(super) fn http_date(seconds: u64) -> HeaderValue {
    thread_local! {
        /// The same few dates are written over and over within a second.
        static LAST: RefCell<[(u64, Option<HeaderValue>); DATES]> = const { RefCell::new([const { (0, None) }; DATES]) };
    }
    let seconds = seconds.min(HTTP_DATE_MAX);
    LAST.with_borrow_mut(|dates| {
        let slot = &mut dates[(seconds % DATES as u64) as usize];
        match &slot.1 {
            Some(value) if slot.0 == seconds => value.clone(),
            _ => {
                let date = httpdate::HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
                let value = text(format_args!("{date}"));
                *slot = (seconds, Some(value.clone()));
                value
            }
        }
    })
}

/// The part of so many bytes that is sent (RFC 9110 section 14.4).
pub(super) fn content_range(part: &Range<u64>, length: u64) -> HeaderValue {
    text(format_args!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1)))
}

/// How many dates are at hand. A prime, or what expires in whole minutes would share the place of what is sent now.
const DATES: usize = 31;

/// The end of the year 9999, after which no HTTP date can be written.
const HTTP_DATE_MAX: u64 = 253_402_300_799;

/// A field value of what may be foreign text: anything but printable ASCII becomes `?`.
pub(super) fn text(arguments: std::fmt::Arguments<'_>) -> HeaderValue {
    plain_text(arguments.to_string().into_bytes())
}

/// The same of its bytes.
pub(super) fn plain_text(mut value: Vec<u8>) -> HeaderValue {
    make_plain(&mut value);
    HeaderValue::from_maybe_shared(Bytes::from(value)).unwrap_or(HeaderValue::from_static("?"))
}

/// Makes a field value of what may be foreign text.
pub(super) fn make_plain(value: &mut [u8]) {
    // Every byte is written, so that many are looked at at a time.
    value.iter_mut().for_each(|byte| *byte = if (0x20..0x7f).contains(byte) { *byte } else { b'?' });
}
