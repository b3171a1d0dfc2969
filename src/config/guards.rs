//! Partners, profiles of rules, and signed URLs: the tables `[[partner]]`, `[[access_control]]` and `[url_token]`.

use toml::de::DeTable;

use super::tables::{Faults, Table, expect};
use super::values::{count, duration, switch};
use crate::access::network::Network;
use crate::access::partner::{Config, Partner};
use crate::access::rules::{Action, Condition, Context, Flavors, Listed, Pattern, Profile, Restriction, Rule, Test};
use crate::access::secret::Secret;
use crate::entry::PartnerId;

/// The names of the tables.
pub(super) const NAMES: [&str; 3] = ["partner", "access_control", "url_token"];

/// What the tables in `root` say.
pub(super) fn read(root: &DeTable<'_>, faults: &Faults) -> Config {
    let mut config = Config::default();
    for table in Table::all(root, "access_control", faults) {
        profile(table, &mut config);
    }
    for table in Table::all(root, "partner", faults) {
        partner(table, &mut config);
    }
    if let Some(mut table) = Table::one(root, "url_token", faults) {
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

fn profile(mut table: Table<'_, '_>, config: &mut Config) {
    let name = table.value("name", words);
    let covers_thumbnails = table.value("restrict_thumbnails", expect("true or false", switch));
    let more: &[Context] = if covers_thumbnails.unwrap_or_default() { &[Context::Thumbnail] } else { &[] };
    let restrictions = table.tables("restriction").into_iter().filter_map(restriction);
    let mut rules: Vec<Rule> = restrictions.map(|restriction| restriction.rule(more)).collect();
    rules.extend(table.tables("rule").into_iter().map(rule));
    let named = name.map(|name| Profile { name, rules });
    let replaced = named.and_then(|profile| config.profiles.insert(profile.name.clone(), profile));
    if let Some(twice) = replaced {
        table.refuse(format!("profile {:?} is given twice", twice.name));
    }
    if !table.has("name") {
        table.refuse("a profile has a name".to_owned());
    }
    table.end();
}

fn rule(mut table: Table<'_, '_>) -> Rule {
    let contexts = table.values("contexts", expect("play, download, thumbnail, metadata or serve", context));
    let conditions = table.tables("condition").into_iter().filter_map(condition).collect();
    let flag = |table: &mut Table<'_, '_>, name| table.value(name, expect("true or false", switch)).unwrap_or_default();
    let mut actions = Vec::new();
    actions.extend(flag(&mut table, "block").then_some(Action::Block));
    actions.extend(table.value("preview", expect(SECONDS, seconds)).map(Action::Preview));
    for (name, is_negated) in [("limit_flavors", false), ("limit_flavors_to_others", true)] {
        let params = table.values(name, expect("numbers of conversion profiles", |text| text.parse().ok()));
        actions.extend(params.map(|params| Action::LimitFlavors(Flavors { params, is_negated })));
    }
    actions.extend(flag(&mut table, "limit_thumbnail_capture").then_some(Action::LimitCapture));
    let rule = Rule {
        contexts: contexts.unwrap_or_default(),
        conditions,
        actions,
        message: table.value("message", words),
        stops: flag(&mut table, "stop_processing"),
        binds_admins: flag(&mut table, "force_admin_validation"),
    };
    table.end();
    rule
}

fn context(text: &str) -> Option<Context> {
    Some(match text {
        "play" => Context::Play,
        "download" => Context::Download,
        "thumbnail" => Context::Thumbnail,
        "metadata" => Context::Metadata,
        "serve" => Context::Serve,
        _ => return None,
    })
}

fn condition(mut table: Table<'_, '_>) -> Option<Condition> {
    let is_negated = table.value("not", expect("true or false", switch)).unwrap_or_default();
    let mut tests: Vec<Test> = Vec::new();
    let privileges = |names: Vec<String>| match names.as_slice() {
        [word] if word == "true" => ["sview", "sviewplaylist"].map(str::to_owned).to_vec(),
        _ => names,
    };
    tests.extend(table.values("authenticated", words).map(privileges).map(Test::Authenticated));
    tests.extend(table.values("site", words).map(Test::Site));
    tests.extend(table.values("ip", expect(NETWORK, Network::parse)).map(Test::Address));
    tests.extend(table.values("country", expect(COUNTRY, country)).map(Test::Country));
    tests.extend(table.values("user_agent", Pattern::new).map(Test::UserAgent));
    let [from, until] = ["from", "until"].map(|name| table.value(name, expect("seconds since 1970", count)));
    let has_time = from.is_some() || until.is_some();
    tests.extend(has_time.then(|| Test::Time { from: from.unwrap_or_default(), until: until.unwrap_or(u64::MAX) }));
    let test = one(&table, tests, "authenticated, site, ip, country, user_agent, or from and until");
    table.end();
    test.map(|test| Condition { test, is_negated })
}

fn restriction(mut table: Table<'_, '_>) -> Option<Restriction> {
    let lists = expect("restricted or allowed", |text| match text {
        "restricted" => Some(Listed::Restricted),
        "allowed" => Some(Listed::Allowed),
        _ => None,
    });
    let listed = table.value("list", lists).unwrap_or(Listed::Restricted);
    let mut all: Vec<Restriction> = Vec::new();
    all.extend(table.values("site", words).map(|sites| Restriction::Site(sites, listed)));
    all.extend(table.values("ip", expect(NETWORK, Network::parse)).map(|all| Restriction::Address(all, listed)));
    all.extend(table.values("country", expect(COUNTRY, country)).map(|all| Restriction::Country(all, listed)));
    all.extend(table.values("user_agent", Pattern::new).map(|all| Restriction::UserAgent(all, listed)));
    let needs_session = table.value("session", expect("true or false", switch)).unwrap_or_default();
    all.extend(needs_session.then_some(Restriction::Session));
    all.extend(table.value("preview", expect(SECONDS, seconds)).map(Restriction::Preview));
    let restriction = one(&table, all, "site, ip, country, user_agent, session or preview");
    table.end();
    restriction
}

/// The one that there is; says so where there is none, or more.
fn one<T>(table: &Table<'_, '_>, mut all: Vec<T>, allowed: &str) -> Option<T> {
    let last = all.pop();
    if last.is_none() || !all.is_empty() {
        table.refuse(format!(
            "{} things are tested at once, expected one of {allowed}",
            all.len() + usize::from(last.is_some())
        ));
    }
    last
}

const SECONDS: &str = "a duration in whole seconds such as 30s";
const NETWORK: &str = "an address, or a network such as 10.0.0.0/8 or 10.0.0.1-10.0.0.9";
const COUNTRY: &str = "two letters such as DE";

#[expect(clippy::unnecessary_wraps, reason = "any text will do")]
fn words(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn country(text: &str) -> Option<String> {
    let is_country = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
    is_country.then(|| text.to_ascii_uppercase())
}

fn seconds(text: &str) -> Option<u32> {
    let duration = duration(text).filter(|duration| duration.subsec_nanos() == 0)?;
    u32::try_from(duration.as_secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            restrict_thumbnails = true
            restriction = [{ country = "de", list = "allowed" }, { session = true }]

            [[access_control.rule]]
            contexts = ["play", "download"]
            condition = [
                { authenticated = true, not = true },
                { authenticated = ["sview", "edit"] },
                { site = "example.com" },
                { ip = ["10.0.0.0/8", "::1"] },
                { user_agent = "curl" },
                { from = 100 },
            ]
            block = true
            preview = "30s"
            limit_flavors = [0, 7]
            message = "Members only"
            stop_processing = true
            force_admin_validation = true

            [[access_control.rule]]
            contexts = "thumbnail"
            limit_thumbnail_capture = true
            limit_flavors_to_others = 3
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
        let networks = ["10.0.0.0/8", "::1"].map(|text| Network::parse(text).unwrap()).to_vec();
        let holds = |test| Condition { test, is_negated: false };
        let first = Rule {
            contexts: vec![Context::Play, Context::Download],
            conditions: vec![
                Condition { test: Test::Authenticated(texts(&["sview", "sviewplaylist"])), is_negated: true },
                holds(Test::Authenticated(texts(&["sview", "edit"]))),
                holds(Test::Site(texts(&["example.com"]))),
                holds(Test::Address(networks)),
                holds(Test::UserAgent(vec![Pattern::new("curl").unwrap()])),
                holds(Test::Time { from: 100, until: u64::MAX }),
            ],
            actions: vec![
                Action::Block,
                Action::Preview(30),
                Action::LimitFlavors(Flavors { params: vec![0, 7], is_negated: false }),
            ],
            message: Some("Members only".to_owned()),
            stops: true,
            binds_admins: true,
        };
        let second = Rule {
            contexts: vec![Context::Thumbnail],
            actions: vec![Action::LimitFlavors(Flavors { params: vec![3], is_negated: true }), Action::LimitCapture],
            ..Rule::default()
        };
        let more = [Context::Thumbnail];
        let old =
            [Restriction::Country(texts(&["DE"]), Listed::Allowed), Restriction::Session].map(|old| old.rule(&more));
        assert_eq!(config.profiles["members"].rules, [old.to_vec(), vec![first, second]].concat());
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
             rule = [3, { contexts = 'all', condition = [{ ip = '10.0.0.0/33', country = 'DEU' }, { site = 'a', from = 1 }] }]\n\
             [[access_control]]\n\
             name = 'a'\n\
             restriction = [{ list = 'allowed' }]\n\
             [[access_control.rule]]\n\
             preview = '1500ms'\n\
             condition = { user_agent = '(' }\n\
             [[access_control]]\n\
             name = 'a'\n",
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
            "14: rule cannot hold a integer, expected tables",
            "14: contexts \"all\" is not allowed, expected play, ",
            "14: 2 things are tested at once, expected one of authenticated, ",
            "14: ip \"10.0.0.0/33\" is not allowed, expected an address, ",
            "14: country \"DEU\" is not allowed, expected two letters",
            "14: 2 things are tested at once, expected one of authenticated, ",
            "17: 0 things are tested at once, expected one of site, ",
            "19: preview \"1500ms\" is not allowed, expected a duration in whole seconds",
            "20: condition cannot be a table, expected tables such as [[condition]]",
            "21: profile \"a\" is given twice",
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
