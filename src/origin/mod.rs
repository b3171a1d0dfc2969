//! Bytes at rest: ranges of stored files, unchanged since the catalog saw them.

mod answer;
mod behalf;
mod blocks;
mod breaker;
mod client;
mod cloud;
mod folder;
mod guard;
mod place;
mod profile;
mod remote;
mod store;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use self::behalf::{Asking, carried, on_behalf};
pub use self::client::tls;
use self::folder::Folder;
pub use self::folder::Local;
use self::remote::Origins;
pub use self::remote::{Remote, Turn};
use crate::entry::Source;
use crate::error::{Error, Kind, Result};

/// Most bytes of one read.
pub const READ_BYTES_MAX: u64 = 1 << 30;

/// The settings of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// URLs beneath which files may be read that the library names by their URL.
    pub origins: Vec<String>,
    /// Whether these may lead to addresses that are not of the public internet. The library's own origin always may.
    pub private: bool,
    /// Bytes of a block: what is read at least of a file elsewhere than in a folder.
    pub block_bytes: u64,
    /// Most bytes of blocks kept in memory.
    pub blocks_bytes_max: u64,
    /// Most bytes read ahead where reads follow each other.
    pub ahead_bytes_max: u64,
    /// The folder in which blocks are kept as well, and outlive the service.
    pub disk: Option<PathBuf>,
    /// Most bytes of blocks kept there.
    pub disk_bytes_max: u64,
    /// Most requests to an origin at once.
    pub requests_max: usize,
    /// How often a request is tried again.
    pub retries: usize,
    /// How long it may take until a connection stands.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take.
    pub response_timeout: Duration,
    /// How long a piece of an answer's body may take.
    pub read_timeout: Duration,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            origins: Vec::new(),
            private: false,
            block_bytes: 256 << 10,
            blocks_bytes_max: 128 << 20,
            ahead_bytes_max: 2 << 20,
            disk: None,
            disk_bytes_max: 10 << 30,
            requests_max: 64,
            retries: 3,
            connect_timeout: Duration::from_secs(3),
            response_timeout: Duration::from_secs(10),
            read_timeout: Duration::from_secs(5),
        }
    }
}

impl Config {
    /// Whether `text` is a URL beneath which files may be read.
    pub fn is_origin(text: &str) -> bool {
        place::Place::new(text, guard::Reach::Public).is_ok()
    }
}

/// Whether `media`, where a library rests, is a URL of an origin and not a folder.
pub fn is_remote(media: &Path) -> bool {
    media.to_str().is_some_and(place::is_url)
}

/// The places where stored files rest. Clones are the same.
#[derive(Clone, Debug)]
pub struct Origin {
    library: Arc<str>,
    folder: Option<Arc<Folder>>,
    remote: Option<Arc<Origins>>,
    held: Option<Bytes>,
}

/// A stored file at the version that the catalog saw. Clones share it.
#[derive(Clone, Debug)]
pub enum Opened {
    /// In a folder.
    Local(Local),
    /// At another origin.
    Remote(Remote),
    /// In memory.
    Held(Bytes),
}

/// Names that begin alike, one level of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// The names of folders, each without the path before it.
    pub folders: Vec<String>,
    /// Files, each under its path in the library.
    pub files: Vec<Source>,
    /// Whether there are more.
    pub is_cut: bool,
}

impl Origin {
    /// The files beneath `media`, a folder or a URL such as `s3://bucket/prefix`, and those of the origins that `config`
    /// allows. What else an object store asks for comes from the environment of the process. Fails where the folder cannot be
    /// opened, and where a URL is no origin.
    pub fn new(media: &Path, config: &Config) -> Result<Origin> {
        Origin::with_environment(media, config, &environment())
    }

    /// The same with another environment.
    pub fn with_environment(media: &Path, config: &Config, environment: &[(String, String)]) -> Result<Origin> {
        let base = media.to_str().filter(|media| place::is_url(media));
        let is_remote = base.is_some() || !config.origins.is_empty();
        let remote = is_remote.then(|| Origins::new(base, config, environment)).transpose()?.map(Arc::new);
        let folder = if base.is_none() { Some(Arc::new(Folder::open(media)?)) } else { None };
        Ok(Origin { library: media.to_string_lossy().into(), folder, remote, held: None })
    }

