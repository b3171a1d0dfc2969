//! Whole answers of the current second, ready to be sent: what makes a picture that many ask for as cheap as a static file.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf, Bytes};
use foldhash::quality::RandomState;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};

use super::head::Wanted;
use super::telemetry::Asked;
use super::{field, range, reply};
use crate::deliver::extent::{Extent, Held};

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

/// An answer to `GET` over HTTP/1.1.
#[derive(Debug)]
pub(super) struct Answer {
    target: Box<[u8]>,
    session: Option<Box<[u8]>>,
    gzip: bool,
    /// What it is an answer of.
    pub(super) kind: Asked,
    /// The fields of its head but those that tell how much of it is sent, and the end of the head.
    fields: Box<[u8]>,
    held: Held,
    /// The whole answer, ready to be sent.
    whole: Reply,
}

/// What is sent: bytes, then a part of a file where there is one.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its head, and its body where that is in memory.
    pub(super) bytes: Bytes,
    /// Its body in a file.
    pub(super) file: Option<Extent>,
}

impl Reply {
    /// Its bytes behind its first line, which goes to `head`, and so does what `identify` adds.
    pub(super) fn behind(mut self, head: &mut Vec<u8>, identify: impl FnOnce(&mut Vec<u8>)) -> Bytes {
        let line = memchr::memchr(b'\n', &self.bytes).map_or(0, |end| end + 1);
        head.extend_from_slice(&self.bytes[..line]);
        identify(head);
        self.bytes.advance(line);
        self.bytes
    }
}

impl Recent {
    /// Nothing yet.
    pub(super) fn new() -> Recent {
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Recent { places, hasher: RandomState::default() }
    }

    /// The answer to a request in `second`, if it is held.
    pub(super) fn get(&self, wanted: Wanted<'_>, second: u64) -> Option<Arc<Answer>> {
        let hash = self.hasher.hash_one(wanted);
        let place = self.place(hash);
        if place.target != hash || place.second != second {
            return None;
        }
        place.answer.as_ref().filter(|answer| answer.wanted() == wanted).cloned()
    }

