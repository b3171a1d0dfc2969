//! What requests for pictures come to.

use proptest::prelude::*;

use super::*;
use crate::entry::{EntryKind, Flavor, FlavorId, Status, Thumb};
use crate::media::PictureFacts;
use crate::media::picture::Size;
use crate::request;
use crate::thumbnail::{Format, Geometry};

const SECOND: i64 = 1_000_000;

/// An entry, and what looking at its files gives.
#[derive(Clone, Debug)]
struct Stage {
    entry: Entry,
    facts: Vec<(Source, Result<Arc<Facts>>)>,
    policy: Policy,
    accepts: Accepts,
}

fn source(location: &str) -> Source {
    Source { location: location.into(), size: 1, modified: 500, version: "v".into() }
}

fn still_facts(width: u32, height: u32) -> Facts {
    let picture = PictureFacts { shown: Size { width, height }, last_frame: Micros(0), frames: 1, halvings: 0 };
    Facts { duration: Micros(0), bitrate: 0, picture: Some(picture), has_audio: false }
}

/// Ten seconds of 25 frames a second.
fn video_facts(width: u32, height: u32, bitrate: u64) -> Facts {
    let (duration, last_frame) = (Micros(10 * SECOND), Micros(10 * SECOND - 40_000));
    let picture = PictureFacts { shown: Size { width, height }, last_frame, frames: 250, halvings: 0 };
    Facts { duration, bitrate, picture: Some(picture), has_audio: true }
}

impl Stage {
    fn new(kind: EntryKind) -> Stage {
        let entry = Entry {
            partner: PartnerId(7),
            name: "x".into(),
            updated: 400,
            ..Entry::new(EntryId::new("0_x").unwrap(), kind)
        };
        let policy = Policy {
            output_pixels_max: 50_000_000,
            slices_max: 1000,
            quality: 75,
            thumb_offset: Micros(3 * SECOND),
            max_age: 3600,
            grace: Grace::default(),
            max_age_unready: 60,
            max_age_file: 60,
            draft_is_error: false,
            playback: Rules::default(),
        };
        Stage { entry, facts: Vec::new(), policy, accepts: Accepts::default() }
    }

    /// A video of three flavors: 1080p, 720p and 360p.
    fn ladder() -> Stage {
        Stage::new(EntryKind::Video)
            .flavor("mid", Ok(video_facts(1280, 720, 2_000_000)))
            .flavor("top", Ok(video_facts(1920, 1080, 5_000_000)))
            .flavor("low", Ok(video_facts(640, 360, 500_000)))
    }

    fn flavor(mut self, id: &str, facts: Result<Facts>) -> Stage {
        self.facts.push((source(id), facts.map(Arc::new)));
        self.entry.flavors.push(Flavor {
            id: FlavorId::new(id).unwrap(),
            params_id: None,
            tags: Vec::new(),
            bitrate: None,
            language: None,
            label: None,
            is_default: false,
            is_original: false,
            source: source(id),
        });
        self
    }

    fn thumb(mut self, id: &str, is_default: bool, facts: Result<Facts>) -> Stage {
        self.facts.push((source(id), facts.map(Arc::new)));
        self.entry.thumbs.push(Thumb { id: id.into(), params_id: None, is_default, source: source(id) });
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Stage)) -> Stage {
        change(&mut self);
        self
    }

    fn flavor_mut(&mut self, id: &str) -> &mut Flavor {
        self.entry.flavors.iter_mut().find(|flavor| flavor.id.as_str() == id).unwrap()
    }

    /// Plans with nothing but the facts that [`sources`] asks for.
    fn plan(&self, rest: &str) -> Result<Plan> {
        let request = request::parse(&format!("/p/1/thumbnail/entry_id/0_x{rest}")).unwrap()?;
        let asked = sources(&request, &self.entry);
        let known: Vec<Known<'_>> = asked
            .into_iter()
            .map(|source| {
                let (_, facts) = self.facts.iter().find(|(of, _)| of == source).unwrap();
                (source, facts.clone())
            })
            .collect();
        let client = Client { accepts: self.accepts, base: "" };
        match plan(&request, &self.entry, &known, Grant::FULL, client, &self.policy)? {
            Decision::Make(plan) => Ok(plan),
            Decision::Redirect { location, .. } => panic!("a redirect to {location}"),
        }
    }

    #[track_caller]
    fn line(&self, rest: &str) -> String {
        self.plan(rest).unwrap().work.to_string()
    }

    /// Checks the start of the work line, up to its geometry.
    #[track_caller]
    fn shows(&self, rest: &str, expected: &str) -> &Stage {
        let line = self.line(rest);
        assert_eq!(line.split(" crop ").next(), Some(expected), "{rest}: {line}");
        self
    }

    /// Checks the geometry of the work line.
    #[track_caller]
    fn cuts(&self, rest: &str, expected: &str) -> &Stage {
        let line = self.line(rest);
        let geometry = line.split_once(" crop ").unwrap().1;
        assert!(geometry.starts_with(&format!("{expected} ")), "{rest}: {line}");
        self
    }

    #[track_caller]
    fn refuses(&self, rest: &str, code: Code, words: &str) -> &Stage {
        let error = self.plan(rest).unwrap_err();
        assert_eq!(error.code(), Some(code), "{rest}: {error}");
        assert!(error.message().contains(words), "{rest}: {error}");
        self
    }
}

