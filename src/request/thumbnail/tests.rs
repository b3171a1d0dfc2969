//! What thumbnail URLs ask for: shapes seen in the wild, clamps, refusals, and the way back to text.

use proptest::prelude::*;

use super::*;
use crate::entry::PartnerId;
use crate::error::{Error, Kind};
use crate::request::{Request, parse as parse_target};

#[track_caller]
fn parsed(target: &str) -> Result<Thumbnail> {
    let Request::Thumbnail(thumbnail) = parse_target(target).expect("a path")? else { panic!("no thumbnail path") };
    Ok(*thumbnail)
}

/// The thumbnail that only has an entry.
fn plain() -> Thumbnail {
    Thumbnail {
        entry: EntryId::new("0_x").unwrap(),
        moment: Moment::Default,
        keyframe_only: false,
        width: None,
        height: None,
        default_width: None,
        default_height: None,
        flavor_params: None,
        fit: Fit::Inside,
        nearest_aspect_ratio: false,
        region: Region::default(),
        format: Some(Format::Jpeg),
        quality: None,
        background: Rgb::WHITE,
        density: 0,
        flavor: None,
        from_original: false,
        credentials: Credentials { partner: Some(PartnerId(1)), ..Credentials::default() },
    }
}

/// Checks what `/p/1/thumbnail/entry_id/0_x` followed by `rest` asks for, as a change to the plain thumbnail.
#[track_caller]
fn check(rest: &str, change: impl FnOnce(&mut Thumbnail)) {
    let mut expected = plain();
    change(&mut expected);
    assert_eq!(parsed(&format!("/p/1/thumbnail/entry_id/0_x{rest}")).unwrap(), expected, "{rest}");
}

#[track_caller]
fn fault(rest: &str) -> Error {
    parsed(&format!("/p/1/thumbnail{rest}")).unwrap_err()
}

#[track_caller]
fn check_refused(rest: &str, code: u8, words: &[&str]) {
    let error = fault(&format!("/entry_id/0_x{rest}"));
    assert_eq!(error.code().and_then(|code| code.number()), Some(code), "{rest}: {error}");
    for word in words {
        assert!(error.message().contains(word), "{rest}: {error}");
    }
}

const SECOND: i64 = 1_000_000;

fn strip(of: u32) -> Moment {
    Moment::Strip { of, window: Window::default(), at: None }
}

fn slice(index: u32, of: u32) -> Moment {
    Moment::Slice { index, of, window: Window::default() }
}

#[test]
fn urls_seen_in_the_wild() {
    check("/width/140/height/100/bgcolor/000000/type/2/vid_sec/5", |t| {
        (t.width, t.height, t.background, t.fit) = (Some(140), Some(100), Rgb::BLACK, Fit::Pad);
        t.moment = Moment::At(Micros(5 * SECOND));
    });
    check("/width/500/vid_slices/3/vid_slice/1", |t| (t.width, t.moment) = (Some(500), slice(1, 3)));
    check("/height/250/vid_slices/3/vid_slice/2", |t| (t.height, t.moment) = (Some(250), slice(2, 3)));
    check("/height/360/width/640", |t| (t.width, t.height) = (Some(640), Some(360)));
    check("/version/100003/width/164/vid_slices/100", |t| (t.width, t.moment) = (Some(164), strip(100)));
    let animator = "/width/600/vid_slices/30/quality/75/type/1/start_sec/5/end_sec/20/file_name/thumbnail.jpg";
    check(animator, |t| {
        (t.width, t.quality) = (Some(600), Some(75));
        let window = Window { start: Some(Micros(5 * SECOND)), end: Some(Micros(20 * SECOND)) };
        t.moment = Moment::Strip { of: 30, window, at: None };
    });
    check("/vid_slice/0/vid_slices/16", |t| t.moment = slice(0, 16));
    check("/version/100000/acv/162", |_| {});
    check("/bgcolor/F7F7F7/type/2", |t| (t.background, t.fit) = (Rgb(0xf7, 0xf7, 0xf7), Fit::Pad));
    check("/def_height/55/def_width/200/version/100011/type/1", |t| {
        (t.default_height, t.default_width) = (Some(55), Some(200));
    });
    check("/width/560/height/0", |t| (t.width, t.height) = (Some(560), Some(0)));
    check("/quality/100/type/3/width/300/height/90", |t| {
        (t.quality, t.fit, t.width, t.height) = (Some(100), Fit::Crop, Some(300), Some(90));
    });
    check("/width/200/vid_sec/0.0032520325203252", |t| {
        (t.width, t.moment) = (Some(200), Moment::At(Micros(3252)));
    });
    check("/vid_slices/8/", |t| t.moment = strip(8));
    check("/width/640!/height/480", |t| {
        (t.width, t.height, t.fit) = (Some(640), Some(480), Fit::Stretch);
    });
    let player = "/width/640/height/360/width/164/vid_slices/100";
    check(player, |t| (t.width, t.height, t.moment) = (Some(164), Some(360), strip(100)));
}

