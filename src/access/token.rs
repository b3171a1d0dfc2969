//! Signed URLs: each opens what it names, until it expires, to whoever has it.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::check_expiry;
use super::secret::Secret;
use crate::entry::{EntryId, FlavorId};
use crate::error::{Code, Error, Result};

/// What stands for the token in the text that it signs.
const PLACE: &str = "{kt}";

/// Digits of a token of the dialect.
const KT_LENGTH: usize = 40;

/// What tells these signatures from others with the same secret.
const CONTEXT: &[u8] = b"vedette signed url 1";

/// Bytes of a signature that are written: half of them, as RFC 2104 section 5 allows.
const WRITTEN: usize = 16;

/// Fails unless the dialect's token `kt` signs `uri`, path and query as they came, of a GET, with one of `secrets`. What it
/// opens needs neither a session nor a look at rules, schedule and moderators.
pub fn check_kt(uri: &str, kt: &str, secrets: &[Secret]) -> Result<()> {
    let is_digest = kt.len() == KT_LENGTH && kt.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let signed = if is_digest { uri.replace(kt, PLACE) } else { String::new() };
    let is_made_by = |secret| bool::from(digest(&signed, secret).as_bytes().ct_eq(kt.as_bytes()));
    match is_digest && secrets.iter().any(is_made_by) {
        true => Ok(()),
        false => Err(invalid()),
    }
}

/// `uri`, a path and maybe a query, with the dialect's token for it at its end.
pub fn with_kt(uri: &str, secret: &Secret) -> String {
    let front = format!("{uri}{}kt=", if uri.contains('?') { '&' } else { '?' });
    let kt = digest(&format!("{front}{PLACE}"), secret);
    front + &kt
}

fn digest(signed: &str, secret: &Secret) -> String {
    let digest: [u8; 20] = Sha1::new().chain_update(secret.bytes()).chain_update(signed).finalize().into();
    let mut text = String::with_capacity(KT_LENGTH);
    digest.iter().for_each(|byte| _ = write!(text, "{byte:02x}"));
    text
}

fn invalid() -> Error {
    Error::coded(Code::TokenInvalid, "the URL is not signed as it says")
}

/// What the token in a URL of playback opens: playlists, manifests, segments, and files that are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    /// Of which entry.
    pub entry: &'a EntryId,
    /// Its first and its last millisecond, where only a part is meant.
    pub window_ms: Option<(u64, u64)>,
    /// The flavors that the URL names, in any order; none where it names none.
    pub flavors: &'a [FlavorId],
    /// The captions that it names.
    pub caption: Option<&'a str>,
    /// The entries that play before it, as far as the URL tells of them.
    pub sequence: &'a [EntryId],
}

/// What tokens are made with.
#[derive(Clone, Copy, Debug)]
pub struct Seal<'a> {
    /// What only this service knows.
    pub secret: &'a Secret,
    /// The second since 1970 from which they open nothing.
    pub expiry: u64,
}

impl Seal<'_> {
    /// The token of a URL that opens what is in `scope`.
    pub fn token(&self, scope: &Scope<'_>) -> String {
        format!("{:x}.{}", self.expiry, URL_SAFE_NO_PAD.encode(scope.signature(self.expiry, self.secret)))
    }
}

impl Scope<'_> {
    /// The second in which `token` ends. Fails unless one of `secrets` made it for this, and it is not over. An old secret
    /// stays among them for as long as URLs of its time may be asked for.
    pub fn check(&self, token: &str, secrets: &[Secret], now: u64) -> Result<u64> {
        let (expiry, signature) = parse(token).ok_or_else(invalid)?;
        let is_made_by = |secret| bool::from(self.signature(expiry, secret).ct_eq(&signature));
        if !secrets.iter().any(is_made_by) {
            return Err(invalid());
        }
        check_expiry(Some(i64::try_from(expiry).unwrap_or(i64::MAX)), now)?;
        Ok(expiry)
    }

    fn signature(&self, expiry: u64, secret: &Secret) -> [u8; WRITTEN] {
        // A key as long as the digest, filled up to a block of the hash (RFC 2104 section 2).
        let digest = Sha256::new().chain_update(CONTEXT).chain_update(secret.bytes()).finalize();
        let mut key = [0; 64];
        key[..digest.len()].copy_from_slice(&digest);
        let mut mac = Hmac::<Sha256>::new(&key.into());
        mac.update(&expiry.to_be_bytes());
        let (from, to) = self.window_ms.unwrap_or((0, u64::MAX));
        mac.update(&from.to_be_bytes());
        mac.update(&to.to_be_bytes());
        let mut names: Vec<&str> = self.flavors.iter().map(FlavorId::as_str).collect();
        names.sort_unstable();
        names.dedup();
        // No name holds a zero byte, and no id is empty.
        let captions = self.caption.into_iter().flat_map(|caption| ["", "c", caption]);
        let sequence = self.sequence.iter().flat_map(|entry| ["", "s", entry.as_str()]);
        for name in std::iter::once(self.entry.as_str()).chain(names).chain(captions).chain(sequence) {
            mac.update(name.as_bytes());
            mac.update(&[0]);
        }
        let whole = mac.finalize().into_bytes();
        std::array::from_fn(|at| whole[at])
    }
}

/// When a token is to expire that is good for `lifetime_s` at least: on a grid of such steps, so that URLs of one time are
/// the same, and caches share what they open.
pub fn expiry(now: u64, lifetime_s: u64) -> u64 {
    let step = lifetime_s.max(1);
    (now / step).saturating_add(2).saturating_mul(step)
}

