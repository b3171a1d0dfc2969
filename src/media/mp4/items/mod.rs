//! Pictures stored as items: AVIF and HEIF files to coded pictures and what is said of them (ISO/IEC 23008-12).

use std::borrow::Cow;

use super::boxes::{Atom, Kind, damaged, name};
use super::meta::Meta;
use crate::error::{Error, Result};
use crate::media::Codec;
use crate::media::picture::{Color, Orientation, Range, Size, Turn};

/// Most tiles of a grid, 16 by 16: a picture of 16384 pixels a side in tiles of 1024.
const TILES_MAX: usize = 256;

/// A stored picture. To show it: decode the tiles of `color` and `alpha`, put each layer together, keep `visible` of it,
/// turn it upright.
#[derive(Clone, Debug, PartialEq)]
pub struct StillItem<'a> {
    /// The picture itself.
    pub color: Layer<'a>,
    /// How opaque it is: a picture of one plane, not always of the same size. `None` for an opaque one.
    pub alpha: Option<Layer<'a>>,
    /// Whether the colours are already multiplied by the alpha.
    pub premultiplied: bool,
    /// The part of the picture that is meant to be seen, in pixels as stored; inside the picture, never empty.
    pub visible: Region,
    /// What makes that part upright.
    pub orientation: Orientation,
    /// What its numbers mean, as the file states it; `None` where only the coded picture may say.
    pub stated: Option<Color>,
    /// Its ICC profile.
    pub icc: Option<&'a [u8]>,
}

/// A picture made of tiles of one size, row by row; most have a single tile.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer<'a> {
    /// Size of the whole; what the tiles cover beyond it, at the right and at the bottom, is not part of the picture.
    pub size: Size,
    /// How many tiles lie side by side. Never zero; `tiles.len()` is a multiple of it.
    pub columns: u32,
    /// The tiles, at least one.
    pub tiles: Vec<Tile<'a>>,
}

/// A coded picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile<'a> {
    /// How it is coded.
    pub codec: Codec,
    /// The codec's configuration: the body of `av1C` or `hvcC`; empty for JPEG.
    pub config: &'a [u8],
    /// Its size in pixels, as the file states it.
    pub size: Size,
    /// Its bytes: one sample of the codec.
    pub data: Cow<'a, [u8]>,
}

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its left edge.
    pub left: u32,
    /// Its top edge.
    pub top: u32,
    /// Its size.
    pub size: Size,
}

/// The primary picture of an AVIF or HEIF file, given whole. Fails with `unsupported` or `too large` where the file is
/// damaged or says something essential that is not known here; never looks outside the file.
pub fn picture(file: &[u8]) -> Result<StillItem<'_>> {
    let meta = Meta::read(file)?;
    let primary = meta.primary;
    refuse_unknown(&meta, primary)?;
    let color = layer(&meta, primary)?;
    let alpha = match alpha_item(&meta, primary) {
        Some(item) => Some((item, layer(&meta, item)?)),
        None => None,
    };
    let premultiplied = alpha.as_ref().is_some_and(|(item, _)| meta.targets(*b"prem", primary).contains(item));
    let profiles = meta.properties(primary).filter(|property| property.atom.kind == *b"colr");
    let (mut stated, mut icc) = (None, None);
    for profile in profiles {
        match color_of(profile.atom)? {
            Profile::Codes(color) => stated = stated.or(Some(color)),
            Profile::Icc(bytes) => icc = icc.or(Some(bytes)),
            Profile::Unknown => {}
        }
    }
    Ok(StillItem {
        visible: visible(&meta, primary, color.size)?,
        orientation: orientation(&meta, primary)?,
        alpha: alpha.map(|(_, layer)| layer),
        color,
        premultiplied,
        stated,
        icc,
    })
}

/// What a `colr` box says.
pub(super) enum Profile<'a> {
    /// Code points of ISO/IEC 23091-2.
    Codes(Color),
    /// An ICC profile.
    Icc(&'a [u8]),
    /// Something else.
    Unknown,
}

