//! What is expected of every origin, and what of those elsewhere when they fail.

use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

use self::cloud::{Cloud, Kind as Make};
use self::far::{Far, Fault};
use super::*;
use crate::error::Code;

#[path = "../../tests/it/cloud.rs"]
pub(crate) mod cloud;
#[allow(dead_code, reason = "the tests of the whole use the rest")]
#[path = "../../tests/it/far.rs"]
pub(crate) mod far;
#[allow(dead_code, reason = "the tests of the whole use the rest")]
#[path = "../../tests/it/s3.rs"]
pub(crate) mod s3;

/// A folder that is gone when the test is over.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("vedette-origins-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Small blocks, and no patience: nothing here takes long that does not fail.
fn config() -> Config {
    Config {
        block_bytes: 4096,
        ahead_bytes_max: 64 << 10,
        connect_timeout: Duration::from_millis(500),
        response_timeout: Duration::from_millis(500),
        read_timeout: Duration::from_millis(300),
        retries: 1,
        ..Config::default()
    }
}

/// Where files rest, and how they come there.
enum Rest {
    Folder(Scratch),
    Far(Far),
    S3(s3::Server),
    Cloud(Cloud),
}

impl Rest {
    fn origin(&self, config: &Config) -> Origin {
        let origins = |base: &str, environment: &[(String, String)]| {
            let remote = Some(Arc::new(Origins::new(Some(base), config, environment).unwrap()));
            Origin { library: "".into(), folder: None, remote, held: None }
        };
        match self {
            Rest::Folder(folder) => Origin::new(&folder.0, config).unwrap(),
            Rest::Far(far) => origins(&far.url("lib"), &[]),
            Rest::S3(server) => origins("s3://bucket/lib", &server.environment()),
            Rest::Cloud(server) => origins(&server.url("lib"), &server.environment()),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = match self {
            Rest::Folder(folder) => folder.0.join(name),
            Rest::Far(far) => return far.put(&format!("lib/{name}"), bytes),
            Rest::S3(server) => server.file(&format!("lib/{name}")),
            // A place beside the library's, which a store's names cannot lead to.
            Rest::Cloud(server) => return server.put(&format!("lib/{name}").replace("lib/../", ""), bytes),
        };
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn remove(&self, name: &str) {
        match self {
            Rest::Folder(folder) => std::fs::remove_file(folder.0.join(name)).unwrap(),
            Rest::Far(far) => far.remove(&format!("lib/{name}")),
            Rest::S3(server) => std::fs::remove_file(server.file(&format!("lib/{name}"))).unwrap(),
            Rest::Cloud(server) => server.remove(&format!("lib/{name}")),
        }
    }

    /// The file as the catalog sees it now.
    async fn source(&self, origin: &Origin, name: &str) -> Source {
        let Rest::Folder(folder) = self else { return origin.find(name).await.unwrap().unwrap() };
        let metadata = std::fs::metadata(folder.0.join(name)).unwrap();
        let nanos = metadata.modified().unwrap().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let version = Source::file_version(metadata.len(), nanos);
        Source { location: name.into(), size: metadata.len(), modified: 0, version }
    }
}

/// Bytes of which each part is unlike the others.
fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn expectations(rest: Rest) {
    let origin = rest.origin(&config());
    expectations_of(&rest, &origin).await;
}

async fn expectations_of(rest: &Rest, origin: &Origin) {
    exact_ranges(rest, origin).await;
    scattered_ranges(rest, origin).await;
    changes(rest, origin).await;
    absence(rest, origin).await;
}

async fn exact_ranges(rest: &Rest, origin: &Origin) {
    let bytes = noise(20_000, 1);
    rest.write("a b/ü.bin", &bytes);
    let source = rest.source(origin, "a b/ü.bin").await;
    assert_eq!(source.size, 20_000);
    for (start, end) in [(0, 20_000), (0, 1), (4095, 4097), (4096, 8192), (19_999, 20_000), (7, 7), (20_000, 20_000)] {
        let read = origin.read(&source, start..end).await.unwrap();
        assert!(read == bytes[start as usize..end as usize], "{start} to {end}");
    }
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = 5..3;
    for range in [reversed, 19_999..20_001, 30_000..30_001] {
        assert_eq!(origin.read(&source, range).await.unwrap_err().kind(), Kind::Unsupported);
    }
    rest.write("empty", b"");
    let empty = rest.source(origin, "empty").await;
    assert_eq!(origin.read(&empty, 0..0).await.unwrap(), "");
}

async fn scattered_ranges(rest: &Rest, origin: &Origin) {
    let bytes = noise(300_000, 2);
    rest.write("scattered", &bytes);
    let source = rest.source(origin, "scattered").await;
    let opened = origin.open(&source).await.unwrap();
    let whole = bytes.clone();
    let read = move || {
        let ascending = [0..10, 12..4096, 4096..4100, 100_000..120_000, 299_990..300_000];
        let mixed = [200_000..200_001, 3..7, 150_000..150_100, 3..7];
        for ranges in [&ascending[..], &mixed[..]] {
            let expected: Vec<u8> =
                ranges.iter().flat_map(|range| &whole[range.start as usize..range.end as usize]).copied().collect();
            let mut buffer = vec![0; expected.len()];
            opened.gather(ranges, &mut buffer).unwrap();
            assert!(buffer == expected, "{ranges:?}");
        }
        let mut buffer = [0; 100];
        assert_eq!(opened.read_at(299_950, &mut buffer).unwrap(), 50);
        assert_eq!(buffer[..50], whole[299_950..]);
        assert_eq!(opened.read_at(300_000, &mut buffer).unwrap(), 0);
        assert_eq!(opened.read(1..3).unwrap(), whole[1..3]);
        opened.check_version().unwrap();
    };
    tokio::task::spawn_blocking(read).await.unwrap();
}

/// What was seen at one version never comes with bytes of another.
async fn changes(rest: &Rest, origin: &Origin) {
    let (before, after) = (noise(50_000, 3), noise(50_000, 4));
    rest.write("changing", &before);
    let old = rest.source(origin, "changing").await;
    assert!(origin.read(&old, 0..100).await.unwrap() == before[..100]);
    // Versions of a folder are times, whose clock goes in steps.
    tokio::time::sleep(Duration::from_millis(20)).await;
    rest.write("changing", &after);
    match origin.read(&old, 0..100).await {
        Ok(kept) => assert!(kept == before[..100]),
        Err(error) => assert_eq!(error.kind(), Kind::Changed),
    }
    let error = origin.read(&old, 40_000..40_100).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Changed, "{error:?}");
    assert!(error.message().contains("changed"), "{error:?}");
    let new = rest.source(origin, "changing").await;
    assert!(origin.read(&new, 0..50_000).await.unwrap() == after);
    rest.write("changing", b"short");
    assert_eq!(origin.read(&old, 49_000..50_000).await.unwrap_err().kind(), Kind::Changed);
}

async fn absence(rest: &Rest, origin: &Origin) {
    rest.write("going", &noise(10_000, 5));
    let source = rest.source(origin, "going").await;
    rest.remove("going");
    assert_eq!(origin.read(&source, 0..10).await.unwrap_err().code(), Some(Code::FileNotFound));
    rest.write("../beside", b"secret");
    for location in
        ["../beside", "x/../../beside", "/etc/passwd", "a\0b", "", ".", "http://127.0.0.1:1/a", "s3://other/a"]
    {
        let outside = Source { location: location.into(), ..source.clone() };
        let error = origin.read(&outside, 0..6).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound, "{location:?} {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder() {
    let scratch = Scratch::new("folder");
    std::fs::create_dir_all(scratch.0.join("root")).unwrap();
    expectations(Rest::Folder(Scratch(scratch.0.join("root")))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_files() {
    expectations(Rest::Far(Far::start())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_files_that_often_fails() {
    let far = Far::start();
    far.often(&[Fault::Status(503), Fault::Short, Fault::Silent, Fault::Hang, Fault::Status(429)]);
    let rest = Rest::Far(far);
    let origin = rest.origin(&Config { retries: 4, ..config() });
    expectations_of(&rest, &origin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_tells_no_names() {
    let store = s3::Server::start("silent");
    let rest = Rest::S3(store);
    let origin = rest.origin(&config());
    rest.write("film", b"bytes");
    assert_eq!(origin.list("", 10).await.unwrap().files.len(), 1);
    let Rest::S3(store) = &rest else { unreachable!() };
    store.deny_names();
    assert_eq!(origin.find("none").await.unwrap_err().kind(), Kind::Unavailable, "it may be there");
    assert_eq!(origin.list("", 10).await.unwrap_err().kind(), Kind::Unsupported);
    assert!(!origin.can_list());
    assert_eq!(origin.find("none").await.unwrap(), None);
    assert_eq!(origin.fetch("none", 100).await.unwrap(), None);
    exact_ranges(&rest, &origin).await;
    scattered_ranges(&rest, &origin).await;
    changes(&rest, &origin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_from_absence() {
    let store = s3::Server::start("credentials");
    let wrong: Vec<_> = store
        .environment()
        .into_iter()
        .map(|(name, value)| {
            let value = if name == "AWS_SECRET_ACCESS_KEY" { "wrong".to_owned() } else { value };
            (name, value)
        })
        .collect();
    let origin = Origin::with_environment(Path::new("s3://bucket/lib"), &config(), &wrong).unwrap();
    let error = origin.list("", 10).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    assert!(origin.can_list(), "it is not that names are kept secret");
    assert!(format!("{error:?}").contains("SignatureDoesNotMatch"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_store() {
    expectations(Rest::S3(s3::Server::start("suite"))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_other_makes() {
    for server in Cloud::all() {
        expectations(Rest::Cloud(server)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_gives_files_and_no_names() {
    let Some(server) = Cloud::start(Make::Azure) else { return };
    let environment = server.environment_to_read();
    let rest = Rest::Cloud(server);
    let Rest::Cloud(server) = &rest else { unreachable!() };
    let origins = Origins::new(Some(&server.url("lib")), &config(), &environment).unwrap();
    let origin = Origin { library: "".into(), folder: None, remote: Some(Arc::new(origins)), held: None };
    assert_eq!(origin.list("", 10).await.unwrap_err().kind(), Kind::Unsupported);
    assert!(!origin.can_list());
    assert_eq!(origin.find("none").await.unwrap(), None);
    assert_eq!(origin.fetch("none", 100).await.unwrap(), None);
    expectations_of(&rest, &origin).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_of_azures_are_told() {
    let Some(server) = Cloud::start(Make::Azure) else { return };
    let wrong = server.environment().into_iter().map(|(name, value)| match name.as_str() {
        "AZURE_STORAGE_KEY" => (name, "d3Jvbmc=".to_owned()),
        _ => (name, value),
    });
    let origin =
        Origin::with_environment(Path::new(&server.url("lib")), &config(), &wrong.collect::<Vec<_>>()).unwrap();
    let error = origin.list("", 10).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable, "{error:?}");
    assert!(origin.can_list(), "it is not that names are kept secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_files_elsewhere() {
    let clouds = Cloud::all().map(Rest::Cloud);
    for rest in [Rest::Far(Far::start()), Rest::S3(s3::Server::start("known"))].into_iter().chain(clouds) {
        let origin = rest.origin(&config());
        rest.write("f/entry.toml", b"name = 'x'");
        assert_eq!(origin.find("f/none").await.unwrap(), None);
        assert_eq!(origin.fetch("f/none", 100).await.unwrap(), None);
        let (source, bytes) = origin.fetch("f/entry.toml", 10).await.unwrap().unwrap();
        assert_eq!(bytes, "name = 'x'");
        assert_eq!(origin.find("f/entry.toml").await.unwrap(), Some(source.clone()));
        assert_eq!((&*source.location, source.size), ("f/entry.toml", 10));
        assert!(source.version.ends_with('"') && source.modified > 0, "{source:?}");
        assert_eq!(origin.fetch("f/entry.toml", 9).await.unwrap_err().kind(), Kind::TooLarge);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_stores_tell_names() {
    for rest in std::iter::once(Rest::S3(s3::Server::start("names"))).chain(Cloud::all().map(Rest::Cloud)) {
        names(rest).await;
    }
    let far = Rest::Far(Far::start());
    assert_eq!(far.origin(&config()).list("", 10).await.unwrap_err().kind(), Kind::Unsupported);
}

async fn names(rest: Rest) {
    let origin = rest.origin(&config());
    for name in ["a.mp4", "b.mp4", "show/1.mp4", "show/2.mp4", "show/deep/3.mp4"] {
        rest.write(name, name.as_bytes());
    }
    let listed = origin.list("", 100).await.unwrap();
    let names = |listed: &Listed| listed.files.iter().map(|file| file.location.to_string()).collect::<Vec<_>>();
    assert_eq!(
        (names(&listed), listed.folders.as_slice()),
        (vec!["a.mp4".into(), "b.mp4".into()], &["show".to_owned()][..])
    );
    assert!(!listed.is_cut);
    let show = origin.list("show/", 100).await.unwrap();
    assert_eq!(
        (names(&show), show.folders.as_slice()),
        (vec!["show/1.mp4".into(), "show/2.mp4".into()], &["deep".to_owned()][..])
    );
    assert!(origin.read(&show.files[1], 0..10).await.unwrap() == "show/2.mp4", "what is listed can be read");
    let begun = origin.list("b.", 100).await.unwrap();
    assert_eq!((names(&begun), begun.folders.len()), (vec!["b.mp4".into()], 0));
    assert_eq!(origin.list("none", 100).await.unwrap(), Listed::default());
    let cut = origin.list("", 2).await.unwrap();
    assert_eq!((cut.files.len() + cut.folders.len(), cut.is_cut), (2, true));
}

/// A server with one file of 100 000 bytes, the file, and an origin that has it.
async fn one_file(config: &Config) -> (Far, Vec<u8>, Origin, Source) {
    let (far, bytes) = (Far::start(), noise(100_000, 6));
    far.put("lib/film", &bytes);
    let origin = Origin::new(Path::new(&far.url("lib")), config).unwrap();
    let source = origin.find("film").await.unwrap().unwrap();
    far.take_seen();
    far.take_body_bytes();
    (far, bytes, origin, source)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_fault_is_survived() {
    for fault in [
        Fault::Silent,
        Fault::Hang,
        Fault::Slow,
        Fault::Short,
        Fault::Reset,
        Fault::Status(500),
        Fault::Status(503),
        Fault::Status(429),
    ] {
        let (far, bytes, origin, source) = one_file(&config()).await;
        far.next([fault.clone()]);
        let read = origin.read(&source, 10_000..90_000).await;
        assert!(read.as_deref().ok() == Some(&bytes[10_000..90_000]), "{fault:?}: {:?}", read.err());
        assert_eq!(far.take_seen().len(), 2, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lasting_fault_is_told_of_in_time() {
    let far_off = Far::start();
    for (fault, kind) in [
        (Fault::Silent, Kind::TimedOut),
        (Fault::Hang, Kind::TimedOut),
        (Fault::Slow, Kind::TimedOut),
        (Fault::Short, Kind::Unavailable),
        (Fault::Reset, Kind::Unavailable),
        (Fault::Garbage, Kind::Unavailable),
        (Fault::Shifted, Kind::Unavailable),
        (Fault::Changing, Kind::Changed),
        (Fault::Status(503), Kind::Unavailable),
        (Fault::Status(403), Kind::Unavailable),
        (Fault::Status(404), Kind::NotFound),
        (Fault::Redirect("/lib/film".into()), Kind::Unsupported),
        (Fault::Redirect(far_off.url("lib/film")), Kind::Unsupported),
        (Fault::Redirect("http://169.254.169.254/latest".into()), Kind::Unsupported),
        (Fault::Redirect("file:///etc/passwd".into()), Kind::Unsupported),
    ] {
        let (far, _, origin, source) = one_file(&config()).await;
        far.always(fault.clone());
        let start = Instant::now();
        let error = origin.read(&source, 10_000..90_000).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{fault:?}: {error:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{fault:?}: {:?}", start.elapsed());
        far.always(None);
        assert!(origin.read(&source, 0..10).await.is_ok() || matches!(fault, Fault::Changing), "{fault:?} is over");
    }
    assert_eq!(far_off.take_seen(), [], "no redirect led to a server that is not allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_followed_within_what_is_allowed() {
    let (far, bytes, origin, source) = one_file(&config()).await;
    far.next([Fault::Redirect("/lib/other".into())]);
    far.put_tagged("lib/other", &bytes, Some("\"v0\""));
    assert!(origin.read(&source, 0..5000).await.unwrap() == bytes[..5000]);
    assert_eq!(
        far.take_seen().iter().map(|seen| seen.target.as_str()).collect::<Vec<_>>(),
        ["/lib/film", "/lib/other"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_ranges_is_read_as_far_as_it_is_worth_it() {
    let (far, bytes, origin, source) = one_file(&config()).await;
    far.always(Fault::Whole);
    assert!(origin.read(&source, 50_000..60_000).await.unwrap() == bytes[50_000..60_000]);
    let large = noise(9 << 20, 7);
    far.put("lib/large", &large);
    let source = origin.find("large").await.unwrap().unwrap();
    assert!(origin.read(&source, 0..10_000).await.unwrap() == large[..10_000]);
    far.take_body_bytes();
    let error = origin.read(&source, (9 << 20) - 10..9 << 20).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Unsupported, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_that_fails_is_left_alone() {
    let (far, ..) = one_file(&config()).await;
    let config = Config { retries: 0, ..config() };
    let origin = Origin::new(Path::new(&far.url("lib")), &config).unwrap();
    let source = origin.find("film").await.unwrap().unwrap();
    far.take_seen();
    far.always(Fault::Status(500));
    for _ in 0..50 {
        assert_eq!(origin.read(&source, 0..10).await.unwrap_err().kind(), Kind::Unavailable);
    }
    assert_eq!(far.take_seen().len(), 8);
    far.always(None);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(origin.read(&source, 0..10).await.is_ok(), "it is asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_for_the_librarys_own_origin() {
    let (far, bytes) = (Far::start(), noise(1000, 8));
    far.put("film", &bytes);
    let scratch = Scratch::new("private");
    let port = far.address().port();
    let urls = [
        far.url("film"),
        format!("http://localhost:{port}/film"),
        format!("http://2130706433:{port}/film"),
        format!("http://0x7f.1:{port}/film"),
        format!("http://[::ffff:127.0.0.1]:{port}/film"),
        format!("http://0.0.0.0:{port}/film"),
    ];
    for url in urls {
        let origins = vec![url.strip_suffix("film").unwrap().to_owned()];
        let closed = Config { origins: origins.clone(), ..config() };
        let error = Origin::new(&scratch.0, &closed).unwrap().find(&url).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported, "{url}: {error:?}");
        assert_eq!((far.take_connections(), far.take_seen().len()), (0, 0), "{url}: not even a connection");
        let open = Config { origins, private: true, ..config() };
        let origin = Origin::new(&scratch.0, &open).unwrap();
        let source = origin.find(&url).await.unwrap().unwrap();
        assert!(origin.read(&source, 0..1000).await.unwrap() == bytes, "{url}");
        far.take_seen();
        far.take_connections();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_equal_reads_are_one_request() {
    let patient =
        Config { response_timeout: Duration::from_secs(20), read_timeout: Duration::from_secs(20), ..config() };
    let (far, bytes, origin, source) = one_file(&patient).await;
    far.set_latency(Duration::from_millis(100));
    let reads: Vec<_> = (0..10_000)
        .map(|_| {
            let (origin, source) = (origin.clone(), source.clone());
            tokio::spawn(async move { origin.read(&source, 5000..20_000).await })
        })
        .collect();
    for read in reads {
        assert!(read.await.unwrap().unwrap() == bytes[5000..20_000]);
    }
    let seen = far.take_seen();
    assert_eq!(seen.iter().map(|seen| seen.range).collect::<Vec<_>>(), [Some((4096, 20_479))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_is_read_twice() {
    let (far, bytes, origin, source) = one_file(&config()).await;
    let mut reads = Vec::new();
    for start in (0..90_000).step_by(777) {
        let (origin, source) = (origin.clone(), source.clone());
        reads.push((start, tokio::spawn(async move { origin.read(&source, start..start + 9000).await })));
    }
    for (start, read) in reads {
        assert!(read.await.unwrap().unwrap() == bytes[start as usize..start as usize + 9000]);
    }
    assert!(origin.read(&source, 0..100_000).await.unwrap() == bytes);
    assert_eq!(far.take_body_bytes(), 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_nobody_waits_for_are_given_up() {
    let (far, bytes, origin, source) = one_file(&config()).await;
    far.next([Fault::Hang]);
    let given_up = tokio::spawn({
        let (origin, source) = (origin.clone(), source.clone());
        async move { origin.read(&source, 0..10).await }
    });
    while far.take_seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    let start = Instant::now();
    assert!(origin.read(&source, 0..10).await.unwrap() == bytes[..10]);
    assert!(start.elapsed() < Duration::from_millis(250), "it did not wait for what hangs");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_that_follow_each_other_are_read_ahead() {
    let (far, bytes, origin, source) = one_file(&config()).await;
    let opened = origin.open(&source).await.unwrap();
    let read = move || {
        let mut buffer = [0; 1000];
        for start in (0..100_000).step_by(1000) {
            assert_eq!(opened.read_at(start, &mut buffer).unwrap(), 1000);
            assert!(buffer == bytes[start as usize..start as usize + 1000]);
        }
    };
    tokio::task::spawn_blocking(read).await.unwrap();
    assert_eq!(far.take_body_bytes(), 100_000);
    let requests = far.take_seen().len();
    assert!(requests <= 12, "{requests} requests for 25 blocks");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_at_several_origins() {
    let (one, other, scratch) = (Far::start(), Far::start(), Scratch::new("several"));
    one.put("films/a", b"one");
    other.put("a", b"other");
    one.put("else", b"else");
    std::fs::write(scratch.0.join("a"), b"folder").unwrap();
    let config = Config { origins: vec![one.url("films"), other.url("")], private: true, ..config() };
    let origin = Origin::new(&scratch.0, &config).unwrap();
    for (url, expected) in [(one.url("films/a"), "one"), (other.url("a?token=secret"), "other")] {
        let source = origin.find(&url).await.unwrap().unwrap();
        assert_eq!(origin.read(&source, 0..source.size).await.unwrap(), expected);
    }
    assert_eq!(other.take_seen()[0].target, "/a?token=secret");
    assert_eq!(origin.find(&one.url("else")).await.unwrap_err().kind(), Kind::NotFound);
    let gone = origin
        .read(
            &Source {
                location: other.url("b?token=secret").into(),
                ..Source { location: "".into(), size: 1, modified: 0, version: "\"v\"".into() }
            },
            0..1,
        )
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), Kind::NotFound);
    assert!(!format!("{gone:?}").contains("secret"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_a_tag_are_told_by_their_time() {
    let (far, _, origin, _) = one_file(&config()).await;
    far.put_tagged("lib/plain", &noise(9000, 9), None);
    let source = origin.find("plain").await.unwrap().unwrap();
    assert!(origin.read(&source, 0..10).await.is_ok());
    far.put_tagged("lib/plain", &noise(9001, 9), None);
    assert_eq!(origin.read(&source, 8999..9000).await.unwrap_err().kind(), Kind::Changed);
    far.put_tagged("lib/weak", &noise(9000, 9), Some("W/\"1\""));
    let weak = origin.find("weak").await.unwrap().unwrap();
    assert_eq!(&*weak.version, "W/\"1\"");
    // RFC 9110 section 13.1.1: If-Match compares strongly, and would fail.
    far.put_tagged("lib/weak", &noise(9000, 10), Some("W/\"2\""));
    assert_eq!(origin.read(&weak, 0..10).await.unwrap_err().kind(), Kind::Changed);
}
