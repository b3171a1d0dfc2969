//! The item tables of a `meta` box: which items a file has, what is said of them, where their bytes lie (ISO/IEC 14496-12
//! section 8.11, ISO/IEC 23008-12 section 9.3).

use std::borrow::Cow;

use super::boxes::{Atom, Cursor, Kind, damaged, name};
use crate::error::{Error, Result};

/// Most items of a file: a grid of 256 tiles, as many for alpha, and room for thumbnails and metadata.
const ITEMS_MAX: usize = 1024;
/// Most properties that items share among them.
const PROPERTIES_MAX: usize = 4096;

/// The tables, and the bytes that they point into.
#[derive(Debug)]
pub(super) struct Meta<'a> {
    file: &'a [u8],
    stored: &'a [u8],
    /// The item that is the picture.
    pub(super) primary: u32,
    kinds: Vec<(u32, Kind)>,
    places: Vec<Place>,
    properties: Vec<Atom<'a>>,
    links: Vec<(u32, Vec<Link>)>,
    references: Vec<Reference>,
}

/// Where an item's bytes lie.
#[derive(Debug)]
struct Place {
    item: u32,
    method: u16,
    extents: Vec<(u64, u64)>,
}

/// That a property, counted from one, belongs to an item.
#[derive(Debug)]
struct Link {
    property: usize,
    essential: bool,
}

/// That an item stands in some relation to others.
#[derive(Debug)]
struct Reference {
    kind: Kind,
    from: u32,
    to: Vec<u32>,
}

/// A property of an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property<'a> {
    /// What it says.
    pub(super) atom: Atom<'a>,
    /// Whether the item must not be shown without understanding it.
    pub(super) essential: bool,
}

impl<'a> Meta<'a> {
    /// The tables in the `meta` box at the top level of `file`.
    pub(super) fn read(file: &'a [u8]) -> Result<Meta<'a>> {
        let meta =
            top_level(file)?.ok_or_else(|| Error::unsupported("the file has no picture items: no box 'meta'"))?;
        let (_, _, content) = meta.full()?;
        let content = Atom { kind: meta.kind, body: content.rest() };
        let properties = content.required(*b"iprp")?;
        Ok(Meta {
            file,
            stored: content.child(*b"idat")?.map_or(&[], |idat| idat.body),
            primary: primary(content.required(*b"pitm")?)?,
            kinds: kinds(content.required(*b"iinf")?)?,
            places: places(content.required(*b"iloc")?)?,
            properties: shared(properties.required(*b"ipco")?)?,
            links: links(properties)?,
            references: content.child(*b"iref")?.map_or(Ok(Vec::new()), references)?,
        })
    }

    /// Bytes of the whole file.
    pub(super) fn file_length(&self) -> usize {
        self.file.len()
    }

    /// What an item is: `av01`, `grid`, …
    pub(super) fn kind(&self, item: u32) -> Result<Kind> {
        let found = self.kinds.iter().find(|(id, _)| *id == item);
        found
            .map(|(_, kind)| *kind)
            .ok_or_else(|| Error::unsupported(format!("the file is damaged: no item {item} in it")))
    }

    /// What is said of an item, in the order that it is to be applied.
    pub(super) fn properties(&self, item: u32) -> impl Iterator<Item = Property<'a>> {
        let links = self.links.iter().filter(move |(id, _)| *id == item).flat_map(|(_, links)| links);
        links.filter_map(|link| {
            let atom = self.properties.get(link.property.checked_sub(1)?)?;
            Some(Property { atom: *atom, essential: link.essential })
        })
    }

    /// The items that `from` refers to as `kind`, in order.
    pub(super) fn targets(&self, kind: Kind, from: u32) -> &[u32] {
        let found = self.references.iter().find(|reference| reference.kind == kind && reference.from == from);
        found.map_or(&[], |reference| &reference.to)
    }

