//! What a request costs before anything is opened: its URL read, its numbers computed, its work decided and named.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use vedette::access::Grant;
use vedette::entry::{Entry, EntryId, EntryKind, Flavor, FlavorId, PartnerId, Source};
use vedette::media::picture::Size;
use vedette::media::time::Micros;
use vedette::media::{Facts, PictureFacts};
use vedette::plan::key::Key;
use vedette::plan::playback::Rules;
use vedette::plan::{self, Client, Decision, Grace, Known, Policy};
use vedette::request::{self, Request};
use vedette::thumbnail::{Fit, Rect, geometry};

const URLS: &[(&str, &str)] = &[
    ("short", "/p/101/thumbnail/entry_id/0_abc12345/width/640"),
    (
        "common",
        "/p/101/sp/10100/thumbnail/entry_id/0_abc12345/width/640/height/360/type/3/quality/75/vid_sec/30.5/bgcolor/000000",
    ),
    (
        "long",
        "/p/101/sp/10100/thumbnail/entry_id/0_abc12345/version/100003/width/600/vid_slices/30/vid_slice/7/quality/75/type/1\
         /start_sec/5/end_sec/20/src_x/10.5/src_y/20/src_w/300/src_h/200/rel_width/640/rel_height/360/format/webp\
         /file_name/thumbnail.jpg?ks=djJ8MTAxfGFiY2RlZg%3D%3D&referrer=aHR0cDovL2EuYi9j",
    ),
    ("strip", "/p/101/thumbnail/entry_id/0_abc12345/width/164/vid_slices/100"),
];

fn policy() -> Policy {
    Policy {
        playback: Rules::default(),
        output_pixels_max: 25_000_000,
        slices_max: 545,
        quality: 75,
        thumb_offset: Micros(3_000_000),
        max_age: 3600,
        grace: Grace::default(),
        max_age_unready: 60,
        max_age_file: 60,
        draft_is_error: false,
    }
}

fn parsed(url: &str) -> Request {
    match request::parse(url) {
        Some(Ok(request)) => request,
        other => panic!("{url}: {other:?}"),
    }
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    for (name, url) in URLS {
        group.bench_function(*name, |b| b.iter(|| request::parse(black_box(url))));
    }
    group.finish();
}

fn geometries(c: &mut Criterion) {
    let mut group = c.benchmark_group("geometry");
    let (reference, wanted) = (Size { width: 1920, height: 1080 }, Size { width: 400, height: 400 });
    let region = Rect { x: 100, y: 100, width: 1000, height: 800 };
    for (name, fit) in [("inside", Fit::Inside), ("pad", Fit::Pad), ("crop", Fit::Crop)] {
        group.bench_function(name, |b| {
            b.iter(|| geometry::fit(black_box(reference), black_box(region), black_box(wanted), fit))
        });
    }
    group.finish();
}

fn flavor(name: &str) -> Option<Flavor> {
    let source = Source {
        location: format!("0_abc12345/{name}.mp4").into(),
        size: 12_345_678,
        modified: 1_700_000_000,
        version: "12345678-1700000000".into(),
    };
    Some(Flavor {
        id: FlavorId::new(&format!("0_abc12345_{name}"))?,
        params_id: None,
        tags: vec!["web".into()],
        bitrate: None,
        language: None,
        label: None,
        is_default: false,
        is_original: name == "source",
        source,
    })
}

fn entry() -> Option<Entry> {
    Some(Entry {
        partner: PartnerId(101),
        name: "bench".into(),
        updated: 1_700_000_000,
        flavors: ["source", "720p", "480p", "360p"].into_iter().map(flavor).collect::<Option<_>>()?,
        ..Entry::new(EntryId::new("0_abc12345")?, EntryKind::Video)
    })
}

fn facts(width: u32, height: u32) -> Arc<Facts> {
    let duration = Micros(3_600_000_000);
    let picture = PictureFacts {
        shown: Size { width, height },
        last_frame: Micros(duration.0 - 33_333),
        frames: 108_000,
        halvings: 0,
    };
    Arc::new(Facts { duration, bitrate: u64::from(width) * 1000, picture: Some(picture), has_audio: true })
}

fn plans(c: &mut Criterion) {
    let Some(entry) = entry() else { panic!("the ids of the bench are valid") };
    let facts = [facts(1920, 1080), facts(1280, 720), facts(854, 480), facts(640, 360)];
    let known: Vec<Known<'_>> =
        entry.flavors.iter().zip(&facts).map(|(flavor, facts)| (&flavor.source, Ok(Arc::clone(facts)))).collect();
    let policy = policy();
    let mut group = c.benchmark_group("plan and key");
    for (name, url) in URLS {
        let request = parsed(url);
        group.bench_function(*name, |b| {
            b.iter(|| plan::plan(black_box(&request), &entry, &known, Grant::FULL, Client::default(), &policy))
        });
    }
    group.finish();
    let mut group = c.benchmark_group("key");
    for (name, url) in URLS {
        let Ok(Decision::Make(plan)) =
            plan::plan(&parsed(url), &entry, &known, Grant::FULL, Client::default(), &policy)
        else {
            panic!("{url} has a plan");
        };
        group.bench_function(*name, |b| b.iter(|| Key::of(black_box(&plan.work))));
    }
    group.finish();
}

criterion_group!(benches, parse, geometries, plans);
criterion_main!(benches);