fn broken() -> Result<Facts> {
    Err(Error::unsupported("text is no video"))
}

#[test]
fn a_whole_line() {
    let line = Stage::ladder().line("/width/640/vid_sec/2/format/png");
    let expected = "thumbnail frame \"low\"@v at 2 crop 1920x1080+0+0 of 1920x1080 to 640x360+0+0 on 640x360 \
                    png quality 100 density 0 background ffffff";
    assert_eq!(line, expected);
}

#[test]
fn moments_of_a_video() {
    Stage::ladder()
        .shows("", "thumbnail frame \"low\"@v at 3")
        .shows("/vid_sec/0", "thumbnail frame \"low\"@v at 0")
        .shows("/vid_sec/99", "thumbnail frame \"low\"@v at 9.96")
        .shows("/vid_sec/1/exact/0", "thumbnail keyframe \"low\"@v at 1")
        .shows("/vid_slices/4/vid_slice/1", "thumbnail frame \"low\"@v at 2.5")
        .shows("/vid_slices/4/vid_slice/9", "thumbnail frame \"low\"@v at 7.5")
        .shows("/vid_slices/3", "strip 3 of frame \"low\"@v at 0,3.333333,6.666666")
        .shows("/vid_slices/2/start_sec/9/end_sec/99", "strip 2 of frame \"low\"@v at 9,9.5")
        .shows("/vid_slices/2/start_sec/99", "strip 2 of frame \"low\"@v at 9.96")
        .shows("/vid_slices/3/vid_sec/1", "strip 3 of frame \"low\"@v at 1")
        .shows("/vid_slices/1", "thumbnail frame \"low\"@v at 0");
    let offset = |ms| Stage::ladder().with(|stage| stage.entry.thumb_offset_ms = Some(ms));
    offset(4500).shows("", "thumbnail frame \"low\"@v at 4.5");
    offset(u64::MAX).shows("", "thumbnail frame \"low\"@v at 9.96");
}

#[test]
fn the_smallest_flavor_that_covers() {
    Stage::ladder()
        .shows("/width/640", "thumbnail frame \"low\"@v at 3")
        .shows("/width/641", "thumbnail frame \"mid\"@v at 3")
        .shows("/height/720", "thumbnail frame \"mid\"@v at 3")
        .shows("/height/721", "thumbnail frame \"top\"@v at 3")
        .shows("/width/9000", "thumbnail frame \"top\"@v at 3")
        .shows("/width/0/height/0", "thumbnail frame \"top\"@v at 3")
        // A quarter of the picture has a quarter of the pixels.
        .shows("/src_w/960/width/320", "thumbnail frame \"low\"@v at 3")
        .shows("/src_w/960/width/321", "thumbnail frame \"mid\"@v at 3")
        .shows("/width/360/height/360/type/3", "thumbnail frame \"low\"@v at 3")
        .shows("/width/361/height/361/type/3", "thumbnail frame \"mid\"@v at 3")
        .shows("/width/100/source/original", "thumbnail frame \"top\"@v at 3")
        .shows("/width/100/flavor_id/mid", "thumbnail frame \"mid\"@v at 3")
        .shows("/width/9000/flavor_id/mid", "thumbnail frame \"mid\"@v at 3")
        .shows("/width/100/flavor_id/none", "thumbnail frame \"low\"@v at 3")
        .shows("/width/100/flavor_id/mid/source/original", "thumbnail frame \"top\"@v at 3");
}

