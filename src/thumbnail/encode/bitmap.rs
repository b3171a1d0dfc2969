//! Files of plain pixels: BMP, TIFF and PSD, without compression.

use super::Colours;
use crate::error::{Error, Result};
use crate::media::picture::Size;

/// The largest file that the offsets of these formats reach.
const FILE_MAX: u64 = u32::MAX as u64;

fn check_length(length: u64) -> Result<()> {
    if length > FILE_MAX {
        return Err(Error::too_large(format!("a file of {length} bytes; this format holds at most {FILE_MAX}")));
    }
    Ok(())
}

/// A Windows bitmap of 24 bits, rows from the bottom, each padded to four bytes.
pub(super) fn bmp(size: Size, colours: Colours<'_>, density: u16) -> Result<Vec<u8>> {
    const HEADERS: u32 = 14 + 40;
    let row = (size.width as usize * 3).next_multiple_of(4);
    let length = u64::from(HEADERS) + row as u64 * u64::from(size.height);
    check_length(length)?;
    let dots = (f64::from(density) / 0.0254).round() as u32;
    let mut out = Vec::with_capacity(length as usize);
    out.extend(b"BM");
    out.extend((length as u32).to_le_bytes());
    out.extend([0; 4]); // reserved
    out.extend(HEADERS.to_le_bytes()); // offset of the pixels
    out.extend(40u32.to_le_bytes()); // size of BITMAPINFOHEADER
    out.extend(size.width.to_le_bytes());
    out.extend(size.height.to_le_bytes());
    out.extend(1u16.to_le_bytes()); // planes
    out.extend(24u16.to_le_bytes()); // bits of a pixel
    out.extend([0; 8]); // no compression; its size may be zero
    out.extend(dots.to_le_bytes()); // pixels of a metre across
    out.extend(dots.to_le_bytes()); // and down
    out.extend([0; 8]); // no palette
    for y in (0..size.height as usize).rev() {
        colours.row(size, y).for_each(|[r, g, b]| out.extend([b, g, r]));
        out.resize(HEADERS as usize + (size.height as usize - y) * row, 0);
    }
    Ok(out)
}

/// A baseline TIFF of one strip (TIFF 6.0 section 6), alpha unassociated.
pub(super) fn tiff(size: Size, colours: Colours<'_>, density: u16) -> Result<Vec<u8>> {
    let (data, samples) = match colours {
        Colours::Rgb(data) => (data, 3u16),
        Colours::Rgba(data) => (data, 4),
    };
    let density = if density == 0 { 72 } else { density };
    let (short, long, rational) = (3u16, 4u16, 5u16);
    // Header, count of entries, entries, offset of the next directory; then what does not fit into an entry.
    let entries = if samples == 4 { 14u16 } else { 13 };
    let extra = 8 + 2 + u32::from(entries) * 12 + 4;
    let (bits_at, density_at, pixels_at) = (extra, extra + 8, extra + 16);
    check_length(u64::from(pixels_at) + data.len() as u64)?;
    let mut out = Vec::with_capacity(pixels_at as usize + data.len());
    out.extend(b"II*\0");
    out.extend(8u32.to_le_bytes());
    out.extend(entries.to_le_bytes());
    let mut entry = |tag: u16, kind: u16, count: u32, value: u32| {
        out.extend(tag.to_le_bytes());
        out.extend(kind.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(value.to_le_bytes());
    };
    entry(256, long, 1, size.width);
    entry(257, long, 1, size.height);
    entry(258, short, samples.into(), bits_at);
    entry(259, short, 1, 1); // no compression
    entry(262, short, 1, 2); // red, green, blue
    entry(273, long, 1, pixels_at);
    entry(274, short, 1, 1); // upright
    entry(277, short, 1, samples.into());
    entry(278, long, 1, size.height); // rows of the strip
    entry(279, long, 1, data.len() as u32);
    entry(282, rational, 1, density_at);
    entry(283, rational, 1, density_at);
    entry(296, short, 1, 2); // dots are of an inch
    if samples == 4 {
        entry(338, short, 1, 2); // unassociated alpha
    }
    out.extend([0; 4]);
    out.extend([8, 0, 8, 0, 8, 0, 8, 0]);
    out.extend(u32::from(density).to_le_bytes());
    out.extend(1u32.to_le_bytes());
    out.extend_from_slice(data);
    Ok(out)
}

/// A Photoshop document of one flat picture (Adobe Photoshop File Formats Specification), alpha left out.
pub(super) fn psd(size: Size, colours: Colours<'_>, density: u16) -> Result<Vec<u8>> {
    let area = size.width as usize * size.height as usize;
    check_length(area as u64 * 3 + 1024)?;
    let mut out = Vec::with_capacity(area * 3 + 128);
    out.extend(b"8BPS");
    out.extend(1u16.to_be_bytes()); // version
    out.extend([0; 6]); // reserved
    out.extend(3u16.to_be_bytes()); // channels
    out.extend(size.height.to_be_bytes());
    out.extend(size.width.to_be_bytes());
    out.extend(8u16.to_be_bytes()); // bits of a channel
    out.extend(3u16.to_be_bytes()); // red, green, blue
    out.extend(0u32.to_be_bytes()); // no colour mode data
    let resources = if density == 0 { Vec::new() } else { resolution(density) };
    out.extend((resources.len() as u32).to_be_bytes());
    out.extend(resources);
    out.extend(0u32.to_be_bytes()); // no layers
    out.extend(0u16.to_be_bytes()); // no compression
    for channel in 0..3 {
        for y in 0..size.height as usize {
            out.extend(colours.row(size, y).map(|pixel| pixel[channel]));
        }
    }
    Ok(out)
}

/// The image resource that holds dots per inch.
fn resolution(density: u16) -> Vec<u8> {
    let mut out = Vec::with_capacity(28);
    out.extend(b"8BIM");
    out.extend(0x03EDu16.to_be_bytes()); // ResolutionInfo
    out.extend([0; 2]); // no name
    out.extend(16u32.to_be_bytes()); // length
    for _ in 0..2 {
        out.extend((u32::from(density) << 16).to_be_bytes()); // 16.16 fixed
        out.extend(1u16.to_be_bytes()); // dots of an inch
        out.extend(1u16.to_be_bytes()); // shown in inches
    }
    out
}

impl<'a> Colours<'a> {
    /// Red, green and blue of a row.
    fn row(self, size: Size, y: usize) -> impl Iterator<Item = [u8; 3]> + 'a {
        let (data, channels) = match self {
            Colours::Rgb(data) => (data, 3),
            Colours::Rgba(data) => (data, 4),
        };
        let length = size.width as usize * channels;
        data[y * length..][..length].chunks_exact(channels).map(|pixel| [pixel[0], pixel[1], pixel[2]])
    }
}
