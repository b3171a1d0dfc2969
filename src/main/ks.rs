//! The command `ks`: sessions shown and made.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgMatches, Command, value_parser};
use vedette::access::session::{self, Claims, Invalid, Privileges, Role, Session, Version, v1, v2};
use vedette::entry::PartnerId;

use super::secret::{no_secret, secrets, standard_input, with_secret};
use super::{Outcome, fault, print};

/// Where a secret is looked for that no argument gives.
const SECRET_VARIABLE: &str = "VEDETTE_KS_SECRET";

/// The secret of sessions, for people.
const SECRET: &str = "The partner's admin secret, or a list with commas whose first one makes sessions";

pub(super) fn command() -> Command {
    Command::new("ks")
        .about("Shows and makes Kaltura sessions")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(show_command())
        .subcommand(make_command())
}

fn show_command() -> Command {
    let text = Arg::new("ks").value_name("KS").required(true).help("A session; - is one on the standard input");
    let show = Command::new("show").about("Prints what a session claims, if the secret made it").arg(text);
    with_secret(show, SECRET, SECRET_VARIABLE)
}

fn make_command() -> Command {
    let option = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let number = value_parser!(i64);
    let make = Command::new("make")
        .about("Prints a session")
        .arg(option("partner", "N", "Whose session it is").required(true).value_parser(number))
        .arg(option("type", "TYPE", "0 for a user, 2 for who may do everything").default_value("0"))
        .arg(option("user", "NAME", "Its holder's name").default_value(""))
        .arg(
            option("expiry", "SECOND", "When it ends, in seconds since 1970")
                .required(true)
                .value_parser(value_parser!(u64)),
        )
        .arg(option("privileges", "LIST", "Such as sview:0_abc12345,list:*").default_value(""))
        .arg(option("rand", "HEX", "16 bytes in hexadecimal digits, any text in v1; what chance gives without it"))
        .arg(option("format", "FORMAT", "v1 or v2").value_parser(["v1", "v2"]).default_value("v2"));
    with_secret(make, SECRET, SECRET_VARIABLE)
}

/// Shows or makes a session.
pub(super) fn run(given: &ArgMatches) -> Outcome {
    match given.subcommand() {
        Some(("show", given)) => show(given),
        Some(("make", given)) => make(given),
        _ => Err(vec!["no such command".to_owned()]),
    }
}

fn show(given: &ArgMatches) -> Outcome {
    let secrets = secrets(given, SECRET_VARIABLE)?;
    let text = match argument(given, "ks") {
        "-" => standard_input()?,
        text => text.to_owned(),
    };
    let wrong = |invalid: Invalid| vec![format!("the session is invalid [{}]: {invalid}", invalid.number())];
    let session = session::read(&text).and_then(|read| read.verify(&secrets)).map_err(wrong)?;
    print(description(&session, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()))
}

/// What a session claims, a line each.
fn description(session: &Session, now: u64) -> String {
    let claims = &session.claims;
    let version = match session.version {
        Version::V1 => "v1",
        Version::V2 => "v2",
    };
    let role = match claims.role {
        Role::User => "user",
        Role::Widget => "widget",
        Role::Admin => "admin",
    };
    let left = match claims.expiry.checked_sub(now).filter(|left| *left > 0) {
        Some(left) => format!("in {} d {} h {} min {} s", left / 86_400, left / 3600 % 24, left / 60 % 60, left % 60),
        None => "it has expired".to_owned(),
    };
    let lines = [
        ("format", version.to_owned()),
        ("partner", claims.partner.0.to_string()),
        ("type", format!("{} ({role})", claims.role.number())),
        ("user", claims.user.clone()),
        ("expiry", format!("{} ({left})", claims.expiry)),
        ("privileges", claims.privileges.to_string()),
        ("master", claims.master_partner.map(|master| master.0.to_string()).unwrap_or_default()),
        ("data", claims.data.clone()),
        ("rand", session.rand.clone()),
        ("hash", session.id.to_string()),
    ];
    let said = lines.iter().filter(|(_, value)| !value.is_empty());
    // Whoever made a session cannot write to the terminal with it.
    said.map(|(name, value)| format!("{name:<12}{}\n", value.replace(char::is_control, "\u{fffd}"))).collect()
}

fn make(given: &ArgMatches) -> Outcome {
    let secrets = secrets(given, SECRET_VARIABLE)?;
    let secret = secrets.first().ok_or_else(|| no_secret(SECRET_VARIABLE))?;
    let role = argument(given, "type");
    let claims = Claims {
        partner: PartnerId(given.get_one("partner").copied().unwrap_or_default()),
        expiry: given.get_one("expiry").copied().unwrap_or_default(),
        role: Role::read(role).ok_or_else(|| vec![format!("type {role:?} is not allowed, expected 0, 1 or 2")])?,
        user: argument(given, "user").to_owned(),
        privileges: Privileges::parse(argument(given, "privileges")),
        master_partner: None,
        data: String::new(),
    };
    let rand = match given.get_one::<String>("rand") {
        Some(rand) => rand.clone(),
        None => chance()?,
    };
    let made = match argument(given, "format") {
        "v1" => v1::make(&claims, &rand, secret),
        _ => v2::make(&claims, bytes(&rand)?, secret),
    };
    let text = made.map_err(|error| vec![error.message().to_owned()])?;
    print(format_args!("{text}\n"))
}

fn argument<'a>(given: &'a ArgMatches, name: &str) -> &'a str {
    given.get_one::<String>(name).map(String::as_str).unwrap_or_default()
}

/// 16 bytes that nobody can guess, in hexadecimal digits.
fn chance() -> Result<String, Vec<String>> {
    let mut bytes = [0; 16];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).map_err(fault)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bytes(hex: &str) -> Result<[u8; 16], Vec<String>> {
    let is_hex = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    let number = u128::from_str_radix(hex, 16).ok().filter(|_| is_hex);
    let wrong = || vec![format!("rand {hex:?} is not allowed, expected 32 hexadecimal digits")];
    number.map(u128::to_be_bytes).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use vedette::access::secret::Secret;

    use super::*;

    const SECRET: &str = "a1b2c3d4e5f60718293a4b5c6d7e8f90";

    #[test]
    fn what_is_shown() {
        let claims = Claims {
            partner: PartnerId(12345),
            expiry: 190_000,
            role: Role::User,
            user: "jane\x1b[2Jdoe".to_owned(),
            privileges: Privileges::parse("sview:0_a,edit"),
            master_partner: None,
            data: String::new(),
        };
        let text = v2::make(&claims, [0; 16], &Secret::new(SECRET).unwrap()).unwrap();
        let session = session::read(&text).unwrap().verify(&Secret::list(SECRET)).unwrap();
        let shown = description(&session, 100_000);
        let expected = "format      v2\npartner     12345\ntype        0 (user)\nuser        jane\u{fffd}[2Jdoe\n\
                        expiry      190000 (in 1 d 1 h 0 min 0 s)\nprivileges  sview:0_a,edit\n";
        assert!(shown.starts_with(expected), "{shown}");
        assert!(description(&session, 190_000).contains("(it has expired)"));
    }

    #[test]
    fn chance_is_given_in_digits() {
        assert_eq!(bytes("000102030405060708090a0b0c0d0e0F").unwrap()[14..], [14, 15]);
        for wrong in ["", "00", "+00102030405060708090a0b0c0d0e0f", "0g0102030405060708090a0b0c0d0e0f"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
        assert_ne!(bytes(&chance().unwrap()), bytes(&chance().unwrap()));
    }
}