#[test]
fn tagged_flavors_go_first() {
    let tagged = |ids: &[&str]| {
        Stage::ladder().with(|stage| ids.iter().for_each(|id| stage.flavor_mut(id).tags.push("thumbsource".into())))
    };
    tagged(&["mid"])
        .shows("/width/100", "thumbnail frame \"mid\"@v at 3")
        .shows("/width/1900", "thumbnail frame \"mid\"@v at 3")
        .shows("/width/1900/source/original", "thumbnail frame \"top\"@v at 3")
        .cuts("/width/0/height/0", "1920x1080+0+0 of 1920x1080 to 1920x1080+0+0 on 1920x1080");
    tagged(&["mid", "low"])
        .shows("/width/100", "thumbnail frame \"low\"@v at 3")
        .shows("/width/1900", "thumbnail frame \"mid\"@v at 3");
}

#[test]
fn sizes_do_not_depend_on_the_flavor() {
    for flavor in ["low", "mid", "top", "none"] {
        Stage::ladder()
            .cuts(&format!("/flavor_id/{flavor}"), "1920x1080+0+0 of 1920x1080 to 120x68+0+0 on 120x68")
            .cuts(
                &format!("/flavor_id/{flavor}/src_x/1000/width/92"),
                "920x1080+1000+0 of 1920x1080 to 92x108+0+0 on 92x108",
            );
    }
}

#[test]
fn the_original() {
    // The flag goes before the bitrate, a stated bitrate before a measured one.
    let ladder = Stage::ladder();
    assert!(ladder.line("/width/0/height/0").contains("of 1920x1080"));
    let flagged = ladder.clone().with(|stage| stage.flavor_mut("mid").is_original = true);
    assert!(flagged.line("/width/0/height/0").contains("of 1280x720"));
    flagged.shows("/width/1300", "thumbnail frame \"top\"@v at 3");
    flagged.shows("/width/9000", "thumbnail frame \"mid\"@v at 3");
    let stated = ladder.with(|stage| stage.flavor_mut("low").bitrate = Some(9000));
    assert!(stated.line("/width/0/height/0").contains("of 640x360"));
}

#[test]
fn broken_flavors_are_passed_over() {
    let stage = Stage::ladder().flavor("bad", broken()).with(|stage| stage.flavor_mut("bad").is_original = true);
    stage.shows("", "thumbnail frame \"low\"@v at 3");
    stage.shows("/flavor_id/bad", "thumbnail frame \"low\"@v at 3");
    assert_eq!(stage.plan("").unwrap().freshness, Freshness::Lenient(3600, Grace::default()));
    let video = || Stage::new(EntryKind::Video);
    video().flavor("bad", broken()).refuses("", Code::ImageResizeFailed, "text is no video");
    let sound = Facts { picture: None, ..video_facts(1, 1, 1) };
    video().flavor("sound", Ok(sound.clone())).refuses("", Code::FlavorNotFound, "pictures");
    let busy = || Err(Error::new(Kind::Busy, "full"));
    let both = video().flavor("bad", broken()).flavor("busy", busy()).flavor("sound", Ok(sound));
    assert_eq!(both.plan("").unwrap_err().kind(), Kind::Busy);
    // While a flavor cannot be looked at for now, another one answers for a short time.
    let wavering = Stage::ladder().flavor("busy", busy());
    assert_eq!(wavering.plan("").unwrap().freshness, Freshness::Public(60));
    let empty = video().flavor("empty", Ok(video_facts(0, 7, 1)));
    empty.refuses("", Code::FlavorNotFound, "pictures");
}

