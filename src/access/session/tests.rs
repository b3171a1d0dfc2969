//! Sessions against the vectors of the dialect, against themselves, and against everything that they are not.

use core::net::IpAddr;

use proptest::prelude::*;

use super::*;

const SECRET: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

const A: &str = "djJ8MTIzNDV8AFN0_RXauDuQIIZn-NyUodsMLTBxdKAVC55P-qHNAq0N__y0Gm46kdgZgxG_JjUrMoGhUdVkb2AjnxuN8hgxPTSwQgivgQDSVGm1wDTkiNOPJxmKo60-jeQPGeeuzXOxH6DAtO5xL4KoZi0jJmW4Pg==";
const B: &str = "djJ8MTIzNDV872_0ZDga0cLynYBAEBMWRPYX-yiADtDUfwzXdGzQAeWD8GWVkXT0oSiBMs25oK4zrxJdlcWuQPzIol1o8sTgGqdAIDMghgZFbMSHj7eeuXV6BM6K0SIPgccD3yL084fk";
const C: &str = "Njk4NTljZTFlNWMzMDBlYzE0ODI0MDJiYzk2ZmY5NDY2M2QwZDFkOXwxMjM0NTsxMjM0NTsxODkzNDU2MDAwOzA7MTIzNC41Njc4O3VzZXJAZXhhbXBsZS5jb207c3ZpZXc6Kjs7";
const D: &str = "djJ8MTIzNDV8ASeOBMfYSxkNnBYz4sFVv14MlGUBldGCl_-6qQn89TXag7UIuuAFqrndk5V_5tZzhPOw_ScWr1158jJPxL2EojTra45XlkqoFBJu_8_Szb5x2MIcKzwYxVZWDmAPJuLhFWcqg6mIRw7zGz5oK_JGTKuRPSt-5uT2p-43NpuAGnMmz4aPT60losxwDqtoIcSk";

fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}

fn claims(role: Role, user: &str, privileges: &str) -> Claims {
    Claims {
        partner: PartnerId(12345),
        expiry: 1_893_456_000,
        role,
        user: user.to_owned(),
        privileges: Privileges::parse(privileges),
        master_partner: None,
        data: String::new(),
    }
}

/// The session that `text` is, where 12345 alone is known, by two secrets.
fn open(text: &str) -> Result<Session, Invalid> {
    let unverified = read(text)?;
    let secrets = [Secret::new("newer").unwrap(), secret()];
    unverified.verify(if unverified.partner() == PartnerId(12345) { &secrets } else { &[] })
}

