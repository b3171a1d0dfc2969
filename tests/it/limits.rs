//! What is too much, what is nonsense, and what means harm: each has an answer, and the service goes on.

use std::time::{Duration, Instant};

use crate::support::{Server, library, target};

/// More than a healthy service needs for these small files; a bomb that went off would need far more.
const RESIDENT_MAX: u64 = 1 << 30;
/// No hostile file keeps a worker longer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

#[test]
fn numbers_are_clamped_or_refused() {
    let server = Server::of_library();
    for (parameters, size) in [
        ("width/-5", (120, 68)),
        ("width/0/height/90", (160, 90)),
        ("width/NaN/height/90", (160, 90)),
        ("width/%20160", (160, 90)),
        ("width/160px", (160, 90)),
        ("width/1e3/height/100", (178, 100)),
        ("width/100!/height/100", (100, 100)),
        ("width/160.jpg", (160, 90)),
        ("width/-99999999999999999999/height/90", (160, 90)),
        ("height/90/type/99/width/100", (100, 90)),
    ] {
        let picture = server.thumbnail("0_hills", &format!("vid_sec/1/{parameters}")).picture();
        assert_eq!(picture.dimensions(), size, "{parameters}");
    }
}

#[test]
fn too_much_is_refused_before_any_work() {
    let server = Server::of_library();
    let start = Instant::now();
    for parameters in [
        "width/99999999999999999999/height/99999999999999999999",
        "width/10000/height/10000/type/5",
        "width/1000000000/height/10000/type/2",
        "vid_slices/2147483647/width/1",
        "vid_slices/5000/width/100",
        "vid_slices/5000/height/100",
        "vid_slices/0",
        "vid_slices/546",
        "vid_slices/100/width/656",
        "bgcolor/red",
        "bgcolor/1234567",
        "format/exe",
        "format/jxr",
        "vid_slices/10/start_sec/-0.5",
        "vid_slices/10/start_sec/5/end_sec/4",
        "width/17000/height/1/type/5/format/webp/vid_slices/3",
    ] {
        let (error, text) = server.refusal("0_hills", parameters);
        assert_eq!(error, "error-25", "{parameters}: {text}");
        assert!(text.len() > 20, "{parameters} is explained: {text}");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn long_and_crooked_targets() {
    let server = Server::of_library();
    let long = format!("/p/1/thumbnail/entry_id/0_hills/name/{}", "x".repeat(17_000));
    assert_eq!(server.get(&long).status, 414);
    for path in [
        "/p/1/thumbnail/entry_id/0_hills/%ff%fe/x/width/160",
        "/p/1/thumbnail/entry_id/0_hills/%/x/%zz/y/width/160",
        "/p/1/thumbnail/entry_id/0_hills/..;/x/width/160",
        "/p/1/thumbnail/entry_id/0_hills/..%2f..%2f..%2fetc%2fpasswd/x/width/160",
        "/p/1/thumbnail/WIDTH/7/entry_id/0_hills/width/160",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.picture().width(), 160, "{path}");
    }
    for path in ["/", "/nothing", "/p/1", "/p/1/thumbnail", "/p//thumbnail/x", "/etc/passwd", "/p/1/thumbnailx/a/b"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    for method in ["PUT", "DELETE", "TRACE", "BREW"] {
        let answer = server.ask(method, &target("0_hills", "width/160"), &[("content-length", "0")]);
        assert!([405, 501].contains(&answer.status), "{method}: {}", answer.status);
    }
}

/// Every broken file of the library gets an answer in time: a picture, or a refusal that says why; and the service goes on.
#[test]
fn broken_files_harm_nobody() {
    let mut server = Server::of_library();
    let mut names: Vec<String> = std::fs::read_dir(library())
        .unwrap()
        .map(|child| child.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name.starts_with("0_broken_"))
        .collect();
    names.sort();
    assert!(names.len() > 30, "{names:?}");
    for name in &names {
        for parameters in ["width/160/vid_sec/1", "width/160", "width/160/vid_slices/5", "width/160/exact/0/vid_sec/2"]
        {
            let (start, path) = (Instant::now(), target(name, parameters));
            let answer = server.get(&path);
            assert!(start.elapsed() < ANSWERED_WITHIN, "{path} took {:?}", start.elapsed());
            let refused = answer.status == 404 && answer.header("x-kaltura").is_some() && answer.body.len() > 20;
            assert!(answer.status == 200 || refused, "{path}: {} {}", answer.status, answer.text());
            assert!(!answer.text().contains(library().to_str().unwrap()), "{path} shows no path of the machine");
        }
    }
    assert!(server.runs());
    assert_eq!(server.frame("0_hills", "width/160/vid_sec/2"), 50);
    assert!(server.resident() < RESIDENT_MAX, "{} bytes", server.resident());
}

#[test]
fn hopeless_files_say_so() {
    let server = Server::of_library();
    for entry in [
        "0_broken_text",
        "0_broken_no_moov",
        "0_broken_moov_empty",
        "0_broken_depth_10000",
        "0_broken_box_of_7",
        "0_broken_bomb_png",
        "0_broken_bomb_jpeg",
        "0_broken_bomb_bmp",
        "0_broken_bomb_gif",
        "0_broken_samples_of_noise",
    ] {
        let (error, text) = server.refusal(entry, "width/160/vid_sec/1");
        assert!(["error-17", "error-6", "error-10"].contains(&error.as_str()), "{entry}: {error} {text}");
    }
}

#[test]
fn a_truncated_file_is_told_from_a_whole_one() {
    let server = Server::of_library();
    for entry in ["0_broken_truncated", "0_broken_no_moov", "0_broken_truncated_jpeg"] {
        let (error, text) = server.refusal(entry, "width/160/vid_sec/9");
        assert_eq!(error, "error-17", "{entry}: {text}");
        assert!(text.contains("cut short") || text.contains("damaged") || text.contains("ends"), "{entry}: {text}");
    }
}

#[test]
fn a_repaired_file_is_shown() {
    let folder = crate::support::Folder::new("repair");
    folder.put("0_broken_text.mp4", "0_x.mp4");
    let server = Server::start(folder.path(), &[]);
    server.refusal("0_x", "width/160/vid_sec/1");
    folder.put("0_avc.mp4", "0_x.mp4");
    crate::support::soon(|| server.get(&target("0_x", "width/160/vid_sec/1")).status == 200);
    assert_eq!(server.frame("0_x", "width/160/vid_sec/1"), 25);
}

#[test]
fn many_different_sizes_at_once() {
    const CLIENTS: u32 = 60;
    let server = Server::of_library();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |i: u32| {
            let path = target("0_hills", &format!("width/{}/vid_sec/{}", 100 + i, i % 10));
            server.get(&path).status
        };
        let clients: Vec<_> = (0..CLIENTS).map(|i| scope.spawn(move || ask(i))).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.iter().filter(|status| **status == 200).count() > 20, "{statuses:?}");
    assert_eq!(server.frame("0_hills", "width/160/vid_sec/2"), 50);
}