#[test]
fn a_flavor_that_ends_early() {
    let short = |last: i64| {
        let mut facts = video_facts(320, 180, 100);
        facts.picture.as_mut().unwrap().last_frame = Micros(last);
        Stage::ladder().flavor("short", Ok(facts))
    };
    short(5 * SECOND)
        .shows("/vid_sec/2", "thumbnail frame \"short\"@v at 2")
        .shows("/vid_sec/8", "thumbnail frame \"low\"@v at 8")
        .shows("/vid_slices/2", "strip 2 of frame \"short\"@v at 0,5");
    short(9 * SECOND).shows("/vid_sec/99", "thumbnail frame \"short\"@v at 9");
}

#[test]
fn stored_pictures() {
    let stage =
        Stage::ladder().thumb("other", false, Ok(still_facts(50, 50))).thumb("poster", true, Ok(still_facts(800, 600)));
    stage
        .shows("", "thumbnail picture \"poster\"@v")
        .cuts("", "800x600+0+0 of 800x600 to 120x90+0+0 on 120x90")
        .shows("/vid_sec/0", "thumbnail frame \"low\"@v at 0")
        .shows("/vid_slices/2", "strip 2 of frame \"low\"@v at 0,5")
        .cuts("/src_w/50/rel_width/100", "800x600+0+0 of 800x600 to 120x90+0+0 on 120x90")
        .cuts("/src_w/10/rel_width/100/width/96", "192x600+0+0 of 800x600 to 96x300+0+0 on 96x300");
    Stage::ladder().thumb("poster", true, broken()).refuses("", Code::ImageResizeFailed, "text is no video");
    let sound = Facts { picture: None, ..still_facts(1, 1) };
    Stage::ladder().thumb("poster", true, Ok(sound)).refuses("", Code::ImageResizeFailed, "no picture");
    Stage::ladder().thumb("other", false, broken()).shows("", "thumbnail frame \"low\"@v at 3");
}

#[test]
fn images() {
    let image = || Stage::new(EntryKind::Image).flavor("photo", Ok(still_facts(4000, 3000)));
    image()
        .shows("", "thumbnail picture \"photo\"@v")
        .shows("/vid_sec/5", "thumbnail picture \"photo\"@v")
        .shows("/vid_slices/3/vid_slice/1", "thumbnail picture \"photo\"@v")
        .shows("/vid_slices/3", "strip 3 of picture \"photo\"@v")
        .cuts("/src_w/50/rel_width/100", "2000x3000+0+0 of 4000x3000 to 60x90+0+0 on 60x90");
    image().thumb("poster", true, Ok(still_facts(1, 1))).shows("", "thumbnail picture \"photo\"@v");
    Stage::new(EntryKind::Image).flavor("photo", broken()).refuses("", Code::ImageResizeFailed, "");
}

#[test]
fn entries_without_content() {
    for kind in [EntryKind::Video, EntryKind::Image] {
        let draft = Stage::new(kind).with(|stage| stage.entry.status = Status::NoContent);
        draft
            .shows("", "thumbnail placeholder draft")
            .shows("/vid_sec/5", "thumbnail placeholder draft")
            .shows("/vid_slices/5", "strip 5 of placeholder draft")
            .cuts("/width/160", "1280x720+0+0 of 1280x720 to 160x90+0+0 on 160x90");
        assert_eq!(draft.plan("").unwrap().freshness, Freshness::Public(60));
        draft.thumb("poster", true, Ok(still_facts(10, 10))).shows("/vid_sec/5", "thumbnail picture \"poster\"@v");
        let empty = Stage::new(kind);
        empty.shows("", "thumbnail placeholder draft");
        assert_eq!(empty.plan("").unwrap().freshness, Freshness::Public(60));
    }
    let strict = |kind| Stage::new(kind).with(|stage| stage.policy.draft_is_error = true);
    strict(EntryKind::Video).refuses("", Code::FlavorNotFound, "no content");
    strict(EntryKind::Image).refuses("", Code::MissingThumbnail, "no picture");
    let stated = Stage::ladder().with(|stage| stage.entry.status = Status::NoContent);
    stated.shows("/vid_sec/1", "thumbnail placeholder draft");
}