fn bytes(hex: &str) -> [u8; 16] {
    std::array::from_fn(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
}

/// A vector is read as it was made, and made as it is read.
#[track_caller]
fn check_vector(text: &str, claimed: &Claims, rand: &str, id: &str) {
    let session = open(text).unwrap();
    assert_eq!((&session.claims, session.rand.as_str(), session.id.to_string().as_str()), (claimed, rand, id));
    let made = match session.version {
        Version::V1 => v1::make(claimed, rand, &secret()),
        Version::V2 => v2::make(claimed, bytes(rand), &secret()),
    };
    assert_eq!(made.unwrap(), text);
}

#[test]
fn vectors() {
    check_vector(
        A,
        &claims(Role::User, "user@example.com", "sview:0_abc12345,list:*"),
        "797af3d9c02958df7a5d35eebfaac955",
        "27b13d65fc846f81fe0c7ee1e13f9ec462289078",
    );
    check_vector(
        B,
        &claims(Role::Admin, "", "disableentitlement,*"),
        "afc419f643d397675cb98e1748596e2a",
        "3ca03a700052bd0fb4faae5036ef421cf579f863",
    );
    check_vector(
        C,
        &claims(Role::User, "user@example.com", "sview:*"),
        "1234.5678",
        "69859ce1e5c300ec1482402bc96ff94663d0d1d9",
    );
    check_vector(
        D,
        &claims(Role::User, "jane doe", "sview:0_abc12345,urirestrict:/p/12345/*,iprestrict:10.0.0.1"),
        "000102030405060708090a0b0c0d0e0f",
        "31cb254e0bdf47eaa953b1ddfe03f2316fb43969",
    );
    assert_eq!(open(B).unwrap().claims.privileges.to_string(), "disableentitlement,all:*");
}

#[test]
fn as_clients_carry_them() {
    let whole = open(A).unwrap();
    let (mut broken, standard) = (A.to_owned(), A.replace('-', "+").replace('_', "/"));
    broken.insert_str(70, "\r\n ");
    for text in [A.trim_end_matches('='), &broken, &standard] {
        assert_eq!(open(text).as_ref(), Ok(&whole), "{text}");
    }
}

#[test]
fn what_no_secret_made() {
    #[track_caller]
    fn check(text: &str, expected: Invalid) {
        assert_eq!(open(text), Err(expected), "{text:?}");
    }
    let v2 = |raw: &[u8]| text::encode_v2(raw);
    check("", Invalid::Text);
    check("djJ8", Invalid::Text);
    check(&v2(b"v2|12345|"), Invalid::Text);
    check(&v2(b"v2|12345|0123456789abcde"), Invalid::Text);
    check(&v2(b"v2|12345|0123456789abcdef"), Invalid::Text);
    check(&v2(b"v2|12346|0123456789abcdef"), Invalid::Partner);
    check(&v2(&[b"v2|12345|".as_slice(), &[0; 3200]].concat()), Invalid::Text);
    // Another writing of the partner is none.
    for partner in ["012345", "+12345", " 12345", "12345 ", "", "99999999999999999999", "\u{ff11}"] {
        check(&v2(format!("v2|{partner}|0123456789abcdef").as_bytes()), Invalid::Text);
    }
    check(&A[..A.len() - 24], Invalid::Text);
    check(&C[..C.len() - 4], Invalid::Text);
    check(&A.repeat(100), Invalid::Text);
    // The digest is in small letters.
    let signed = text::decode(C).unwrap();
    check(&text::encode_v1(&[signed[..40].to_ascii_uppercase(), signed[40..].to_vec()].concat()), Invalid::Text);
    assert_eq!(read(A).unwrap().verify(&[]), Err(Invalid::Partner));
    assert_eq!(read(A).unwrap().verify(&Secret::list(&"f".repeat(32))), Err(Invalid::Text));
}

/// Signs fields of version 1 as they are.
fn signed(info: &str) -> Result<Session, Invalid> {
    use sha1::Digest;
    let digest: [u8; 20] = sha1::Sha1::digest(format!("{SECRET}{info}")).into();
    open(&text::encode_v1(format!("{}|{info}", SessionId(digest)).as_bytes()))
}

#[test]
fn version_1_may_be_short() {
    let seven = signed("12345;12345;1893456000;2;x;user;edit:*").unwrap();
    assert_eq!(seven.claims, claims(Role::Admin, "user", "edit:*"));
    assert_eq!(signed("12345;12345;1893456000").unwrap().claims, claims(Role::User, "", ""));
    assert_eq!(signed("12345;12345").unwrap_err(), Invalid::Text);
    assert_eq!(signed("12345;12345;soon;0").unwrap().claims.expiry, 0);
    assert_eq!(signed("12345;12345;1;7").unwrap_err(), Invalid::Text);
    let master = signed("12345;12345;1893456000;0;;;;99;more").unwrap().claims;
    assert_eq!((master.master_partner, master.data.as_str()), (Some(PartnerId(99)), "more"));
}

#[test]
fn what_cannot_be_made() {
    let message = |made: crate::error::Result<String>| made.unwrap_err().message().to_owned();
    let semicolon = message(v1::make(&claims(Role::User, "a;b", ""), "", &secret()));
    assert_eq!(semicolon, "user \"a;b\" cannot hold a `;` in a session of version 1");
    let field = message(v2::make(&claims(Role::User, "", "_e:9"), [0; 16], &secret()));
    assert_eq!(field, "privilege \"_e\" has a name that begins with `_`, as fields have");
}

#[test]
fn nothing_shows_a_session_that_is_not_verified() {
    assert_eq!(format!("{:?}", read(C).unwrap()), "Unverified(12345)");
}

/// Why a session with these privileges is not good for 10.0.0.1, at `/p/1/x?y`, in second 100.
#[track_caller]
fn check_use(
    privileges: &str,
    change: impl FnOnce(&mut Claims, &mut Circumstances<'_>),
    expected: Result<(), Invalid>,
) {
    let mut claims = Claims { expiry: 101, ..claims(Role::User, "u", privileges) };
    let address = Some(IpAddr::from([10, 0, 0, 1]));
    let mut at = Circumstances { now: 100, address, uri: "/p/1/x?y", standing: Standing::Used(5) };
    change(&mut claims, &mut at);
    let session = Session { id: SessionId([0; 20]), claims, rand: String::new(), version: Version::V2 };
    assert_eq!(session.check(&at), expected, "{privileges} {at:?}");
}

#[test]
fn sessions_expire_and_are_revoked() {
    check_use("", |_, _| {}, Ok(()));
    check_use("", |_, at| at.now = 101, Err(Invalid::Expired));
    check_use("", |claims, _| claims.expiry = 0, Err(Invalid::Expired));
    check_use("", |_, at| at.standing = Standing::Revoked, Err(Invalid::Revoked));
    check_use("", |_, at| at.standing = Standing::Unknown, Err(Invalid::Unknown));
    check_use("actionslimit:6", |_, _| {}, Ok(()));
    for spent in ["actionslimit:5", "actionslimit", "actionslimit:many", "actionslimit:-1"] {
        check_use(spent, |_, _| {}, Err(Invalid::ActionsSpent));
    }
    // Nobody revokes the session of a page, or of the platform's machines; a person's is none of a page.
    let of_page = |claims: &mut Claims, at: &mut Circumstances<'_>| {
        (claims.user, at.standing) = ("0".to_owned(), Standing::Revoked);
    };
    check_use("view:*,widget:1", of_page, Ok(()));
    check_use("view:*", of_page, Err(Invalid::Revoked));
    check_use("widget:1", |_, at| at.standing = Standing::Revoked, Err(Invalid::Revoked));
    let of_machine = |claims: &mut Claims, at: &mut Circumstances<'_>| {
        (claims.partner, at.standing) = (PartnerId(-1), Standing::Unknown);
    };
    check_use("", of_machine, Ok(()));
}

