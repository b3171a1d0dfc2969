//! Sessions beside those of the dialect's own client library.

use std::process::Command;

use serde_json::Value;
use vedette::access::secret::Secret;
use vedette::access::session::{self, Claims, Privileges, Role, v2};
use vedette::entry::PartnerId;

use crate::players::{Tools, printed};

const SECRET: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

/// The claims that the library was told to write.
fn claims(case: &Value) -> Claims {
    let text = |name: &str| case[name].as_str().unwrap();
    // Version 2 keeps the last value of a name, version 1 has them all.
    let privileges = match text("version") {
        "v2" => text("privileges").replace("sview:0_a,sview:0_b", "sview:0_b"),
        _ => text("privileges").to_owned(),
    };
    Claims {
        partner: PartnerId(case["partner"].as_i64().unwrap()),
        expiry: case["expiry"].as_u64().unwrap(),
        role: Role::read(text("type")).unwrap(),
        user: text("user").to_owned(),
        privileges: Privileges::parse(&privileges),
        master_partner: None,
        data: String::new(),
    }
}

#[test]
fn sessions_of_the_client_library_are_read_and_ours_are_the_same() {
    let Some(tools) = Tools::find(&[], &["target/parsers"]) else { return };
    let python = tools.scripts.join("../../target/parsers/bin/python");
    let secret = Secret::new(SECRET).unwrap();
    let told = printed(Command::new(python).arg(tools.scripts.join("sessions.py")).arg(SECRET));
    let (mut read, mut made) = (0, 0);
    for line in told.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = case["ks"].as_str().unwrap();
        let session = session::read(text).unwrap().verify(std::slice::from_ref(&secret)).unwrap();
        assert_eq!(session.claims, claims(&case), "{line}");
        read += 1;
        // PHP writes what Python leaves as it is, so that these differ.
        if case["version"] == "v2" && !line.contains('~') {
            let rand = u128::from_str_radix(&session.rand, 16).unwrap().to_be_bytes();
            assert_eq!(v2::make(&session.claims, rand, &secret).unwrap(), text, "{line}");
            made += 1;
        }
    }
    assert_eq!((read, made), (240, 98));
}
