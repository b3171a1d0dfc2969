//! The sessions that clients give: verified, held against the list of those that were ended, and counted where they are
//! limited.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use crate::access::partner::Config;
use crate::access::session::{Circumstances, Invalid, Revocations, Session, SessionId, Standing, read};
use crate::access::viewer::Asker;
use crate::cache::{Cache, Limits};
use crate::error::{Error, Kind, Result};

/// Bytes of sessions that are remembered once they are verified: some ten thousand.
const VERIFIED_BYTES_MAX: u64 = 8 << 20;

/// Bytes that a session occupies beside its text, roughly.
const SESSION_BYTES: usize = 512;

/// Most sessions whose actions are counted; of more it cannot be known whether they are spent.
const COUNTED_MAX: usize = 100_000;

/// The largest list of ended sessions.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// Sessions, as far as this process remembers them.
#[derive(Debug)]
pub(super) struct Sessions {
    verified: Cache<Arc<str>, Arc<Session>>,
    /// The actions that limited sessions were used for, with when they expire.
    counted: Arc<Mutex<Counts>>,
    ended: Option<Arc<Ended>>,
}

/// Sessions with how often they were used, and when they expire.
type Counts = HashMap<SessionId, (u64, u64)>;

/// The list of ended sessions, read again when its file has changed.
#[derive(Debug)]
struct Ended {
    file: PathBuf,
    list: RwLock<(Option<SystemTime>, Arc<Revocations>)>,
    /// The second in which the file was looked at last.
    looked: AtomicU64,
    /// Held by who reads the file.
    turn: Mutex<()>,
}

impl Sessions {
    /// None yet. Fails where `list`, a file, is no list of ended sessions.
    pub(super) fn new(list: Option<&Path>) -> Result<Sessions> {
        Sessions::counting(list, Arc::default())
    }

    /// The same with another list, and none verified: partners may have other secrets now. Fails as [`Sessions::new`] does.
    pub(super) fn renewed(&self, list: Option<&Path>) -> Result<Sessions> {
        Sessions::counting(list, Arc::clone(&self.counted))
    }

    fn counting(list: Option<&Path>, counted: Arc<Mutex<Counts>>) -> Result<Sessions> {
        let limits = Limits { bytes_max: VERIFIED_BYTES_MAX, age_max: Duration::ZERO, failures_kept: Duration::ZERO };
        Ok(Sessions {
            verified: Cache::new(limits, |text: &Arc<str>, _| text.len() + SESSION_BYTES),
            counted,
            ended: list.map(Ended::open).transpose()?.map(Arc::new),
        })
    }

    /// The session that `text` is, if it is good for this request: it counts as used then, until it is given back.
    pub(super) fn take(
        &self,
        text: &str,
        config: &Config,
        asker: &Asker<'_>,
    ) -> std::result::Result<Arc<Session>, Invalid> {
        let session = self.verified(text, config)?;
        let standing = match &self.ended {
            Some(ended) if ended.list(asker.now).include(&session) => Standing::Revoked,
            _ => self.count(&session, asker.now),
        };
        let (uri, address, now) = (asker.target.unwrap_or_default(), asker.address, asker.now);
        let found = session.check(&Circumstances { now, address, uri, standing });
        if found.is_err() && matches!(standing, Standing::Used(_)) {
            self.give_back(&session);
        }
        found.map(|()| session)
    }

    /// Takes one use of a session back.
    pub(super) fn give_back(&self, session: &Session) {
        if session.actions_max().is_some()
            && let Some((used, _)) = self.counted().get_mut(&session.id)
        {
            *used = used.saturating_sub(1);
        }
    }

    /// The session that `text` is, if one of its partner's secrets made it.
    fn verified(&self, text: &str, config: &Config) -> std::result::Result<Arc<Session>, Invalid> {
        if let Some(session) = self.verified.get(text) {
            return Ok(session);
        }
        let unverified = read(text)?;
        let session = Arc::new(unverified.verify(config.secrets(unverified.partner()))?);
        self.verified.keep(text.into(), Arc::clone(&session));
        Ok(session)
    }

    /// How often a session was used before this time, where that matters.
    fn count(&self, session: &Session, now: u64) -> Standing {
        if session.actions_max().is_none() {
            return Standing::Used(0);
        }
        let mut counted = self.counted();
        if counted.len() >= COUNTED_MAX && !counted.contains_key(&session.id) {
            counted.retain(|_, (_, expiry)| *expiry > now);
            if counted.len() >= COUNTED_MAX {
                return Standing::Unknown;
            }
        }
        let (used, _) = counted.entry(session.id).or_insert((0, session.claims.expiry));
        *used += 1;
        Standing::Used(*used - 1)
    }

