//! Rules by what they come to, alone and together, and what decisions depend on.

use proptest::prelude::*;

use super::*;
use crate::access::partner::Partner;
use crate::access::session::{Claims, Invalid, Privileges, Role, Session, SessionId, Version};
use crate::access::states::{Endpoint, tests as states};
use crate::entry::{AccessControl, Entry, EntryId, EntryKind, FlavorId, Moderation, PartnerId, Source};
use crate::error::Code;
use crate::network::Network;
use crate::rules::{Listed, Pattern, Restriction};

const NOW: u64 = 1000;

const NOBODY: Facts<'static> =
    Facts { session: None, referrer: None, partner: None, address: None, country: None, user_agent: None, now: NOW };

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn entry() -> Entry {
    let entry = Entry::new(EntryId::new("0_entry").unwrap(), EntryKind::Video);
    Entry { partner: PartnerId(1), access_control: Some(AccessControl::named("x")), ..entry }
}

fn session(role: Role, privileges: &str) -> Session {
    let (user, privileges) = ("jane".to_owned(), Privileges::parse(privileges));
    let partner = PartnerId(1);
    let claims =
        Claims { partner, expiry: NOW + 60, role, user, privileges, master_partner: None, data: String::new() };
    Session { id: SessionId([0; 20]), claims, rand: String::new(), version: Version::V2 }
}

fn rule(test: Test, is_negated: bool, action: Action) -> Rule {
    Rule { conditions: vec![Condition { test, is_negated }], actions: vec![action], ..Rule::default() }
}

fn always(action: Action) -> Rule {
    Rule { actions: vec![action], ..Rule::default() }
}

fn profile(rules: &[Rule]) -> Profile {
    Profile { name: "x".to_owned(), rules: rules.to_vec() }
}

fn decided(endpoint: Endpoint, rules: &[Rule], facts: &Facts<'_>) -> Verdict {
    decide(endpoint, &entry(), Guard::Profile(&profile(rules)), facts)
}

fn code(verdict: &Verdict) -> Option<Code> {
    verdict.outcome.as_ref().err().and_then(crate::error::Error::code)
}

/// Whether a rule that blocks where `test` holds blocks; one that blocks where it does not does the opposite.
#[track_caller]
fn check_test(test: &Test, facts: Facts<'_>, expected: bool) -> Read {
    let block = |is_negated| decided(Endpoint::PlayManifest, &[rule(test.clone(), is_negated, Action::Block)], &facts);
    let found = [false, true].map(block);
    assert_eq!([code(&found[0]).is_some(), code(&found[1]).is_some()], [expected, !expected], "{test:?} {facts:?}");
    assert_eq!(found[0].read, found[1].read);
    found[0].read
}

#[test]
fn viewers_by_session() {
    let test = Test::Authenticated(texts(&["sview", "sviewplaylist"]));
    let check =
        |session: Option<&Session>, expected| check_test(&test, Facts { session: session.map(Ok), ..NOBODY }, expected);
    assert!(check(None, false).session);
    let read = check(Some(&session(Role::User, "sview:0_entry")), true);
    assert_eq!((read.session, read.until), (true, Some(NOW + 60)), "what a session allows ends with it");
    check(Some(&session(Role::User, "sview:*")), true);
    check(Some(&session(Role::User, "edit,*")), true);
    check(Some(&session(Role::User, "sviewplaylist:0_entry")), true);
    check(Some(&session(Role::User, "sview:0_ent,download:*")), false);
    check(Some(&session(Role::User, "")), false);
}

#[test]
fn viewers_by_page() {
    let test = Test::Site(texts(&["example.com", "*.example.org"]));
    let check = |referrer, expected| check_test(&test, Facts { referrer, ..NOBODY }, expected);
    assert!(check(None, false).referrer);
    check(Some("https://www.example.com/watch"), true);
    check(Some("https://example.org"), true);
    check(Some("https://example.com.attacker.net/"), false);
    check(Some("www.example.com"), false);
    // The partner's own sites are exempt from rules against all but some, and from no others.
    let partner = Partner { sites: texts(&["partner.net"]), ..Partner::default() };
    let facts = Facts { referrer: Some("https://www.partner.net/"), partner: Some(&partner), ..NOBODY };
    let blocked = [false, true].map(|is_negated| {
        code(&decided(Endpoint::PlayManifest, &[rule(test.clone(), is_negated, Action::Block)], &facts)).is_some()
    });
    assert_eq!(blocked, [false, false]);
}