#[test]
fn sessions_are_for_addresses() {
    check_use("iprestrict:10.0.0.1", |_, _| {}, Ok(()));
    check_use("iprestrict:192.0.2.1/10.0.0.1", |_, _| {}, Ok(()));
    check_use("iprestrict:10.0.0.1", |_, at| at.address = "::ffff:10.0.0.1".parse().ok(), Ok(()));
    check_use("iprestrict:2001:db8::1", |_, at| at.address = "2001:DB8:0::1".parse().ok(), Ok(()));
    for other in ["iprestrict:10.0.0.10", "iprestrict:10.0.0", "iprestrict:10.0.0.0/8", "iprestrict:*", "iprestrict"] {
        check_use(other, |_, _| {}, Err(Invalid::Address));
    }
    check_use("iprestrict:10.0.0.1", |_, at| at.address = None, Err(Invalid::Address));
}

#[test]
fn sessions_are_for_uris() {
    for allowed in ["/p/1/x?y", "/p/1/*", "*", "/p/2/*|/p/1/x*"] {
        check_use(&format!("urirestrict:{allowed}"), |_, _| {}, Ok(()));
    }
    for other in ["/p/1/x", "/p/1/x?", "/p/2/*", "p/1/*", "", "/p/*/x?y"] {
        check_use(&format!("urirestrict:{other}"), |_, _| {}, Err(Invalid::Uri));
    }
    // The first fault counts.
    check_use("iprestrict:1.2.3.4,urirestrict:/z", |_, _| {}, Err(Invalid::Address));
    check_use("iprestrict:1.2.3.4", |_, at| at.now = 101, Err(Invalid::Expired));
}