    /// The files beneath the folder `root` alone. What a location names is looked for strictly beneath it: a `..`, an
    /// absolute path or a symbolic link that leaves it finds nothing. Links inside it are followed. Needs Linux 5.6
    /// (openat2). Fails where `root` is no folder that can be opened.
    pub fn folder(root: &Path) -> Result<Origin> {
        let folder = Some(Arc::new(Folder::open(root)?));
        Ok(Origin { library: root.to_string_lossy().into(), folder, remote: None, held: None })
    }

    /// One file in memory, whatever its name.
    pub fn held(file: Bytes) -> Origin {
        Origin { library: "".into(), folder: None, remote: None, held: Some(file) }
    }

    /// Tells the metrics how the disk with blocks fares, where one is wanted.
    pub fn measure(&self) {
        self.remote.iter().for_each(|remote| remote.measure());
    }

    /// Where the library rests, as it was given: what tells its files from those of the same names in others.
    pub fn library(&self) -> &Arc<str> {
        &self.library
    }

    /// The bytes of `range` of `source`, exactly that many. Fails with `FILE_NOT_FOUND` where the file is gone, and with
    /// [`Kind::Changed`] where it is not at the version that `source` names any more.
    pub async fn read(&self, source: &Source, range: Range<u64>) -> Result<Bytes> {
        check_range(source, &range)?;
        match self.open(source).await? {
            Opened::Local(file) => tokio::task::spawn_blocking(move || file.read(range)).await.map_err(gave_up)?,
            Opened::Remote(file) => file.read(range).await,
            Opened::Held(file) => part(&file, range),
        }
    }

    /// The file of `source`. That of another origin is not looked at before it is read.
    pub async fn open(&self, source: &Source) -> Result<Opened> {
        if let Some(file) = &self.held {
            return Ok(Opened::Held(file.clone()));
        }
        if let Some(opened) = self.folder.as_ref().and_then(|folder| folder.opened(source)) {
            return Ok(Opened::Local(opened));
        }
        let Some(folder) = self.folder.as_ref().filter(|_| !place::is_url(&source.location)) else {
            return self.remote(&source.location)?.open(source).map(Opened::Remote);
        };
        let (folder, source) = (Arc::clone(folder), source.clone());
        tokio::task::spawn_blocking(move || folder.find(&source)).await.map_err(gave_up)?.map(Opened::Local)
    }

    /// Whether `source` rests neither in a folder nor in memory, and may take a while to come.
    pub fn is_far(&self, source: &Source) -> bool {
        self.held.is_none() && (self.folder.is_none() || place::is_url(&source.location))
    }

    /// The file at `location`, a URL or, where the library rests at an origin, a path beneath that. `None` where it is not
    /// there. One request.
    pub async fn find(&self, location: &str) -> Result<Option<Source>> {
        self.remote(location)?.find(location).await
    }

    /// The whole of the file at `location`, and what is known of it. Fails with [`Kind::TooLarge`] where it has more bytes
    /// than `bytes_max`. One request.
    pub async fn fetch(&self, location: &str, bytes_max: usize) -> Result<Option<(Source, Bytes)>> {
        self.remote(location)?.fetch(location, bytes_max).await
    }

    /// The files and folders of the library whose paths begin with `prefix`, up to the next slash: nothing for what is at its
    /// front, `folder/` for what is in a folder, `name.` for files of one name; `count_max` at most. Fails with
    /// [`Kind::Unsupported`] where files are read by plain HTTP.
    pub async fn list(&self, prefix: &str, count_max: usize) -> Result<Listed> {
        self.remote(prefix)?.list(prefix, count_max).await
    }

    /// Whether the library's own origin can be listed.
    pub fn can_list(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.can_list())
    }

    /// Why no file is looked for at `url`, an absolute one, in words that name what is allowed; `None` where one is.
    pub fn refusal(&self, url: &str) -> Option<String> {
        self.remote.as_ref().map_or_else(|| Some(place::refusal(url, &[])), |remote| remote.refusal(url))
    }

    fn remote(&self, location: &str) -> Result<&Origins> {
        self.remote.as_deref().ok_or_else(|| place::not_there(location))
    }
}