#[test]
fn viewers_by_address_country_and_browser() {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].map(|text| Network::parse(text).unwrap());
    let test = Test::Address(networks.to_vec());
    for (address, expected) in
        [("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("11.0.0.1", false), ("2001:db8::9", true)]
    {
        assert!(check_test(&test, Facts { address: address.parse().ok(), ..NOBODY }, expected).address);
    }
    check_test(&test, NOBODY, false);
    let test = Test::Country(texts(&["DE", "at"]));
    for (country, expected) in [(Some("de"), true), (Some("AT"), true), (Some("CH"), false), (None, false)] {
        assert!(check_test(&test, Facts { country, ..NOBODY }, expected).address);
    }
    let test = Test::UserAgent(vec![Pattern::new("iphone|ipad").unwrap()]);
    for (user_agent, expected) in [(Some("Mozilla/5.0 (iPhone)"), true), (Some("curl/8"), false), (None, false)] {
        assert!(check_test(&test, Facts { user_agent, ..NOBODY }, expected).user_agent);
    }
}

#[test]
fn viewers_by_time() {
    let check = |from, until, expected| check_test(&Test::Time { from, until }, NOBODY, expected).until;
    assert_eq!(check(NOW, NOW + 1, true), Some(NOW + 1));
    assert_eq!(check(0, NOW, false), None, "what has passed does not come again");
    assert_eq!(check(NOW + 5, NOW + 9, false), Some(NOW + 5));
    assert_eq!(check(0, u64::MAX, true), Some(u64::MAX));
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let conditions = [Test::Country(texts(&["DE"])), Test::UserAgent(vec![Pattern::new("curl").unwrap()])];
    let conditions = conditions.map(|test| Condition { test, is_negated: false }).to_vec();
    let rules = [Rule { conditions, ..always(Action::Block) }];
    let check = |country, user_agent| {
        let facts = Facts { country: Some(country), user_agent: Some(user_agent), ..NOBODY };
        let verdict = decided(Endpoint::Raw, &rules, &facts);
        (code(&verdict).is_some(), verdict.read.user_agent)
    };
    assert_eq!(
        (check("DE", "curl"), check("DE", "wget"), check("AT", "curl")),
        ((true, true), (false, true), (false, false))
    );
}

#[test]
fn rules_are_about_contexts() {
    let all = [
        Endpoint::PlayManifest,
        Endpoint::PlayDownload,
        Endpoint::Raw,
        Endpoint::Caption,
        Endpoint::ServeFlavor,
        Endpoint::Packager,
        Endpoint::Thumbnail,
        Endpoint::ThumbAsset,
    ];
    let blocked = |contexts: &[Context]| {
        let rules = [Rule { contexts: contexts.to_vec(), ..always(Action::Block) }];
        all.map(|endpoint| u8::from(code(&decided(endpoint, &rules, &NOBODY)).is_some()))
    };
    assert_eq!(blocked(&[]), [1; 8]);
    assert_eq!(blocked(&[Context::Play]), [1, 0, 0, 0, 1, 1, 0, 0]);
    assert_eq!(blocked(&[Context::Download]), [0, 1, 1, 1, 0, 0, 0, 0]);
    assert_eq!(blocked(&[Context::Serve]), [0, 0, 0, 0, 1, 1, 0, 0]);
    assert_eq!(blocked(&[Context::Thumbnail]), [0, 0, 0, 0, 0, 0, 1, 1]);
    assert_eq!(blocked(&[Context::Metadata]), [0; 8]);
}

#[test]
fn what_rules_come_to_together() {
    let flavors = |params: &[i64]| Flavors { params: params.to_vec(), is_negated: false };
    let limits = |rules: &[Rule]| decided(Endpoint::PlayManifest, rules, &NOBODY).outcome.unwrap();
    assert_eq!(limits(&[]), Limits::NONE);
    let previews = [always(Action::Preview(30)), always(Action::Preview(10)), always(Action::Preview(20))];
    assert_eq!(limits(&previews).preview_s, Some(10), "the shortest");
    let two = [always(Action::LimitFlavors(flavors(&[1, 2]))), always(Action::LimitFlavors(flavors(&[3])))];
    assert_eq!(limits(&two).flavors, Some(flavors(&[1, 2])), "the first");
    let stopped = [Rule { stops: true, ..always(Action::Preview(30)) }, always(Action::Block)];
    assert_eq!(limits(&stopped).preview_s, Some(30));
    let skipped = [Rule { stops: true, contexts: vec![Context::Serve], ..always(Action::Preview(30)) }];
    assert_eq!(limits(&skipped), Limits::NONE);
    let told = |text: &str, action| Rule { message: Some(text.to_owned()), ..always(action) };
    let verdict =
        decided(Endpoint::PlayManifest, &[told("a", Action::LimitCapture), told("b", Action::Block)], &NOBODY);
    assert_eq!((code(&verdict), verdict.messages), (Some(Code::AccessControlRestricted), texts(&["a", "b"])));
}

#[test]
fn pictures_of_moments_may_be_kept_back() {
    let limits =
        |rules: &[Rule]| decided(Endpoint::Thumbnail, rules, &NOBODY).outcome.map(|limits| limits.check_capture());
    let refused = limits(&[always(Action::LimitCapture)]).unwrap().unwrap_err();
    assert_eq!(refused.code(), Some(Code::ParameterNotAllowed));
    assert!(limits(&[]).unwrap().is_ok());
    // Rules are looked at where the first one about pictures is about having them at all.
    let first = Rule { contexts: vec![Context::Play], ..always(Action::LimitCapture) };
    assert!(limits(&[first.clone(), always(Action::Preview(1)), always(Action::Block)]).unwrap().is_ok());
    assert!(limits(&[first, always(Action::Block)]).is_err());
    let asset = decided(Endpoint::ThumbAsset, &[always(Action::Preview(1)), always(Action::Block)], &NOBODY);
    assert!(asset.outcome.is_err(), "stored pictures know no such exception");
}

#[test]
fn whom_rules_bind() {
    let (admin, downloader) = (session(Role::Admin, ""), session(Role::User, "download:0_entry"));
    let found = |endpoint, rule: &Rule, session| {
        decided(endpoint, std::slice::from_ref(rule), &Facts { session: Some(Ok(session)), ..NOBODY }).outcome.is_ok()
    };
    let (loose, strict) = (always(Action::Block), Rule { binds_admins: true, ..always(Action::Block) });
    for endpoint in [Endpoint::PlayManifest, Endpoint::Raw, Endpoint::Thumbnail] {
        assert_eq!((found(endpoint, &loose, &admin), found(endpoint, &strict, &admin)), (true, false), "{endpoint:?}");
    }
    assert!(found(Endpoint::Raw, &strict, &downloader) && found(Endpoint::Caption, &loose, &downloader));
    assert!(!found(Endpoint::PlayManifest, &loose, &downloader) && !found(Endpoint::PlayDownload, &loose, &downloader));
    // Files of what is played are for who may play.
    assert!(found(Endpoint::Packager, &loose, &admin) && !found(Endpoint::ServeFlavor, &loose, &downloader));
    assert!(!found(Endpoint::Packager, &strict, &admin));
    let preview = Rule { binds_admins: true, ..always(Action::Preview(5)) };
    let limits =
        decided(Endpoint::PlayManifest, &[preview], &Facts { session: Some(Ok(&admin)), ..NOBODY }).outcome.unwrap();
    assert_eq!(limits.preview_s, None);
}

#[test]
fn states_go_before_rules() {
    let preview = profile(&[always(Action::Preview(5))]);
    let guard = Guard::Profile(&preview);
    let hidden = Entry { moderation: Moderation::Pending, ..entry() };
    let found = decide(Endpoint::PlayManifest, &hidden, guard, &NOBODY);
    assert_eq!((code(&found), found.read.session), (Some(Code::ModerationForbids), true));
    let early = Entry { start_date: Some(NOW + 9), ..entry() };
    let found = decide(Endpoint::PlayManifest, &early, guard, &NOBODY);
    assert_eq!((code(&found), found.read.until), (Some(Code::OutsideSchedule), Some(NOW + 9)));
    let late = Entry { end_date: Some(NOW + 9), ..entry() };
    let found = decide(Endpoint::PlayManifest, &late, Guard::Nothing, &NOBODY);
    assert_eq!((code(&found), found.read), (None, Read { until: Some(NOW + 10), ..Read::default() }));
    let unknown = decide(Endpoint::Thumbnail, &entry(), Guard::Unknown, &NOBODY);
    assert_eq!((code(&unknown), unknown.read), (Some(Code::AccessControlRestricted), Read::default()));
    let other = Session {
        claims: Claims { partner: PartnerId(2), ..session(Role::Admin, "").claims },
        ..session(Role::User, "")
    };
    let found = decide(Endpoint::PlayManifest, &entry(), guard, &Facts { session: Some(Ok(&other)), ..NOBODY });
    assert_eq!((code(&found), found.read.session), (Some(Code::SessionOfAnotherPartner), true));
    let open = Entry { access_control: None, ..entry() };
    let found = decide(Endpoint::PlayManifest, &open, Guard::Nothing, &Facts { session: Some(Ok(&other)), ..NOBODY });
    assert_eq!((code(&found), found.read.session), (None, true));
    assert_eq!(decide(Endpoint::PlayManifest, &open, Guard::Nothing, &NOBODY).read, Read::default(), "all are alike");
}

#[test]
fn partners_are_blocked_and_keep_moments_back() {
    let found = |partner: &Partner| {
        decide(Endpoint::Thumbnail, &entry(), Guard::Nothing, &Facts { partner: Some(partner), ..NOBODY }).outcome
    };
    assert_eq!(found(&Partner::default()).unwrap(), Limits::NONE);
    let blocked = found(&Partner { is_blocked: true, ..Partner::default() }).unwrap_err();
    assert_eq!(blocked.code(), Some(Code::PartnerNotActive));
    assert!(!found(&Partner { may_capture: false, ..Partner::default() }).unwrap().may_capture);
}

#[test]
fn sessions_that_are_not_good() {
    let all = [Invalid::Text, Invalid::Partner, Invalid::Expired, Invalid::Revoked, Invalid::Address, Invalid::Uri];
    let found = |endpoint, guard: Guard<'_>| {
        all.map(|invalid| {
            let facts = Facts { session: Some(Err(invalid)), ..NOBODY };
            let verdict = decide(endpoint, &Entry { access_control: None, ..entry() }, guard, &facts);
            assert_eq!(verdict.read.session, verdict.outcome.is_err(), "a refusal is for this session alone");
            code(&verdict).map_or(0, |code| code as u8)
        })
    };
    // Public entries, too, are refused to who gives a session that is not good.
    for endpoint in [Endpoint::PlayManifest, Endpoint::PlayDownload, Endpoint::Raw, Endpoint::Caption] {
        assert_eq!(found(endpoint, Guard::Nothing), [7, 7, 31, 7, 34, 7], "{endpoint:?}");
    }
    assert_eq!(found(Endpoint::Thumbnail, Guard::Nothing), [4, 4, 31, 7, 34, 7]);
    assert_eq!(found(Endpoint::Packager, Guard::Nothing), [0; 6]);
    let (playing, seeing) =
        (Rule { contexts: vec![Context::Play], ..always(Action::Block) }, always(Action::LimitCapture));
    assert_eq!(found(Endpoint::Thumbnail, Guard::Profile(&profile(&[playing]))), [0; 6]);
    assert_eq!(found(Endpoint::Thumbnail, Guard::Profile(&profile(&[seeing]))), [4, 4, 31, 7, 34, 7]);
}

