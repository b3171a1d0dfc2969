//! What it costs to know who asks, and what is for them: a session verified, rules decided, a signed URL checked.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use vedette::access::network::Network;
use vedette::access::rules::{Action, Condition, Facts, Guard, Pattern, Profile, Rule, Test, decide};
use vedette::access::secret::Secret;
use vedette::access::session::{self, Claims, Privileges, Role, v1, v2};
use vedette::access::states::Endpoint;
use vedette::access::token::{Scope, Seal};
use vedette::entry::{Entry, EntryId, EntryKind, FlavorId, PartnerId};

fn claims() -> Claims {
    Claims {
        partner: PartnerId(101),
        expiry: 1_893_456_000,
        role: Role::User,
        user: "user@example.com".to_owned(),
        privileges: Privileges::parse("sview:0_abc12345,list:*,urirestrict:/p/101/*"),
        master_partner: None,
        data: String::new(),
    }
}

fn sessions(c: &mut Criterion) {
    let (right, rotated) = (Secret::list("a1b2c3d4e5f60718293a4b5c6d7e8f90"), Secret::list("new,newer,newest"));
    let wrong = Secret::list("ffffffffffffffffffffffffffffffff");
    let (Ok(first), Ok(second)) =
        (v1::make(&claims(), "1234.5678", &right[0]), v2::make(&claims(), [7; 16], &right[0]))
    else {
        panic!("the claims of the bench can be written");
    };
    let rotated = [rotated, right.clone()].concat();
    let mut group = c.benchmark_group("session");
    for (name, text, secrets) in [
        ("v1", &first, &right),
        ("v2", &second, &right),
        ("v2, the fourth secret", &second, &rotated),
        ("v2, a wrong secret", &second, &wrong),
        ("v2, nobody's secret", &second, &Vec::new()),
    ] {
        group.bench_function(name, |b| b.iter(|| session::read(black_box(text)).and_then(|read| read.verify(secrets))));
    }
    let long = "djJ8".repeat(2048);
    group.bench_function("8 KiB of nothing", |b| b.iter(|| session::read(black_box(&long)).is_ok()));
    group.finish();
}

/// A rule that blocks whoever is not as `test` says.
fn only(test: Test) -> Rule {
    let conditions = vec![Condition { test, is_negated: true }];
    Rule { conditions, actions: vec![Action::Block], ..Rule::default() }
}

/// Rules about everything that can be known of a viewer, all of which must be looked at.
fn profile() -> Option<Profile> {
    let networks = ["10.0.0.0/8", "2001:db8::/32"].into_iter().map(Network::parse).collect::<Option<_>>()?;
    let rules = vec![
        only(Test::Site(vec!["example.com".to_owned(), "example.org".to_owned()])),
        only(Test::Address(networks)),
        only(Test::Country(["AT", "CH", "DE"].map(str::to_owned).to_vec())),
        only(Test::UserAgent(vec![Pattern::new("chrome|firefox|safari").ok()?])),
        only(Test::Authenticated(vec!["sview".to_owned()])),
    ];
    Some(Profile { name: "strict".to_owned(), rules })
}

fn decisions(c: &mut Criterion) {
    let secret = Secret::list("a1b2c3d4e5f60718293a4b5c6d7e8f90");
    let session = v2::make(&claims(), [7; 16], &secret[0]).ok();
    let session = session.and_then(|text| session::read(&text).and_then(|read| read.verify(&secret)).ok());
    let (Some(profile), Some(id), Some(session)) = (profile(), EntryId::new("0_abc12345"), session) else {
        panic!("what the bench decides on is right");
    };
    let entry = Entry { partner: PartnerId(101), ..Entry::new(id, EntryKind::Video) };
    let facts = Facts {
        session: Some(Ok(&session)),
        referrer: Some("https://www.example.org/watch?v=1"),
        partner: None,
        address: "10.1.2.3".parse().ok(),
        country: Some("DE"),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0"),
        now: 1_700_000_000,
    };
    let mut group = c.benchmark_group("decide");
    let anybody = Facts { session: None, ..facts };
    group.bench_function("an open entry", |b| {
        b.iter(|| decide(Endpoint::PlayManifest, black_box(&entry), Guard::Nothing, &anybody))
    });
    group.bench_function("five rules", |b| {
        b.iter(|| decide(Endpoint::PlayManifest, black_box(&entry), Guard::Profile(&profile), &facts))
    });
    group.finish();
}

fn tokens(c: &mut Criterion) {
    let secret = Secret::list("url secret");
    let flavors: Vec<_> = ["0_a", "0_b", "0_c", "0_d"].into_iter().filter_map(FlavorId::new).collect();
    let Some(entry) = EntryId::new("0_abc12345") else { panic!("the id of the bench is one") };
    let scope = Scope { entry: &entry, window_ms: Some((0, 30_000)), flavors: &flavors, caption: None, sequence: &[] };
    let token = Seal { secret: &secret[0], expiry: 1_893_456_000 }.token(&scope);
    c.bench_function("a signed URL", |b| b.iter(|| scope.check(black_box(&token), &secret, 1_700_000_000)));
}

criterion_group!(benches, sessions, decisions, tokens);
criterion_main!(benches);