#[test]
fn other_kinds() {
    let audio = Stage::new(EntryKind::Audio).flavor("song", broken());
    audio.shows("/vid_sec/5", "thumbnail placeholder audio").shows("/vid_slices/2", "strip 2 of placeholder audio");
    assert_eq!(audio.plan("").unwrap().freshness, Freshness::Public(60));
    let covered = audio.thumb("cover", true, Ok(still_facts(500, 500)));
    covered
        .shows("/vid_sec/5", "thumbnail picture \"cover\"@v")
        .shows("/vid_slices/2", "strip 2 of picture \"cover\"@v");
    assert_eq!(covered.plan("").unwrap().freshness, Freshness::Lenient(3600, Grace::default()));
    covered.cuts("/src_x/50/src_w/50/rel_width/100", "500x500+0+0 of 500x500 to 90x90+0+0 on 90x90");
    let document = Stage::new(EntryKind::Document).flavor("paper", broken());
    document.refuses("", Code::MissingParameter, "flavor_id");
    document.refuses("/flavor_id/paper", Code::ImageResizeFailed, "documents");
    document.thumb("cover", true, Ok(still_facts(50, 70))).shows("", "thumbnail picture \"cover\"@v");
    let data = Stage::new(EntryKind::Data).flavor("zip", broken());
    data.refuses("", Code::MissingThumbnail, "no picture");
    data.thumb("cover", true, Ok(still_facts(50, 70))).shows("", "thumbnail picture \"cover\"@v");
}

#[test]
fn the_nearest_shape() {
    let stage = Stage::ladder()
        .thumb("square", false, Ok(still_facts(500, 500)))
        .thumb("wide", false, Ok(still_facts(1600, 900)))
        .thumb("wider", true, Ok(still_facts(640, 360)))
        .thumb("bad", false, broken());
    stage
        .shows("/nearest_aspect_ratio/1/width/100/height/90", "thumbnail picture \"square\"@v")
        .cuts(
            "/nearest_aspect_ratio/1/width/100/height/90/type/5/src_x/9",
            "500x450+0+25 of 500x500 to 100x90+0+0 on 100x90",
        )
        .cuts("/nearest_aspect_ratio/1/width/0/height/100", "500x500+0+0 of 500x500 to 100x100+0+0 on 100x100")
        // Equal ratios: the exact width, else the larger one.
        .shows("/nearest_aspect_ratio/1/width/640/height/360", "thumbnail picture \"wider\"@v")
        .shows("/nearest_aspect_ratio/1/width/320/height/180", "thumbnail picture \"wide\"@v")
        // No height: the narrowest.
        .shows("/nearest_aspect_ratio/1/width/320/height/0", "thumbnail picture \"square\"@v")
        // A moment: type 3 on the frame.
        .shows("/nearest_aspect_ratio/1/width/90/height/90/vid_sec/1", "thumbnail frame \"low\"@v at 1")
        .cuts(
            "/nearest_aspect_ratio/1/width/90/height/90/vid_sec/1",
            "1080x1080+420+0 of 1920x1080 to 90x90+0+0 on 90x90",
        );
    let twins = Stage::ladder().thumb("a", false, Ok(still_facts(90, 90))).thumb("b", true, Ok(still_facts(90, 90)));
    twins.shows("/nearest_aspect_ratio/1/width/90/height/90", "thumbnail picture \"b\"@v");
    // Nothing to choose from: as if it were not asked.
    let none = Stage::ladder().thumb("bad", false, broken());
    none.shows("/nearest_aspect_ratio/1/type/5/width/90/height/90", "thumbnail frame \"low\"@v at 3")
        .cuts("/nearest_aspect_ratio/1/type/5/width/90/height/90", "1920x1080+0+0 of 1920x1080 to 90x90+0+0 on 90x90");
    let image = Stage::new(EntryKind::Image).flavor("photo", Ok(still_facts(400, 300))).thumb(
        "tall",
        true,
        Ok(still_facts(300, 400)),
    );
    image.shows("/nearest_aspect_ratio/1/width/40/height/30", "thumbnail picture \"photo\"@v");
    image.shows("/nearest_aspect_ratio/1/width/30/height/40", "thumbnail picture \"tall\"@v");
}

#[test]
fn profiles_give_sizes() {
    let stage = Stage::ladder().with(|stage| stage.flavor_mut("low").params_id = Some(3)).thumb(
        "poster",
        true,
        Ok(still_facts(800, 450)),
    );
    stage
        .cuts("/flavor_params_id/3", "800x450+0+0 of 800x450 to 640x360+0+0 on 640x360")
        .cuts("/flavor_params_id/4", "800x450+0+0 of 800x450 to 120x68+0+0 on 120x68")
        .cuts("/flavor_params_id/3/width/80", "800x450+0+0 of 800x450 to 80x45+0+0 on 80x45");
    stage.refuses("/flavor_params_id/3/vid_slices/200", Code::BadQuery, "128000x360");
}