    /// The items that refer to `to` as `kind`.
    pub(super) fn origins(&self, kind: Kind, to: u32) -> impl Iterator<Item = u32> {
        let found = self.references.iter().filter(move |r| r.kind == kind && r.to.contains(&to));
        found.map(|reference| reference.from)
    }

    /// The bytes of an item. Those in one piece are not copied; those in several never exceed the file.
    pub(super) fn data(&self, item: u32) -> Result<Cow<'a, [u8]>> {
        let place = self.places.iter().find(|place| place.item == item);
        let place = place.ok_or_else(|| unusable(item, "has no place in the file"))?;
        let source = match place.method {
            0 => self.file,
            1 => self.stored,
            method => return Err(unusable(item, &format!("is stored in a way that is not known ({method})"))),
        };
        match place.extents[..] {
            [extent] => extent_of(source, extent).map(Cow::Borrowed),
            ref extents => {
                let total = extents.iter().try_fold(0u64, |total, (_, length)| total.checked_add(*length));
                if total.is_none_or(|total| total > source.len() as u64) {
                    return Err(unusable(item, "has more bytes than the file"));
                }
                let pieces = extents.iter().map(|extent| extent_of(source, *extent)).collect::<Result<Vec<_>>>()?;
                Ok(Cow::Owned(pieces.concat()))
            }
        }
        .map_err(|outside: Error| unusable(item, outside.message()))
    }
}

fn unusable(item: u32, what: &str) -> Error {
    Error::unsupported(format!("item {item} of the file {what}"))
}

/// A length of zero is the whole of what follows (ISO/IEC 14496-12 section 8.11.3.3).
fn extent_of(source: &[u8], (offset, length): (u64, u64)) -> Result<&[u8]> {
    let from = usize::try_from(offset).ok().and_then(|offset| source.get(offset..));
    let found = match (from, length) {
        (Some(from), 0) => Some(from),
        (Some(from), length) => usize::try_from(length).ok().and_then(|length| from.get(..length)),
        (None, _) => None,
    };
    found.ok_or_else(|| Error::unsupported(format!("lies outside the file: {length} bytes at {offset}")))
}

/// The `meta` box of a file. Unlike inside a box, the last one may reach to the end and others may be cut short.
fn top_level(file: &[u8]) -> Result<Option<Atom<'_>>> {
    let mut rest = file;
    while let Some(header) = super::boxes::header(rest)? {
        let size = header.size.and_then(|size| usize::try_from(size).ok()).unwrap_or(rest.len());
        let (whole, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        if header.kind == *b"meta" {
            return Ok(whole.get(header.length as usize..).map(|body| Atom { kind: header.kind, body }));
        }
        rest = behind;
    }
    Ok(None)
}

fn primary(pitm: Atom<'_>) -> Result<u32> {
    let (version, _, mut cursor) = pitm.full()?;
    identifier(version, &mut cursor)
}

/// An item's number: 16 bits in version 0 of the boxes that start so, 32 bits later.
fn identifier(version: u8, cursor: &mut Cursor<'_>) -> Result<u32> {
    if version == 0 { cursor.u16().map(u32::from) } else { cursor.u32() }
}

fn kinds(iinf: Atom<'_>) -> Result<Vec<(u32, Kind)>> {
    let (version, _, mut cursor) = iinf.full()?;
    identifier(version, &mut cursor)?;
    let mut kinds = Vec::new();
    for infe in cursor.children() {
        let (version, _, mut cursor) = infe?.full()?;
        // Versions 0 and 1 know no kinds; pictures have none of them (ISO/IEC 23008-12 section 6.2).
        let item = match version {
            2 => u32::from(cursor.u16()?),
            3 => cursor.u32()?,
            _ => continue,
        };
        cursor.u16()?;
        kinds.push((item, cursor.kind()?));
        within(*b"iinf", kinds.len(), ITEMS_MAX)?;
    }
    Ok(kinds)
}

fn within(kind: Kind, count: usize, max: usize) -> Result<()> {
    if count > max {
        return Err(Error::too_large(format!("the box '{}' has {count} entries, {max} are allowed", name(kind))));
    }
    Ok(())
}

