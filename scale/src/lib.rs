//! A part of a picture at another size, by convolution with a Catmull-Rom kernel: for one, three and four numbers a pixel, of one
//! and of two bytes. The fourth is alpha, by which the others are weighted.
//!
//! A package of its own for one reason: the kernels are generic code of another crate, so they are compiled where they are first
//! named, and here that can be done with optimisation while the rest of the product is built for tests, without.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4, U16, U16x3, U16x4};
use fast_image_resize::{FilterType, ImageView, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

/// Why nothing could be scaled: the data are not of the size that is told, or the window is not inside of it.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Numbers of pixels in rows, one row after the other.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    /// The numbers.
    pub data: &'a [T],
    /// Pixels across and down.
    pub size: (u32, u32),
    /// Pixels from the start of a row to that of the next one.
    pub stride: u32,
}

/// A rectangle among pixels; edges may lie between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Pixels across.
    pub width: f64,
    /// Pixels down.
    pub height: f64,
}

impl Window {
    /// The same part in a plane that is smaller by two to the power of `shift`, as if its samples sat between those of
    /// the full plane.
    pub fn shrunk(self, shift: (u8, u8)) -> Window {
        let across = 1.0 / f64::from(1u32 << shift.0.min(4));
        let down = 1.0 / f64::from(1u32 << shift.1.min(4));
        Window {
            left: self.left * across,
            top: self.top * down,
            width: self.width * across,
            height: self.height * down,
        }
    }
}

/// One byte a pixel.
pub fn u8x1(rows: Rows<'_, u8>, window: Window, target: (u32, u32)) -> Result<Vec<u8>, Fault> {
    bytes::<U8>(rows, 1, window, target)
}

/// Three bytes a pixel.
pub fn u8x3(rows: Rows<'_, u8>, window: Window, target: (u32, u32)) -> Result<Vec<u8>, Fault> {
    bytes::<U8x3>(rows, 3, window, target)
}

/// Three bytes a pixel and one of alpha.
pub fn u8x4(rows: Rows<'_, u8>, window: Window, target: (u32, u32)) -> Result<Vec<u8>, Fault> {
    bytes::<U8x4>(rows, 4, window, target)
}

/// One number of two bytes a pixel, given as bytes in the machine's order.
pub fn u16x1(rows: Rows<'_, u8>, window: Window, target: (u32, u32)) -> Result<Vec<u16>, Fault> {
    let Rows { data, size, stride } = rows;
    if let Ok(aligned) = TypedImageRef::<U16>::from_buffer(stride, size.1, data) {
        return Ok(scaled(aligned, size, window, target)?.iter().map(|pixel| pixel.0).collect());
    }
    let copied: Vec<_> = data.as_chunks().0.iter().map(|&pair| U16::new(u16::from_ne_bytes(pair))).collect();
    Ok(words(&copied, size, stride, window, target)?.iter().map(|pixel| pixel.0).collect())
}

/// Three numbers of two bytes a pixel.
pub fn u16x3(rows: Rows<'_, u16>, window: Window, target: (u32, u32)) -> Result<Vec<u16>, Fault> {
    let pixels: Vec<_> = rows.data.as_chunks().0.iter().map(|&numbers| U16x3::new(numbers)).collect();
    Ok(words(&pixels, rows.size, rows.stride, window, target)?.iter().flat_map(|pixel| pixel.0).collect())
}

/// Three numbers of two bytes a pixel and one of alpha.
pub fn u16x4(rows: Rows<'_, u16>, window: Window, target: (u32, u32)) -> Result<Vec<u16>, Fault> {
    let pixels: Vec<_> = rows.data.as_chunks().0.iter().map(|&numbers| U16x4::new(numbers)).collect();
    Ok(words(&pixels, rows.size, rows.stride, window, target)?.iter().flat_map(|pixel| pixel.0).collect())
}

fn bytes<P: PixelTrait>(
    rows: Rows<'_, u8>,
    channels: usize,
    window: Window,
    target: (u32, u32),
) -> Result<Vec<u8>, Fault> {
    let image = TypedImageRef::<P>::from_buffer(rows.stride, rows.size.1, rows.data)?;
    let mut out = vec![0; target.0 as usize * target.1 as usize * channels];
    let mut made = TypedImage::<P>::from_buffer(target.0, target.1, &mut out)?;
    resize(&cropped(image, rows.size, window)?, &mut made, window)?;
    Ok(out)
}

fn words<P: PixelTrait>(
    pixels: &[P],
    size: (u32, u32),
    stride: u32,
    window: Window,
    target: (u32, u32),
) -> Result<Vec<P>, Fault> {
    scaled(TypedImageRef::new(stride, size.1, pixels)?, size, window, target)
}

fn scaled<P: PixelTrait>(
    image: TypedImageRef<'_, P>,
    size: (u32, u32),
    window: Window,
    target: (u32, u32),
) -> Result<Vec<P>, Fault> {
    let mut made = TypedImage::<P>::new(target.0, target.1);
    resize(&cropped(image, size, window)?, &mut made, window)?;
    Ok(made.pixels().to_vec())
}

/// The whole samples that `window` touches, so that nothing outside the kept part bleeds into it.
fn cropped<'a, P: PixelTrait>(
    image: TypedImageRef<'a, P>,
    size: (u32, u32),
    window: Window,
) -> Result<TypedCroppedImage<'a, TypedImageRef<'a, P>>, Fault> {
    let (left, right) = touched(window.left, window.width, size.0);
    let (top, bottom) = touched(window.top, window.height, size.1);
    Ok(TypedCroppedImage::new(image, left, top, right - left, bottom - top)?)
}

/// The whole samples, out of so many, that a run from `start` touches; at least one.
fn touched(start: f64, length: f64, samples: u32) -> (u32, u32) {
    let first = (start.max(0.0) as u32).min(samples.saturating_sub(1));
    let last = ((start + length).ceil() as u32).clamp(first + 1, samples.max(first + 1));
    (first, last)
}

fn resize<P: PixelTrait>(
    source: &impl ImageView<Pixel = P>,
    target: &mut TypedImage<'_, P>,
    window: Window,
) -> Result<(), Fault> {
    let (left, width) = inside(window.left.fract().max(0.0), window.width, source.width());
    let (top, height) = inside(window.top.fract().max(0.0), window.height, source.height());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .crop(left, top, width, height)
        .use_alpha(true);
    Ok(Resizer::new().resize_typed(source, target, &options)?)
}

/// A run of `length` from `start`, kept inside a side of so many samples whatever rounding did to its end.
fn inside(start: f64, length: f64, samples: u32) -> (f64, f64) {
    let samples = f64::from(samples);
    let start = start.min(samples.next_down());
    let mut length = length.min(samples - start);
    while start + length > samples {
        length = length.next_down();
    }
    (start, length)
}