#[test]
fn prefixes_and_queries() {
    for target in [
        "/p/1/sp/100/thumbnail/entry_id/0_x",
        "/p/1/thumbnail/?entry_id=0_x",
        "/p/1/thumbnail/entry_id/0_x?entry_id=0_y",
        "/p/1/thumbnail/entry_id/0_y/entry_id/0_x",
        "/p/1/thumbnail/entry_id/0_x.jpg",
        "/p/1/thumbnail/entry_id/%30_x",
        "/p/1/thumbnail//entry_id//0_x//",
        "/p/1/thumbnail/name/cover.jpg/entry_id/0_x/odd%",
        "/p/1/thumbnail/%65ntry_id/0_x/%ff/x/%/%/name/%e9t%e9.jpg/%00/%00?%=%",
        "/p/1/thumbnail/entry_id/0_x/WIDTH/5/Type/2/strip/1/crop_provider/x/upload_token_id/y/widget_id/_1",
    ] {
        assert_eq!(parsed(target).unwrap(), plain(), "{target}");
    }
    for target in ["/thumbnail/entry_id/0_x", "/index.php/extwidget/thumbnail/entry_id/0_x"] {
        assert_eq!(parsed(target).unwrap().credentials.partner, None, "{target}");
    }
    check("?width=5&height=6&width=7", |t| (t.width, t.height) = (Some(7), Some(6)));
    check("/width/8?width=5&height=6", |t| (t.width, t.height) = (Some(8), Some(6)));
    check("?width", |t| t.width = Some(0));
    check("/width//height/90", |t| t.width = Some(0));
}

#[test]
fn sides() {
    let cases = [
        ("640", Some(640)),
        ("0", Some(0)),
        ("-1", None),
        ("-5", None),
        ("abc", Some(0)),
        ("10001", Some(10_000)),
        ("99999999999999999999", Some(10_000)),
        ("1e3", Some(1000)),
        ("1.9", Some(1)),
        ("640.jpg", Some(640)),
        ("640.png", Some(640)),
        ("640.JPG", Some(640)),
        ("NaN", Some(0)),
        ("!640", Some(0)),
        ("%20640", Some(640)),
    ];
    for (text, expected) in cases {
        check(&format!("/width/{text}"), |t| t.width = expected);
        check(&format!("/height/{text}"), |t| t.height = expected);
    }
    check("/height/48!0/type/2", |t| (t.height, t.fit) = (Some(48), Fit::Stretch));
    check("/width/48!/width/48", |t| t.width = Some(48));
}

#[test]
fn sizes() {
    let wanted = |rest: &str, of_profile| {
        let size = parsed(&format!("/p/1/thumbnail/entry_id/0_x{rest}")).unwrap().wanted(of_profile);
        (size.width, size.height)
    };
    let profile = Some(Size { width: 640, height: 480 });
    assert_eq!(wanted("", profile), (120, 90));
    assert_eq!(wanted("/flavor_params_id/3", profile), (640, 480));
    assert_eq!(wanted("/flavor_params_id/3", None), (120, 90));
    assert_eq!(wanted("/flavor_params_id/3/width/5", profile), (5, 0));
    assert_eq!(wanted("/def_width/200", None), (200, 90));
    assert_eq!(wanted("/def_height/0/def_width/0", None), (0, 0));
    assert_eq!(wanted("/def_height/55.5/def_width/-0.5", None), (120, 56));
    assert_eq!(wanted("/def_height/55/height/0", None), (0, 0));
    assert_eq!(wanted("/height/7", None), (0, 7));
}

