//! What a catalog is expected to do, whatever its library rests on.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use proptest::prelude::*;

use super::directory::Library;
use super::*;
use crate::entry::{EntryKind, Status};
use crate::origin::Config as OriginConfig;
use crate::origin::tests::cloud::Cloud;
use crate::origin::tests::{far, s3};

const LONG: Duration = Duration::from_secs(3600);

/// A folder that goes with its test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("vedette-catalog-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn with(files: &[(&str, &str)]) -> Folder {
        let folder = Folder::new();
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    /// Writes a file, or makes a folder where the name ends in a slash.
    fn write(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        if name.ends_with('/') {
            return fs::create_dir_all(path).unwrap();
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Makes many names of empty files: links to a few, which cost less than files of their own.
    fn fill(&self, names: impl Iterator<Item = String>) {
        for (at, name) in names.enumerate() {
            // A file of ext4 has 65,000 names at most.
            let original = self.0.join(format!(".{}", at / 50_000));
            if at % 50_000 == 0 {
                fs::File::create(&original).unwrap();
            }
            fs::hard_link(original, self.0.join(name)).unwrap();
        }
    }

    fn catalog(&self, ttl: Duration) -> Catalog {
        let config = Config { media: self.0.clone(), entry_ttl: Some(ttl), ..Config::default() };
        Catalog::open(&config, Origin::folder(&self.0).unwrap()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn id(text: &str) -> EntryId {
    EntryId::new(text).unwrap()
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(test)
}

/// How often the names of a folder were read.
fn lists(catalog: &Catalog) -> u64 {
    match &catalog.shared.home {
        Home::Folder(folder) => folder.lists(),
        Home::Bucket(_) => 0,
    }
}

/// Every entry and every fault.
fn walk(catalog: &Catalog) -> Vec<std::result::Result<Arc<Entry>, Fault>> {
    run(async { catalog.walk().await.unwrap().collect().await })
}

/// An entry as `kind status: location@size …`; `-` where there is none.
async fn show(catalog: &Catalog, entry: &str) -> String {
    match catalog.entry(&id(entry)).await {
        Ok(entry) => {
            let files = entry.flavors.iter().map(|flavor| &flavor.source);
            let files: Vec<String> = files.map(|s| format!("{}@{}", s.location, s.size)).collect();
            format!("{:?} {:?}: {}", entry.kind, entry.status, files.join(" "))
        }
        Err(error) => {
            assert_eq!((error.kind(), error.code()), (Kind::NotFound, Some(Code::EntryNotFound)), "{error:?}");
            "-".to_owned()
        }
    }
}

/// Where the same libraries are put, to be found the same.
struct Everywhere {
    store: s3::Server,
    /// A store whose names may not be listed.
    silent: s3::Server,
    /// A server of files of which every third answer goes wrong.
    far: far::Far,
    /// Stores of other makes.
    clouds: Vec<Cloud>,
    count: AtomicU32,
}

impl Everywhere {
    fn new(name: &str) -> Everywhere {
        let start = |kind: &str| s3::Server::start(&format!("catalog-{kind}-{name}"));
        let (store, silent, far) = (start("open"), start("silent"), far::Far::start());
        silent.deny_names();
        far.often(&[far::Fault::Status(503), far::Fault::Short, far::Fault::Silent]);
        Everywhere { store, silent, far, clouds: Cloud::all().collect(), count: AtomicU32::new(0) }
    }

    /// A catalog of these files in the store.
    fn catalog(&self, files: &[(&str, &str)]) -> Catalog {
        self.in_store(&self.store, files)
    }

    fn in_store(&self, store: &s3::Server, files: &[(&str, &str)]) -> Catalog {
        let prefix = self.count.fetch_add(1, Ordering::Relaxed).to_string();
        for (name, text) in files {
            let path = store.file(&format!("{prefix}/{name}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        opened(&format!("s3://bucket/{prefix}"), &store.environment())
    }

    fn in_cloud(&self, cloud: &Cloud, files: &[(&str, &str)]) -> Catalog {
        let prefix = self.count.fetch_add(1, Ordering::Relaxed).to_string();
        files.iter().for_each(|(name, text)| cloud.put(&format!("{prefix}/{name}"), text.as_bytes()));
        opened(&cloud.url(&prefix), &cloud.environment())
    }

    fn behind_http(&self, files: &[(&str, &str)]) -> Catalog {
        let prefix = self.count.fetch_add(1, Ordering::Relaxed).to_string();
        files.iter().for_each(|(name, text)| self.far.put(&format!("{prefix}/{name}"), text.as_bytes()));
        opened(&self.far.url(&prefix), &[])
    }

    /// Expects the same wherever the files rest.
    #[track_caller]
    fn check(&self, files: &[(&str, &str)], entry: &str, expected: &str) {
        self.check_named(files, entry, expected, expected);
    }

    /// Expects `tried` where nobody tells the names of files, so that only a few are tried.
    #[track_caller]
    fn check_named(&self, files: &[(&str, &str)], entry: &str, expected: &str, tried: &str) {
        let folder = Folder::with(files);
        let places = [
            ("in a folder", folder.catalog(LONG), expected),
            ("in a store", self.catalog(files), expected),
            ("in a silent store", self.in_store(&self.silent, files), tried),
            ("behind HTTP", self.behind_http(files), tried),
        ];
        let clouds = self.clouds.iter().map(|cloud| (cloud.name(), self.in_cloud(cloud, files), expected));
        for (place, catalog, expected) in places.into_iter().chain(clouds) {
            assert_eq!(run(show(&catalog, entry)), expected, "{place}: {files:?} {entry}");
        }
    }
}

/// A catalog of what rests at a URL, read with some patience.
fn opened(media: &str, environment: &[(String, String)]) -> Catalog {
    let media = PathBuf::from(media);
    let config = OriginConfig { response_timeout: Duration::from_millis(500), ..OriginConfig::default() };
    let origin = Origin::with_environment(&media, &config, environment).unwrap();
    Catalog::open(&Config { media, ..Config::default() }, origin).unwrap()
}

#[test]
fn every_child_is_an_entry() {
    let on = Everywhere::new("every-child-is-an-entry");
    on.check(&[("0_a.mp4", "xyz")], "0_a", "Video Ready: 0_a.mp4@3");
    on.check(&[("0_a.jpg", "x")], "0_a", "Image Ready: 0_a.jpg@1");
    on.check(&[("0_a.mp3", "x")], "0_a", "Audio Ready: 0_a.mp3@1");
    on.check(&[("0_a.pdf", "x")], "0_a", "Document Ready: 0_a.pdf@1");
    on.check(&[("a.b.c.mp4", "x")], "a.b.c", "Video Ready: a.b.c.mp4@1");
    on.check(&[("0_a.mp4", "x")], "0_a.mp4", "-");
    on.check(&[("0_a.mp4.part", "x")], "0_a.mp4", "-");
    on.check(&[("0_a.mp4", "x")], "0_b", "-");
    on.check(&[("0_a/entry.toml", "name = 'soon'\ntype = 'image'")], "0_a", "Image NoContent: ");
    on.check(&[("0_a.toml", "name = 'soon'")], "0_a", "Video NoContent: ");
}

#[test]
fn what_is_not_named_is_found_where_names_are_told() {
    let on = Everywhere::new("what-is-not-named");
    on.check_named(&[("0_a.MOV", "")], "0_a", "Video Ready: 0_a.MOV@0", "-");
    on.check_named(&[("0_a.Mp4", "")], "0_a", "Video Ready: 0_a.Mp4@0", "-");
    on.check_named(&[("0_a.xyz", "x")], "0_a", "Data Ready: 0_a.xyz@1", "-");
    on.check_named(&[("0_a", "x")], "0_a", "Data Ready: 0_a@1", "-");
    let folder = [("0_a/b.mp4", "x"), ("0_a/c.webm", "xx"), ("0_a/sub/c.mp4", "")];
    on.check_named(&folder, "0_a", "Video Ready: 0_a/b.mp4@1 0_a/c.webm@2", "-");
    let named = [("0_a/b.mp4", "x"), ("0_a/entry.toml", "type = 'audio'")];
    on.check_named(&named, "0_a", "Audio Ready: 0_a/b.mp4@1", "Audio NoContent: ");
}

#[test]
fn an_empty_folder_is_a_draft() {
    let folder = Folder::with(&[("0_a/", "")]);
    assert_eq!(run(async { show(&folder.catalog(LONG), "0_a").await }), "Video NoContent: ");
}

#[test]
fn one_of_several_files_wins() {
    let on = Everywhere::new("one-of-several-files-wins");
    on.check(&[("0_a.jpg", ""), ("0_a.mp4", "")], "0_a", "Video Ready: 0_a.mp4@0");
    on.check(&[("0_a.Mp4", ""), ("0_a.jpg", "")], "0_a", "Image Ready: 0_a.jpg@0");
    let both = [("0_a.mp4", ""), ("0_a/b.jpg", "")];
    on.check_named(&both, "0_a", "Image Ready: 0_a/b.jpg@0", "Video Ready: 0_a.mp4@0");
    on.check_named(&[("0_a.zip", ""), ("0_a.bin", "")], "0_a", "Data Ready: 0_a.bin@0", "-");
    let with_sidecar = [("0_a.bin", ""), ("0_a.toml", "name = 'x'")];
    on.check_named(&with_sidecar, "0_a", "Data Ready: 0_a.bin@0", "Video NoContent: ");
}

#[test]
fn a_sidecar_is_heeded() {
    let on = Everywhere::new("a-sidecar-is-heeded");
    let rows = "status = 'blocked'\n[[flavors]]\nfile = 'low/360.mp4'";
    on.check(
        &[("0_a.mp4", "x"), ("0_a.toml", rows), ("low/360.mp4", "")],
        "0_a",
        "Video Blocked: 0_a.mp4@1 low/360.mp4@0",
    );
    let named = "[[flavors]]\nfile = 'b.mp4'\n[[flavors]]\nfile = 'low/c.mp4'";
    let files = [("0_a/b.mp4", "x"), ("0_a/low/c.mp4", ""), ("0_a/entry.toml", named)];
    on.check(&files, "0_a", "Video Ready: 0_a/b.mp4@1 0_a/low/c.mp4@0");
    on.check(&[("0_a.mp4", "x"), ("0_a.toml", "status = 'gone'")], "0_a", "-");
    on.check(&[("0_a/b.mp4", "x"), ("0_a/entry.toml", "nmae = 'x'")], "0_a", "-");
    on.check(&[("0_a/b.mp4", "x"), ("0_a/entry.toml", &"#".repeat(300_000))], "0_a", "-");
}

#[test]
fn links_do_not_lead_out() {
    let outside = Folder::with(&[("secret.mp4", "secret"), ("f/a.mp4", "secret")]);
    let folder = Folder::with(&[("0_in.mp4", "x"), ("0_mix/a.mp4", "x")]);
    let link = |to: PathBuf, name: &str| std::os::unix::fs::symlink(to, folder.0.join(name)).unwrap();
    link(outside.0.join("secret.mp4"), "0_out.mp4");
    link(outside.0.join("f"), "0_folder");
    link(PathBuf::from("../secret.mp4"), "0_up.mp4");
    link(PathBuf::from("0_in.mp4"), "0_ok.mp4");
    link(PathBuf::from("../0_in.mp4"), "0_mix/b.mp4");
    link(outside.0.join("secret.mp4"), "0_mix/c.mp4");
    link(PathBuf::from("0_loop.mp4"), "0_loop.mp4");
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.0.join("0_pipe.mp4"), rustix::fs::Mode::RWXU).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.0.join("0_in.toml"), rustix::fs::Mode::RWXU).unwrap();
    run(async {
        let catalog = folder.catalog(LONG);
        for (entry, expected) in [
            ("0_out", "-"),
            ("0_folder", "-"),
            ("0_up", "-"),
            ("0_loop", "-"),
            ("0_pipe", "-"),
            ("0_ok", "Video Ready: 0_ok.mp4@1"),
            ("0_in", "Video Ready: 0_in.mp4@1"),
            ("0_mix", "Video Ready: 0_mix/a.mp4@1 0_mix/b.mp4@1"),
        ] {
            assert_eq!(show(&catalog, entry).await, expected, "{entry}");
        }
    });
}

#[test]
fn what_changes_shows() {
    let folder = Folder::with(&[("0_a.mp4", "x")]);
    run(async {
        let catalog = folder.catalog(Duration::ZERO);
        let version = async || catalog.entry(&id("0_a")).await.unwrap().flavors[0].source.version.clone();
        assert_eq!(show(&catalog, "0_b").await, "-");
        folder.write("0_b.bin", "x");
        assert_eq!(show(&catalog, "0_b").await, "Data Ready: 0_b.bin@1");
        folder.write("0_b.mp4", "x");
        assert_eq!(show(&catalog, "0_b").await, "Video Ready: 0_b.mp4@1");
        let before = version().await;
        assert_eq!(before, version().await);
        folder.write("0_a.mp4", "xy");
        assert_ne!(before, version().await);
        folder.write("0_a.toml", "name = 3");
        assert_eq!(show(&catalog, "0_a").await, "-");
        folder.write("0_a.toml", "name = 'A'");
        assert_eq!(catalog.entry(&id("0_a")).await.unwrap().name, "A");
        fs::remove_file(folder.0.join("0_a.mp4")).unwrap();
        assert_eq!(show(&catalog, "0_a").await, "Video NoContent: ");
        fs::remove_file(folder.0.join("0_a.toml")).unwrap();
        assert_eq!(show(&catalog, "0_a").await, "-");
        folder.write("0_a/x.mp4", "");
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a/x.mp4@0");
        folder.write("0_a/attachments/x.pdf", "");
        assert_eq!(catalog.entry(&id("0_a")).await.unwrap().attachments.len(), 1);
        folder.write("0_a/entry.toml", "[[flavors]]\nfile = 'deep/y.mp4'");
        assert_eq!(show(&catalog, "0_a").await, "-");
        folder.write("0_a/deep/y.mp4", "");
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a/x.mp4@0 0_a/deep/y.mp4@0");
    });
}

#[test]
fn what_does_not_change_is_not_read_again() {
    let folder = Folder::with(&[("0_a/a.mp4", ""), ("0_a/entry.toml", "name = 'A'"), ("0_b.mp4", "")]);
    let far = Arc::new(Far::new(Origin::folder(&folder.0).unwrap(), LONG, LONG));
    let library = Library::open(&folder.0, far).unwrap();
    let read = |entry, now| library.sight().read(&id(entry), None, now).unwrap().unwrap();
    let later = SystemTime::now() + Duration::from_secs(10);
    for entry in ["0_a", "0_b"] {
        let settled = read(entry, later);
        assert!(library.sight().is_current(&settled).unwrap(), "{entry}");
        assert!(!library.sight().is_current(&read(entry, SystemTime::now())).unwrap(), "{entry} has only just changed");
    }
    let (a, b) = (read("0_a", later), read("0_b", later));
    let lists = library.lists();
    folder.write("0_a/entry.toml", "name = 'B'");
    assert!(!library.sight().is_current(&a).unwrap() && library.sight().is_current(&b).unwrap());
    folder.write("0_b.avi", "");
    assert!(!library.sight().is_current(&b).unwrap());
    assert_eq!(library.lists(), lists);
}

#[test]
fn a_great_library_is_not_read_to_find_one_entry() {
    let folder = Folder::new();
    folder.fill((0..100_000).map(|n| format!("0_{n:06}.mp4")));
    folder.write("0_data.xyz", "");
    run(async {
        let catalog = folder.catalog(LONG);
        let lists = || lists(&catalog);
        assert_eq!(show(&catalog, "0_054321").await, "Video Ready: 0_054321.mp4@0");
        assert_eq!(lists(), 0, "a known extension is found without the names of the others");
        assert_eq!(show(&catalog, "0_data").await, "Data Ready: 0_data.xyz@0");
        assert_eq!(show(&catalog, "0_nobody").await, "-");
        assert_eq!(catalog.survey().await.unwrap(), Some(100_001));
        assert_eq!(lists(), 1, "one read of the names serves all who need them");
        assert!(catalog.shared.is_absent(&id("0_other"), Instant::now()), "no look is needed to know it");
    });
}

#[test]
fn a_folder_of_too_many_files_is_a_fault() {
    let folder = Folder::new();
    folder.write("0_a/", "");
    folder.fill((0..10_000).map(|n| format!("0_a/{n}.mp4")));
    let fault = walk(&folder.catalog(LONG)).remove(0).unwrap_err();
    assert_eq!(fault.to_string(), "0_a: 10000 names or more, fewer are allowed");
    fs::remove_file(folder.0.join("0_a/7.mp4")).unwrap();
    assert!(walk(&folder.catalog(LONG))[0].is_ok());
}

/// Waits until no read is under way: one ends a moment after its answer is out.
async fn all_land(catalog: &Catalog) {
    let landed = async {
        while !lock(&catalog.shared.flights).is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), landed).await.expect("every read ends");
}

#[test]
fn a_crowd_is_served_by_one_read() {
    let folder = Folder::with(&[("0_a/a.mp4", ""), ("0_a/attachments/", "")]);
    run(async {
        let catalog = folder.catalog(LONG);
        let crowd = (0..200).map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.entry(&id("0_a")).await.unwrap() })
        });
        let entries = futures_util::future::join_all(crowd).await;
        let first = entries[0].as_ref().unwrap();
        assert!(entries.iter().all(|entry| Arc::ptr_eq(entry.as_ref().unwrap(), first)));
        assert_eq!(lists(&catalog), 2, "the folder and its attachments, once");
        all_land(&catalog).await;
    });
}

