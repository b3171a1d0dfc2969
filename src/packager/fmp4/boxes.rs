//! Boxes in the making: big-endian fields, and sizes that are filled in when a box is complete (ISO/IEC 14496-12 section 4.2).

/// Bytes of boxes, one after another.
#[derive(Debug, Default)]
pub(super) struct Boxes {
    bytes: Vec<u8>,
}

impl Boxes {
    /// None yet, with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Boxes {
        Boxes { bytes: Vec::with_capacity(capacity) }
    }

    /// Adds a box of `kind` whose body `body` writes.
    pub(super) fn atom(&mut self, kind: &[u8; 4], body: impl FnOnce(&mut Boxes)) {
        let start = self.bytes.len();
        self.u32(0);
        self.bytes(kind);
        body(self);
        // Configurations and tables are bounded far below 4 GiB when they are read.
        let size = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        self.set_u32(start, size);
    }

    /// Adds a box of `kind` that starts with version and flags (section 4.2.2).
    pub(super) fn full(&mut self, kind: &[u8; 4], version: u8, flags: u32, body: impl FnOnce(&mut Boxes)) {
        self.atom(kind, |boxes| {
            boxes.u32(u32::from(version) << 24 | (flags & 0xff_ffff));
            body(boxes);
        });
    }

    /// Adds bytes as they are.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds `count` bytes of zero.
    pub(super) fn zeros(&mut self, count: usize) {
        self.bytes.resize(self.bytes.len() + count, 0);
    }

    /// Adds a byte.
    pub(super) fn u8(&mut self, number: u8) {
        self.bytes.push(number);
    }

    /// Adds two bytes.
    pub(super) fn u16(&mut self, number: u16) {
        self.bytes(&number.to_be_bytes());
    }

    /// Adds four bytes.
    pub(super) fn u32(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    /// Adds eight bytes.
    pub(super) fn u64(&mut self, number: u64) {
        self.bytes(&number.to_be_bytes());
    }

    /// Writes four bytes over those at a place.
    pub(super) fn set_u32(&mut self, at: usize, number: u32) {
        if let Some(field) = self.bytes.get_mut(at..at + 4) {
            field.copy_from_slice(&number.to_be_bytes());
        }
    }

    /// How many bytes there are.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_knows_its_size() {
        let mut boxes = Boxes::with_capacity(0);
        boxes.atom(b"moov", |boxes| boxes.full(b"elst", 1, 0x0200_0003, |boxes| boxes.u16(7)));
        assert_eq!(boxes.into_bytes(), b"\0\0\0\x16moov\0\0\0\x0eelst\x01\0\0\x03\0\x07");
    }
}
