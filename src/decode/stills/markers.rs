//! What stands before the pixels of a JPEG file: orientation, colour profile, Adobe's mark (ITU-T T.81 annex B.2).

use crate::media::picture::Orientation;

/// Most bytes of a colour profile; those of printers have about two million.
const PROFILE_MAX: usize = 8 << 20;

/// Segments before the first scan.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Markers {
    /// From EXIF.
    pub(super) orientation: Orientation,
    /// An ICC profile, whole.
    pub(super) profile: Option<Vec<u8>>,
    /// Whether Adobe's mark is there, which means that inks are stored inverted.
    pub(super) adobe: bool,
}

/// The marks of a JPEG file. What is damaged is as if it were not there.
pub(super) fn read(file: &[u8]) -> Markers {
    const APP1: u8 = 0xE1;
    const APP2: u8 = 0xE2;
    const APP14: u8 = 0xEE;
    let mut markers = Markers::default();
    let mut chunks: Vec<(u8, &[u8])> = Vec::new();
    for (marker, body) in (Segments { rest: file.get(2..).unwrap_or_default() }) {
        if marker == APP1
            && let Some(exif) = body.strip_prefix(b"Exif\0\0")
            && let Some(orientation) = image::metadata::Orientation::from_exif_chunk(exif)
        {
            markers.orientation = Orientation::from_exif(orientation.to_exif().into());
        }
        // ICC.1:2022 annex B.4: number of the chunk from one, count of chunks, bytes.
        if marker == APP2
            && let Some([number, _, chunk @ ..]) = body.strip_prefix(b"ICC_PROFILE\0")
        {
            chunks.push((*number, chunk));
        }
        markers.adobe |= marker == APP14 && body.starts_with(b"Adobe");
    }
    chunks.sort_by_key(|(number, _)| *number);
    let whole = chunks.iter().map(|(_, chunk)| chunk.len()).sum::<usize>() <= PROFILE_MAX;
    if whole && !chunks.is_empty() {
        markers.profile = Some(chunks.iter().flat_map(|(_, chunk)| chunk.iter().copied()).collect());
    }
    markers
}

/// The front of a JPEG file, as far as everything goes that stands before its pixels; all of it where that is not plain.
pub(super) fn front(file: &[u8]) -> &[u8] {
    // Of the segment that the first scan begins with.
    const SCAN_BYTES_MAX: usize = 2 + (1 << 16);
    let mut segments = Segments { rest: file.get(2..).unwrap_or_default() };
    segments.by_ref().for_each(drop);
    let end = file.len() - segments.rest.len() + SCAN_BYTES_MAX;
    if segments.rest.starts_with(&[0xFF, SCAN]) { file.get(..end).unwrap_or(file) } else { file }
}

/// The marker of a scan.
const SCAN: u8 = 0xDA;

/// Marker segments up to the first scan.
struct Segments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Segments<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        const END: u8 = 0xD9;
        let start = self.rest.iter().position(|&byte| byte == 0xFF)?;
        let code = start + self.rest[start..].iter().position(|&byte| byte != 0xFF)?;
        let marker = self.rest[code];
        if matches!(marker, SCAN | END) {
            return None;
        }
        let length = self.rest.get(code + 1..code + 3)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let body = self.rest.get(code + 3..(code + 1).checked_add(length)?)?;
        self.rest = &self.rest[code + 1 + length..];
        Some((marker, body))
    }
}