#[test]
fn outside_of_the_source() {
    let stage = Stage::ladder();
    assert!(stage.line("/src_x/1920").starts_with("thumbnail blank crop 1x1+0+0 of 1x1 to 120x90+0+0 on 120x90 jpg"));
    assert!(
        stage.line("/src_y/5000/vid_slices/3/width/50").starts_with("strip 3 of blank crop 1x1+0+0 of 1x1 to 50x50")
    );
    // It shows nothing of the entry, so the moment makes no other picture.
    assert_eq!(stage.plan("/src_x/1920/vid_sec/1").unwrap().key, stage.plan("/src_x/1920").unwrap().key);
    assert_eq!(stage.plan("/src_x/1920/src_w/5").unwrap().work, stage.plan("/src_x/1930").unwrap().work);
}

#[test]
fn limits() {
    let stage = Stage::ladder();
    stage.refuses("/width/10000/height/10000", Code::BadQuery, "10000x5625 pixels; allowed: at most 50000000");
    stage.refuses("/vid_slices/1001/width/1", Code::BadQuery, "vid_slices is 1001; allowed: at most 1000");
    stage.refuses(
        "/vid_slices/1000/height/50",
        Code::BadQuery,
        "89000x50 pixels (1000 of 89x50); allowed: at most 65500",
    );
    stage.refuses("/vid_slices/200/width/100/format/webp", Code::BadQuery, "20000x56 pixels (200 of 100x56)");
    stage.refuses("/vid_slices/200/width/100/format/webp", Code::BadQuery, "16383 pixels a side in webp");
    stage.cuts("/width/3840/format/avif", "1920x1080+0+0 of 1920x1080 to 3840x2160+0+0 on 3840x2160");
    let large = "4000x2250 pixels; allowed: at most 8912896 pixels altogether in avif";
    stage.refuses("/width/4000/format/avif", Code::BadQuery, large);
    stage.shows("/vid_slices/2147483647/vid_slice/0/width/0/height/0", "thumbnail frame \"top\"@v at 0");
    // A strip of original sizes is narrowed to what can be held.
    stage.cuts("/width/0/height/0/vid_slices/20", "1920x1080+0+0 of 1920x1080 to 1920x1080+0+0 on 1920x1080");
    let roomy = stage.with(|stage| stage.policy.output_pixels_max = u64::MAX);
    roomy.cuts("/width/0/height/0/vid_slices/100", "1920x1080+0+0 of 1920x1080 to 655x368+0+0 on 655x368");
    roomy.cuts("/width/0/height/0/vid_slices/100/format/webp", "1920x1080+0+0 of 1920x1080 to 163x92+0+0 on 163x92");
}

#[test]
fn formats_follow_accept() {
    let format = |avif, webp, rest: &str| {
        let stage = Stage::ladder().with(|stage| stage.accepts = Accepts { avif, webp });
        let plan = stage.plan(rest).unwrap();
        let (Work::Thumbnail { encoding, .. } | Work::Strip { encoding, .. }) = plan.work else {
            panic!("no picture: {}", plan.work)
        };
        (encoding.format, plan.negotiated)
    };
    assert_eq!(format(true, true, "/format/auto"), (Format::Avif, true));
    assert_eq!(format(false, true, "/format/auto"), (Format::Webp, true));
    assert_eq!(format(false, false, "/format/auto"), (Format::Jpeg, true));
    assert_eq!(format(true, true, ""), (Format::Jpeg, false));
    assert_eq!(format(true, true, "/format/png"), (Format::Png, false));
    assert_eq!(format(false, true, "/format/auto/vid_slices/200/width/100"), (Format::Jpeg, true));
    assert_eq!(format(true, true, "/format/auto/width/4000"), (Format::Webp, true));
    assert_eq!(format(true, false, "/format/auto/width/4000"), (Format::Jpeg, true));
    assert_eq!(format(true, true, "/format/auto/width/3840"), (Format::Avif, true));
}

