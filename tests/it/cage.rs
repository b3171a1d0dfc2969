//! Processes that decode: what kills one, stops one or fills it harms one request at most.

use std::cell::Cell;
use std::time::{Duration, Instant};

use vedette::decode::limits::Limits;
use vedette::decode::place::{Config, Isolation, Place};
use vedette::error::Kind;
use vedette::media::picture::Size;
use vedette::thumbnail::encode::encode;
use vedette::thumbnail::{Encoding, Format, Layout, Raster, RasterPixels, Rgb};

use crate::support::{Server, library, media, signal, target};

/// A service with two workers.
fn server(arguments: &[&str]) -> Server {
    let server = Server::start(library(), &[&["--decode-isolation", "process", "--workers", "1"], arguments].concat());
    assert_eq!(server.decoders().1.len(), 2, "one worker for the thread that waits for it, and one to spare");
    server
}

/// Waits until something is so.
#[track_caller]
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process has ended, and nobody has asked how.
fn has_ended(id: &u32) -> bool {
    std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

/// Asks for a picture whose decoding stands still, and does something to the workers meanwhile.
fn while_decoding(server: &Server, then: impl FnOnce(&[u32])) -> (u16, String) {
    let (_, workers) = server.decoders();
    signal("STOP", &workers);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| server.get(&target("0_avc", "vid_sec/1")));
        std::thread::sleep(Duration::from_millis(500));
        then(&workers);
        let answer = asked.join().unwrap();
        (answer.status, answer.text())
    })
}

#[test]
fn a_crash_is_tried_again_on_another_worker() {
    for (name, how) in [("KILL", &["KILL"][..]), ("SEGV", &["SEGV", "CONT"])] {
        let server = server(&[]);
        let (status, text) = while_decoding(&server, |workers| {
            // Otherwise the spare one may be asked in the moment in which it ends.
            server.signal("STOP");
            how.iter().for_each(|name| signal(name, workers));
            eventually("they end", || workers.iter().all(has_ended));
            server.signal("CONT");
        });
        assert_eq!(status, 200, "{name}: {text}");
        assert_eq!(server.metric("vedette_decode_workers_lost_total"), 1.0, "{name}");
        assert_eq!(server.metric("vedette_decode_quarantined"), 0.0, "{name}");
        assert!(server.frame("0_avc", "vid_sec/2/width/320") > 0, "{name}");
    }
}

#[test]
fn a_hanging_decoder_costs_one_request_and_keeps_its_file_away_from_others() {
    let server = server(&["--decode-timeout", "500ms", "--decode-quarantine", "2s"]);
    let begun = Instant::now();
    let (status, text) = while_decoding(&server, |_| {});
    assert_eq!(status, 503, "{text}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(text.contains("decoder broke"), "{text}");
    let refused = server.get(&target("0_avc", "vid_sec/2"));
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("tried again in"), "{}", refused.text());
    assert_eq!(server.metric("vedette_decode_quarantined"), 1.0);
    server.thumbnail("0_hevc", "vid_sec/1");
    eventually("the file is tried again", || server.get(&target("0_avc", "vid_sec/2")).status == 200);
    assert_eq!(server.metric("vedette_decode_quarantined"), 0.0);
    assert_eq!(server.metric("vedette_decode_workers"), 2.0);
}

#[test]
fn a_worker_that_ends_without_work_costs_nobody_anything() {
    let server = server(&[]);
    let (_, workers) = server.decoders();
    signal("KILL", &workers);
    eventually("they end", || workers.iter().all(has_ended));
    server.thumbnail("0_avc", "vid_sec/1");
    assert_eq!(server.metric("vedette_decode_workers_lost_total"), 0.0);
}

#[test]
fn the_keeper_of_the_workers_is_replaced() {
    let server = server(&[]);
    let (keeper, workers) = server.decoders();
    signal("KILL", &[keeper]);
    let is_there = |id: &u32| std::fs::exists(format!("/proc/{id}")).unwrap();
    eventually("workers end with their keeper", || !workers.iter().any(is_there));
    server.thumbnail("0_avc", "vid_sec/1");
    assert_ne!(server.decoders().0, keeper);
}

