//! Boxes as slices: the header of one, a cursor over its bytes, the boxes inside it (ISO/IEC 14496-12 section 4.2).

use crate::error::{Error, Result};

/// The four characters that say what a box, a codec or a reference is.
pub(super) type Kind = [u8; 4];

/// A kind as text that is safe to show.
pub(super) fn name(kind: Kind) -> String {
    kind.escape_ascii().to_string()
}

/// The start of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// What box it is.
    pub(super) kind: Kind,
    /// Bytes of the header itself.
    pub(super) length: u64,
    /// Bytes of the whole box, not fewer than the header's; `None` for one that reaches to the end of the file.
    pub(super) size: Option<u64>,
}

/// Bytes that hold any header.
pub(super) const HEADER_MAX: u64 = 16;

/// The header at the front of `bytes`; `None` where they are too few for it.
pub(super) fn header(bytes: &[u8]) -> Result<Option<Header>> {
    let Some((&[s0, s1, s2, s3, k0, k1, k2, k3], rest)) = bytes.split_first_chunk::<8>() else {
        return Ok(None);
    };
    let kind = [k0, k1, k2, k3];
    let (length, size) = match u32::from_be_bytes([s0, s1, s2, s3]) {
        0 => return Ok(Some(Header { kind, length: 8, size: None })),
        1 => match rest.first_chunk::<8>() {
            Some(large) => (16, u64::from_be_bytes(*large)),
            None => return Ok(None),
        },
        size => (8, u64::from(size)),
    };
    if size < length {
        return Err(damaged(kind, &format!("claims a size of {size} bytes, its header alone has {length}")));
    }
    Ok(Some(Header { kind, length, size: Some(size) }))
}

/// The failure of a file whose box of `kind` does what no box may.
pub(super) fn damaged(kind: Kind, what: &str) -> Error {
    Error::unsupported(format!("the file is damaged: its box '{}' {what}", name(kind)))
}

/// A box whose bytes are at hand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    /// What box it is.
    pub(super) kind: Kind,
    /// Its bytes without the header.
    pub(super) body: &'a [u8],
}

impl<'a> Atom<'a> {
    /// A cursor at the start of its body.
    pub(super) fn cursor(&self) -> Cursor<'a> {
        Cursor { kind: self.kind, bytes: self.body }
    }

    /// A cursor behind version and flags, and these (section 4.2.2).
    pub(super) fn full(&self) -> Result<(u8, u32, Cursor<'a>)> {
        let mut cursor = self.cursor();
        let version = cursor.u8()?;
        let flags = cursor.u24()?;
        Ok((version, flags, cursor))
    }

    /// The boxes that make up its body.
    pub(super) fn children(&self) -> Children<'a> {
        self.cursor().children()
    }

    /// The first box of `kind` inside; `None` where there is none.
    pub(super) fn child(&self, kind: Kind) -> Result<Option<Atom<'a>>> {
        self.children().find(|child| !matches!(child, Ok(child) if child.kind != kind)).transpose()
    }

    /// The first box of `kind` inside, which must be there.
    pub(super) fn required(&self, kind: Kind) -> Result<Atom<'a>> {
        self.child(kind)?.ok_or_else(|| damaged(self.kind, &format!("lacks its box '{}'", name(kind))))
    }
}

/// Reads big-endian fields from the front of a box's bytes; every read beyond them is an error that names the box.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    kind: Kind,
    bytes: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let (front, rest) = self.bytes.split_at_checked(count).ok_or_else(|| damaged(self.kind, "is cut short"))?;
        self.bytes = rest;
        Ok(front)
    }

    /// The next `count` entries of `each` bytes, which must all be there.
    pub(super) fn table(&mut self, count: u32, each: usize) -> Result<&'a [u8]> {
        let length = usize::try_from(count).ok().and_then(|count| count.checked_mul(each));
        let present = length.filter(|length| *length <= self.bytes.len());
        let length = present.ok_or_else(|| {
            let left = self.bytes.len();
            damaged(self.kind, &format!("claims {count} entries of {each} bytes, {left} bytes are left in it"))
        })?;
        self.take(length)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (front, rest) = self.bytes.split_first_chunk::<N>().ok_or_else(|| damaged(self.kind, "is cut short"))?;
        self.bytes = rest;
        Ok(*front)
    }

    /// The next byte.
    pub(super) fn u8(&mut self) -> Result<u8> {
        self.array().map(u8::from_be_bytes)
    }

    /// The next two bytes.
    pub(super) fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next three bytes.
    pub(super) fn u24(&mut self) -> Result<u32> {
        self.array().map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// The next four bytes.
    pub(super) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next eight bytes.
    pub(super) fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next four bytes as a kind.
    pub(super) fn kind(&mut self) -> Result<Kind> {
        self.array()
    }

    /// The next `width` bytes as one number; none for a width of zero. At most eight.
    pub(super) fn number(&mut self, width: u8) -> Result<u64> {
        let bytes = self.take(width.min(8).into())?;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The bytes up to the next zero, which is passed over; all that are left where there is none.
    pub(super) fn text(&mut self) -> &'a [u8] {
        let end = self.bytes.iter().position(|byte| *byte == 0);
        let (text, rest) = match end {
            Some(end) => (&self.bytes[..end], &self.bytes[end + 1..]),
            None => (self.bytes, &[][..]),
        };
        self.bytes = rest;
        text
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    /// What has not been read yet, as boxes.
    pub(super) fn children(self) -> Children<'a> {
        Children { parent: self.kind, bytes: self.bytes }
    }
}

