//! Sessions of version 2: fields and a digest of them, encrypted with the secret.

use aes::Aes128;
use cbc::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use cbc::{Decryptor, Encryptor};
use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::text::{self, Field};
use super::{Claims, Role, SessionId, Unsigned, number, partner};
use crate::access::secret::Secret;
use crate::entry::PartnerId;
use crate::error::{Error, Result};

/// Bytes of a block of the cipher (FIPS 197), of its key, and of what makes equal sessions differ.
const BLOCK: usize = 16;

/// Bytes of the digest in front of what it covers.
const DIGEST: usize = 20;

/// What a text holds before it is known who sealed it.
pub(super) struct Sealed {
    ciphertext: Vec<u8>,
}

/// A session of version 2, and the partner that it names; `raw` is what follows its mark.
pub(super) fn parse(raw: &[u8]) -> Option<(PartnerId, Sealed)> {
    let bar = raw.iter().position(|b| *b == b'|')?;
    let ciphertext = &raw[bar + 1..];
    let is_whole = !ciphertext.is_empty() && ciphertext.len().is_multiple_of(BLOCK);
    let partner = partner(&raw[..bar])?;
    is_whole.then(|| (partner, Sealed { ciphertext: ciphertext.to_vec() }))
}

impl Sealed {
    /// What the session claims, if `partner` sealed it with `secret`.
    pub(super) fn open(&self, partner: PartnerId, secret: &Secret) -> Option<Unsigned> {
        let mut plain = self.ciphertext.clone();
        let (blocks, _) = Array::slice_as_chunks_mut(&mut plain);
        Decryptor::<Aes128>::new(&key(secret).into(), &[0; BLOCK].into()).decrypt_blocks(blocks);
        let end = plain.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        let (digest, covered) = plain[..end].split_at_checked(DIGEST)?;
        let id = SessionId(Sha1::digest(covered).into());
        if !bool::from(id.0.ct_eq(digest)) {
            return None;
        }
        let (rand, form) = covered.split_first_chunk::<BLOCK>()?;
        let rand = format!("{:032x}", u128::from_be_bytes(*rand));
        Some(Unsigned { id, claims: claims(partner, text::fields(form)?)?, rand })
    }
}

/// The claims that `fields` make.
fn claims(partner: PartnerId, mut fields: Vec<Field>) -> Option<Claims> {
    let mut take = |name: &str| {
        let at = fields.iter().position(|field| field.name == name)?;
        Some(fields.remove(at).value)
    };
    let (expiry, role, user) = (take("_e"), take("_t"), take("_u"));
    let (master, data) = (take("_m"), take("_d"));
    Some(Claims {
        partner,
        expiry: expiry.map_or(0, |text| number(&text)),
        role: Role::read(&role.unwrap_or_default())?,
        user: user.unwrap_or_default(),
        privileges: fields.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect(),
        master_partner: master.and_then(|text| text.parse().ok()).map(PartnerId),
        data: data.unwrap_or_default(),
    })
}

fn key(secret: &Secret) -> [u8; BLOCK] {
    let digest: [u8; DIGEST] = Sha1::digest(secret.bytes()).into();
    std::array::from_fn(|at| digest[at])
}

/// The text of a session; `rand` makes sessions differ that claim the same. Fails for a privilege with the name of a field.
pub fn make(claims: &Claims, rand: [u8; BLOCK], secret: &Secret) -> Result<String> {
    let covered = [rand.as_slice(), form(claims)?.as_bytes()].concat();
    let mut plain = Sha1::digest(&covered).to_vec();
    plain.extend(covered);
    plain.resize(plain.len().next_multiple_of(BLOCK), 0);
    let (blocks, _) = Array::slice_as_chunks_mut(&mut plain);
    Encryptor::<Aes128>::new(&key(secret).into(), &[0; BLOCK].into()).encrypt_blocks(blocks);
    let head = format!("v2|{}|", claims.partner.0);
    Ok(text::encode_v2(&[head.as_bytes(), &plain].concat()))
}

/// Privileges first, then the other fields.
fn form(claims: &Claims) -> Result<String> {
    let mut form = String::new();
    let mut add = |name: &str, value: &str| {
        let ampersand = if form.is_empty() { "" } else { "&" };
        form.extend([ampersand, &text::encoded(name), "=", &text::encoded(value)]);
    };
    for (name, value) in claims.privileges.iter() {
        if name.starts_with('_') {
            return Err(Error::invalid(format!("privilege {name:?} has a name that begins with `_`, as fields have")));
        }
        add(name, value);
    }
    add("_e", &claims.expiry.to_string());
    add("_t", claims.role.number());
    add("_u", &claims.user);
    if let Some(master) = claims.master_partner {
        add("_m", &master.0.to_string());
    }
    if !claims.data.is_empty() {
        add("_d", &claims.data);
    }
    Ok(form)
}
