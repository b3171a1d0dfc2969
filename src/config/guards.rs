//! Partners, profiles of rules, and signed URLs: the tables `[[partner]]`, `[[access_control]]` and `[url_token]`.

use toml::de::DeTable;

use crate::access::partner::{Config, Partner};
use crate::access::secret::Secret;
use crate::entry::PartnerId;
use crate::rules;
use crate::tables::values::{SECONDS, seconds, switch};
use crate::tables::{Faults, Table, expect, words};

/// The names of the tables.
pub(super) const NAMES: [&str; 3] = ["partner", "access_control", "url_token"];

/// What the tables in `root` say.
pub(super) fn read(root: &DeTable<'_>, faults: &Faults) -> Config {
    let mut root = Table::root(root, faults);
    let mut config = Config { profiles: rules::read(&mut root), ..Config::default() };
    for table in root.tables("partner") {
        partner(table, &mut config);
    }
    if let Some(mut table) = root.table("url_token") {
        config.url_secrets = table.value("secret", secrets).unwrap_or_default();
        let lifetime = table.value("lifetime", expect(SECONDS, |text| seconds(text).filter(|seconds| *seconds > 0)));
        config.url_lifetime_s = lifetime.map_or(config.url_lifetime_s, u64::from);
        table.end();
    }
    config
}

/// What is wrong with a secret is said without it.
fn secrets(text: &str) -> Result<Vec<Secret>, String> {
    let secrets = Secret::list(text);
    if secrets.is_empty() { Err("holds no secret".to_owned()) } else { Ok(secrets) }
}

fn partner(mut table: Table<'_, '_>, config: &mut Config) {
    let id = table.value("id", expect("a whole number", |text| text.parse().ok().map(PartnerId)));
    let secrets = table.value("admin_secret", secrets);
    let statuses = expect("active or blocked", |text| match text {
        "active" => Some(false),
        "blocked" => Some(true),
        _ => None,
    });
    let known = Partner {
        secrets: secrets.unwrap_or_default(),
        is_blocked: table.value("status", statuses).unwrap_or_default(),
        profile: table.value("access_control", words),
        sites: table.values("sites", words).unwrap_or_default(),
        may_capture: table.value("thumbnail_capture", expect("true or false", switch)).unwrap_or(true),
        thumbnail_max_age_s: table.value("thumbnail_max_age", expect(SECONDS, seconds)),
        manifest_max_age_s: table.value("manifest_max_age", expect(SECONDS, seconds)),
    };
    if let Some(unknown) = known.profile.as_ref().filter(|name| !config.profiles.contains_key(*name)) {
        table.refuse(format!("there is no [[access_control]] with the name {unknown:?}"));
    }
    if let Some(twice) = id.filter(|id| config.partners.insert(*id, known).is_some()) {
        table.refuse(format!("partner {} is given twice", twice.0));
    }
    if !table.has("id") {
        table.refuse("a partner has an id".to_owned());
    }
    table.end();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::Restriction;

    fn read_from(text: &str) -> Result<Config, Vec<String>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        assert!(errors.is_empty(), "{errors:?}");
        let faults = Faults::default();
        let config = read(table.get_ref(), &faults);
        let mut faults = faults.into_inner();
        faults.sort();
        let line = |at: usize| text[..at].matches('\n').count() + 1;
        if faults.is_empty() {
            return Ok(config);
        }
        Err(faults.into_iter().map(|(at, message)| format!("{}: {message}", line(at))).collect())
    }

    #[test]
    fn everything_may_be_said() {
        let config = read_from(
            r#"
            [url_token]
            secret = "newest, older"
            lifetime = "90m"

            [[partner]]
            id = 101
            admin_secret = "new, old"
            access_control = "members"
            sites = ["example.com", "example.org"]
            thumbnail_capture = false
            thumbnail_max_age = "5m"
            manifest_max_age = "0"

            [[partner]]
            id = 102
            status = "blocked"

            [[access_control]]
            name = "members"
            restriction = [{ session = true }]
            "#,
        )
        .unwrap();
        assert_eq!((config.url_secrets, config.url_lifetime_s), (Secret::list("newest,older"), 5400));
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let partner = Partner {
            secrets: Secret::list("new,old"),
            profile: Some("members".to_owned()),
            sites: texts(&["example.com", "example.org"]),
            may_capture: false,
            thumbnail_max_age_s: Some(300),
            manifest_max_age_s: Some(0),
            ..Partner::default()
        };
        let blocked = Partner { is_blocked: true, ..Partner::default() };
        assert_eq!(config.partners, [(PartnerId(101), partner), (PartnerId(102), blocked)].into());
        assert_eq!(config.profiles["members"].rules, [Restriction::Session.rule(&[])]);
    }

    #[test]
    fn every_fault_is_said_with_its_line() {
        let faults = read_from(
            "[[partner]]\n\
             id = 'x'\n\
             admin_secret = ','\n\
             colour = 1\n\
             [[partner]]\n\
             status = 'odd'\n\
             access_control = 'nobody'\n\
             [[partner]]\n\
             id = 3\n\
             [[partner]]\n\
             id = 3\n\
             sites = [1.5, 'a']\n\
             [[access_control]]\n\
             restriction = [{ list = 'allowed' }]\n\
             [url_token]\n\
             lifetime = '0'\n",
        )
        .unwrap_err();
        let expected = [
            "2: id \"x\" is not allowed, expected a whole number",
            "3: admin_secret holds no secret",
            "4: there is no colour here, expected id, admin_secret, status, ",
            "5: a partner has an id",
            "5: there is no [[access_control]] with the name \"nobody\"",
            "6: status \"odd\" is not allowed, expected active or blocked",
            "10: partner 3 is given twice",
            "12: sites cannot be a float",
            "13: a profile has a name",
            "14: 0 things are tested at once, expected one of site, ",
            "16: lifetime \"0\" is not allowed, expected a duration in whole seconds",
        ];
        for (found, expected) in faults.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}, expected {expected}");
        }
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    }

    #[test]
    fn a_secret_is_in_no_fault() {
        let faults =
            read_from("[[partner]]\nid = 1\nadmin_secret = ['s3cret']\nsites = { a = 's3cret' }\n").unwrap_err();
        assert_eq!(faults, ["3: admin_secret cannot be a array", "4: sites cannot be a table"]);
    }
}
