//! Entries that play before another one: ffmpeg sees the frames of all of them, in order.

use std::process::Command;

use image::RgbaImage;

use crate::support::{Folder, Server, number};

/// The numbers of the frames that ffmpeg shows of a URL or a file.
#[track_caller]
fn seen(input: &str, more: &[&str]) -> Vec<u32> {
    let (width, height) = (160, 90);
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(more)
        .args(["-i", input, "-map", "0:v:0", "-fps_mode", "passthrough"])
        .args(["-vf", &format!("scale={width}:{height}:flags=area"), "-pix_fmt", "rgba", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{input}: {}", String::from_utf8_lossy(&output.stderr));
    let frames = output.stdout.chunks_exact((width * height * 4) as usize);
    let picture = |frame: &[u8]| RgbaImage::from_raw(width, height, frame.to_vec()).unwrap();
    frames.map(|frame| number(&picture(frame)).expect("a frame has a number")).collect()
}

/// How long the sound of a URL is as ffmpeg decodes it, in seconds.
fn heard(input: &str) -> f64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error"])
        .args(FROM_FILE)
        .args(["-i", input, "-map", "0:a:0", "-f", "s16le", "-ac", "1", "-ar", "8000", "-"])
        .output()
        .unwrap();
    output.stdout.len() as f64 / 16_000.0
}

fn expected(counts: &[u32]) -> Vec<u32> {
    counts.iter().flat_map(|count| 0..*count).collect()
}

const PLAY: &str = "/p/1/sp/100/playManifest/entryId/0_multi/clipTo/4000/sequence/0_opening,0_bumper";

/// The entries of a playlist, each as a playlist of its own in a folder. ffmpeg keeps to the first head of fragments that it
/// reads, and to times that grow: what is behind a discontinuity it only plays alone.
fn parts(server: &Server, folder: &Folder, playlist_at: &str) -> Vec<String> {
    let playlist = server.get(playlist_at).text();
    let beside = playlist_at.rsplit_once('/').unwrap().0;
    let playlist = playlist.replace("URI=\"/", &format!("URI=\"{}", server.url_of("/")));
    let playlist = playlist.replace("URI=\"init", &format!("URI=\"{}/init", server.url_of(beside)));
    let line = |line: &str| match line {
        _ if line.starts_with('/') => server.url_of(line),
        _ if line.starts_with("seg") => format!("{}/{line}", server.url_of(beside)),
        _ => line.to_owned(),
    };
    let lines: Vec<String> = playlist.lines().map(line).filter(|line| line != "#EXT-X-ENDLIST").collect();
    let parts = lines.split(|line| line == "#EXT-X-DISCONTINUITY").enumerate().map(|(place, lines)| {
        let file = folder.path().join(format!("{place}.m3u8"));
        let head = if place > 0 { "#EXTM3U\n#EXT-X-VERSION:6\n#EXT-X-TARGETDURATION:9\n" } else { "" };
        std::fs::write(&file, format!("{head}{}\n#EXT-X-ENDLIST\n", lines.join("\n"))).unwrap();
        file.to_str().unwrap().to_owned()
    });
    parts.collect()
}

/// Lets ffmpeg go from a file to the service.
const FROM_FILE: [&str; 2] = ["-protocol_whitelist", "file,http,tcp"];

/// The lines of a playlist that are addresses.
fn addresses(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

#[test]
fn hls_plays_all_entries_in_order() {
    let server = Server::of_library();
    for container in ["", "/container/ts"] {
        let target = format!("{PLAY}/format/applehttp{container}/flavorIds/0_multi-360p/a.m3u8");
        let master = server.get(&target).text();
        let variant = addresses(&master)[0];
        assert!(variant.contains("/clipTo/4000/sequence/0_opening,0_bumper/"), "{master}");
        let folder = Folder::new(&format!("sequence-hls{}", container.len()));
        let parts = parts(&server, &folder, variant);
        let frames: Vec<_> = parts.iter().map(|part| seen(part, &FROM_FILE)).collect();
        assert_eq!(frames.concat(), expected(&[50, 75, 100]), "{container}");
        if !container.is_empty() {
            assert_eq!(seen(&server.url_of(variant), &[]), expected(&[50, 75, 100]));
        }
        let playlist = server.get(variant).text();
        assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 2, "{playlist}");
        for address in addresses(&playlist) {
            assert!(address.starts_with("/hls/") && !address.contains("/sequence/"), "{playlist}");
        }
    }
}

#[test]
fn hls_is_silent_where_an_entry_is() {
    let server = Server::of_library();
    for (container, silence) in
        [("", "URI=\"init-q1x48000x2000.mp4\""), ("/container/ts", "\nseg-1-q1x48000x2000.ts\n")]
    {
        let master = server.get(&format!("{PLAY}/format/applehttp{container}/a.m3u8")).text();
        let sound = master.lines().find(|line| line.contains("TYPE=AUDIO")).unwrap();
        let sound = sound.split("URI=\"").nth(1).unwrap().trim_end_matches('"');
        let playlist = server.get(sound).text();
        assert!(playlist.contains(silence), "{playlist}");
        let folder = Folder::new(&format!("sequence-sound{}", container.len()));
        let lengths: Vec<_> = parts(&server, &folder, sound).iter().map(|part| heard(part)).collect();
        for (length, expected) in lengths.iter().zip([2.0, 3.0, 4.0]) {
            assert!((length - expected).abs() < 0.1, "{lengths:?}: {playlist}");
        }
        assert_eq!(lengths.len(), 3);
    }
}

#[test]
fn hls_shows_captions_of_who_has_them() {
    let server = Server::of_library();
    let master = server.get(&format!("{PLAY}/format/applehttp/a.m3u8")).text();
    for (language, said) in [("en", true), ("de", false)] {
        let line = master.lines().find(|line| line.contains("SUBTITLES") && line.contains(&format!("\"{language}\"")));
        let playlist_at = line.unwrap().split("URI=\"").nth(1).unwrap().trim_end_matches('"');
        let playlist = server.get(playlist_at).text();
        let addresses = addresses(&playlist);
        assert_eq!(addresses.len(), 3, "{playlist}");
        assert_eq!(addresses[0], "blank.vtt");
        assert_eq!(addresses[1] != "blank.vtt", said, "{playlist}");
        let folder = playlist_at.rsplit_once('/').unwrap().0;
        assert_eq!(server.get(&format!("{folder}/blank.vtt")).text(), "WEBVTT\n\n");
        if said {
            assert!(server.get(addresses[1]).text().contains("A word before."));
        }
    }
}

#[test]
fn keyframes_of_all_entries() {
    let server = Server::of_library();
    let master = server.get(&format!("{PLAY}/format/applehttp/a.m3u8")).text();
    let line = master.lines().find(|line| line.starts_with("#EXT-X-I-FRAME-STREAM-INF")).unwrap();
    let playlist = server.get(line.split("URI=\"").nth(1).unwrap().trim_end_matches('"')).text();
    assert_eq!((addresses(&playlist).len(), playlist.matches("#EXT-X-MAP").count()), (1 + 2 + 2, 3), "{playlist}");
    assert!(addresses(&playlist).iter().all(|address| server.get(address).status == 200), "{playlist}");
}

/// ffmpeg plays one period of a manifest, the longest: each is handed to it alone.
#[test]
fn dash_has_a_period_an_entry() {
    let server = Server::of_library();
    let redirect = server.get(&format!("{PLAY}/format/mpegdash/a.mpd"));
    assert_eq!(redirect.status, 302);
    let answer = server.get(redirect.header("location").unwrap());
    let manifest = answer.text();
    assert_eq!(answer.status, 200, "{manifest}");
    let (head, rest) = manifest.split_once("  <Period ").unwrap();
    let periods: Vec<&str> = rest.split("  <Period ").map(|period| period.trim_end_matches("</MPD>\n")).collect();
    let folder = Folder::new("sequence-dash");
    let mut starts = Vec::new();
    for (place, (period, count)) in periods.iter().zip([50, 75, 100]).enumerate() {
        assert!(period.starts_with(&format!("id=\"{place}\" ")), "{period}");
        assert!(period.contains("contentType=\"audio\""), "{period}");
        starts.push(period.split("start=\"").nth(1).unwrap().split('"').next().unwrap());
        let period = period.replace("<BaseURL>/", &format!("<BaseURL>{}", server.url_of("/")));
        let file = folder.path().join(format!("{place}.mpd"));
        std::fs::write(&file, format!("{head}  <Period {period}</MPD>\n")).unwrap();
        assert_eq!(seen(file.to_str().unwrap(), &FROM_FILE), expected(&[count]), "{period}");
    }
    assert_eq!(starts[..2], ["PT0S", "PT2S"], "{manifest}");
    assert_eq!(periods.len(), 3);
}

#[test]
fn entries_that_may_not_play_before_others() {
    let server = Server::of_library();
    let error = |target: &str| {
        let answer = server.get(target);
        (answer.status, answer.header("x-kaltura").map(str::to_owned))
    };
    let play = |format: &str, sequence: &str| {
        error(&format!("/p/1/sp/100/playManifest/entryId/0_multi/format/{format}/sequence/{sequence}/a"))
    };
    for format in ["applehttp", "mpegdash"] {
        assert_eq!(play(format, "0_opening,0_hills"), (404, Some("error-48".to_owned())));
        assert_eq!(play(format, "0_nothing"), (404, Some("error-1".to_owned())));
        assert_eq!(play(format, "0_opening,..%2f"), (404, Some("error-1".to_owned())));
        assert_eq!(play(format, &"0_opening,".repeat(33)).0, 414);
    }
    assert_eq!(play("url", "0_nothing"), (302, None));
    let packaged =
        "/hls/p/1/sp/100/serveFlavor/entryId/0_multi/sequence/0_hills/flavorId/0_multi-360p/name/a.mp4/index-v1.m3u8";
    assert_eq!(server.get(packaged).status, 404);
}