#[test]
fn nothing_is_left_of_a_service_that_was_killed() {
    let server = server(&[]);
    let (keeper, workers) = server.decoders();
    drop(server);
    let all = [&workers[..], &[keeper]].concat();
    let is_there = |id: &u32| std::fs::exists(format!("/proc/{id}")).unwrap();
    eventually("its processes end with it", || !all.iter().any(is_there));
}

#[test]
fn work_that_nobody_waits_for_ends_its_worker() {
    let server = server(&["--request-timeout", "1s"]);
    let (status, text) = while_decoding(&server, |_| {});
    assert_eq!(status, 504, "{text}");
    eventually("its worker is replaced", || server.get(&target("0_avc", "vid_sec/2")).status == 200);
    assert_eq!(server.metric("vedette_decode_workers_lost_total"), 0.0);
}

/// Where processes work that have so many bytes of memory each.
fn caged(memory_max: u64) -> Place {
    let mut config = Config { isolation: Isolation::Process, ..Config::default() };
    config.cage.program = env!("CARGO_BIN_EXE_vedette").into();
    config.cage.memory_max = memory_max;
    Place::new(&config, Limits::default(), 1)
}

#[test]
fn a_picture_that_takes_too_much_memory_fails_alone() {
    let place = caged(256 << 20);
    let mut picture = Vec::new();
    let large = image::RgbaImage::new(9000, 9000);
    large.write_to(&mut std::io::Cursor::new(&mut picture), image::ImageFormat::Png).unwrap();
    let error = place.still(picture.into(), 0, &|| false).unwrap_err();
    assert!(matches!(error.kind(), Kind::Unavailable | Kind::Busy), "{error:?}");
    let small = std::fs::read(media("0_png.png")).unwrap();
    assert!(place.still(small.into(), 0, &|| false).is_ok());
}

/// Colours without order, which take long to write.
fn noise(size: Size, layout: Layout) -> Raster {
    let mut state = 1_u64;
    let mut samples = |count: u64| -> Vec<u8> {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..count).map(next).collect()
    };
    let pixels = match layout {
        Layout::Rgb8 => RasterPixels::Rgb8(samples(3 * size.area())),
        Layout::Rgba8 => RasterPixels::Rgba8(samples(4 * size.area())),
        Layout::Rgb16 => {
            RasterPixels::Rgb16(samples(3 * size.area()).into_iter().map(|sample| sample.into()).collect())
        }
        other => panic!("{other:?}"),
    };
    Raster { size, pixels }
}

fn encoding(format: Format) -> Encoding {
    Encoding { format, quality: 75, density: 0, background: Rgb::WHITE }
}

#[test]
fn a_process_writes_the_same_file() {
    let (caged, size) = (caged(2 << 30), Size { width: 161, height: 67 });
    for (format, layout) in [
        (Format::Avif, Layout::Rgb8),
        (Format::Avif, Layout::Rgba8),
        (Format::Webp, Layout::Rgb8),
        (Format::Gif, Layout::Rgba8),
        (Format::Png8, Layout::Rgba8),
        (Format::Png48, Layout::Rgb16),
    ] {
        let raster = noise(size, layout);
        let expected = encode(&raster, &encoding(format)).unwrap();
        let written = caged.write(raster, &encoding(format), &|| false).unwrap();
        assert!(written == expected, "{format:?}");
    }
    let wrong = caged.write(noise(size, Layout::Rgb16), &encoding(Format::Webp), &|| false).unwrap_err();
    assert_eq!(wrong.kind(), Kind::Internal, "a layout that the format does not take");
}

#[test]
fn writing_that_nobody_waits_for_is_given_up() {
    let (caged, asked) = (caged(2 << 30), Cell::new(0));
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > 3
    };
    let large = noise(Size { width: 3840, height: 2160 }, Layout::Rgb8);
    let error = caged.write(large, &encoding(Format::Avif), &stop).unwrap_err();
    assert_eq!((error.kind(), asked.get()), (Kind::TimedOut, 4));
    let small = noise(Size { width: 16, height: 16 }, Layout::Rgb8);
    assert!(caged.write(small, &encoding(Format::Avif), &|| false).is_ok());
}

#[test]
fn without_isolation_there_are_no_processes() {
    let server = Server::start(library(), &["--decode-isolation", "none"]);
    server.thumbnail("0_avc", "vid_sec/1");
    assert_eq!(server.metric("vedette_decode_workers_started_total"), 0.0);
}
