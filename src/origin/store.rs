//! One file at a time of a place: what is known of it, ranges of it, and the names beside it.

use std::ops::Range;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::http::HttpBuilder;
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{BackoffConfig, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use super::answer::{Denied, Whole};
use super::client::{Client, Refused, Resting, Talk, cause, root};
use super::cloud::{self, Cloud};
use super::place::{Place, Target, not_there, shown};
use super::{Config, Listed};
use crate::entry::Source;
use crate::error::{Error, Kind, Result};

/// How soon a request is tried again: at first, and at most. The time between is drawn by lot.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// After this time a request is not tried again.
const RETRY_FOR: Duration = Duration::from_secs(20);

/// Most names that one request for names may bring.
const PAGE_MAX: usize = 1000;

/// How long a store that does not let its names be listed is taken to stay so.
const UNLISTED_FOR: Duration = Duration::from_secs(300);

/// Most threads that wait for the bytes of one origin.
const TURNS_MAX: usize = 16;

/// A place with the client that talks to it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) place: Place,
    objects: Objects,
    retry: RetryConfig,
    talk: Talk,
    /// Requests under way.
    requests: Arc<Semaphore>,
    /// Threads that wait for bytes.
    turns: Arc<Semaphore>,
    /// When listing was denied last.
    unlisted: Mutex<Option<Instant>>,
    /// Whether the log was told that what is denied is taken to be absent.
    told_of_denials: Once,
}

#[derive(Debug)]
enum Objects {
    /// Plain HTTP: one file is like another, and nobody tells their names.
    Web,
    Cloud(Cloud),
}

/// A body on its way.
pub(super) type Pieces = BoxStream<'static, Result<Bytes>>;

impl Store {
    /// The store of `place`. What else is needed to talk to an object store comes from the environment, under the names
    /// that its own tools use. Fails with what is missing there.
    pub(super) fn new(
        place: Place,
        client: &Client,
        config: &Config,
        environment: &[(String, String)],
    ) -> Result<Store> {
        let backoff = BackoffConfig { init_backoff: PAUSE, max_backoff: PAUSE_MAX, base: 2.0 };
        let retry = RetryConfig { backoff, max_retries: config.retries, retry_timeout: RETRY_FOR };
        let talk = client.talk(&place);
        let objects = if place.is_web() {
            Objects::Web
        } else {
            let cloud = cloud::open(&place.url, talk.clone(), retry.clone(), environment).map_err(|cause| {
                Error::new(Kind::Unavailable, format!("the origin {} cannot be used", place.url)).caused_by(cause)
            })?;
            Objects::Cloud(cloud)
        };
        Ok(Store {
            place,
            objects,
            retry,
            talk,
            requests: Arc::new(Semaphore::new(config.requests_max)),
            turns: Arc::new(Semaphore::new(TURNS_MAX)),
            unlisted: Mutex::default(),
            told_of_denials: Once::new(),
        })
    }

    /// The name of `target`, unlike any other at any origin.
    pub(super) fn name(&self, target: &Target) -> String {
        let Place { url, .. } = &self.place;
        let (scheme, authority, query) = (url.scheme(), url.authority(), target.query.as_deref().unwrap_or_default());
        format!("{scheme}://{authority}/{}?{query}", target.path)
    }

    /// What is known of `target`, which the library calls `location`; `None` where it is not there.
    pub(super) async fn find(&self, target: &Target, location: &str) -> Result<Option<Source>> {
        let _permit = self.permit().await?;
        match self.files(target)?.head(&target.path).await {
            Ok(meta) => Ok(Some(source(location, &meta))),
            Err(error) if self.is_absence(&error) => Ok(None),
            Err(error) => Err(failure(location, error)),
        }
    }

    /// Whether a failure to look at a file means that there is none. A store tells those who may not list its names that
    /// they are denied what is absent, and many a web server has such a store behind it. It is an answer, not a fault: what is
    /// denied is not served as it was before, either.
    fn is_absence(&self, error: &object_store::Error) -> bool {
        if matches!(error, object_store::Error::NotFound { .. }) {
            return true;
        }
        let is_hidden = !self.can_list() && cause::<Denied>(error).is_some();
        if is_hidden {
            let url = self.place.url.as_str();
            self.told_of_denials.call_once(|| tracing::warn!(url, "what this origin denies is taken to be absent"));
        }
        is_hidden
    }