#[test]
fn who_holds_a_session() {
    let session = |role, user: &str, privileges: &str| Session {
        id: SessionId([0; 20]),
        claims: claims(role, user, privileges),
        rand: String::new(),
        version: Version::V1,
    };
    let roles = [Role::User, Role::Widget, Role::Admin].map(|role| session(role, "", "").is_admin());
    assert_eq!(roles, [false, true, true]);
    assert!(session(Role::User, "", "widget:1").is_widget() && session(Role::User, "0", "x,widget:1").is_widget());
    assert!(!session(Role::Admin, "", "widget:1").is_widget() && !session(Role::User, "", "widget:11").is_widget());
    assert_eq!(session(Role::User, "u", "sessionid:a/b").groups().collect::<Vec<_>>(), ["a", "b"]);
}

fn any_claims(texts: &'static str) -> impl Strategy<Value = Claims> {
    let privileges = proptest::collection::btree_map("[a-z]{1,8}", "([a-zA-Z0-9_*/%+&=]{1,12})?", 0..5);
    let roles = prop_oneof![Just(Role::User), Just(Role::Widget), Just(Role::Admin)];
    let master = proptest::option::of((1_i64..i64::MAX).prop_map(PartnerId));
    (any::<u64>(), roles, texts, privileges, master, texts).prop_map(
        |(expiry, role, user, privileges, master_partner, data)| Claims {
            expiry,
            role,
            user,
            privileges: privileges.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
            master_partner,
            data,
            ..claims(Role::User, "", "")
        },
    )
}

proptest! {
    #[test]
    fn what_is_made_is_read_in_version_1(claims in any_claims("[^;]{0,20}"), rand in "[^;]{0,20}") {
        let session = open(&v1::make(&claims, &rand, &secret()).unwrap()).unwrap();
        prop_assert_eq!((session.claims, session.rand, session.version), (claims, rand, Version::V1));
    }

    #[test]
    fn what_is_made_is_read_in_version_2(claims in any_claims(".{0,20}"), rand: [u8; 16]) {
        let session = open(&v2::make(&claims, rand, &secret()).unwrap()).unwrap();
        prop_assert_eq!((session.claims, bytes(&session.rand), session.version), (claims, rand, Version::V2));
    }

    #[test]
    fn any_text_is_answered(text in prop_oneof!["\\PC*", "[A-Za-z0-9_=-]{0,200}", "djJ8MTIzNDV8[A-Za-z0-9_-]{0,400}"]) {
        prop_assert!(open(&text).is_err());
    }

    #[test]
    fn any_bytes_that_the_secret_made_are_answered(info in "\\PC*", form: Vec<u8>) {
        let _ = signed(&format!("12345;{info}"));
        let _ = text::fields(&form);
    }
}

/// Every bit of the text, and every bit of what the text stands for.
#[test]
fn a_session_with_a_changed_bit_is_none() {
    for text in [A, B, C, D] {
        let good = open(text).unwrap();
        for bit in 0..text.len() * 8 {
            let mut changed = text.as_bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(changed) = String::from_utf8(changed) else { continue };
            assert!(open(&changed).is_err(), "{changed}");
        }
        let raw = text::decode(text).unwrap();
        for bit in 0..raw.len() * 8 {
            let mut changed = raw.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&text::encode_v2(&changed)).is_err(), "bit {bit} of {:?}", good.claims);
        }
    }
}