/// What the rows of the description are called, and the profile of each; `None` for one that nobody knows.
fn described() -> Vec<(&'static str, Option<Profile>)> {
    let sessions = || Test::Authenticated(texts(&["sview"]));
    let playing = vec![Context::Play, Context::Download];
    let pictures = vec![Context::Thumbnail];
    vec![
        ("nothing", Some(profile(&[]))),
        ("nobody", Some(profile(&[always(Action::Block)]))),
        ("nobody, not even admins", Some(profile(&[Rule { binds_admins: true, ..always(Action::Block) }]))),
        ("nobody plays or keeps", Some(profile(&[Rule { contexts: playing, ..always(Action::Block) }]))),
        ("sessions alone", Some(profile(&[rule(sessions(), true, Action::Block)]))),
        ("a preview but for sessions", Some(profile(&[rule(sessions(), true, Action::Preview(30))]))),
        ("no pictures of moments", Some(profile(&[Rule { contexts: pictures, ..always(Action::LimitCapture) }]))),
        ("a profile that nobody knows", None),
    ]
}

/// Every endpoint, state, session and profile.
#[test]
fn decisions_are_as_described() {
    let (states, rules) = (states::rows(states::DESCRIPTION), states::rows(include_str!("rules.md")));
    let described = described();
    assert_eq!(
        rules.iter().map(|row| row.0).collect::<Vec<_>>(),
        described.iter().map(|row| row.0).collect::<Vec<_>>()
    );
    let mut cases = 0;
    for ((state, of_state), (_, change)) in states.iter().zip(states::STATES) {
        for ((name, of_rules), (_, profile)) in rules.iter().zip(&described) {
            let entry = Entry { access_control: Some(AccessControl::named(name)), ..states::entry(*change) };
            let guard = profile.as_ref().map_or(Guard::Unknown, Guard::Profile);
            let asked = (0..states::ENDPOINTS.len()).flat_map(|at| states::SESSIONS.iter().map(move |row| (at, row)));
            for (at, (held, called)) in asked {
                let session = held.map(|held| states::session(PartnerId(1), held));
                let facts = Facts { session: session.as_ref().map(Ok), now: states::NOW, ..NOBODY };
                let found = match decide(states::ENDPOINTS[at].1, &entry, guard, &facts).outcome {
                    Err(error) => error.code().map_or(0, |code| code as u8).to_string(),
                    Ok(Limits { preview_s: Some(seconds), .. }) => format!("{seconds} s"),
                    Ok(Limits { may_capture: false, .. }) => "no moments".to_owned(),
                    Ok(_) => "yes".to_owned(),
                };
                let is_played = |rule: &Rule| rule.is_about(Context::Play) || rule.is_about(Context::Serve);
                let as_player = profile.as_ref().is_some_and(|profile| profile.rules.iter().any(is_played));
                let follows = as_player && states::ENDPOINTS[at].1.follows_another();
                let expected = match states::said(of_state[if follows { 0 } else { at }], called) {
                    "yes" => states::said(of_rules[at], called),
                    refused => refused,
                };
                assert_eq!(found, expected, "{} of one {state} under {name} for {held:?}", states::ENDPOINTS[at].0);
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 19 * 8 * 8 * 13);
}

#[test]
fn flavors_are_named_by_what_made_them() {
    let flavor = |params_id, is_original| Flavor {
        id: FlavorId::new("f").unwrap(),
        params_id,
        tags: Vec::new(),
        bitrate: None,
        language: None,
        label: None,
        is_default: false,
        is_original,
        source: Source { location: "f".into(), size: 1, modified: 0, version: "1".into() },
    };
    let check = |is_negated| {
        let limits = Limits { flavors: Some(Flavors { params: vec![0, 7], is_negated }), ..Limits::NONE };
        [flavor(Some(7), false), flavor(Some(8), true), flavor(None, true), flavor(None, false)]
            .map(|flavor| limits.allow(&flavor))
    };
    assert_eq!((check(false), check(true)), ([true, false, true, false], [false, true, false, true]));
}

#[test]
fn restrictions_are_rules() {
    let blocked = |restriction: &Restriction, endpoint, facts: &Facts<'_>| {
        decided(endpoint, &[restriction.clone().rule(&[])], facts).outcome.is_err()
    };
    let from = |country| Facts { country: Some(country), ..NOBODY };
    for (listed, expected) in [(Listed::Restricted, [true, false]), (Listed::Allowed, [false, true])] {
        let restriction = Restriction::Country(texts(&["DE"]), listed);
        let found = ["DE", "FR"].map(|country| blocked(&restriction, Endpoint::PlayManifest, &from(country)));
        assert_eq!(found, expected, "{listed:?}");
    }
    assert!(blocked(&Restriction::Session, Endpoint::Raw, &NOBODY));
    assert!(!blocked(&Restriction::Session, Endpoint::Thumbnail, &NOBODY), "pictures are free");
    let seeing = session(Role::User, "sview:0_entry");
    assert!(!blocked(&Restriction::Session, Endpoint::PlayManifest, &Facts { session: Some(Ok(&seeing)), ..NOBODY }));
    let strict = [Restriction::Session.rule(&[Context::Thumbnail])];
    assert!(decided(Endpoint::Thumbnail, &strict, &NOBODY).outcome.is_err());
    let preview = [Restriction::Preview(30).rule(&[])];
    assert_eq!(decided(Endpoint::PlayManifest, &preview, &NOBODY).outcome.unwrap().preview_s, Some(30));
}

fn any_test() -> impl Strategy<Value = Test> {
    prop_oneof![
        Just(Test::Authenticated(texts(&["sview"]))),
        Just(Test::Site(texts(&["a.com"]))),
        Just(Test::Address(vec![Network::parse("10.0.0.0/8").unwrap()])),
        Just(Test::Country(texts(&["DE"]))),
        Just(Test::UserAgent(vec![Pattern::new("curl").unwrap()])),
        (NOW - 5..NOW + 50, NOW - 5..NOW + 50).prop_map(|(from, until)| Test::Time { from, until }),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    let flavors = Flavors { params: vec![1], is_negated: false };
    prop_oneof![
        Just(Action::Block),
        (0_u32..60).prop_map(Action::Preview),
        Just(Action::LimitFlavors(flavors)),
        Just(Action::LimitCapture),
    ]
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let condition = (any_test(), any::<bool>()).prop_map(|(test, is_negated)| Condition { test, is_negated });
    let conditions = proptest::collection::vec(condition, 0..3);
    let context =
        prop_oneof![Just(Context::Play), Just(Context::Download), Just(Context::Thumbnail), Just(Context::Serve)];
    let parts = (proptest::collection::vec(context, 0..2), conditions, any_action(), any::<bool>(), any::<bool>());
    parts.prop_map(|(contexts, conditions, action, stops, binds_admins)| Rule {
        contexts,
        conditions,
        stops,
        binds_admins,
        ..always(action)
    })
}

/// One of few values of each fact, so that viewers often agree.
type Chosen = (usize, usize, usize, usize, u64);

fn facts<'a>(sessions: &'a [Session], chosen: &Chosen) -> Facts<'a> {
    let (session, page, address, browser, later) = *chosen;
    let address = ["10.0.0.1", "192.0.2.1"].get(address).map(|text| text.parse().unwrap());
    Facts {
        session: sessions.get(session).map(Ok),
        referrer: [None, Some("https://a.com/x"), Some("https://b.com/")][page],
        country: address.map(|address: core::net::IpAddr| if address.to_string() == "10.0.0.1" { "DE" } else { "FR" }),
        address,
        user_agent: [None, Some("curl"), Some("wget")][browser],
        now: NOW + later,
        ..NOBODY
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// An answer may be shared between viewers who agree in the facts that were read for one of them, for as long as said.
    #[test]
    fn who_agrees_in_what_was_read_is_decided_alike(
        rules in proptest::collection::vec(any_rule(), 0..4),
        endpoint in 0..8_usize,
        state in 0..4_usize,
        one in (0..5_usize, 0..3_usize, 0..3_usize, 0..3_usize, 0..30_u64),
        other in (0..5_usize, 0..3_usize, 0..3_usize, 0..3_usize, 0..30_u64),
    ) {
        let endpoint = [
            Endpoint::PlayManifest, Endpoint::PlayDownload, Endpoint::Raw, Endpoint::Caption,
            Endpoint::ServeFlavor, Endpoint::Packager, Endpoint::Thumbnail, Endpoint::ThumbAsset,
        ][endpoint];
        let sessions = [
            session(Role::User, ""), session(Role::User, "sview:0_entry"), session(Role::Admin, ""), session(Role::User, "download:*"),
        ];
        let change = [
            |_: &mut Entry| {},
            |entry: &mut Entry| entry.moderation = Moderation::Pending,
            |entry: &mut Entry| entry.start_date = Some(NOW + 10),
            |entry: &mut Entry| entry.end_date = Some(NOW + 20),
        ][state];
        let mut entry = entry();
        change(&mut entry);
        let profile = profile(&rules);
        let decided = |chosen: &Chosen| decide(endpoint, &entry, Guard::Profile(&profile), &facts(&sessions, chosen));
        let first = decided(&one);
        let read = first.read;
        // The other one, with the facts of the first that were read, at another time before the decision is due again.
        let merged = (
            if read.session { one.0 } else { other.0 },
            if read.referrer { one.1 } else { other.1 },
            if read.address { one.2 } else { other.2 },
            if read.user_agent { one.3 } else { other.3 },
            if read.until.is_none_or(|until| NOW + other.4 < until) { one.4.max(other.4) } else { one.4 },
        );
        let second = decided(&merged);
        prop_assert_eq!(first.outcome.map_err(|error| error.code()), second.outcome.map_err(|error| error.code()));
        prop_assert_eq!(first.messages, second.messages);
    }
}