    /// The whole of `target` with what is known of it; `None` where it is not there. Fails where it is longer than
    /// `bytes_max`.
    pub(super) async fn fetch(
        &self,
        target: &Target,
        location: &str,
        bytes_max: usize,
    ) -> Result<Option<(Source, Bytes)>> {
        let _permit = self.permit().await?;
        let got = match self.files(target)?.get(&target.path).await {
            Ok(got) => got,
            Err(error) if self.is_absence(&error) => return Ok(None),
            Err(error) => return Err(failure(location, error)),
        };
        if got.meta.size > bytes_max as u64 {
            let message = format!("the file {} is longer than {bytes_max} bytes", shown(location));
            return Err(Error::too_large(message));
        }
        let source = source(location, &got.meta);
        let bytes = got.bytes().await.map_err(|error| failure(location, error))?;
        if bytes.len() as u64 != source.size {
            return Err(changed(location));
        }
        Ok(Some((source, bytes)))
    }

    /// The bytes of `range` of `target` as they come, if it is still at the version of `source`.
    pub(super) async fn get(&self, target: &Target, source: &Source, range: Range<u64>) -> Result<Pieces> {
        let permit = self.permit().await?;
        let is_strong = source.version.starts_with('"');
        let options = GetOptions {
            range: Some(range.into()),
            if_match: is_strong.then(|| source.version.to_string()),
            ..GetOptions::default()
        };
        let location = Arc::clone(&source.location);
        let files = self.files(target)?;
        let got = match files.get_opts(&target.path, options).await {
            Ok(got) => got,
            Err(error) if is_gone(&error, &*files, target).await => {
                // What the catalog saw is not there any more.
                return Err(not_there(&location).caused_by(root(&error)));
            }
            Err(error) => return Err(failure(&location, error)),
        };
        if !is_same(&got.meta, source) {
            return Err(changed(&location));
        }
        let pieces = got.into_stream().map(move |piece| {
            let _held = &permit;
            piece.map_err(|error| failure(&location, error))
        });
        Ok(pieces.boxed())
    }

    /// The files and folders whose paths beneath the place begin with `prefix`, up to the next slash; `count_max` at most.
    pub(super) async fn list(&self, prefix: &str, count_max: usize) -> Result<Listed> {
        let Objects::Cloud(cloud) = &self.objects else { return Err(self.silent()) };
        let within = self.place.within(prefix).ok_or_else(|| not_there(prefix))?;
        let base = self.place.within("").unwrap_or_default();
        let _permit = self.permit().await?;
        let (mut listed, mut page_token) = (Listed::default(), None);
        loop {
            let room = count_max.saturating_sub(listed.folders.len() + listed.files.len());
            if room == 0 {
                listed.is_cut = true;
                return Ok(listed);
            }
            let options = PaginatedListOptions {
                delimiter: Some("/".into()),
                max_keys: Some(room.min(PAGE_MAX)),
                page_token: page_token.take(),
                ..PaginatedListOptions::default()
            };
            let page = cloud
                .names
                .list_paginated(Some(&within), options)
                .await
                .map_err(|error| self.no_names(prefix, error))?;
            let folders = page.result.common_prefixes.iter().filter_map(Path::filename);
            let mut folders: Vec<String> = folders.map(str::to_owned).collect();
            let files = page.result.objects.iter().filter_map(|meta| {
                // The object that some tools make to stand for the folder itself is none of its files, and begins with less.
                let path = meta.location.as_ref();
                path.starts_with(&within).then(|| source(path.strip_prefix(&base).unwrap_or(path), meta))
            });
            let mut files: Vec<Source> = files.collect();
            // Some servers send more than they were asked for.
            listed.is_cut = folders.len() + files.len() > room;
            folders.truncate(room);
            files.truncate(room - folders.len());
            listed.folders.extend(folders);
            listed.files.extend(files);
            page_token = page.page_token;
            if page_token.is_none() || listed.is_cut {
                return Ok(listed);
            }
        }
    }

    /// Whether it tells the names of its files, as far as is known.
    pub(super) fn can_list(&self) -> bool {
        let denied = *self.unlisted.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(self.objects, Objects::Cloud(_)) && denied.is_none_or(|denied| denied.elapsed() > UNLISTED_FOR)
    }