impl Opened {
    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Opened::Local(file) => file.size(),
            Opened::Remote(file) => file.size(),
            Opened::Held(file) => file.len() as u64,
        }
    }

    /// The bytes of `range`, exactly that many. Blocks.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        match self {
            Opened::Local(file) => file.read(range),
            Opened::Remote(file) => file.wait(file.read(range)),
            Opened::Held(file) => part(file, range),
        }
    }

    /// The bytes of several ranges, one after another, in a buffer that is as long as they are together. Blocks.
    pub fn gather(&self, ranges: &[Range<u64>], buffer: &mut [u8]) -> Result<()> {
        match self {
            Opened::Local(file) => file.gather(ranges, buffer),
            Opened::Remote(file) => file.wait(file.gather(ranges, buffer)),
            Opened::Held(file) => {
                let parts = ranges.iter().map(|range| part(file, range.clone())).collect::<Result<Vec<_>>>()?;
                let bytes = parts.iter().flatten();
                buffer.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
                Ok(())
            }
        }
    }

    /// Fills the front of `buffer` from `offset` on; how many bytes, zero only at the end of the file. Blocks.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Opened::Local(file) => file.read_at(offset, buffer),
            Opened::Remote(file) => file.wait(file.read_at(offset, buffer)).map_err(std::io::Error::other),
            Opened::Held(file) => {
                let rest = usize::try_from(offset).ok().and_then(|offset| file.get(offset..)).unwrap_or_default();
                let count = rest.len().min(buffer.len());
                buffer[..count].copy_from_slice(&rest[..count]);
                Ok(count)
            }
        }
    }

    /// Leave for a thread to wait for its bytes: so many wait for one origin at a time, and one that is slow holds up what
    /// rests there and nothing else. `None` for a file in a folder or in memory, which needs none.
    pub async fn turn(&self) -> Result<Option<Turn>> {
        match self {
            Opened::Local(_) | Opened::Held(_) => Ok(None),
            Opened::Remote(file) => file.turn().await.map(Some),
        }
    }

    /// Waits until what is going to be read has come from another origin, the first few MiB of it. No thread waits.
    pub async fn bring(&self, ranges: &[Range<u64>]) -> Result<()> {
        match self {
            Opened::Local(_) | Opened::Held(_) => Ok(()),
            Opened::Remote(file) => file.bring(ranges).await,
        }
    }

    /// Begins to fetch what is going to be read, where that takes a while to come.
    pub fn expect(&self, ranges: impl FnOnce() -> Vec<Range<u64>>) {
        if let Opened::Remote(file) = self {
            file.expect(&ranges());
        }
    }

    /// Fails where the file was changed since the catalog saw it. What comes from another origin was checked as it came.
    pub fn check_version(&self) -> Result<()> {
        match self {
            Opened::Local(file) => file.check_version(),
            Opened::Remote(_) | Opened::Held(_) => Ok(()),
        }
    }
}

/// A part of a file in memory.
fn part(file: &Bytes, range: Range<u64>) -> Result<Bytes> {
    let range = usize::try_from(range.start).ok().zip(usize::try_from(range.end).ok());
    let range = range.filter(|(start, end)| start <= end && *end <= file.len());
    let outside = || Error::unsupported("a part of the file lies outside of it");
    range.map(|(start, end)| file.slice(start..end)).ok_or_else(outside)
}

/// What the environment tells of object stores: its variables that are text.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok())).collect()
}

fn check_range(source: &Source, range: &Range<u64>) -> Result<()> {
    let length = range.end.checked_sub(range.start);
    if range.end > source.size || length.is_none() {
        let Range { start, end } = range;
        return Err(Error::unsupported(format!("bytes {start} to {end} lie outside a file of {} bytes", source.size)));
    }
    if length > Some(READ_BYTES_MAX) {
        return Err(Error::too_large(format!("a read of more than {READ_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn gave_up(error: tokio::task::JoinError) -> Error {
    Error::new(Kind::Internal, "reading the file was given up").caused_by(error)
}

#[cfg(test)]
pub(crate) mod tests;
