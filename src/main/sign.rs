//! The command `sign`: a URL that opens what it names without a session.

use clap::{Arg, ArgMatches, Command, value_parser};
use vedette::access::secret::Secret;
use vedette::access::token::with_kt;
use vedette::request::{self, Credentials, Request};

use super::secret::{no_secret, secrets, with_secret};
use super::{Outcome, fault, print, target};

/// Where a secret is looked for that no argument gives.
const SECRET_VARIABLE: &str = "VEDETTE_URL_SECRET";

pub(super) fn command() -> Command {
    let url = Arg::new("url").value_name("URL").required(true).help("Path and query, or a whole URL");
    let expiry = Arg::new("expiry")
        .long("expiry")
        .value_name("SECOND")
        .value_parser(value_parser!(u64))
        .help("When it ends, in seconds since 1970; never without it");
    let about = "Prints a URL of playManifest, a thumbnail or a stored file signed, so that it needs no session";
    with_secret(
        Command::new("sign").about(about).arg(url).arg(expiry),
        "What url_token.secret in the settings begins with",
        SECRET_VARIABLE,
    )
}

/// Signs a URL.
pub(super) fn run(given: &ArgMatches) -> Outcome {
    let secrets = secrets(given, SECRET_VARIABLE)?;
    let secret = secrets.first().ok_or_else(|| no_secret(SECRET_VARIABLE))?;
    let url = given.get_one::<String>("url").map(String::as_str).unwrap_or_default();
    let (host, target) = target(url);
    print(format_args!("{host}{}\n", signed(target, given.get_one("expiry").copied(), secret)?))
}

/// The target signed, with the second when it ends if that is given. Fails for a target that is not to be signed.
fn signed(target: &str, expiry: Option<u64>, secret: &Secret) -> Result<String, Vec<String>> {
    let ending = match expiry {
        Some(second) => format!("{target}{}expiry={second}", if target.contains('?') { '&' } else { '?' }),
        None => target.to_owned(),
    };
    let signed = with_kt(&ending, secret);
    let other = || vec![format!("{target}: only URLs of playManifest, thumbnails, raw and download are signed")];
    let request = request::parse(&signed).ok_or_else(other)?.map_err(fault)?;
    let Credentials { token, expiry: said, .. } = request.credentials();
    let is_ours = token.as_deref().is_some_and(|token| signed.ends_with(token));
    let ends = expiry.is_none_or(|second| *said == i64::try_from(second).ok());
    match request {
        Request::Package(_) | Request::Served(_) | Request::Asset(_) => Err(other()),
        _ if !is_ours || !ends => Err(vec![format!("{target}: it has a token or an expiry already")]),
        Request::PlayManifest(_) | Request::Thumbnail(_) | Request::Raw(_) | Request::Download(_) => Ok(signed),
    }
}

#[cfg(test)]
mod tests {
    use vedette::access::token::check_kt;

    use super::*;

    #[test]
    fn what_is_signed_says_when_it_ends() {
        let secret = Secret::new("of urls").unwrap();
        let thumbnail = "/p/1/thumbnail/entry_id/0_x";
        for (target, expiry, begins) in [
            (thumbnail, None, "?kt="),
            (thumbnail, Some(7), "?expiry=7&kt="),
            ("/p/1/thumbnail/entry_id/0_x/width/9?height=1", Some(7), "&expiry=7&kt="),
            ("/p/1/thumbnail/entry_id/0_x/expiry/7", Some(7), "?expiry=7&kt="),
            ("/p/1/raw/entry_id/0_x", Some(7), "?expiry=7&kt="),
            ("/p/1/sp/100/playManifest/entryId/0_x/format/url/a.mp4", Some(7), "?expiry=7&kt="),
        ] {
            let signed = signed(target, expiry, &secret).unwrap();
            let (rest, kt) = signed.split_at(signed.len() - 40);
            assert_eq!(rest, format!("{target}{begins}"));
            assert!(check_kt(&signed, kt, std::slice::from_ref(&secret)).is_ok(), "{signed}");
        }
        for (target, expiry) in [
            ("/p/1/thumbnail/entry_id/0_x/expiry/9", Some(7)),
            ("/p/1/thumbnail/entry_id/0_x/kt/0123456789012345678901234567890123456789", None),
            ("/p/1/serveFlavor/entryId/0_x/flavorId/0_y/name/a.mp4", None),
            ("/favicon.ico", None),
        ] {
            assert!(signed(target, expiry, &secret).is_err(), "{target}");
        }
    }
}
