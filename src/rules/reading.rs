//! Profiles in tables of TOML: `[[access_control]]`, with every fault and its place.

use std::cell::Cell;
use std::collections::HashMap;

use super::{Action, Condition, Context, Flavors, Listed, Pattern, Profile, Restriction, Rule, Test};
use crate::network::Network;
use crate::tables::values::{SECONDS, count, seconds, switch};
use crate::tables::{self, Faults, Table, expect, words};

/// What each of the tables is called.
const NAME: &str = "access_control";

/// The most regular expressions of a text: each takes memory, and time wherever it is looked at.
const PATTERNS_MAX: u32 = 1000;

/// Something wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1 on.
    pub line: u32,
    /// What is wrong, and what is allowed.
    pub message: String,
}

/// The profiles that a text of nothing else defines, by what entries call them; or everything that is wrong with it, in the
/// order of its lines.
pub fn parse(text: &[u8]) -> Result<HashMap<String, Profile>, Vec<Mistake>> {
    let mistake = |at, message| Mistake { line: tables::line(text, at), message };
    let text = str::from_utf8(text).map_err(|error| vec![mistake(error.valid_up_to(), "not UTF-8".to_owned())])?;
    let faults = Faults::default();
    let root = tables::parse(text, &faults);
    let mut root = Table::root(root.get_ref(), &faults);
    let profiles = read(&mut root);
    root.end();
    let mut faults = faults.into_inner();
    faults.sort_by_key(|(at, _)| *at);
    if faults.is_empty() { Ok(profiles) } else { Err(faults.into_iter().map(|(at, said)| mistake(at, said)).collect()) }
}

/// The profiles that tables within `root` define, by what entries call them.
pub fn read(root: &mut Table<'_, '_>) -> HashMap<String, Profile> {
    let (mut profiles, patterns) = (HashMap::new(), Patterns { left: Cell::new(PATTERNS_MAX) });
    for table in root.tables(NAME) {
        profile(table, &patterns, &mut profiles);
    }
    profiles
}

/// How many more regular expressions there may be.
struct Patterns {
    left: Cell<u32>,
}

impl Patterns {
    fn read(&self, text: &str) -> Result<Pattern, String> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.ok_or_else(|| format!("{text:?} is one too many, expected {PATTERNS_MAX} at most"))?);
        Pattern::new(text)
    }
}

fn profile(mut table: Table<'_, '_>, patterns: &Patterns, profiles: &mut HashMap<String, Profile>) {
    let name = table.value("name", words);
    let covers_thumbnails = table.value("restrict_thumbnails", expect("true or false", switch));
    let more: &[Context] = if covers_thumbnails.unwrap_or_default() { &[Context::Thumbnail] } else { &[] };
    let restrictions = table.tables("restriction").into_iter().filter_map(|table| restriction(table, patterns));
    let mut rules: Vec<Rule> = restrictions.map(|restriction| restriction.rule(more)).collect();
    rules.extend(table.tables("rule").into_iter().map(|table| rule(table, patterns)));
    let named = name.map(|name| Profile { name, rules });
    let replaced = named.and_then(|profile| profiles.insert(profile.name.clone(), profile));
    if let Some(twice) = replaced {
        table.refuse(format!("profile {:?} is given twice", twice.name));
    }
    if !table.has("name") {
        table.refuse("a profile has a name".to_owned());
    }
    table.end();
}