#[test]
fn fits() {
    let fits = [
        ("1", Fit::Inside),
        ("2", Fit::Pad),
        ("3", Fit::Crop),
        ("4", Fit::CropTop),
        ("5", Fit::Stretch),
        ("0", Fit::Inside),
        ("-3", Fit::Inside),
        ("x", Fit::Inside),
        ("6", Fit::Stretch),
        ("99", Fit::Stretch),
    ];
    for (text, fit) in fits {
        check(&format!("/type/{text}"), |t| t.fit = fit);
    }
    for (text, on) in [("1", true), ("2", true), ("99", true), ("true", false), ("0", false), ("-1", false)] {
        check(&format!("/nearest_aspect_ratio/{text}"), |t| t.nearest_aspect_ratio = on);
    }
}

#[test]
fn colours() {
    let cases = [("fff", 0, 0xf, 0xff), ("f", 0, 0, 0xf), ("ff", 0, 0, 0xff), ("12ABcd", 0x12, 0xab, 0xcd)];
    for (text, red, green, blue) in cases {
        check(&format!("/bgcolor/{text}"), |t| t.background = Rgb(red, green, blue));
    }
    check("/bgcolor/ff0000.jpg", |t| t.background = Rgb(255, 0, 0));
    for text in ["red", "%23fff", "0xff", "1234567", "+ff", "-1", "f%20"] {
        check_refused(&format!("/bgcolor/{text}"), 25, &["bgcolor", "1 to 6 hexadecimal digits"]);
    }
    check_refused("?bgcolor=", 25, &["bgcolor", "\"\""]);
}

#[test]
fn encodings() {
    for (text, quality) in [("75", Some(75)), ("0", None), ("-1", None), ("101", Some(100)), ("x", None)] {
        check(&format!("/quality/{text}"), |t| t.quality = quality);
    }
    for (text, density) in [("72", 72), ("72.5", 73), ("0", 0), ("-5", 0), ("1e9", 65_535)] {
        check(&format!("/density/{text}"), |t| t.density = density);
    }
    for (name, format) in FORMATS {
        check(&format!("/format/{name}"), |t| t.format = Some(*format));
        check(&format!("/format/{}", name.to_uppercase()), |t| t.format = Some(*format));
        assert!(PARAMETERS.iter().any(|p| p.name == "format" && p.values.split(", ").any(|v| v == *name)));
    }
    check("/format/auto", |t| t.format = None);
    check("?format=", |_| {});
    check_refused("/format/exe", 25, &["format", "\"exe\"", "auto, jpg", "avif"]);
    check_refused("/format/jxr", 25, &["jxr"]);
}

#[test]
fn regions() {
    check("/src_x/1.5/src_y/2/src_w/3.0004/src_h/99999", |t| {
        t.region = Region { x: 1500, y: 2000, width: 3000, height: 10_000_000, ..Region::default() };
    });
    check("/src_x/-5/src_w/abc/rel_width/-1/rel_height/0", |_| {});
    check("/rel_width/100/rel_height/56.25", |t| {
        (t.region.of_width, t.region.of_height) = (100_000, 56_250);
    });
}

#[test]
fn moments() {
    let at = |micros| Moment::At(Micros(micros));
    for (text, moment) in [
        ("-1", Moment::Default),
        ("-5", Moment::Default),
        ("-0.5", at(0)),
        ("-0.0", at(0)),
        ("x", at(0)),
        ("0.04", at(40_000)),
        ("1e999", at(i64::from(SECONDS_MAX) * SECOND)),
        ("inf", at(0)),
    ] {
        check(&format!("/vid_sec/{text}"), |t| t.moment = moment);
    }
    check("/vid_slice/3", |_| {});
    check("/vid_slices/-1/vid_slice/3", |_| {});
    check("/vid_slices/-9", |_| {});
    check("/vid_slices/5/vid_slice/5", |t| t.moment = slice(4, 5));
    check("/vid_slices/5/vid_slice/-7", |t| t.moment = strip(5));
    check("/vid_slices/5/vid_sec/2", |t| {
        let at = Some(Micros(2 * SECOND));
        t.moment = Moment::Strip { of: 5, window: Window::default(), at };
    });
    check("/vid_slices/5/vid_slice/1/vid_sec/2", |t| t.moment = at(2 * SECOND));
    check("/start_sec/1/end_sec/2", |_| {});
    check("/vid_slices/5/vid_slice/1/start_sec/2/end_sec/2", |t| {
        let second = Some(Micros(2 * SECOND));
        t.moment = Moment::Slice { index: 1, of: 5, window: Window { start: second, end: second } };
    });
    check("/vid_slices/5/end_sec/2/start_sec/-3", |t| {
        let window = Window { start: None, end: Some(Micros(2 * SECOND)) };
        t.moment = Moment::Strip { of: 5, window, at: None };
    });
}

