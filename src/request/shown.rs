//! Targets as logs may have them: without what would let a reader pass for the client.

use std::borrow::Cow;

use super::path;

/// The parameters that carry sessions and tokens.
const SECRET: [&str; 2] = ["ks", "kt"];

/// What stands for a value that is not shown.
const HIDDEN: &str = "***";

/// `target` with the values of sessions and tokens left out, in its path and in its query.
pub fn shown(target: &str) -> Cow<'_, str> {
    if !target.split(['/', '?', '&', '=']).any(is_secret) {
        return Cow::Borrowed(target);
    }
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut text = String::with_capacity(target.len());
    let mut hides = false;
    for (at, part) in path.split('/').enumerate() {
        text += if at == 0 { "" } else { "/" };
        text += if hides && !part.is_empty() { HIDDEN } else { part };
        hides = is_secret(part) || (hides && part.is_empty());
    }
    for (at, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        text += if at == 0 { "?" } else { "&" };
        match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => {
                text += name;
                text += "=";
                text += HIDDEN;
            }
            _ => text += pair,
        }
    }
    Cow::Owned(text)
}

fn is_secret(name: &str) -> bool {
    match name.contains('%') {
        true => path::decode(name).is_ok_and(|name| SECRET.contains(&name.as_ref())),
        false => SECRET.contains(&name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: &str, expected: &str) {
        assert_eq!(shown(target), expected);
    }

    #[test]
    fn sessions_are_left_out() {
        check("/p/1/thumbnail/entry_id/0_x/width/3", "/p/1/thumbnail/entry_id/0_x/width/3");
        check("/p/1/thumbnail/ks/secret/entry_id/0_x", "/p/1/thumbnail/ks/***/entry_id/0_x");
        check("/p/1/thumbnail/ks//secret", "/p/1/thumbnail/ks//***");
        check("/p/1/thumbnail/%6bs/secret?a=b&k%73=secret&c", "/p/1/thumbnail/%6bs/***?a=b&k%73=***&c");
        check("/p/1/playManifest/e/x?kt=secret", "/p/1/playManifest/e/x?kt=***");
        check("/p/1/playManifest/ks/ks/secret", "/p/1/playManifest/ks/***/***");
    }
}
