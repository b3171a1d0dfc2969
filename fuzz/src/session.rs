//! Sessions: none that nobody made is good, whatever it is.

use vedette::access::secret::Secret;
use vedette::access::session;

/// What the sessions of the corpus were made with, too, so that what is behind the signature is read.
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Throws `bytes` at it, where they are text.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(unverified) = session::read(text) else { return };
    assert!(unverified.verify(&[]).is_err(), "nobody's partner");
    let other = Secret::new("another").expect("it is not empty");
    assert!(unverified.verify(&[other]).is_err(), "nobody knows the secret");
    let secret = Secret::new(SECRET).expect("it is not empty");
    if let Ok(session) = unverified.verify(&[secret]) {
        let _ = (session.is_admin(), session.is_widget(), session.actions_max(), session.groups().count());
        let _ = session.claims.privileges.allow("sview", "0_x");
    }
}
