//! Who may have what: deleted, guarded, faulty and unknown entries.

use crate::support::{Folder, Server, number, soon};

#[test]
fn what_may_not_be_shown() {
    let server = Server::of_library();
    for (entry, error, words) in [
        ("0_deleted", "error-9", "deleted"),
        ("0_guarded", "error-3", "access-control"),
        ("0_nobody", "error-1", "0_nobody"),
        ("0_fault", "error-1", ""),
    ] {
        let (number, text) = server.refusal(entry, "width/320/vid_sec/1");
        assert_eq!(number, error, "{entry}: {text}");
        assert!(text.contains(words), "{entry}: {text}");
        assert_eq!(text.trim_end().lines().count(), 1, "{entry}: one line, not {text:?}");
    }
    assert_eq!(server.get("/p/1/thumbnail/width/100").header("x-kaltura"), Some("error-8"));
}

#[test]
fn refusals_are_short_lived_and_open_to_scripts() {
    let server = Server::of_library();
    for entry in ["0_deleted", "0_guarded", "0_nobody"] {
        let answer = server.get(&crate::support::target(entry, "width/320"));
        let kept = answer.header("cache-control").unwrap();
        let seconds = kept.split("max-age=").nth(1).map_or(0, |seconds| seconds.parse::<u32>().unwrap());
        assert!(seconds <= 60, "{entry}: {kept}");
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{entry}");
        assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{entry}");
        assert!(answer.header("x-kaltura-app").unwrap().starts_with("exiting on error "), "{entry}");
    }
}

#[test]
fn nothing_outside_of_the_folder_is_read() {
    let folder = Folder::new("outside");
    folder.put("0_one_frame.mp4", "0_inside.mp4");
    std::os::unix::fs::symlink(crate::support::media("0_avc.mp4"), folder.path().join("0_link.mp4")).unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.frame("0_inside", "width/160"), 0);
    for entry in
        ["0_link", "..%2f0_avc", "%2e%2e", "..", ".", "0_inside%00", "..%252f0_avc", "..\\0_avc", "%c0%ae%c0%ae"]
    {
        let answer = server.get(&format!("/p/1/thumbnail/entry_id/{entry}/width/160"));
        assert!((400..=404).contains(&answer.status), "{entry}: {}", answer.status);
    }
}

#[test]
fn what_changes_on_disk_shows() {
    let folder = Folder::new("changes");
    folder.put("0_jpeg.jpg", "0_picture.jpg");
    let server = Server::start(folder.path(), &[]);
    let shown = |entry: &str| {
        let answer = server.get(&crate::support::target(entry, "width/160"));
        (answer.status == 200).then(|| number(&answer.picture()).unwrap())
    };
    assert_eq!((shown("0_picture"), shown("0_new")), (Some(501), None));
    folder.put("0_exif_6.jpg", "0_picture.jpg");
    folder.put("0_exif_3.jpg", "0_new.jpg");
    soon(|| shown("0_picture") == Some(516));
    soon(|| shown("0_new") == Some(513));
    std::fs::remove_file(folder.path().join("0_picture.jpg")).unwrap();
    soon(|| shown("0_picture").is_none());
    // A word beside the file hides it.
    std::fs::write(folder.path().join("0_new.toml"), "status = \"deleted\"\n").unwrap();
    soon(|| shown("0_new").is_none());
    assert_eq!(server.refusal("0_new", "width/160").0, "error-9");
}