fn rule(mut table: Table<'_, '_>, patterns: &Patterns) -> Rule {
    let contexts = table.values("contexts", expect("play, download, thumbnail, metadata or serve", context));
    let conditions = table.tables("condition").into_iter().filter_map(|table| condition(table, patterns)).collect();
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

fn condition(mut table: Table<'_, '_>, patterns: &Patterns) -> Option<Condition> {
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
    tests.extend(table.values("user_agent", |text| patterns.read(text)).map(Test::UserAgent));
    let [from, until] = ["from", "until"].map(|name| table.value(name, expect("seconds since 1970", count)));
    let has_time = from.is_some() || until.is_some();
    tests.extend(has_time.then(|| Test::Time { from: from.unwrap_or_default(), until: until.unwrap_or(u64::MAX) }));
    let test = one(&table, tests, "authenticated, site, ip, country, user_agent, or from and until");
    table.end();
    test.map(|test| Condition { test, is_negated })
}

fn restriction(mut table: Table<'_, '_>, patterns: &Patterns) -> Option<Restriction> {
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
    all.extend(table.values("user_agent", |text| patterns.read(text)).map(|all| Restriction::UserAgent(all, listed)));
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

const NETWORK: &str = "an address, or a network such as 10.0.0.0/8 or 10.0.0.1-10.0.0.9";
const COUNTRY: &str = "two letters such as DE";

fn country(text: &str) -> Option<String> {
    let is_country = text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic());
    is_country.then(|| text.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The profiles of a text, or its faults, each with its line.
    fn parsed(text: &str) -> Result<HashMap<String, Profile>, Vec<String>> {
        let shown = |mistake: &Mistake| format!("{}: {}", mistake.line, mistake.message);
        parse(text.as_bytes()).map_err(|mistakes| mistakes.iter().map(shown).collect())
    }

    /// Expects faults that begin so, and no others.
    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let faults = parsed(text).unwrap_err();
        for (found, expected) in faults.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}, expected {expected}");
        }
        assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    }

    #[test]
    fn everything_may_be_said() {
        let profiles = parsed(
            r#"
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

            [[access_control]]
            name = "nothing"
            "#,
        )
        .unwrap();
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
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
        assert_eq!(profiles["members"].rules, [old.to_vec(), vec![first, second]].concat());
        assert_eq!((profiles["nothing"].rules.len(), profiles.len()), (0, 2));
        assert_eq!(parsed("# nothing yet\n"), Ok(HashMap::new()));
    }

    #[test]
    fn every_fault_is_said_with_its_line() {
        check(
            "[[access_control]]\n\
             rule = [3, { contexts = 'all', condition = [{ ip = '10.0.0.0/33', country = 'DEU' }, { site = 'a', from = 1 }] }]\n\
             [[access_control]]\n\
             name = 'a'\n\
             restriction = [{ list = 'allowed' }]\n\
             [[access_control.rule]]\n\
             preview = '1500ms'\n\
             condition = { user_agent = '(' }\n\
             block = 'perhaps'\n\
             [[access_control]]\n\
             name = 'a'\n\
             colour = 1\n\
             [[partner]]\n\
             id = 1\n",
            &[
                "1: a profile has a name",
                "2: rule cannot hold a integer, expected tables",
                "2: contexts \"all\" is not allowed, expected play, ",
                "2: 2 things are tested at once, expected one of authenticated, ",
                "2: ip \"10.0.0.0/33\" is not allowed, expected an address, ",
                "2: country \"DEU\" is not allowed, expected two letters",
                "2: 2 things are tested at once, expected one of authenticated, ",
                "5: 0 things are tested at once, expected one of site, ",
                "7: preview \"1500ms\" is not allowed, expected a duration in whole seconds",
                "8: condition cannot be a table, expected tables such as [[condition]]",
                "9: block \"perhaps\" is not allowed, expected true or false",
                "10: profile \"a\" is given twice",
                "12: there is no colour here, expected name, restrict_thumbnails, restriction, rule",
                "13: there is no partner here, expected access_control",
            ],
        );
    }

    #[test]
    fn what_is_no_such_text() {
        check(
            "access_control = 3",
            &["1: access_control cannot be a integer, expected tables such as [[access_control]]"],
        );
        check("[access_control]\nname = 'a'", &["1: access_control cannot be a table, expected tables"]);
        check("[[access_control]]\nname = \n[[access_control]]\nname = 'b'\nrule = 3", &["2: ", "5: rule cannot be"]);
        let not_text = parse(b"[[access_control]]\nname = '\xff'").unwrap_err();
        assert_eq!(not_text, [Mistake { line: 2, message: "not UTF-8".to_owned() }]);
        let agents = vec!["'x'"; PATTERNS_MAX as usize + 1].join(",");
        let many =
            |agents: &str| format!("[[access_control]]\nname = 'a'\nrestriction = [{{ user_agent = [{agents}] }}]");
        check(&many(&agents), &["3: user_agent \"x\" is one too many, expected 1000 at most"]);
        assert!(parsed(&many(agents.strip_suffix(",'x'").unwrap())).is_ok());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse(text.as_bytes()), parse(&bytes));
        }

        #[test]
        fn likely_text_is_read_or_refused(rows in proptest::collection::vec(
            "(\\[\\[access_control(\\.rule(\\.condition)?)?\\]\\]|name|rule|condition|ip|preview|not|block)( ?= ?[-0-9a-z'\"\\[\\]{}.:, ]{0,20})?", 0..8)) {
            let _ = parse(rows.join("\n").as_bytes());
        }
    }
}
