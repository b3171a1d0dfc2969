//! Whole answers of the current second, ready to be sent: what makes a picture that many ask for as cheap as a static file.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use foldhash::quality::RandomState;
use hyper::StatusCode;
use hyper::header::{self, HeaderMap};

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
    held: Held,
    /// What is sent of the whole behind what names the request: the rest of its head, and its body where that is in memory.
    whole: Bytes,
    /// The fields of its head but those that tell how much of it is sent, and the end of the head.
    fields: Bytes,
}

/// What is sent behind a head: bytes, then a part of a file where there is one.
#[derive(Debug)]
pub(super) struct Rest {
    /// The status that the head tells.
    pub(super) status: StatusCode,
    /// What is in memory.
    pub(super) bytes: Bytes,
    /// What is in a file.
    pub(super) file: Option<Extent>,
}

impl Rest {
    fn new(status: StatusCode, held: Held) -> Rest {
        match held {
            Held::Bytes(bytes) => Rest { status, bytes, file: None },
            Held::File(extent) => Rest { status, bytes: Bytes::new(), file: Some(extent) },
        }
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
        let body = if let Held::Bytes(body) = &held { body } else { &Bytes::new() };
        let mut whole = Vec::with_capacity(fields.len() + body.len() + LENGTH_BYTES);
        reply::length(&mut whole, held.len());
        let begin = whole.len();
        whole.extend_from_slice(&fields);
        whole.extend_from_slice(body);
        let whole = Bytes::from(whole);
        let fields = whole.slice(begin..begin + fields.len());
        let Wanted { target, session, gzip } = wanted;
        let (target, session) = (target.into(), session.map(Box::from));
        Answer { target, session, gzip, kind, held, whole, fields }
    }

    /// What it is the answer to.
    fn wanted(&self) -> Wanted<'_> {
        Wanted { target: &self.target, session: self.session.as_deref(), gzip: self.gzip }
    }

    /// What is sent to whoever wants all of it, or with a `Range` field a part, behind what is added to `head`, and there with
    /// what `identify` adds; `None`, and nothing is added, where that asks for anything else.
    pub(super) fn reply(
        &self,
        range: Option<&[u8]>,
        head: &mut Vec<u8>,
        identify: &dyn Fn(&mut Vec<u8>),
    ) -> Option<Rest> {
        let length = self.held.len();
        let wanted = match range {
            Some(range) => range::wanted(std::str::from_utf8(range).ok()?, length),
            None => range::Wanted::Whole,
        };
        match wanted {
            range::Wanted::Whole => {
                reply::begin(head, StatusCode::OK);
                identify(head);
                Some(Rest { bytes: self.whole.clone(), ..Rest::new(StatusCode::OK, self.held.clone()) })
            }
            range::Wanted::Part(part) => {
                reply::begin(head, StatusCode::PARTIAL_CONTENT);
                identify(head);
                reply::part(head, &part, length);
                head.extend_from_slice(&self.fields);
                Some(Rest::new(StatusCode::PARTIAL_CONTENT, self.held.part(part)))
            }
            range::Wanted::Parts(_) | range::Wanted::Unsatisfiable => None,
        }
    }
}

/// More than the field takes that tells how long a body is.
const LENGTH_BYTES: usize = 40;

/// The fields of an answer given in `second` but those that tell how much of it is sent, and the end of its head.
pub(super) fn fields(headers: &HeaderMap, second: u64) -> Vec<u8> {
    let mut fields = Vec::with_capacity(reply::HEAD_BYTES);
    reply::fields(&mut fields, headers, |name| *name != header::CONTENT_LENGTH && *name != header::CONTENT_RANGE);
    reply::finish(&mut fields, second);
    fields
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_TYPE, HeaderValue};

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
        let sent = |range: &str| {
            let mut sent = Vec::new();
            let range = (!range.is_empty()).then_some(range.as_bytes());
            let rest = answer.reply(range, &mut sent, &|head| head.extend_from_slice(b"name: a\r\n"));
            rest.map(|rest| String::from_utf8([&sent, &rest.bytes[..]].concat()).unwrap())
        };
        let whole = format!("HTTP/1.1 200 OK\r\nname: a\r\ncontent-length: 4\r\n{fields}body");
        for range in ["", "bytes=3-2", "lines=1-2"] {
            assert_eq!(sent(range).unwrap(), whole, "{range}");
        }
        let sizes = "content-length: 2\r\ncontent-range: bytes 1-2/4";
        let part = format!("HTTP/1.1 206 Partial Content\r\nname: a\r\n{sizes}\r\n{fields}od");
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
