//! Whole answers of the current second, ready to be sent: what makes a picture that many ask for as cheap as a static file.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::header::HeaderMap;

use super::field;
use super::telemetry::Asked;

/// Places for answers. Each holds the last answer that came to it, so their number bounds what is held.
const PLACES: usize = 1024;
/// The largest body that is held. Larger ones gain nothing: copying them costs more than finding them.
const BODY_MAX: usize = 64 * 1024;

/// Answers of the current second by target. An answer is good for the second of the clock that its `Date` names, so that what
/// changes in the catalog shows no later than it would anyway.
#[derive(Debug)]
pub(super) struct Recent {
    places: Box<[Mutex<Place>]>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Place {
    target: u64,
    second: u64,
    answer: Option<Arc<Answer>>,
}

/// What a request of HTTP/1.1 that says nothing else that matters asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Wanted<'a> {
    /// The target, as it stands on the request line.
    pub(super) target: &'a [u8],
    /// Whether it may be compressed.
    pub(super) gzip: bool,
}

/// An answer to `GET` over HTTP/1.1, head and body.
#[derive(Debug)]
pub(super) struct Answer {
    target: Box<[u8]>,
    gzip: bool,
    /// What it is an answer of.
    pub(super) kind: Asked,
    /// Its bytes.
    pub(super) bytes: Bytes,
}

impl Recent {
    /// Nothing yet.
    pub(super) fn new() -> Recent {
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Recent { places, hasher: RandomState::new() }
    }

    /// The answer to a request in `second`, if it is held.
    pub(super) fn get(&self, wanted: Wanted<'_>, second: u64) -> Option<Arc<Answer>> {
        let hash = self.hasher.hash_one(wanted);
        let place = self.place(hash);
        if place.target != hash || place.second != second {
            return None;
        }
        let is_meant = |answer: &&Arc<Answer>| Wanted { target: &answer.target, gzip: answer.gzip } == wanted;
        place.answer.as_ref().filter(is_meant).cloned()
    }

    /// Holds the answer to a request, given now with 200 and these fields, if it is asked for again within a second: what comes
    /// once is not worth the copy. The answer depends on nothing but what is wanted and the time.
    pub(super) fn remember(&self, wanted: Wanted<'_>, kind: Asked, headers: &HeaderMap, body: &Bytes) {
        if body.len() > BODY_MAX {
            return;
        }
        let (hash, second) = (self.hasher.hash_one(wanted), field::now());
        let mut place = self.place(hash);
        if place.target != hash || place.second != second {
            *place = Place { target: hash, second, answer: None };
        } else if place.answer.is_none() {
            let bytes = written(headers, body, second);
            let Wanted { target, gzip } = wanted;
            place.answer = Some(Arc::new(Answer { target: target.into(), gzip, kind, bytes }));
        }
    }

    /// Lets go of the answers of earlier seconds.
    pub(super) fn sweep(&self) {
        let second = field::now();
        for place in &self.places {
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            if place.second != second {
                place.answer = None;
            }
        }
    }

    fn place(&self, hash: u64) -> std::sync::MutexGuard<'_, Place> {
        // Nothing that can panic runs under the lock.
        self.places[hash as usize % PLACES].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer as HTTP/1.1 has it (RFC 9112 section 2.1).
fn written(headers: &HeaderMap, body: &Bytes, second: u64) -> Bytes {
    let mut bytes = Vec::with_capacity(1024 + body.len());
    bytes.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
    for (name, value) in headers {
        field(&mut bytes, name.as_str(), value.as_bytes());
    }
    field(&mut bytes, "date", field::http_date(second).as_bytes());
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes.into()
}

fn field(bytes: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        bytes.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_TYPE, HeaderValue};

    use super::*;

    fn headers() -> HeaderMap {
        [(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))].into_iter().collect()
    }

    fn wanted(target: &str) -> Wanted<'_> {
        Wanted { target: target.as_bytes(), gzip: false }
    }

    /// Remembers twice within one second of the clock.
    fn remembered(recent: &Recent, target: &str, body: &Bytes) -> u64 {
        loop {
            let second = field::now();
            recent.remember(wanted(target), Asked::Thumbnail, &headers(), body);
            recent.remember(wanted(target), Asked::Thumbnail, &headers(), body);
            if second == field::now() {
                return second;
            }
        }
    }

    #[test]
    fn an_answer_is_whole_and_good_for_its_second() {
        let recent = Recent::new();
        let second = remembered(&recent, "/a", &Bytes::from_static(b"body"));
        let answer = recent.get(wanted("/a"), second).unwrap();
        let date = field::http_date(second);
        let expected =
            format!("HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ndate: {}\r\n\r\nbody", date.to_str().unwrap());
        assert_eq!(answer.bytes, expected);
        assert!(recent.get(wanted("/a"), second + 1).is_none());
        assert!(recent.get(wanted("/b"), second).is_none());
        assert!(recent.get(Wanted { gzip: true, ..wanted("/a") }, second).is_none());
    }

    #[test]
    fn what_comes_once_or_is_large_is_not_held() {
        let recent = Recent::new();
        recent.remember(wanted("/a"), Asked::Thumbnail, &headers(), &Bytes::from_static(b"body"));
        assert!(recent.get(wanted("/a"), field::now()).is_none());
        let second = remembered(&recent, "/b", &Bytes::from(vec![0; BODY_MAX + 1]));
        assert!(recent.get(wanted("/b"), second).is_none());
    }

    #[test]
    fn a_place_holds_one_answer_and_never_another_ones() {
        let recent = Recent::new();
        let body = Bytes::from_static(b"body");
        for number in 0..3 * PLACES {
            let target = format!("/{number}");
            let second = remembered(&recent, &target, &body);
            let answer = recent.get(wanted(&target), second).unwrap();
            assert_eq!(*answer.target, *target.as_bytes());
        }
    }
}