    /// Holds the answer of a kind, given in `second` with these [`fields`] and the whole of this or a part, if it is asked for
    /// again within it: what comes once is not worth the copy. The answer depends on nothing but what is wanted and the time.
    pub(super) fn remember(
        &self,
        (wanted, kind): (Wanted<'_>, Asked),
        second: u64,
        fields: impl FnOnce() -> Vec<u8>,
        held: Held,
    ) {
        if matches!(&held, Held::Bytes(bytes) if bytes.len() > BODY_MAX) {
            return;
        }
        let hash = self.hasher.hash_one(wanted);
        let mut place = self.place(hash);
        if place.target != hash || place.second != second {
            *place = Place { target: hash, second, answer: None };
        } else if place.answer.is_none() {
            place.answer = Some(Arc::new(Answer::new(wanted, kind, fields(), held)));
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

    /// Lets go of all.
    pub(super) fn clear(&self) {
        for place in &self.places {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = Place::default();
        }
    }

    fn place(&self, hash: u64) -> std::sync::MutexGuard<'_, Place> {
        // Nothing that can panic runs under the lock.
        self.places[hash as usize % PLACES].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn new(wanted: Wanted<'_>, kind: Asked, fields: Vec<u8>, held: Held) -> Answer {
        let held = held.for_a_moment();
        let whole = reply(|bytes| bytes.extend_from_slice(&fields), (StatusCode::OK, None), held.clone());
        let Wanted { target, session, gzip } = wanted;
        let (target, session) = (target.into(), session.map(Box::from));
        Answer { target, session, gzip, kind, fields: fields.into(), held, whole }
    }

    /// What it is the answer to.
    fn wanted(&self) -> Wanted<'_> {
        Wanted { target: &self.target, session: self.session.as_deref(), gzip: self.gzip }
    }

    /// What is sent to whoever wants all of it, or with a `Range` field a part; `None` where that asks for anything else.
    pub(super) fn reply(&self, range: Option<&[u8]>) -> Option<Reply> {
        let Some(range) = range else { return Some(self.whole.clone()) };
        match range::wanted(std::str::from_utf8(range).ok()?, self.held.len()) {
            range::Wanted::Whole => Some(self.whole.clone()),
            range::Wanted::Part(part) => {
                let said = field::content_range(&part, self.held.len());
                let write_fields = |bytes: &mut Vec<u8>| bytes.extend_from_slice(&self.fields);
                Some(reply(write_fields, (StatusCode::PARTIAL_CONTENT, Some(said)), self.held.part(part)))
            }
            range::Wanted::Parts(_) | range::Wanted::Unsatisfiable => None,
        }
    }
}

/// The fields of an answer given in `second` but those that tell how much of it is sent, and the end of its head.
pub(super) fn fields(headers: &HeaderMap, second: u64) -> Vec<u8> {
    let mut fields = Vec::with_capacity(reply::HEAD_BYTES);
    reply::fields(&mut fields, headers, |name| *name != header::CONTENT_LENGTH && *name != header::CONTENT_RANGE);
    reply::finish(&mut fields, second);
    fields
}

fn reply(
    write_fields: impl FnOnce(&mut Vec<u8>),
    (status, content_range): (StatusCode, Option<HeaderValue>),
    held: Held,
) -> Reply {
    let more = if let Held::Bytes(body) = &held { body.len() } else { 0 };
    let mut bytes = Vec::with_capacity(reply::HEAD_BYTES + more);
    reply::begin(&mut bytes, status);
    reply::length(&mut bytes, held.len());
    if let Some(content_range) = content_range {
        reply::field(&mut bytes, &header::CONTENT_RANGE, content_range.as_bytes());
    }
    write_fields(&mut bytes);
    let file = match held {
        Held::Bytes(body) => {
            bytes.extend_from_slice(&body);
            None
        }
        Held::File(extent) => Some(extent),
    };
    Reply { status, bytes: bytes.into(), file }
}

#[cfg(test)]
mod tests {
    use hyper::header::CONTENT_TYPE;

    use super::*;

    fn headers() -> HeaderMap {
        [(CONTENT_TYPE, HeaderValue::from_static("image/jpeg"))].into_iter().collect()
    }

    fn wanted(target: &str) -> Wanted<'_> {
        Wanted { target: target.as_bytes(), session: None, gzip: false }
    }

    /// Remembers twice within one second of the clock.
    fn remembered(recent: &Recent, target: &str, body: &Bytes) -> u64 {
        loop {
            let second = field::now();
            for _ in 0..2 {
                let fields = || fields(&headers(), second);
                recent.remember((wanted(target), Asked::Thumbnail), second, fields, Held::Bytes(body.clone()));
            }
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
        let fields = format!("content-type: image/jpeg\r\ndate: {}\r\n\r\n", date.to_str().unwrap());
        let sent = |range: &str| answer.reply((!range.is_empty()).then_some(range.as_bytes())).map(|reply| reply.bytes);
        let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n{fields}body");
        for range in ["", "bytes=3-2", "lines=1-2"] {
            assert_eq!(sent(range).unwrap(), whole, "{range}");
        }
        let sizes = "content-length: 2\r\ncontent-range: bytes 1-2/4";
        let part = format!("HTTP/1.1 206 Partial Content\r\n{sizes}\r\n{fields}od");
        assert_eq!(sent("bytes=1-2").unwrap(), part);
        assert_eq!((sent("bytes=0-0,2-2"), sent("bytes=4-")), (None, None), "hyper knows what to say");
        assert!(recent.get(wanted("/a"), second + 1).is_none());
        assert!(recent.get(wanted("/b"), second).is_none());
        assert!(recent.get(Wanted { gzip: true, ..wanted("/a") }, second).is_none());
        assert!(recent.get(Wanted { session: Some(b"a"), ..wanted("/a") }, second).is_none());
    }

    #[test]
    fn what_comes_once_or_is_large_is_not_held() {
        let recent = Recent::new();
        let fields = || fields(&headers(), 1);
        recent.remember((wanted("/a"), Asked::Thumbnail), field::now(), fields, Bytes::from_static(b"body").into());
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