#[test]
fn ages() {
    let stage = Stage::ladder();
    let plan = stage.plan("").unwrap();
    assert_eq!(
        (plan.freshness, plan.modified, plan.partner),
        (Freshness::Lenient(3600, Grace::default()), 500, PartnerId(7))
    );
    for status in [Status::Import, Status::Preconvert, Status::Pending, Status::Moderate, Status::ErrorConverting] {
        let unready = stage.clone().with(|stage| stage.entry.status = status);
        assert_eq!(unready.plan("").unwrap().freshness, Freshness::Public(60));
        unready.shows("", "thumbnail frame \"low\"@v at 3");
    }
    let changed = stage.with(|stage| stage.entry.updated = 600);
    assert_eq!(changed.plan("").unwrap().modified, 600);
}

#[test]
fn the_same_meaning_has_the_same_key() {
    let stage = Stage::ladder();
    let key = |rest| stage.plan(rest).unwrap().key;
    assert_eq!(key("/width/640"), key("/height/360/width/640/version/5/quality/75"));
    assert_eq!(key("/vid_sec/99"), key("/vid_sec/100"));
    assert_eq!(key("/vid_sec/2.5"), key("/vid_slices/4/vid_slice/1"));
    assert_ne!(key("/width/640"), key("/width/641"));
    assert_ne!(key("/vid_sec/1"), key("/vid_sec/1/exact/0"));
    assert_ne!(key(""), key("/bgcolor/0"));
    assert_eq!(key("/format/png"), key("/format/png/quality/10"));
    assert_ne!(key("/format/png"), key("/format/png/density/72"));
    assert_ne!(key("/format/webp"), key("/format/webp/quality/10"));
    assert_eq!(key("/format/webp"), key("/format/webp/density/72"));
}

#[test]
fn an_explanation() {
    let plan = Stage::ladder().plan("/width/640").unwrap();
    let text = explain(&Decision::Make(plan.clone()));
    for words in
        ["0_x of partner 7", "frame \"low\"@v at 3", "640x360", "jpg quality 75", "3600 s", &plan.key.to_string()]
    {
        assert!(text.contains(words), "{words} in\n{text}");
    }
}

fn any_facts() -> impl Strategy<Value = Result<Facts>> {
    let side = || prop_oneof![0..3_u32, 1..4000_u32, any::<u32>()];
    let time = || prop_oneof![0..3_i64, 0..100 * SECOND, 0..=i64::MAX].prop_map(Micros);
    let picture = proptest::option::weighted(0.9, (side(), side(), time()));
    (picture, time(), any::<u64>(), 0..10).prop_map(|(picture, duration, bitrate, luck)| {
        if luck == 0 {
            return broken();
        }
        let picture = picture.map(|(width, height, last_frame)| PictureFacts {
            shown: Size { width, height },
            last_frame,
            frames: 1,
            halvings: 0,
        });
        Ok(Facts { duration, bitrate, picture, has_audio: false })
    })
}

fn any_stage() -> impl Strategy<Value = Stage> {
    use EntryKind::{Audio, Data, Document, Image, Video};
    let kind = proptest::sample::select(vec![Video, Video, Video, Image, Audio, Document, Data]);
    let some = |most| proptest::collection::vec(any_facts(), 0..most);
    let offset = proptest::option::of(any::<u64>());
    (kind, some(5), some(3), offset, any::<[bool; 2]>()).prop_map(|(kind, flavors, thumbs, offset, flags)| {
        let mut stage = Stage::new(kind);
        for (at, facts) in flavors.into_iter().enumerate() {
            stage = stage.flavor(&format!("f{at}"), facts);
        }
        for (at, facts) in thumbs.into_iter().enumerate() {
            stage = stage.thumb(&format!("t{at}"), flags[0] && at == 1, facts);
        }
        stage.entry.thumb_offset_ms = offset;
        stage.accepts = Accepts { avif: flags[1], webp: flags[0] };
        stage
    })
}