/// Expiry and signature of a token; in one writing alone.
fn parse(token: &str) -> Option<(u64, [u8; WRITTEN])> {
    let (expiry, signature) = token.split_once('.')?;
    let second = u64::from_str_radix(expiry, 16).ok().filter(|second| format!("{second:x}") == expiry)?;
    let mut bytes = [0; WRITTEN];
    let written = URL_SAFE_NO_PAD.decode_slice(signature, &mut bytes).ok()?;
    (written == WRITTEN).then_some((second, bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secret() -> Secret {
        Secret::new("url secret").unwrap()
    }

    fn code<T>(result: Result<T>) -> Option<Code> {
        result.err().and_then(|error| error.code())
    }

    #[test]
    fn tokens_of_the_dialect() {
        // printf %s 'url secret/p/1/playManifest/entryId/0_x/expiry/9/kt/{kt}/a?kt={kt}' | sha1sum
        let kt = "c926fe9e12c689eb4c716c9da5543e868df29f9f";
        let uri = |kt: &str| format!("/p/1/playManifest/entryId/0_x/expiry/9/kt/{kt}/a?kt={kt}");
        assert_eq!(code(check_kt(&uri(kt), kt, &[secret()])), None);
        #[track_caller]
        fn refused(uri: &str, kt: &str) {
            assert_eq!(code(check_kt(uri, kt, &[secret()])), Some(Code::TokenInvalid), "{uri} {kt}");
        }
        refused(&uri(kt).replace("expiry/9", "expiry/99"), kt);
        refused(&format!("{}&x={kt}", uri(kt)), kt);
        refused(&uri("{kt}"), kt.trim_start_matches(char::is_alphanumeric));
        refused(&uri(&kt.to_uppercase()), &kt.to_uppercase());
        refused(&uri(""), "");
        refused(&uri(kt), "/");
        assert_eq!(code(check_kt(&uri(kt), kt, &Secret::list("other,another"))), Some(Code::TokenInvalid));
    }

    fn id(text: &str) -> EntryId {
        EntryId::new(text).unwrap()
    }

    fn flavors(names: &[&str]) -> Vec<FlavorId> {
        names.iter().map(|name| FlavorId::new(name).unwrap()).collect()
    }

    #[test]
    fn tokens_are_bound_to_what_they_open() {
        let (entry, both) = (id("0_x"), flavors(&["0_a", "0_b"]));
        let scope = Scope { entry: &entry, window_ms: Some((0, 9000)), flavors: &both, caption: None, sequence: &[] };
        let token = Seal { secret: &secret(), expiry: 200 }.token(&scope);
        let check = |scope: Scope<'_>, now| code(scope.check(&token, &[Secret::new("newer").unwrap(), secret()], now));
        assert_eq!((check(scope, 199), check(scope, 200)), (None, Some(Code::TokenExpired)));
        assert_eq!(check(Scope { flavors: &flavors(&["0_b", "0_a"]), ..scope }, 1), None, "the order means nothing");
        let (other, joined) = (id("0_y"), id("0_x0_a"));
        for different in [
            Scope { caption: Some("0_c"), ..scope },
            Scope { caption: Some(""), ..scope },
            Scope { sequence: std::slice::from_ref(&other), ..scope },
            Scope { entry: &other, ..scope },
            Scope { entry: &joined, flavors: &both[1..], ..scope },
            Scope { window_ms: None, ..scope },
            Scope { window_ms: Some((0, 9001)), ..scope },
            Scope { window_ms: Some((1, 9000)), ..scope },
            Scope { flavors: &both[..1], ..scope },
            Scope { flavors: &[], ..scope },
            Scope { flavors: &flavors(&["0_a", "0_b", "0_c"]), ..scope },
        ] {
            assert_eq!(check(different, 1), Some(Code::TokenInvalid), "{different:?}");
        }
        for secrets in [Vec::new(), Secret::list("newer")] {
            assert_eq!(code(scope.check(&token, &secrets, 1)), Some(Code::TokenInvalid));
        }
        // A longer life is another token; so is another writing of it.
        let (life, signature) = token.split_once('.').unwrap();
        for wrong in [
            format!("fff.{signature}"),
            format!("0{token}"),
            token.to_uppercase(),
            format!("{token}A"),
            format!("{life}."),
        ] {
            assert_eq!(code(scope.check(&wrong, &[secret()], 1)), Some(Code::TokenInvalid), "{wrong}");
        }
    }

    #[test]
    fn a_token_with_a_changed_bit_is_none() {
        let entry = id("0_x");
        let scope = Scope { entry: &entry, window_ms: None, flavors: &[], caption: None, sequence: &[] };
        let token = Seal { secret: &secret(), expiry: 1_893_456_000 }.token(&scope);
        assert_eq!(token, "70dbd880.rq_8f2OXCDuZRYfNqIVilA", "URLs that are out there stay good");
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert_eq!(code(scope.check(&changed, &[secret()], 0)), Some(Code::TokenInvalid), "{changed}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(token in prop_oneof!["\\PC*", "[0-9a-f]{0,17}\\.[A-Za-z0-9_-]{0,24}"], uri in "\\PC*") {
            let entry = id("0_x");
            let scope = Scope { entry: &entry, window_ms: None, flavors: &[], caption: None, sequence: &[] };
            prop_assert!(scope.check(&token, &[secret()], 0).is_err());
            prop_assert!(check_kt(&uri, &token, &[secret()]).is_err());
        }

        #[test]
        fn tokens_live_as_long_as_they_must_and_change_rarely(now: u32, lifetime in 1_u64..1_000_000) {
            let now = u64::from(now);
            let end = expiry(now, lifetime);
            prop_assert!((now + lifetime..=now + 2 * lifetime).contains(&end));
            prop_assert_eq!(end % lifetime, 0);
        }
    }
}