fn places(iloc: Atom<'_>) -> Result<Vec<Place>> {
    let (version, _, mut cursor) = iloc.full()?;
    let widths = cursor.u16()?.to_be_bytes();
    let [offset_width, length_width] = [widths[0] >> 4, widths[0] & 15];
    let [base_width, index_width] = [widths[1] >> 4, if version == 0 { 0 } else { widths[1] & 15 }];
    if [offset_width, length_width, base_width, index_width].iter().any(|width| ![0, 4, 8].contains(width)) {
        return Err(damaged(iloc.kind, "has numbers of a width other than 0, 4 or 8 bytes"));
    }
    let count = if version < 2 { cursor.u16()?.into() } else { cursor.u32()? };
    within(iloc.kind, count as usize, ITEMS_MAX)?;
    let mut places = Vec::new();
    for _ in 0..count {
        let item = if version < 2 { cursor.u16()?.into() } else { cursor.u32()? };
        let method = if version == 0 { 0 } else { cursor.u16()? & 15 };
        let elsewhere = cursor.u16()? != 0;
        let base = cursor.number(base_width)?;
        let mut extents = Vec::new();
        let extent_count = cursor.u16()?;
        // Without widths an extent takes no bytes of the box, so that nothing but this bounds their number.
        if extent_count > 1 && offset_width + length_width == 0 {
            return Err(damaged(iloc.kind, "has several pieces of an item without saying where they are"));
        }
        for _ in 0..extent_count {
            cursor.number(index_width)?;
            let offset = base.saturating_add(cursor.number(offset_width)?);
            extents.push((offset, cursor.number(length_width)?));
        }
        if !elsewhere {
            places.push(Place { item, method, extents });
        }
    }
    Ok(places)
}

fn shared(ipco: Atom<'_>) -> Result<Vec<Atom<'_>>> {
    let mut properties = Vec::new();
    for property in ipco.children() {
        properties.push(property?);
        within(ipco.kind, properties.len(), PROPERTIES_MAX)?;
    }
    Ok(properties)
}

fn links(iprp: Atom<'_>) -> Result<Vec<(u32, Vec<Link>)>> {
    let mut items = Vec::new();
    for ipma in iprp.children() {
        let ipma = ipma?;
        if ipma.kind != *b"ipma" {
            continue;
        }
        let (version, flags, mut cursor) = ipma.full()?;
        for _ in 0..cursor.u32()? {
            let item = identifier(version, &mut cursor)?;
            let count = cursor.u8()?;
            let links = (0..count).map(|_| link(flags, &mut cursor)).collect::<Result<Vec<_>>>()?;
            items.push((item, links));
            within(ipma.kind, items.len(), ITEMS_MAX)?;
        }
    }
    Ok(items)
}

/// One bit says whether the property is essential, the others which it is: seven, or fifteen where the first flag is set.
fn link(flags: u32, cursor: &mut Cursor<'_>) -> Result<Link> {
    let (essential, property) = match flags & 1 {
        0 => cursor.u8().map(|bits| (bits >> 7 != 0, u16::from(bits & 0x7f)))?,
        _ => cursor.u16().map(|bits| (bits >> 15 != 0, bits & 0x7fff))?,
    };
    Ok(Link { property: property.into(), essential })
}

fn references(iref: Atom<'_>) -> Result<Vec<Reference>> {
    let (version, _, cursor) = iref.full()?;
    let mut references = Vec::new();
    for reference in cursor.children() {
        let reference = reference?;
        let mut cursor = reference.cursor();
        let from = identifier(version, &mut cursor)?;
        let count = cursor.u16()?;
        let to = (0..count).map(|_| identifier(version, &mut cursor)).collect::<Result<Vec<_>>>()?;
        references.push(Reference { kind: reference.kind, from, to });
        within(iref.kind, references.len(), ITEMS_MAX)?;
    }
    Ok(references)
}
