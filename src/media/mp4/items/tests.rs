//! Pictures made of items by hand, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::media::mp4::boxes::tests::{atom, full, words};

/// What a file under test is made of: items with their kind and bytes, properties, which belong to which item, and
/// references. The first item is the primary one; items are numbered from one.
struct File {
    items: Vec<(&'static [u8; 4], Vec<Vec<u8>>)>,
    properties: Vec<Vec<u8>>,
    links: Vec<(u16, Vec<u8>)>,
    references: Vec<Vec<u8>>,
    stored: bool,
}

fn ispe(width: u32, height: u32) -> Vec<u8> {
    full(b"ispe", 0, 0, &[&words(&[width, height])])
}

fn single() -> File {
    File {
        items: vec![(b"av01", vec![b"coded picture".to_vec()])],
        properties: vec![ispe(64, 48), atom(b"av1C", &[&[0x81, 0, 0, 0]])],
        links: vec![(1, vec![1, 0x82])],
        references: vec![],
        stored: false,
    }
}

impl File {
    fn with(mut self, property: Vec<u8>) -> File {
        self.properties.push(property);
        let place = self.properties.len() as u8;
        self.links[0].1.push(0x80 | place);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let data: Vec<u8> = self.items.iter().flat_map(|(_, pieces)| pieces.concat()).collect();
        let start = if self.stored { 0 } else { self.meta(0).len() as u32 + 16 + 8 };
        let ftyp = atom(b"ftyp", &[b"avif", b"\0\0\0\0"]);
        [ftyp, self.meta(start), atom(b"mdat", &[&data])].concat()
    }