fn any_pair() -> impl Strategy<Value = String> {
    let names: Vec<_> = request::thumbnail::PARAMETERS.iter().map(|parameter| parameter.name).collect();
    let value = prop_oneof!["[0-9]{1,3}", "[0-9]{4,6}", "-1", "[0-9]{1,2}\\.[0-9]{1,3}", "(auto|webp|original|f0|f1)"];
    let hot = proptest::sample::select(vec!["width", "height", "type", "vid_slices", "vid_sec", "src_x", "rel_width"]);
    let name = prop_oneof![hot, proptest::sample::select(names)];
    (name, value).prop_filter("the entry stays", |(name, _)| *name != "entry_id").prop_map(|(n, v)| format!("/{n}/{v}"))
}

/// The latest time that a frame of `source` may be asked for at.
fn last_of(stage: &Stage, source: &Source) -> Micros {
    let (_, facts) = stage.facts.iter().find(|(of, _)| of == source).unwrap();
    facts.as_ref().unwrap().picture.unwrap().last_frame
}

#[test]
fn an_answer_is_kept_no_longer_than_it_is_right() {
    #[track_caller]
    fn check(freshness: Freshness, left_s: u64, expected: Freshness) {
        assert_eq!(freshness.at_most(left_s), expected, "{freshness:?} for {left_s} s");
    }
    check(Freshness::Public(60), 9, Freshness::Public(9));
    check(Freshness::Public(60), u64::MAX, Freshness::Public(60));
    check(Freshness::Private(60), 0, Freshness::Private(0));
    check(Freshness::Immutable, 9, Freshness::Public(9));
    check(Freshness::Immutable, 40_000_000, Freshness::Immutable);
    check(Freshness::Unkept, 9, Freshness::Unkept);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_plan_keeps_its_promises(stage in any_stage(), pairs in proptest::collection::vec(any_pair(), 0..7)) {
        let Ok(plan) = stage.plan(&pairs.concat()) else {
            return Ok(());
        };
        let (geometry, count) = match &plan.work {
            Work::Thumbnail { subject, geometry, .. } => {
                if let Subject::Frame { source, at, .. } = subject {
                    prop_assert!(*at >= Micros(0) && *at <= last_of(&stage, source));
                }
                (geometry, 1)
            }
            Work::Strip { tiles: Tiles::Copies { count, .. }, geometry, .. } => (geometry, *count),
            Work::Strip { tiles: Tiles::Frames { source, moments, .. }, geometry, .. } => {
                prop_assert!(moments.is_sorted() && moments.first() != moments.last());
                prop_assert!(moments[0] >= Micros(0) && moments[moments.len() - 1] <= last_of(&stage, source));
                (geometry, moments.len() as u32)
            }
            other => panic!("no picture: {other}"),
        };
        prop_assert_eq!(count > 1, matches!(plan.work, Work::Strip { .. }));
        let Geometry { reference, crop, scaled, canvas, left, top } = *geometry;
        prop_assert!(crop.width > 0 && crop.height > 0 && !scaled.is_empty());
        prop_assert!(crop.x + crop.width <= reference.width && crop.y + crop.height <= reference.height);
        prop_assert!(left + scaled.width <= canvas.width && top + scaled.height <= canvas.height);
        prop_assert!(canvas.area() * u64::from(count) <= stage.policy.output_pixels_max);
        prop_assert!(canvas.width * count <= 65_500 && canvas.height <= 65_500);
        prop_assert!(!explain(&Decision::Make(plan.clone())).is_empty());
    }
}

#[test]
fn grace_ends_where_access_does_and_stale_answers_are_good_for_a_moment() {
    let grace = Grace { while_revalidate: 100, if_error: 300 };
    let lenient = Freshness::Lenient(60, grace);
    for (left, expected) in [
        (1000, lenient),
        (200, Freshness::Lenient(60, Grace { while_revalidate: 100, if_error: 140 })),
        (61, Freshness::Lenient(60, Grace { while_revalidate: 1, if_error: 1 })),
        (60, Freshness::Public(60)),
        (7, Freshness::Public(7)),
    ] {
        assert_eq!(lenient.at_most(left), expected, "{left}");
    }
    assert_eq!(Freshness::Lenient(3600, grace).stale(500), Freshness::Public(560));
    assert_eq!(Freshness::Private(10).stale(500), Freshness::Private(510));
    assert_eq!((Freshness::Immutable.stale(9), Freshness::Unkept.stale(9)), (Freshness::Immutable, Freshness::Unkept));
}