#[test]
fn a_crowd_is_served_by_one_look_elsewhere() {
    let far = far::Far::start();
    for name in ["lib/0_a.mp4", "lib/0_b.mp4"] {
        far.put(name, b"x");
    }
    let catalog = opened(&far.url("lib"), &[]);
    run(async {
        catalog.entry(&id("0_a")).await.unwrap();
        let alone = far.take_seen().len();
        far.set_latency(Duration::from_millis(50));
        let crowd = (0..10_000).map(|_| {
            let catalog = catalog.clone();
            tokio::spawn(async move { catalog.entry(&id("0_b")).await.unwrap() })
        });
        let entries = futures_util::future::join_all(crowd).await;
        let first = entries[0].as_ref().unwrap();
        assert!(entries.iter().all(|entry| Arc::ptr_eq(entry.as_ref().unwrap(), first)));
        assert_eq!(far.take_seen().len(), alone);
    });
}

#[test]
fn a_read_outlives_who_asked_for_it() {
    let folder = Folder::with(&[("0_a.mp4", "")]);
    run(async {
        let catalog = folder.catalog(LONG);
        drop(catalog.fly(&id("0_a"), None));
        assert!(catalog.entry(&id("0_a")).await.is_ok());
        let gone = tokio::time::timeout(Duration::ZERO, catalog.entry(&id("0_gone"))).await;
        assert!(gone.is_err() || gone.is_ok_and(|answer| answer.is_err()));
        assert!(catalog.entry(&id("0_gone")).await.is_err());
        all_land(&catalog).await;
    });
}

