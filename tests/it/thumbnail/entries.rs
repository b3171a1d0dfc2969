//! What stands for entries that are not a ready video: drafts, sound, stored pictures, documents, data.

use crate::support::{Server, number, target};

#[test]
fn a_stored_picture_stands_where_no_moment_is_asked_for() {
    let server = Server::of_library();
    for (parameters, expected) in
        [("width/320", 1001), ("", 1001), ("width/320/vid_sec/2", 50), ("width/160/version/7", 1001)]
    {
        assert_eq!(server.frame("0_ladder", parameters), expected, "{parameters}");
    }
}

#[test]
fn the_stored_picture_of_the_nearest_shape() {
    let server = Server::of_library();
    for (parameters, expected) in [
        ("width/320/height/180", 1001),
        ("width/640/height/360", 1001),
        ("width/200/height/200", 1002),
        ("width/180/height/320", 1003),
    ] {
        let answer = server.thumbnail("0_ladder", &format!("{parameters}/nearest_aspect_ratio/1"));
        let (picture, mut sizes) =
            (answer.picture(), parameters.split('/').filter_map(|size| size.parse::<u32>().ok()));
        assert_eq!(number(&picture), Some(expected), "{parameters}");
        assert_eq!(picture.dimensions(), (sizes.next().unwrap(), sizes.next().unwrap()), "{parameters}");
    }
}

#[test]
fn drafts_and_sound_have_placeholders() {
    let server = Server::of_library();
    for entry in ["0_draft", "0_tone", "0_tone_aac"] {
        for (parameters, size) in [("width/320", (320, 180)), ("width/320/height/320/type/3", (320, 320))] {
            let answer = server.thumbnail(entry, parameters);
            assert_eq!(answer.picture().dimensions(), size, "{entry}");
            let kept = answer.header("cache-control").unwrap();
            assert!(kept.contains("max-age=60"), "{entry}: {kept}");
            let colors = answer.picture().pixels().map(|pixel| pixel.0).collect::<std::collections::HashSet<_>>().len();
            assert!(colors > 50, "{entry} has a picture of {colors} colours");
        }
    }
    let strip = server.thumbnail("0_tone", "width/160/vid_slices/4").picture();
    assert_eq!(strip.width(), 640);
}

#[test]
fn documents_and_data_have_no_picture() {
    let server = Server::of_library();
    assert_eq!(server.refusal("0_document", "width/320").0, "error-20");
    assert_eq!(server.refusal("0_data", "width/320").0, "error-10");
}

#[test]
fn ready_entries_may_be_kept_for_an_hour() {
    let server = Server::of_library();
    for entry in ["0_hills", "0_jpeg", "0_ladder"] {
        let answer = server.thumbnail(entry, "width/160");
        assert!(answer.header("cache-control").unwrap().contains("max-age=3600"), "{entry}");
    }
}

#[test]
fn a_wrong_partner_and_every_form_of_path_lead_to_the_entry() {
    let server = Server::of_library();
    let first = server.get(&target("0_hills", "width/160/vid_sec/2"));
    for path in [
        "/p/2/thumbnail/entry_id/0_hills/width/160/vid_sec/2",
        "/p/1/sp/100/thumbnail/entry_id/0_hills/width/160/vid_sec/2",
        "/thumbnail/entry_id/0_hills/width/160/vid_sec/2",
        "/p/1/thumbnail/vid_sec/2/width/160/entry_id/0_hills",
        "/p/1/thumbnail/entry_id/0_hills.jpg/width/160.jpg/vid_sec/2/name.jpg",
        "/p/1/thumbnail/entry_id/0_hills/width/640/width/160/vid_sec/2/",
        "/p/1/thumbnail/entry_id/0_hills?width=160&vid_sec=2",
        "/p/1/thumbnail/entry_id/0_hills/width/160?vid_sec=2&width=999",
        "/p/1/thumbnail//entry_id/0_hills///width/160/vid_sec/2.0",
        "/index.php/extwidget/thumbnail/entry_id/0_hills/width/160/vid_sec/2",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert!(answer.body == first.body, "{path} is the same picture");
        assert_eq!(answer.header("etag"), first.header("etag"), "{path} has the same key");
    }
}