    fn meta(&self, start: u32) -> Vec<u8> {
        let (mut infes, mut places, mut at) = (Vec::new(), Vec::new(), start);
        for (number, (kind, pieces)) in (1u16..).zip(&self.items) {
            infes.extend(full(b"infe", 2, 0, &[&number.to_be_bytes(), &[0, 0], *kind, b"\0"]));
            let method = u16::from(self.stored);
            places.extend([number, method, 0, pieces.len() as u16].iter().flat_map(|n| n.to_be_bytes()));
            for piece in pieces {
                places.extend(words(&[at, piece.len() as u32]));
                at += piece.len() as u32;
            }
        }
        let count = (self.items.len() as u16).to_be_bytes();
        let mut ipma = words(&[self.links.len() as u32]);
        for (item, links) in &self.links {
            ipma.extend([&item.to_be_bytes()[..], &[links.len() as u8], links].concat());
        }
        let ipco = atom(b"ipco", &[&self.properties.concat()]);
        let data: Vec<u8> = self.items.iter().flat_map(|(_, pieces)| pieces.concat()).collect();
        full(
            b"meta",
            0,
            0,
            &[
                &full(b"pitm", 0, 0, &[&[0, 1]]),
                &full(b"iloc", 1, 0, &[&[0x44, 0x00], &count, &places]),
                &full(b"iinf", 0, 0, &[&count, &infes]),
                &atom(b"iprp", &[&ipco, &full(b"ipma", 0, 0, &[&ipma])]),
                &full(b"iref", 0, 0, &[&self.references.concat()]),
                &atom(b"idat", &[if self.stored { &data } else { b"" }]),
            ],
        )
    }
}

fn grid(shape: [u8; 2], size: [u16; 2]) -> File {
    let data = [&[0, 0, shape[1] - 1, shape[0] - 1][..], &size[0].to_be_bytes(), &size[1].to_be_bytes()].concat();
    let tiles = u16::from(shape[0]) * u16::from(shape[1]);
    let mut file = single();
    let tile = |number: u16| (b"av01", vec![format!("tile {number}").into_bytes()]);
    file.items = std::iter::once((b"grid", vec![data])).chain((0..tiles).map(tile)).collect();
    file.links = std::iter::once((1, vec![3])).chain((0..tiles).map(|tile| (tile + 2, vec![1, 0x82]))).collect();
    file.properties.push(ispe(size[0].into(), size[1].into()));
    let to: Vec<u8> = (0..tiles).flat_map(|tile| (tile + 2).to_be_bytes()).collect();
    file.references.push(atom(b"dimg", &[&[0, 1], &tiles.to_be_bytes(), &to]));
    file
}

#[track_caller]
fn check_refused(file: &File, part: &str) {
    let bytes = file.bytes();
    let message = picture(&bytes).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(message.contains(part), "{message:?} does not say {part:?}");
}

#[test]
fn a_single_picture() {
    for stored in [false, true] {
        let bytes = File { stored, ..single() }.bytes();
        let still = picture(&bytes).unwrap();
        assert_eq!(still.color.size, Size { width: 64, height: 48 });
        assert_eq!(still.color.tiles.len(), 1);
        assert_eq!(still.color.tiles[0].data.as_ref(), b"coded picture");
        assert_eq!(still.color.tiles[0].config, [0x81, 0, 0, 0]);
        assert_eq!((still.alpha, still.stated, still.icc), (None, None, None));
    }
}

#[test]
fn pieces_are_put_together() {
    let mut file = single();
    file.items[0].1 = vec![b"coded ".to_vec(), b"in ".to_vec(), b"pieces".to_vec()];
    let bytes = file.bytes();
    assert_eq!(picture(&bytes).unwrap().color.tiles[0].data.as_ref(), b"coded in pieces");
}

#[test]
fn colours_and_alpha() {
    let mut file = single()
        .with(atom(b"colr", &[b"nclx", &[0, 9, 0, 16, 0, 9, 0x80]]))
        .with(atom(b"colr", &[b"prof", b"profile"]))
        .with(full(b"auxC", 0, 0, &[b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"]));
    file.links[0].1.pop();
    file.items.push((b"av01", vec![b"alpha".to_vec()]));
    file.links.push((2, vec![1, 0x82, 5]));
    file.references.push(atom(b"auxl", &[&[0, 2, 0, 1, 0, 1]]));
    file.references.push(atom(b"prem", &[&[0, 1, 0, 1, 0, 2]]));
    let bytes = file.bytes();
    let still = picture(&bytes).unwrap();
    assert_eq!(still.alpha.unwrap().tiles[0].data.as_ref(), b"alpha");
    assert!(still.premultiplied);
    assert_eq!(still.stated, Some(Color::from_codes(9, 16, 9, Range::Full)));
    assert_eq!(still.icc, Some(&b"profile"[..]));
}

#[test]
fn a_grid_lists_its_tiles_row_by_row() {
    let bytes = grid([3, 2], [180, 90]).bytes();
    let still = picture(&bytes).unwrap();
    assert_eq!((still.color.columns, still.color.size), (3, Size { width: 180, height: 90 }));
    let tiles: Vec<_> = still.color.tiles.iter().map(|tile| tile.data.to_vec()).collect();
    assert_eq!(tiles, (0..6).map(|tile| format!("tile {tile}").into_bytes()).collect::<Vec<_>>());
}

#[test]
fn turns_and_mirrors() {
    // Exif values and the properties that MIAF makes of them (ISO/IEC 23000-22 section 7.3.6.7).
    let cases: [(u16, Option<u8>, Option<u8>); 8] = [
        (1, None, None),
        (2, None, Some(1)),
        (3, Some(2), None),
        (4, None, Some(0)),
        (5, Some(1), Some(0)),
        (6, Some(3), None),
        (7, Some(3), Some(0)),
        (8, Some(1), None),
    ];
    for (exif, turn, axis) in cases {
        let mut file = single();
        if let Some(turn) = turn {
            file = file.with(atom(b"irot", &[&[turn]]));
        }
        if let Some(axis) = axis {
            file = file.with(atom(b"imir", &[&[axis]]));
        }
        let bytes = file.bytes();
        assert_eq!(picture(&bytes).unwrap().orientation, Orientation::from_exif(exif), "{exif}");
    }
}

#[test]
fn the_clean_aperture_is_a_region_inside() {
    let clap = |numbers: &[u32]| single().with(atom(b"clap", &[&words(numbers)]));
    let bytes = clap(&[40, 1, 20, 1, 8, 2, (-10i32) as u32, 1]).bytes();
    let size = Size { width: 40, height: 20 };
    assert_eq!(picture(&bytes).unwrap().visible, Region { left: 16, top: 4, size });
    check_refused(&clap(&[65, 1, 20, 1, 0, 1, 0, 1]), "'clap' is not a part");
    check_refused(&clap(&[40, 0, 20, 1, 0, 1, 0, 1]), "'clap' is not a part");
    check_refused(&clap(&[40, 1, 20, 1, 100, 1, 0, 1]), "'clap' is not a part");
}

#[test]
fn what_is_not_a_picture_says_why() {
    let mut wrong = single();
    wrong.items[0].0 = b"j2k1";
    check_refused(&wrong, "'j2k1'");
    check_refused(&single().with(atom(b"zzzz", &[])), "'zzzz'");
    let mut small = grid([2, 2], [180, 90]);
    small.links[0].1[0] = 1;
    check_refused(&small, "do not make up 180x90");
    let mut short = grid([2, 2], [100, 90]);
    short.references[0] = atom(b"dimg", &[&[0, 1, 0, 3, 0, 2, 0, 3, 0, 4]]);
    check_refused(&short, "has 2x2 tiles, the file names 3");
    check_refused(&grid([17, 16], [100, 90]), "17x16 tiles, 256 are allowed");
    let outside = single().bytes();
    let cut = outside.len() - 4;
    assert!(picture(&outside[..cut]).unwrap_err().message().contains("lies outside the file"));
    assert!(picture(b"a text that is none").is_err());
}

proptest! {
    #[test]
    fn damage_is_survived(flips in prop::collection::vec((0usize..2000, 0u8..8), 1..6), cut in 0usize..2000) {
        let mut bytes = grid([3, 2], [180, 90]).with(atom(b"irot", &[&[1]])).bytes();
        for (place, bit) in flips {
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
        }
        let _ = picture(&bytes);
        let _ = picture(&bytes[..cut.min(bytes.len())]);
    }
}