#[test]
fn all_faults_are_found() {
    let folder = Folder::with(&[
        ("0_a.mp4", ""),
        ("0_a.jpg", ""),
        ("0_b.mp4", ""),
        ("0_b.toml", "name = 'b'\n\nbitrate = 3"),
        ("0_c/entry.toml", "[[flavors]]\nfile = 'x.mp4'"),
        ("my film.mp4", ""),
    ]);
    let catalog = folder.catalog(LONG);
    let (entries, faults): (Vec<_>, Vec<_>) = walk(&catalog).into_iter().partition(|item| item.is_ok());
    let ids: Vec<String> = entries.into_iter().map(|entry| entry.unwrap().id.to_string()).collect();
    assert_eq!(ids, ["0_a"]);
    let faults: Vec<String> = faults.into_iter().map(|fault| fault.unwrap_err().to_string()).collect();
    assert_eq!(
        faults[..2],
        [
            "0_a.jpg: left out: entry 0_a is 0_a.mp4".to_owned(),
            "my film.mp4: left out: an entry's name is 1 to 128 of A-Z a-z 0-9 _ - .".to_owned(),
        ]
    );
    assert!(faults[2].starts_with("0_b.toml:3: unknown key `bitrate`, expected one of"), "{}", faults[2]);
    assert_eq!(faults[3], "0_c/entry.toml:1: there is no file \"x.mp4\" beside this");
    assert_eq!(faults.len(), 4);
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let folder = Folder::with(&[("a.mp4", "")]);
    for name in ["nowhere", "a.mp4"] {
        let config = Config { media: folder.0.join(name), ..Config::default() };
        let origin = Origin::folder(&folder.0).unwrap();
        assert!(Catalog::open(&config, origin).is_err_and(|error| error.message().contains(name)));
    }
}