/// What a `colr` box says (ISO/IEC 14496-12 section 12.1.5; `nclc` is QuickTime's, without a range).
pub(super) fn color_of(colr: Atom<'_>) -> Result<Profile<'_>> {
    let mut cursor = colr.cursor();
    let kind = cursor.kind()?;
    match &kind {
        b"nclx" | b"nclc" => {
            let codes = [cursor.u16()?, cursor.u16()?, cursor.u16()?];
            let range = match kind == *b"nclx" {
                true if cursor.u8()? >> 7 == 1 => Range::Full,
                true => Range::Limited,
                false => Range::Unspecified,
            };
            Ok(Profile::Codes(Color::from_codes(codes[0], codes[1], codes[2], range)))
        }
        b"prof" | b"rICC" => Ok(Profile::Icc(cursor.rest())),
        _ => Ok(Profile::Unknown),
    }
}

/// An item with an essential property that a reader does not know must not be shown (ISO/IEC 23008-12 section 9.3.1).
fn refuse_unknown(meta: &Meta<'_>, item: u32) -> Result<()> {
    const KNOWN: [&Kind; 13] = [
        b"av1C", b"hvcC", b"ispe", b"pixi", b"colr", b"pasp", b"irot", b"imir", b"clap", b"auxC", b"a1op", b"lsel",
        b"a1lx",
    ];
    let unknown = meta.properties(item).find(|p| p.essential && !KNOWN.contains(&&p.atom.kind));
    match unknown {
        Some(property) => {
            let property = name(property.atom.kind);
            Err(Error::unsupported(format!("the picture has an essential property that is not known: '{property}'")))
        }
        None => Ok(()),
    }
}

fn property<'a>(meta: &Meta<'a>, item: u32, kind: Kind) -> Option<Atom<'a>> {
    meta.properties(item).find(|property| property.atom.kind == kind).map(|property| property.atom)
}

/// Size of the picture of an item (ISO/IEC 23008-12 section 6.5.3).
fn size(meta: &Meta<'_>, item: u32) -> Result<Size> {
    let ispe = property(meta, item, *b"ispe");
    let ispe = ispe.ok_or_else(|| Error::unsupported("the picture does not state its size: no property 'ispe'"))?;
    let (_, _, mut cursor) = ispe.full()?;
    let size = Size { width: cursor.u32()?, height: cursor.u32()? };
    if size.is_empty() {
        return Err(damaged(ispe.kind, &format!("states a size of {size}")));
    }
    Ok(size)
}

fn layer<'a>(meta: &Meta<'a>, item: u32) -> Result<Layer<'a>> {
    if meta.kind(item)? == *b"grid" {
        return grid(meta, item);
    }
    let tile = tile(meta, item)?;
    Ok(Layer { size: tile.size, columns: 1, tiles: vec![tile] })
}

fn tile<'a>(meta: &Meta<'a>, item: u32) -> Result<Tile<'a>> {
    let kind = meta.kind(item)?;
    let (codec, config) = match &kind {
        b"av01" => (Codec::Av1, Some(*b"av1C")),
        b"hvc1" => (Codec::Hevc, Some(*b"hvcC")),
        b"jpeg" => (Codec::Mjpeg, None),
        _ => {
            let kind = name(kind);
            return Err(Error::unsupported(format!(
                "the picture is of kind '{kind}'; av01, hvc1, jpeg and grid are known"
            )));
        }
    };
    let config = match config {
        Some(kind) => {
            let found = property(meta, item, kind).ok_or_else(|| {
                Error::unsupported(format!("the picture lacks its configuration: no property '{}'", name(kind)))
            })?;
            found.body
        }
        None => &[],
    };
    let data = meta.data(item)?;
    if data.is_empty() {
        return Err(Error::unsupported("the picture has no bytes"));
    }
    Ok(Tile { codec, config, size: size(meta, item)?, data })
}

/// A picture put together from tiles (ISO/IEC 23008-12 section 6.6.2.3).
fn grid<'a>(meta: &Meta<'a>, item: u32) -> Result<Layer<'a>> {
    let data = meta.data(item)?;
    let (columns, rows, size) = grid_shape(Atom { kind: *b"grid", body: &data })?;
    let items = meta.targets(*b"dimg", item);
    let wanted = columns as usize * rows as usize;
    if wanted > TILES_MAX {
        return Err(Error::too_large(format!("the picture has {columns}x{rows} tiles, {TILES_MAX} are allowed")));
    }
    if items.len() != wanted {
        let found = items.len();
        return Err(damaged(*b"grid", &format!("has {columns}x{rows} tiles, the file names {found}")));
    }
    let mut tiles = Vec::with_capacity(wanted);
    let mut copied = 0;
    for item in items {
        let tile = tile(meta, *item)?;
        copied += if matches!(tile.data, Cow::Owned(_)) { tile.data.len() } else { 0 };
        if copied > meta.file_length() {
            return Err(damaged(*b"grid", "has tiles of more bytes than the file"));
        }
        tiles.push(tile);
    }
    let first = tiles[0].size;
    let covered = Size { width: first.width.saturating_mul(columns), height: first.height.saturating_mul(rows) };
    if tiles.iter().any(|tile| tile.size != first) || covered.width < size.width || covered.height < size.height {
        return Err(damaged(*b"grid", &format!("has {columns}x{rows} tiles of {first} that do not make up {size}")));
    }
    Ok(Layer { size, columns, tiles })
}