/// The boxes inside a box, in order. Ends after the first that is damaged.
#[derive(Clone, Debug)]
pub(super) struct Children<'a> {
    parent: Kind,
    bytes: &'a [u8],
}

impl<'a> Iterator for Children<'a> {
    type Item = Result<Atom<'a>>;

    fn next(&mut self) -> Option<Result<Atom<'a>>> {
        let bytes = std::mem::take(&mut self.bytes);
        let header = match header(bytes) {
            Ok(header) => header?,
            Err(error) => return Some(Err(error)),
        };
        // QuickTime ends some lists of boxes with 32 bits of zero; inside a box, nothing else has no size.
        let size = header.size?;
        let split = usize::try_from(size).ok().and_then(|size| bytes.split_at_checked(size));
        let Some((whole, rest)) = split else {
            let (inside, left) = (name(self.parent), bytes.len());
            let what = format!("claims a size of {size} bytes, '{inside}' has {left} left for it");
            return Some(Err(damaged(header.kind, &what)));
        };
        self.bytes = rest;
        Some(Ok(Atom { kind: header.kind, body: &whole[header.length as usize..] }))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A box of `kind` around `parts`.
    pub(in crate::media::mp4) fn atom(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
    }

    /// A box of `kind` with version and flags around `parts`.
    pub(in crate::media::mp4) fn full(kind: &[u8; 4], version: u8, flags: u32, parts: &[&[u8]]) -> Vec<u8> {
        let head = (u32::from(version) << 24 | flags).to_be_bytes();
        atom(kind, &[&head, &parts.concat()])
    }

    /// Numbers of 32 bits as they lie in a file.
    pub(in crate::media::mp4) fn words(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: std::result::Result<Option<(u64, Option<u64>)>, &str>) {
        let found = header(bytes).map(|h| h.map(|h| (h.length, h.size))).map_err(|error| error.to_string());
        match expected {
            Ok(expected) => assert_eq!(found, Ok(expected)),
            Err(part) => assert!(found.as_ref().is_err_and(|message| message.contains(part)), "{found:?}"),
        }
    }

    #[test]
    fn headers_of_every_form() {
        check(b"\0\0\0\x10moov", Ok(Some((8, Some(16)))));
        check(b"\0\0\0\0mdat", Ok(Some((8, None))));
        check(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0", Ok(Some((16, Some(1 << 32)))));
        check(b"\0\0\0\x01mdat\0\0\0\x01", Ok(None));
        check(b"\0\0\0\x10moo", Ok(None));
        check(b"\0\0\0\x07moov", Err("'moov' claims a size of 7 bytes"));
        check(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f", Err("'mdat' claims a size of 15 bytes"));
    }

    #[test]
    fn a_child_larger_than_its_parent_is_named() {
        let bytes = atom(b"moov", &[&atom(b"mvhd", &[]), b"\0\0\0\xfftrak"]);
        let moov = Atom { kind: *b"moov", body: &bytes[8..] };
        let children: Vec<_> = moov.children().collect();
        assert_eq!(children.len(), 2);
        let message = children[1].as_ref().err().map(ToString::to_string).unwrap_or_default();
        assert!(message.contains("'trak' claims a size of 255 bytes, 'moov' has 8 left"), "{message}");
    }

    #[test]
    fn a_table_that_is_not_there_is_refused_before_anything_is_made_of_it() {
        let mut cursor = Cursor { kind: *b"stsz", bytes: &[0; 12] };
        let message = cursor.table(u32::MAX, 4).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("'stsz' claims 4294967295 entries of 4 bytes, 12 bytes"), "{message}");
        assert!(cursor.table(3, 4).is_ok());
    }

    #[test]
    fn names_are_safe_to_show() {
        assert_eq!(name([0xa9, b'n', b'\n', b'm']), "\\xa9n\\nm");
    }
}
