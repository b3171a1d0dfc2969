//! A raster on its way to a worker that writes it: its layout, and its samples one after another.

use std::borrow::Cow;

use crate::media::picture::Size;
use crate::thumbnail::{Layout, Raster, RasterPixels};

/// The samples of a raster, in the order in which they are handed over.
pub(super) fn take_apart(pixels: &RasterPixels) -> Vec<Cow<'_, [u8]>> {
    match pixels {
        RasterPixels::Yuv420(planes) | RasterPixels::Yuv444(planes) => {
            planes.iter().map(|plane| Cow::Borrowed(&plane[..])).collect()
        }
        RasterPixels::Rgb8(samples) | RasterPixels::Rgba8(samples) => vec![Cow::Borrowed(samples)],
        RasterPixels::Rgb16(samples) | RasterPixels::Rgba16(samples) => {
            vec![samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect()]
        }
    }
}

/// The raster of `size` whose samples are `bulk`. Where there are too few of them, what writes it refuses it.
pub(super) fn put_together(size: Size, layout: Layout, bulk: &[u8]) -> Raster {
    let narrow = || bulk.to_vec();
    let wide = || bulk.as_chunks().0.iter().map(|&sample| u16::from_ne_bytes(sample)).collect();
    let halved = Size { width: size.width.div_ceil(2), height: size.height.div_ceil(2) };
    let pixels = match layout {
        Layout::Yuv420 => RasterPixels::Yuv420(planes(size, halved, bulk)),
        Layout::Yuv444 => RasterPixels::Yuv444(planes(size, size, bulk)),
        Layout::Rgb8 => RasterPixels::Rgb8(narrow()),
        Layout::Rgba8 => RasterPixels::Rgba8(narrow()),
        Layout::Rgb16 => RasterPixels::Rgb16(wide()),
        Layout::Rgba16 => RasterPixels::Rgba16(wide()),
    };
    Raster { size, pixels }
}

/// Luma, blue difference and red difference.
fn planes(luma: Size, chroma: Size, mut rest: &[u8]) -> [Vec<u8>; 3] {
    [luma, chroma, chroma].map(|plane| {
        let length = usize::try_from(plane.area()).unwrap_or(usize::MAX).min(rest.len());
        let (samples, others) = rest.split_at(length);
        rest = others;
        samples.to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_is_put_together() {
        let size = Size { width: 5, height: 3 };
        let narrow = |length: u8| (0..length).collect::<Vec<u8>>();
        let wide = |length: u16| (0..length).map(|sample| sample * 1091).collect::<Vec<u16>>();
        for pixels in [
            RasterPixels::Yuv420([narrow(15), narrow(6), narrow(6)]),
            RasterPixels::Yuv444([narrow(15), narrow(15), narrow(15)]),
            RasterPixels::Rgb8(narrow(45)),
            RasterPixels::Rgba8(narrow(60)),
            RasterPixels::Rgb16(wide(45)),
            RasterPixels::Rgba16(wide(60)),
        ] {
            let bulk = take_apart(&pixels).concat();
            let raster = Raster { size, pixels };
            assert_eq!(put_together(size, raster.pixels.layout(), &bulk), raster);
        }
    }
}