    fn counted(&self) -> std::sync::MutexGuard<'_, Counts> {
        // Nothing that can panic runs under the lock.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    fn open(file: &Path) -> Result<Ended> {
        let list = RwLock::new((changed(file), Arc::new(load(file)?)));
        Ok(Ended { file: file.to_owned(), list, looked: AtomicU64::new(0), turn: Mutex::new(()) })
    }

    /// The list as it was within the last seconds.
    fn list(self: &Arc<Self>, now: u64) -> Arc<Revocations> {
        let looked = self.looked.swap(now, Ordering::Relaxed);
        if looked != now && tokio::runtime::Handle::try_current().is_ok() {
            let ended = Arc::clone(self);
            tokio::task::spawn_blocking(move || ended.look());
        }
        Arc::clone(&self.list.read().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Reads the file again if it has changed. One that cannot be read changes nothing: what was ended stays so.
    fn look(&self) {
        // A disk that hangs holds one thread, and nobody else.
        let Ok(_turn) = self.turn.try_lock() else { return };
        let changed = changed(&self.file);
        if self.list.read().unwrap_or_else(PoisonError::into_inner).0 == changed {
            return;
        }
        let loaded = load(&self.file);
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(loaded) => *list = (changed, Arc::new(loaded)),
            Err(error) => {
                list.0 = changed;
                tracing::error!(?error, "the list of ended sessions stays as it was");
            }
        }
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    file.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn load(file: &Path) -> Result<Revocations> {
    let unreadable = |error: std::io::Error| {
        let message = format!("the list of ended sessions cannot be read: {}", file.display());
        Error::new(Kind::Unavailable, message).caused_by(error)
    };
    let mut text = String::new();
    File::open(file).and_then(|file| file.take(LIST_BYTES_MAX + 1).read_to_string(&mut text)).map_err(unreadable)?;
    if text.len() as u64 > LIST_BYTES_MAX {
        return Err(Error::too_large(format!("a list of ended sessions takes {LIST_BYTES_MAX} bytes at most")));
    }
    Revocations::read(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::partner::Partner;
    use crate::access::secret::Secret;
    use crate::access::session::{Claims, Privileges, Role, v2};
    use crate::entry::PartnerId;

    fn text(privileges: &str) -> String {
        let claims = Claims {
            partner: PartnerId(7),
            expiry: 1000,
            role: Role::User,
            user: String::new(),
            privileges: Privileges::parse(privileges),
            master_partner: None,
            data: String::new(),
        };
        v2::make(&claims, [1; 16], &Secret::new("s3cret").unwrap()).unwrap()
    }

    fn config() -> Config {
        let partner = Partner { secrets: Secret::list("new,s3cret"), ..Partner::default() };
        Config { partners: [(PartnerId(7), partner)].into(), ..Config::default() }
    }

    const ASKER: Asker<'static> =
        Asker { session: None, referrer: None, user_agent: None, address: None, country: None, target: None, now: 10 };

    #[test]
    fn a_session_is_verified_once_and_checked_each_time() {
        let (sessions, text) = (Sessions::new(None).unwrap(), text("iprestrict:10.0.0.1"));
        let take = |asker: Asker<'_>| sessions.take(&text, &config(), &asker).map(|_| ());
        let here = Asker { address: "10.0.0.1".parse().ok(), ..ASKER };
        assert_eq!((take(here), take(ASKER)), (Ok(()), Err(Invalid::Address)));
        assert_eq!(take(Asker { now: 1000, ..here }), Err(Invalid::Expired));
        assert!(sessions.verified.get(text.as_str()).is_some());
        assert_eq!(sessions.take("x", &config(), &here).unwrap_err(), Invalid::Text);
        assert_eq!(sessions.take(&text, &Config::default(), &here).unwrap().id, take_id(&sessions, &text));
    }

    fn take_id(sessions: &Sessions, text: &str) -> SessionId {
        sessions.verified.get(text).unwrap().id
    }

    #[test]
    fn actions_are_counted_and_given_back() {
        let (sessions, text) = (Sessions::new(None).unwrap(), text("actionslimit:2"));
        let take = || sessions.take(&text, &config(), &ASKER);
        let first = take().unwrap();
        assert!(take().is_ok());
        assert_eq!((take().unwrap_err(), take().unwrap_err()), (Invalid::ActionsSpent, Invalid::ActionsSpent));
        sessions.give_back(&first);
        assert!(take().is_ok());
        assert_eq!(take().unwrap_err(), Invalid::ActionsSpent);
    }

    #[tokio::test]
    async fn a_list_ends_sessions_from_when_it_says_so() {
        let file = std::env::temp_dir().join(format!("vedette-ended-{}", std::process::id()));
        std::fs::write(&file, "").unwrap();
        let (sessions, text) = (Sessions::new(Some(&file)).unwrap(), text("sessionid:x"));
        let take = |now| sessions.take(&text, &config(), &Asker { now, ..ASKER }).map(|_| ());
        assert_eq!(take(10), Ok(()));
        std::fs::write(&file, "7:x\n").unwrap();
        std::fs::File::options().append(true).open(&file).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let mut now = 11;
        while take(now).is_ok() && now < 900 {
            now += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(take(now), Err(Invalid::Revoked));
        // What is no list changes nothing.
        let next = file.with_extension("next");
        std::fs::write(&next, "nonsense").unwrap();
        std::fs::rename(&next, &file).unwrap();
        sessions.ended.as_ref().unwrap().look();
        assert_eq!(take(now), Err(Invalid::Revoked));
        assert!(Sessions::new(Some(&file)).is_err());
        std::fs::remove_file(&file).unwrap();
    }
}