#[test]
fn slices_have_limits() {
    check_refused("/vid_slices/0", 25, &["vid_slices is 0", "1 or more"]);
    check_refused("/vid_slices/x", 25, &["vid_slices"]);
    check("/vid_slices/545", |t| t.moment = strip(545));
    check_refused("/vid_slices/546", 25, &["vid_slices times width", "546", "120", "65500"]);
    check_refused("/width/0/height/131/vid_slices/500", 25, &["vid_slices times height"]);
    check("/width/0/height/0/vid_slices/2147483647", |t| {
        (t.width, t.height, t.moment) = (Some(0), Some(0), strip(i32::MAX as u32));
    });
    check_refused("/vid_slices/2147483648", 25, &["2147483647"]);
    check("/flavor_params_id/1/vid_slices/546", |t| (t.flavor_params, t.moment) = (Some(1), strip(546)));
    check_refused("/start_sec/-0.5", 25, &["start_sec is -0.5"]);
    check_refused("/end_sec/-0.999", 25, &["end_sec is -0.999"]);
    check_refused("/start_sec/5/end_sec/4.5", 25, &["start_sec is 5", "4.5"]);
}

#[test]
fn the_first_fault_wins() {
    let faults = [
        ("/start_sec/5/end_sec/4", "start_sec is 5"),
        ("/end_sec/-0.5", "end_sec is"),
        ("/start_sec/-0.5", "start_sec is -0.5"),
        ("/height/10000/vid_slices/7", "times height"),
        ("/width/10000", "times width"),
        ("/vid_slices/0", "vid_slices is 0"),
        ("/bgcolor/red", "bgcolor"),
    ];
    let mut rest = String::from("/format/exe");
    assert!(fault(&rest).message().starts_with("format"));
    for (part, words) in faults {
        rest.push_str(part);
        assert!(fault(&rest).message().contains(words), "{rest}: {}", fault(&rest));
    }
}

#[test]
fn entries() {
    for rest in ["/", "/width/5", "/widget_id/_1", "?", "/?entry_id=", "/entry_id/.jpg"] {
        let Some(Err(error)) = parse_target(&format!("/p/1/thumbnail{rest}")) else {
            assert_eq!(rest, "?", "{rest}");
            continue;
        };
        assert_eq!(error.code().and_then(|code| code.number()), Some(8), "{rest}");
    }
    for id in ["..", "%2e%2e%2fetc", "a%20b", "0_x%0a", "é", ".hidden"] {
        let error = fault(&format!("/entry_id/{id}"));
        assert_eq!((error.kind(), error.code().and_then(|code| code.number())), (Kind::NotFound, Some(1)), "{id}");
        assert!(!error.message().contains('\n'), "{id}");
    }
}

#[test]
fn values_are_text() {
    for rest in ["/entry_id/0_x%00", "/entry_id/%ff", "/entry_id/0_x/width/%", "/entry_id/0_x?ks=%c0%ae"] {
        let error = fault(rest);
        assert_eq!((error.kind(), error.code()), (Kind::Invalid, None), "{rest}");
    }
}

#[test]
fn our_own() {
    check("/exact/0", |t| t.keyframe_only = true);
    check("/exact/1", |_| {});
    check("/exact/2", |_| {});
    check("/source/original", |t| t.from_original = true);
    check_refused("/source/copy", 25, &["source", "\"copy\"", "original"]);
    check("/flavor_id/0_f", |t| t.flavor = FlavorId::new("0_f"));
    check("/flavor_id/..%2F", |_| {});
    check("/ks/a%2Bb%20c/referrer/aHR0cDovL2EuYg", |t| {
        t.credentials.session = Some("a+b c".into());
        t.credentials.referrer = Some("http://a.b".into());
    });
}

#[test]
fn names_are_unique_and_ranges_hold() {
    for (at, parameter) in PARAMETERS.iter().enumerate() {
        assert!(PARAMETERS[..at].iter().all(|other| other.name != parameter.name), "{}", parameter.name);
        let cells = parameter.to_string().matches('|').count();
        assert!(cells == 5 && !parameter.to_string().contains("|  |"), "{parameter}");
    }
    let number = |text: &str| text.split(&[' ', ','][..]).next().unwrap().parse::<i64>().ok();
    let ranges = PARAMETERS.iter().filter(|p| p.name != "bgcolor").filter_map(|p| {
        let (low, high) = p.values.split_once(" to ")?;
        Some((p.name, number(low)?, number(high)?))
    });
    let mut count = 0;
    for (name, low, high) in ranges {
        count += 1;
        let of = |value: i64| parsed(&format!("/p/1/thumbnail/entry_id/0_x/{name}/{value}")).unwrap();
        assert_eq!(of(low - 1), of(low), "{name}");
        assert_ne!(of(high - 1), of(high), "{name}");
        assert_eq!(of(high + 1), of(high), "{name}");
    }
    assert_eq!(count, 15);
}