/// Columns, rows and the size of the whole.
fn grid_shape(grid: Atom<'_>) -> Result<(u32, u32, Size)> {
    let mut cursor = grid.cursor();
    cursor.u8()?;
    let width = if cursor.u8()? & 1 == 0 { 2 } else { 4 };
    let (rows, columns) = (u32::from(cursor.u8()?) + 1, u32::from(cursor.u8()?) + 1);
    let size = Size { width: cursor.number(width)? as u32, height: cursor.number(width)? as u32 };
    if size.is_empty() {
        return Err(damaged(grid.kind, &format!("states a size of {size}")));
    }
    Ok((columns, rows, size))
}

/// The item that says how opaque another is (ISO/IEC 23008-12 section 7.5.2, ISO/IEC 23000-22 section 7.3.5.2).
fn alpha_item(meta: &Meta<'_>, item: u32) -> Option<u32> {
    const ALPHA: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1"];
    meta.origins(*b"auxl", item).find(|auxiliary| {
        let role = property(meta, *auxiliary, *b"auxC").and_then(|role| role.full().ok());
        role.is_some_and(|(_, _, mut cursor)| ALPHA.contains(&cursor.text()))
    })
}

/// Turns and mirrors in the order that the file has them (ISO/IEC 23008-12 sections 6.5.10 and 6.5.12).
fn orientation(meta: &Meta<'_>, item: u32) -> Result<Orientation> {
    let mut orientation = Orientation::default();
    for property in meta.properties(item) {
        let next = match &property.atom.kind {
            b"irot" => Orientation {
                mirrored: false,
                // Stored as quarters anticlockwise.
                turn: Turn::from_quarters(4 - (property.atom.cursor().u8()? & 3)),
            },
            // Axis 0 swaps top and bottom, which is a mirror and half a turn; axis 1 swaps left and right.
            b"imir" if property.atom.cursor().u8()? & 1 == 0 => Orientation { mirrored: true, turn: Turn::Half },
            b"imir" => Orientation { mirrored: true, turn: Turn::None },
            _ => continue,
        };
        orientation = orientation.then(next);
    }
    Ok(orientation)
}

/// The clean aperture of a picture (ISO/IEC 14496-12 section 12.1.4); all of it where none is stated.
fn visible(meta: &Meta<'_>, item: u32, size: Size) -> Result<Region> {
    let Some(clap) = property(meta, item, *b"clap") else {
        return Ok(Region { left: 0, top: 0, size });
    };
    let mut cursor = clap.cursor();
    let mut next = || Ok([cursor.u32()?, cursor.u32()?, cursor.u32()?, cursor.u32()?]);
    let ([width, width_by, height, height_by], [across, across_by, down, down_by]) = (next()?, next()?);
    let horizontal = aperture(size.width, [width, width_by], [across, across_by]);
    let vertical = aperture(size.height, [height, height_by], [down, down_by]);
    let ((left, width), (top, height)) =
        horizontal.zip(vertical).ok_or_else(|| damaged(clap.kind, &format!("is not a part of a picture of {size}")))?;
    Ok(Region { left, top, size: Size { width, height } })
}

/// Where along a side of `side` pixels the aperture starts and how long it is; whole pixels inside the side, or `None`.
fn aperture(side: u32, [length, by]: [u32; 2], [offset, offset_by]: [u32; 2]) -> Option<(u32, u32)> {
    let length = length.checked_div(by).filter(|length| (1..=side).contains(length))?;
    // The offset of its centre from the picture's centre is signed.
    let (offset, offset_by) = (i64::from(offset as i32), i64::from(offset_by));
    let doubled = (2 * offset).checked_div(offset_by)? + i64::from(side - length);
    let start = u32::try_from(doubled.div_euclid(2)).ok()?;
    (start.checked_add(length)? <= side).then_some((start, length))
}

#[cfg(test)]
mod tests;