    fn no_names(&self, prefix: &str, error: object_store::Error) -> Error {
        if cause::<Denied>(&error).is_none() {
            return failure(prefix, error);
        }
        let before = self.unlisted.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now());
        if before.is_none() {
            let url = self.place.url.as_str();
            tracing::warn!(url, "names may not be listed: few are tried");
        }
        self.silent()
    }

    fn silent(&self) -> Error {
        Error::unsupported(format!("{} does not tell what files it has", self.place.url))
    }

    /// Leave for a thread to wait for bytes.
    pub(super) async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.turns).acquire_owned().await.map_err(closed)
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).acquire_owned().await.map_err(closed)
    }

    fn files(&self, target: &Target) -> Result<Arc<dyn ObjectStore>> {
        match &self.objects {
            Objects::Cloud(cloud) => Ok(Arc::clone(&cloud.files)),
            Objects::Web => {
                let mut url = self.place.url.clone();
                url.set_path("/");
                url.set_query(target.query.as_deref());
                let builder = HttpBuilder::new().with_url(url).with_retry(self.retry.clone());
                match builder.with_http_connector(self.talk.clone()).build() {
                    Ok(files) => Ok(Arc::new(files)),
                    Err(error) => Err(failure(target.path.as_ref(), error)),
                }
            }
        }
    }
}

fn closed(cause: AcquireError) -> Error {
    Error::new(Kind::Internal, "the origin is closed").caused_by(cause)
}

/// Whether a part of a file was not given because it is not there. Azure's stores say the same of what is gone as of what has
/// changed, and are asked once more.
async fn is_gone(error: &object_store::Error, files: &dyn ObjectStore, target: &Target) -> bool {
    match error {
        object_store::Error::NotFound { .. } => true,
        object_store::Error::Precondition { .. } => {
            matches!(files.head(&target.path).await, Err(object_store::Error::NotFound { .. }))
        }
        _ => false,
    }
}

fn source(location: &str, meta: &ObjectMeta) -> Source {
    let modified = u64::try_from(meta.last_modified.timestamp()).unwrap_or_default();
    Source { location: location.into(), size: meta.size, modified, version: version(meta) }
}

/// The ETag, in quotes also where a list goes without; where there is none, the size and the time, without any.
fn version(meta: &ObjectMeta) -> Arc<str> {
    match meta.e_tag.as_deref() {
        Some(tag) if tag.ends_with('"') => tag.into(),
        Some(tag) if !tag.is_empty() => format!("\"{tag}\"").into(),
        _ => dated(meta),
    }
}

/// A version by size and time. The times in lists are finer than those in heads of answers.
fn dated(meta: &ObjectMeta) -> Arc<str> {
    let seconds = u128::try_from(meta.last_modified.timestamp()).unwrap_or_default();
    Source::file_version(meta.size, seconds * 1_000_000_000)
}

/// Whether `meta` is of the file that the catalog saw, by what the catalog was told of it.
fn is_same(meta: &ObjectMeta, source: &Source) -> bool {
    let now = if source.version.ends_with('"') { version(meta) } else { dated(meta) };
    meta.size == source.size && now == source.version
}

pub(super) fn changed(location: &str) -> Error {
    let message = format!("the file {} was changed while it was being read", shown(location));
    Error::new(Kind::Changed, message)
}

/// What a failed request means to whoever wanted the file at `location`. The log gets the last of the causes.
fn failure(location: &str, error: object_store::Error) -> Error {
    let shown = shown(location);
    let unavailable = |what: &str| Error::new(Kind::Unavailable, format!("the file {shown} {what}"));
    let timed_out = |error: &HttpError| error.kind() == HttpErrorKind::Timeout;
    let wrong = match &error {
        object_store::Error::Precondition { .. } => changed(location),
        object_store::Error::InvalidPath { .. } => not_there(location),
        object_store::Error::PermissionDenied { .. } | object_store::Error::Unauthenticated { .. } => {
            unavailable("is not given to this service")
        }
        _ if cause::<Denied>(&error).is_some() => unavailable("is not given to this service"),
        _ if cause::<Whole>(&error).is_some() => {
            Error::unsupported(format!("the file {shown} cannot be read in parts"))
        }
        _ if cause::<Refused>(&error).is_some() => {
            Error::unsupported(format!("the file {shown} lies where nothing may be read"))
        }
        _ if cause::<Resting>(&error).is_some() => unavailable("is at an origin that fails"),
        _ if cause::<HttpError>(&error).is_some_and(timed_out) => {
            Error::new(Kind::TimedOut, format!("the file {shown} did not come in time"))
        }
        _ => unavailable("cannot be read now"),
    };
    wrong.caused_by(root(&error))
}