#[test]
fn drafts_and_kinds_are_told_apart() {
    let folder = Folder::with(&[("0_a/entry.toml", "status = 'deleted'"), ("0_b/thumb.jpg", "")]);
    run(async {
        let catalog = folder.catalog(LONG);
        assert_eq!(catalog.entry(&id("0_a")).await.unwrap().status, Status::Deleted);
        let b = catalog.entry(&id("0_b")).await.unwrap();
        assert_eq!((b.kind, b.status, b.thumbs.len()), (EntryKind::Video, Status::NoContent, 1));
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_bytes_may_be_names(names in proptest::collection::vec(
        proptest::collection::vec(1_u8.., 1..40), 1..12), text in "\\PC{0,60}") {
        let folder = Folder::with(&[("0_f/a.mp4", "")]);
        for name in names.iter().filter(|name| !name.contains(&b'/')) {
            let _ = fs::write(folder.0.join(OsStr::from_bytes(name)), &text);
            let _ = fs::write(folder.0.join("0_f").join(OsStr::from_bytes(name)), &text);
        }
        let catalog = folder.catalog(LONG);
        prop_assert!(!walk(&catalog).is_empty());
    }
}

#[test]
fn faults_are_found_in_a_store() {
    let on = Everywhere::new("faults");
    let files = [
        ("0_a.mp4", ""),
        ("0_a.jpg", ""),
        ("0_b.mp4", ""),
        ("0_b.toml", "bitrate = 3"),
        ("0_c/a.mp4", ""),
        ("0_c/entry.toml", "[[flavors]]\nfile = 'x.mp4'\n"),
        ("0_d/a.mp4", ""),
        ("my film.mp4", ""),
    ];
    let clouds = on.clouds.iter().map(|cloud| on.in_cloud(cloud, &files));
    for catalog in std::iter::once(on.catalog(&files)).chain(clouds) {
        let (entries, faults): (Vec<_>, Vec<_>) = walk(&catalog).into_iter().partition(|item| item.is_ok());
        let ids: Vec<String> = entries.into_iter().map(|entry| entry.unwrap().id.to_string()).collect();
        assert_eq!(ids, ["0_a", "0_d"]);
        let faults: Vec<String> = faults.into_iter().map(|fault| fault.unwrap_err().to_string()).collect();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[2].starts_with("0_b.toml:1: unknown key `bitrate`"), "{faults:?}");
        assert_eq!(faults[3], "0_c/entry.toml:1: there is no file \"x.mp4\" beside this");
    }
}

#[test]
fn what_changes_in_a_store_shows() {
    let on = Everywhere::new("changes");
    let catalog = on.catalog(&[("0_a.mp4", "x")]);
    run(async {
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1");
        fs::write(on.store.file("0/0_a.mp4"), "xyz").unwrap();
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1", "it is not due");
        catalog.forget(&id("0_a"));
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@3");
        for cloud in &on.clouds {
            cloud.put("changes/0_a.mp4", b"x");
            let catalog = opened(&cloud.url("changes"), &cloud.environment());
            assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1", "{}", cloud.name());
            cloud.put("changes/0_a.mp4", b"xyz");
            catalog.forget(&id("0_a"));
            assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@3", "{}", cloud.name());
        }
    });
}

#[test]
fn files_with_names_of_their_own_lead_to_their_entries() {
    let on = Everywhere::new("names-of-their-own");
    let own = "[[captions]]\nfile = 'a.en.vtt'\nid = '1_words'\n[[flavors]]\nfile = 'b.mp4'";
    let files = [("0_a/entry.toml", own), ("0_a/a.en.vtt", ""), ("0_a/b.mp4", ""), ("0_b.mp4", "")];
    let folder = Folder::with(&files);
    run(async {
        let owner = async |catalog: &Catalog, asset| catalog.owner(asset).await.map(|entry| entry.id.to_string()).ok();
        for catalog in [folder.catalog(LONG), on.catalog(&files)] {
            for (asset, expected) in [("1_words", Some("0_a")), ("0_a_x", None), ("1_other", None)] {
                assert_eq!(owner(&catalog, asset).await.as_deref(), expected, "{asset}");
            }
        }
        for catalog in [on.in_store(&on.silent, &files), on.behind_http(&files)] {
            assert_eq!(owner(&catalog, "1_words").await, None, "nobody tells of the entry");
            catalog.entry(&id("0_a")).await.unwrap();
            assert_eq!(owner(&catalog, "1_words").await.as_deref(), Some("0_a"), "it was read since");
        }
    });
}

/// A library behind plain HTTP, whose entries are due at once.
fn behind_http(far: &far::Far) -> Catalog {
    let media = PathBuf::from(far.url("lib"));
    let origin = OriginConfig { response_timeout: Duration::from_millis(500), retries: 0, ..OriginConfig::default() };
    let origin = Origin::new(&media, &origin).unwrap();
    Catalog::open(&Config { media, entry_ttl: Some(Duration::ZERO), ..Config::default() }, origin).unwrap()
}

/// Asks until an entry is shown so, and with it what the background has found out meanwhile.
async fn becomes(catalog: &Catalog, entry: &str, expected: &str) {
    let shown = async {
        while show(catalog, entry).await != expected {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), shown)
        .await
        .unwrap_or_else(|_| panic!("{entry} is never {expected}"));
}

#[test]
fn plain_http_tries_a_few_names() {
    let far = far::Far::start();
    far.put("lib/0_a.mp4", b"x");
    far.put("lib/0_b/entry.toml", b"[[flavors]]\nfile = 'high.mp4'\n[[captions]]\nfile = 'high.en.vtt'");
    far.put("lib/0_b/high.mp4", b"xy");
    far.put("lib/0_b/high.en.vtt", b"");
    far.put("lib/0_b/thumb.jpg", b"");
    far.put("lib/0_c.toml", b"[[flavors]]\nfile = 'films/c.avi'");
    far.put("lib/films/c.avi", b"xyz");
    far.put("lib/0_d.avi", b"");
    run(async {
        let catalog = behind_http(&far);
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1");
        assert_eq!(show(&catalog, "0_b").await, "Video Ready: 0_b/high.mp4@2");
        let b = catalog.entry(&id("0_b")).await.unwrap();
        assert_eq!((b.captions.len(), b.thumbs.len()), (1, 0), "what is not named is not known");
        assert_eq!(show(&catalog, "0_c").await, "Video Ready: films/c.avi@3");
        assert_eq!(show(&catalog, "0_d").await, "-");
        assert_eq!(catalog.walk().await.err().map(|error| error.kind()), Some(Kind::Unsupported));
    });
}

#[test]
fn a_known_entry_is_answered_at_once() {
    let far = far::Far::start();
    far.put("lib/0_a.mp4", b"x");
    run(async {
        let catalog = behind_http(&far);
        assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1");
        all_land(&catalog).await;
        far.set_latency(Duration::from_millis(200));
        let begun = Instant::now();
        for _ in 0..100 {
            assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1");
        }
        assert!(begun.elapsed() < Duration::from_millis(200), "nobody waits for a look: {:?}", begun.elapsed());
        all_land(&catalog).await;
        far.set_latency(Duration::ZERO);
        far.always(far::Fault::Status(500));
        for _ in 0..3 {
            assert_eq!(show(&catalog, "0_a").await, "Video Ready: 0_a.mp4@1", "what was known is better than nothing");
            all_land(&catalog).await;
        }
        let gone = catalog.entry(&id("0_b")).await.unwrap_err();
        assert_eq!(gone.kind(), Kind::Unavailable, "nobody knows whether it is there");
        far.always(None);
        far.put("lib/0_a.mp4", b"xyz");
        becomes(&catalog, "0_a", "Video Ready: 0_a.mp4@3").await;
        far.remove("lib/0_a.mp4");
        becomes(&catalog, "0_a", "-").await;
    });
}

#[test]
fn what_is_not_there_is_not_asked_for_again() {
    let far = far::Far::start();
    let media = PathBuf::from(far.url("lib"));
    let origin = Origin::new(&media, &OriginConfig::default()).unwrap();
    run(async {
        let catalog = Catalog::open(&Config { media, ..Config::default() }, origin).unwrap();
        assert_eq!(show(&catalog, "0_a").await, "-");
        let asked = far.take_seen();
        assert!(asked.len() < 16 && !asked.is_empty(), "{asked:?}");
        for _ in 0..10 {
            assert_eq!(show(&catalog, "0_a").await, "-");
        }
        assert_eq!(far.take_seen(), []);
    });
}

#[test]
fn files_elsewhere_belong_to_an_entry_here() {
    let far = far::Far::start();
    far.put("cdn/high.mp4", b"xyz");
    far.put("other/low.mp4", b"xyz");
    let high = format!("[[flavors]]\nfile = '{}'", far.url("cdn/high.mp4?key=secret"));
    let low = format!("name = 'x'\n[[flavors]]\nfile = '{}'", far.url("other/low.mp4?key=secret"));
    let missing = format!("[[flavors]]\nfile = '{}'", far.url("cdn/missing.mp4"));
    let folder = Folder::with(&[
        ("0_a/b.mp4", "x"),
        ("0_a/entry.toml", high.as_str()),
        ("0_b.toml", high.as_str()),
        ("0_c.toml", low.as_str()),
        ("0_d.toml", missing.as_str()),
    ]);
    let config = OriginConfig { origins: vec![far.url("cdn")], private: true, ..OriginConfig::default() };
    let origin = Origin::new(&folder.0, &config).unwrap();
    let url = far.url("cdn/high.mp4?key=secret");
    run(async {
        let config = Config { media: folder.0.clone(), entry_ttl: Some(LONG), ..Config::default() };
        let catalog = Catalog::open(&config, origin).unwrap();
        assert_eq!(show(&catalog, "0_a").await, format!("Video Ready: 0_a/b.mp4@1 {url}@3"));
        assert_eq!(show(&catalog, "0_b").await, format!("Video Ready: {url}@3"));
        assert_eq!(far.take_seen().len(), 1, "one look serves both");
        let faults: Vec<Fault> = catalog.walk().await.unwrap().filter_map(async |item| item.err()).collect().await;
        let faults: Vec<String> = faults.iter().map(Fault::to_string).collect();
        let refused = format!(
            "0_c.toml:2: \"{}\" is not beneath an allowed origin: allowed are {}",
            far.url("other/low.mp4"),
            far.url("cdn/")
        );
        let absent = format!("0_d.toml:1: there is no file \"{}\"", far.url("cdn/missing.mp4"));
        assert_eq!(faults, [refused, absent]);
        far.put("cdn/high.mp4", b"longer");
        catalog.forget(&id("0_b"));
        assert_eq!(show(&catalog, "0_b").await, format!("Video Ready: {url}@6"));
    });
}

const RULES: &str = "[[access_control]]\nname = 'members'\nrule = [{ block = true }, { preview = '5s' }]\n\
                     [[access_control]]\nname = 'old'\nrestriction = [{ session = true }]\n";

/// How an entry is guarded, as `name: rules`; `-` where it names no profile, `?` for one that the library does not define.
async fn guard(catalog: &Catalog, entry: &str) -> String {
    let entry = catalog.entry(&id(entry)).await.unwrap();
    let Some(own) = &entry.access_control else { return "-".to_owned() };
    let rules = own.profile.as_ref().map_or("?".to_owned(), |profile| profile.rules.len().to_string());
    format!("{}: {rules}", own.name)
}

impl Everywhere {
    /// The same files in a folder, and wherever else they may rest, and whether their names are told there.
    fn all(&self, folder: &Folder, files: &[(&str, &str)]) -> Vec<(&'static str, Catalog, bool)> {
        files.iter().for_each(|(name, text)| folder.write(name, text));
        let mut all = vec![
            ("in a folder", folder.catalog(LONG), true),
            ("in a store", self.catalog(files), true),
            ("in a silent store", self.in_store(&self.silent, files), false),
            ("behind HTTP", self.behind_http(files), false),
        ];
        all.extend(self.clouds.iter().map(|cloud| (cloud.name(), self.in_cloud(cloud, files), true)));
        all
    }
}

#[test]
fn a_library_defines_profiles() {
    let (on, folder) = (Everywhere::new("defines-profiles"), Folder::new());
    let files = [
        ("access_control.toml", RULES),
        ("0_a.mp4", ""),
        ("0_a.toml", "access_control = 'members'"),
        ("0_b/entry.toml", "access_control = 'old'\n[[flavors]]\nfile = 'b.mp4'"),
        ("0_b/b.mp4", ""),
        ("0_c.toml", "access_control = 'other'"),
        ("0_d.mp4", ""),
        ("0_e.toml", "access_control = 'members'"),
    ];
    for (place, catalog, tells) in on.all(&folder, &files) {
        run(async {
            for (entry, expected) in [("0_a", "members: 2"), ("0_b", "old: 1"), ("0_c", "other: ?"), ("0_d", "-")] {
                assert_eq!(guard(&catalog, entry).await, expected, "{place}: {entry}");
            }
            assert_eq!(show(&catalog, "access_control").await, "-", "{place}");
            assert_eq!(show(&catalog, "access_control.toml").await, "-", "{place}");
        });
        if tells {
            let found: Vec<String> = walk(&catalog).into_iter().map(|entry| entry.unwrap().id.to_string()).collect();
            assert_eq!(found, ["0_a", "0_b", "0_c", "0_d", "0_e"], "{place}");
        }
    }
    let catalog = folder.catalog(LONG);
    run(async {
        assert_eq!(catalog.survey().await.unwrap(), Some(5));
        let own =
            async |entry| catalog.entry(&id(entry)).await.unwrap().access_control.clone().unwrap().profile.unwrap();
        assert!(Arc::ptr_eq(&own("0_a").await, &own("0_e").await), "what is said once is kept once");
    });
}

#[test]
fn a_fault_among_profiles_leaves_none_of_them() {
    let (on, folder) = (Everywhere::new("faulty-profiles"), Folder::new());
    let wrong = format!("{RULES}[[access_control]]\nname = 'old'\ncolour = 1\n[[partner]]\nid = 1\n");
    let files = [
        ("access_control.toml", wrong.as_str()),
        ("0_a.mp4", ""),
        ("0_a.toml", "access_control = 'members'"),
        ("0_b.mp4", ""),
    ];
    let expected = [
        "access_control.toml:7: profile \"old\" is given twice",
        "access_control.toml:9: there is no colour here, expected name, restrict_thumbnails, restriction, rule",
        "access_control.toml:10: there is no partner here, expected access_control",
    ];
    for (place, catalog, tells) in on.all(&folder, &files) {
        run(async {
            assert_eq!((guard(&catalog, "0_a").await, guard(&catalog, "0_b").await), ("members: ?".into(), "-".into()));
        });
        if tells {
            let faults: Vec<String> =
                walk(&catalog).into_iter().filter_map(|item| Some(item.err()?.to_string())).collect();
            assert_eq!(faults, expected, "{place}");
        }
    }
    run(async {
        let catalog = folder.catalog(Duration::ZERO);
        for (text, fault) in [
            ("[[access_control", "access_control.toml:1: "),
            (&"#".repeat(300_000), "access_control.toml:1: longer than the 262144 bytes that are allowed"),
        ] {
            folder.write("access_control.toml", text);
            assert_eq!(guard(&catalog, "0_a").await, "members: ?");
            let mut found = catalog.walk().await.unwrap();
            let found = found.next().await.unwrap().unwrap_err().to_string();
            assert!(found.starts_with(fault), "{found}");
        }
        folder.write("access_control.toml", RULES);
        assert_eq!(guard(&catalog, "0_a").await, "members: 2");
    });
}

/// Profiles that this service may not read keep no entry back that does without them.
#[test]
fn profiles_that_may_not_be_read_are_none() {
    use std::os::unix::fs::PermissionsExt;

    use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

    let files = [("access_control.toml", RULES), ("0_a.mp4", ""), ("0_a.toml", "access_control = 'members'")];
    let folder = Folder::with(&files);
    let path = folder.0.join("access_control.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    // Of this thread alone, which reads the library itself.
    let mut held = capabilities(None).unwrap();
    held.effective -= CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    set_capabilities(None, held).unwrap();
    let far = Arc::new(Far::new(Origin::folder(&folder.0).unwrap(), LONG, LONG));
    let library = Library::open(&folder.0, far).unwrap();
    let faults = rulebook::faults(library.rules().unwrap().as_deref());
    assert_eq!(faults[0].to_string(), "access_control.toml: this service may not read it");
    let later = SystemTime::now() + Duration::from_secs(10);
    let read = || library.sight().read(&id("0_a"), None, later).unwrap().unwrap();
    let reading = read();
    let profile = |reading: &Reading| reading.outcome.as_ref().unwrap().access_control.clone().unwrap().profile;
    assert!(profile(&reading).is_none() && library.sight().is_current(&reading).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(!library.sight().is_current(&reading).unwrap());
    assert_eq!(profile(&read()).unwrap().rules.len(), 2);
}

#[test]
fn profiles_that_change_show() {
    let folder = Folder::with(&[("0_a.mp4", ""), ("0_a.toml", "access_control = 'members'"), ("0_b.mp4", "")]);
    run(async {
        let catalog = folder.catalog(Duration::ZERO);
        assert_eq!(guard(&catalog, "0_a").await, "members: ?");
        folder.write("access_control.toml", RULES);
        assert_eq!(guard(&catalog, "0_a").await, "members: 2");
        folder.write("access_control.toml", &RULES.replace("members", "nobody"));
        assert_eq!(guard(&catalog, "0_a").await, "members: ?");
        folder.write("access_control.toml", "[[access_control]]\nname = 'members'");
        assert_eq!(guard(&catalog, "0_a").await, "members: 0");
        fs::remove_file(folder.0.join("access_control.toml")).unwrap();
        assert_eq!(guard(&catalog, "0_a").await, "members: ?");
        let far = Arc::new(Far::new(Origin::folder(&folder.0).unwrap(), LONG, LONG));
        let library = Library::open(&folder.0, far).unwrap();
        let later = SystemTime::now() + Duration::from_secs(10);
        let read = |entry| library.sight().read(&id(entry), None, later).unwrap().unwrap();
        let (a, b) = (read("0_a"), read("0_b"));
        folder.write("access_control.toml", RULES);
        assert!(!library.sight().is_current(&a).unwrap(), "a file that is new counts");
        let (before, before_b) = (read("0_a"), read("0_b"));
        folder.write("access_control.toml", &RULES.replace("old", "new"));
        assert!(!library.sight().is_current(&before).unwrap());
        assert!(library.sight().is_current(&before_b).unwrap() && before_b.outcome == b.outcome);
    });
}

#[test]
fn profiles_that_change_in_a_store_show() {
    let on = Everywhere::new("profiles-change");
    let files = [("access_control.toml", RULES), ("0_a.mp4", ""), ("0_a.toml", "access_control = 'members'")];
    let catalog = on.catalog(&files);
    run(async {
        assert_eq!(guard(&catalog, "0_a").await, "members: 2");
        fs::write(on.store.file("0/access_control.toml"), "[[access_control]]\nname = 'members'").unwrap();
        assert_eq!(guard(&catalog, "0_a").await, "members: 2", "it is not due");
        catalog.forget(&id("0_a"));
        assert_eq!(guard(&catalog, "0_a").await, "members: 0");
        fs::remove_file(on.store.file("0/access_control.toml")).unwrap();
        catalog.forget_all();
        assert_eq!(guard(&catalog, "0_a").await, "members: ?");
    });
    let far = far::Far::start();
    files.iter().for_each(|(name, text)| far.put(&format!("lib/{name}"), text.as_bytes()));
    far.put("lib/0_b.mp4", b"");
    run(async {
        let catalog = behind_http(&far);
        // Whether the file was asked for since the last time.
        let is_asked = || far.take_seen().iter().filter(|seen| seen.target == "/lib/access_control.toml").count();
        for _ in 0..3 {
            assert_eq!(guard(&catalog, "0_b").await, "-");
            all_land(&catalog).await;
        }
        assert_eq!(is_asked(), 0, "who names no profile needs none");
        assert_eq!((guard(&catalog, "0_a").await.as_str(), is_asked()), ("members: 2", 1));
        all_land(&catalog).await;
        assert_eq!(guard(&catalog, "0_a").await, "members: 2");
        all_land(&catalog).await;
        assert_eq!(is_asked(), 1, "one look tells that it is still so");
        far.put("lib/access_control.toml", b"");
        let changed = async {
            while guard(&catalog, "0_a").await != "members: ?" {
                all_land(&catalog).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), changed).await.expect("the change shows");
    });
}

#[test]
fn entries_may_be_called_as_the_profiles_are() {
    let on = Everywhere::new("called-so");
    let files = [("access_control.toml", RULES), ("access_control.mp4", "x")];
    on.check(&files, "access_control", "Video Ready: access_control.mp4@1");
    let named = "name = 'x'\naccess_control = 'old'\n[[flavors]]\nfile = 'a.mp4'";
    let files = [("access_control.toml", RULES), ("access_control/entry.toml", named), ("access_control/a.mp4", "x")];
    on.check(&files, "access_control", "Video Ready: access_control/a.mp4@1");
    let folder = Folder::new();
    for (place, catalog, _) in on.all(&folder, &files) {
        assert_eq!(run(guard(&catalog, "access_control")), "old: 1", "{place}");
    }
    on.check(&[("access_control.toml", "name = 'a sidecar'")], "access_control", "-");
}

#[test]
fn nobody_is_sent_the_profiles() {
    let files = [
        ("access_control.toml", RULES),
        ("0_a.toml", "name = ''\n[[flavors]]\nfile = 'access_control.toml'"),
        ("0_b.toml", "[[attachments]]\nfile = 'access_control.toml'"),
        ("0_c/entry.toml", "[[attachments]]\nfile = 'access_control.toml'"),
        ("0_c/access_control.toml", "a file like others"),
    ];
    let (on, folder) = (Everywhere::new("not-sent"), Folder::new());
    for (place, catalog, tells) in on.all(&folder, &files) {
        run(async {
            assert_eq!((show(&catalog, "0_a").await, show(&catalog, "0_b").await), ("-".into(), "-".into()), "{place}");
            let c = catalog.entry(&id("0_c")).await.unwrap();
            assert_eq!(&*c.attachments[0].source.location, "0_c/access_control.toml", "{place}");
        });
        if tells {
            let faults: Vec<String> =
                walk(&catalog).into_iter().filter_map(|item| Some(item.err()?.to_string())).collect();
            let words = "access_control.toml is not for viewers, no entry may have it";
            assert_eq!(faults, [format!("0_a.toml:2: {words}"), format!("0_b.toml:1: {words}")], "{place}");
        }
    }
}

/// More files than there are rounds of asking.
#[test]
fn an_entry_of_many_files_behind_http_is_looked_at_again() {
    let far = far::Far::start();
    let rows: String = (0..20).map(|n| format!("[[flavors]]\nfile = '{n}.mp4'\n")).collect();
    (0..20).for_each(|n| far.put(&format!("lib/0_a/{n}.mp4"), b""));
    far.put("lib/0_a/entry.toml", rows.as_bytes());
    run(async {
        let catalog = behind_http(&far);
        let bytes = async || {
            let entry = catalog.entry(&id("0_a")).await.unwrap();
            entry.flavors.iter().map(|flavor| flavor.source.size).sum::<u64>()
        };
        assert_eq!(bytes().await, 0);
        far.put("lib/0_a/19.mp4", b"xyz");
        let changed = async {
            while bytes().await != 3 {
                all_land(&catalog).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), changed).await.expect("the change shows");
    });
}
