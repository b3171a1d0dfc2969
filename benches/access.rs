//! What it costs to know who asks, and what is for them: a session verified, rules decided, a signed URL checked.

#![allow(clippy::unwrap_used)] // a bench that cannot set up has nothing to measure

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use vedette::access::partner::{Config as AccessConfig, Partner};
use vedette::access::rules::{Facts, Guard, decide};
use vedette::access::secret::Secret;
use vedette::access::session::{self, Claims, Privileges, Role, v1, v2};
use vedette::access::states::Endpoint;
use vedette::access::token::{Scope, Seal};
use vedette::access::viewer::Asker;
use vedette::catalog::{Catalog, Config as CatalogConfig};
use vedette::deliver::{Config, Delivery};
use vedette::entry::{Entry, EntryId, EntryKind, FlavorId, PartnerId};
use vedette::network::Network;
use vedette::origin::Origin;
use vedette::plan::{Client, Decision};
use vedette::request::parse;
use vedette::rules::{Action, Condition, Pattern, Profile, Rule, Test};

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

/// A library of one picture and one film, each open and for members alone.
fn library() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vedette-bench-access-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let picture = image::RgbImage::from_fn(320, 180, |x, y| image::Rgb([x as u8, y as u8, 128]));
    for (entry, guard) in [("0_open", ""), ("0_guarded", "access_control = \"members\"\n")] {
        picture.save(folder.join(format!("{entry}.png"))).unwrap();
        std::fs::write(folder.join(format!("{entry}.toml")), format!("partner_id = 101\n{guard}")).unwrap();
        let film = folder.join(format!("{entry}_film"));
        std::fs::create_dir_all(&film).unwrap();
        std::fs::copy("testdata/library/0_hills.mp4", film.join("a.mp4")).unwrap();
        std::fs::write(film.join("entry.toml"), format!("partner_id = 101\n{guard}")).unwrap();
    }
    folder
}

/// What kept answers cost, from the parsed request to the artifact: open, and for members. A member of whom no more than his
/// text is known has the picture, whoever has the URL the segment.
fn hits(c: &mut Criterion) {
    let (folder, runtime) = (library(), Runtime::new().unwrap());
    let secret = Secret::list("a1b2c3d4e5f60718293a4b5c6d7e8f90");
    let partner = Partner { secrets: secret.clone(), ..Partner::default() };
    let rules = vec![only(Test::Authenticated(vec!["sview".to_owned()]))];
    let access = AccessConfig {
        partners: [(PartnerId(101), partner)].into(),
        profiles: [("members".to_owned(), Profile { name: "members".to_owned(), rules })].into(),
        ..AccessConfig::default()
    };
    let config = CatalogConfig { media: folder.clone(), ..CatalogConfig::default() };
    let origin = Origin::folder(&folder).unwrap();
    let catalog = Catalog::open(&config, origin.clone()).unwrap();
    let mut settings = Config::default();
    settings.place.cage.program = env!("CARGO_BIN_EXE_vedette").into();
    let delivery = Delivery::new(&settings, &access, catalog, origin).unwrap();
    let claims = Claims { privileges: Privileges::parse("sview:*,list:*,urirestrict:/p/101/*"), ..claims() };
    let session = v2::make(&claims, [7; 16], &secret[0]).unwrap();
    let asker = Asker { target: Some("/p/101/x"), now: 1_700_000_000, ..Asker::default() };
    let member = Asker { session: Some(&session), ..asker };
    let picture = |entry: &str| format!("/p/101/thumbnail/entry_id/{entry}/width/160");
    let segment = |entry: &str, token: &str| {
        format!("/hls/p/101/serveFlavor/entryId/{entry}{token}/flavorId/{entry}_a/name/a.mp4/seg-1-v1.m4s")
    };
    let (entry, flavor) = (EntryId::new("0_guarded_film").unwrap(), FlavorId::new("0_guarded_film_a").unwrap());
    let scope = Scope { entry: &entry, window_ms: None, flavors: &[flavor], caption: None, sequence: &[] };
    let token = format!("/kt/{}", Seal { secret: &secret[0], expiry: 1_893_456_000 }.token(&scope));
    let mut group = c.benchmark_group("kept");
    for (name, target, asker) in [
        ("an open picture", picture("0_open"), &asker),
        ("a member's picture", picture("0_guarded"), &member),
        ("an open segment", segment("0_open_film", ""), &asker),
        ("a signed segment", segment("0_guarded_film", &token), &asker),
    ] {
        let request = parse(&target).unwrap().unwrap();
        let get = || async {
            let admission = delivery.admit(&request, asker).await?;
            match delivery.plan(&request, Client::default(), &admission).await? {
                Decision::Make(plan) => delivery.artifact(&plan, None).await.map(|_| ()),
                Decision::Redirect { .. } => Ok(()),
            }
        };
        runtime.block_on(get()).unwrap();
        group.bench_function(name, |b| b.iter(|| runtime.block_on(get()).unwrap()));
    }
    group.finish();
    std::fs::remove_dir_all(folder).unwrap();
}

criterion_group!(benches, sessions, decisions, tokens, hits);
criterion_main!(benches);