fn window() -> impl Strategy<Value = Window> {
    let time = || proptest::option::of((0..=i64::from(SECONDS_MAX) * SECOND).prop_map(Micros));
    (time(), time()).prop_map(|(start, end)| match (start, end) {
        (Some(a), Some(b)) => Window { start: Some(a.min(b)), end: Some(a.max(b)) },
        _ => Window { start, end },
    })
}

fn moment() -> impl Strategy<Value = Moment> {
    let at = || (0..=i64::from(SECONDS_MAX) * SECOND).prop_map(Micros);
    prop_oneof![
        Just(Moment::Default),
        at().prop_map(Moment::At),
        (1..7_u32, 0..100_u32, window())
            .prop_map(|(of, index, window)| { Moment::Slice { index: index % of, of, window } }),
        (1..7_u32, window()).prop_map(|(of, window)| Moment::Strip { of, window, at: None }),
        (1..7_u32, at()).prop_map(|(of, at)| Moment::Strip { of, window: Window::default(), at: Some(at) }),
    ]
}

fn sizes_wanted() -> impl Strategy<Value = Thumbnail> {
    let side = || proptest::option::of(0..=9_357_u32);
    let fit = prop_oneof![Just(Fit::Inside), Just(Fit::Pad), Just(Fit::Crop), Just(Fit::CropTop), Just(Fit::Stretch)];
    let profile = proptest::option::of(any::<i32>().prop_map(i64::from));
    let parts = proptest::array::uniform6(0..=10_000_000_u32);
    (side(), side(), side(), side(), profile, fit, parts).prop_map(|(w, h, dw, dh, profile, fit, parts)| {
        let [x, y, width, height, of_width, of_height] = parts;
        let region = Region { x, y, width, height, of_width, of_height };
        let (default_width, default_height, flavor_params) = (dw, dh, profile);
        Thumbnail { width: w, height: h, default_width, default_height, flavor_params, fit, region, ..plain() }
    })
}

fn credentials() -> impl Strategy<Value = Credentials> {
    let text = || proptest::option::of(prop_oneof!["[^\0]{1,20}", "[a-z]{1,5}\\.(jpg|png|gif)"]);
    let signed = proptest::option::of(("[0-9a-f]{40}", proptest::option::of(0..1_i64 << 40)));
    (proptest::option::of(any::<i64>().prop_map(PartnerId)), text(), text(), signed).prop_map(
        |(partner, session, referrer, signed)| {
            let (token, expiry) = signed.map_or((None, None), |(token, expiry)| (Some(token), expiry));
            Credentials { partner, session, referrer, token, expiry }
        },
    )
}

fn thumbnail() -> impl Strategy<Value = Thumbnail> {
    let id = || prop_oneof!["[0-9]_[a-z0-9]{8}", "[A-Za-z0-9_-][A-Za-z0-9_.-]{0,12}(\\.jpg|\\.png)?"];
    let format = proptest::option::of((0..FORMATS.len()).prop_map(|at| FORMATS[at].1));
    let encoding = (format, proptest::option::of(1..=100_u8), any::<[u8; 3]>(), any::<u16>());
    let source = (id(), proptest::option::of(id()), any::<[bool; 3]>());
    (sizes_wanted(), moment(), credentials(), encoding, source).prop_map(
        |(sizes, moment, credentials, (format, quality, [r, g, b], density), (entry, flavor, flags))| Thumbnail {
            entry: EntryId::new(&entry).unwrap(),
            flavor: flavor.as_deref().and_then(FlavorId::new),
            background: Rgb(r, g, b),
            keyframe_only: flags[0],
            nearest_aspect_ratio: flags[1],
            from_original: flags[2],
            moment,
            credentials,
            format,
            quality,
            density,
            ..sizes
        },
    )
}

proptest! {
    #[test]
    fn writing_and_parsing_agree(thumbnail in thumbnail()) {
        let written = thumbnail.to_string();
        prop_assert_eq!(parsed(&written).unwrap(), thumbnail, "{}", written);
    }
}
