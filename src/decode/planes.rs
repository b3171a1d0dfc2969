//! What a decoded frame is as a picture: its planes without a copy, its colour, its shape.
#![allow(unsafe_code)]

use std::sync::Arc;

use bytes::Bytes;
use ffmpeg_sys_next as av;

use super::decoder::Frame;
use crate::error::{Error, Kind, Result};
use crate::media::picture::{Color, Matrix, Range, Size};
use crate::media::{Codec, VideoFormat};
use crate::thumbnail::{Picture, Pixels, Plane, Planes};

/// The widest and the narrowest pixel that is believed: beyond 1:16 either way a sample aspect is taken for damage.
const ASPECT_MAX: i64 = 16;

/// The picture in a frame of a track of `codec`. The container's word in `format` goes before the stream's.
pub(super) fn picture(frame: &Arc<Frame>, codec: Codec, format: &VideoFormat) -> Result<Picture> {
    let layout = Layout::of(frame)?;
    let stated = stated(frame);
    let sample_aspect = if format.sample_aspect == (1, 1) { stated.sample_aspect } else { format.sample_aspect };
    Ok(Picture {
        size: stated.size,
        sample_aspect,
        orientation: format.orientation,
        color: color(codec, &layout, format.color.or(stated.color)),
        pixels: Pixels::Yuv(planes(frame, &layout, codec)?),
    })
}

/// Makes the luma of `alpha` the opacity of `picture`, if the two are of one kind.
pub(super) fn add_alpha(picture: &mut Picture, alpha: Picture) {
    if let (Pixels::Yuv(planes), Pixels::Yuv(veil)) = (&mut picture.pixels, alpha.pixels)
        && (planes.depth, planes.y.size) == (veil.depth, veil.y.size)
    {
        planes.alpha = Some(veil.y);
    }
}

/// What a frame says of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated {
    /// Pixels after cropping.
    pub(super) size: Size,
    /// Width of a pixel to its height, `(1, 1)` where it does not say.
    pub(super) sample_aspect: (u32, u32),
    /// Its colour, unspecified where it does not say.
    pub(super) color: Color,
}

/// What `frame` says of itself.
pub(super) fn stated(frame: &Frame) -> Stated {
    let raw = frame.raw();
    let size = Size { width: raw.width.max(0) as u32, height: raw.height.max(0) as u32 };
    let aspect = raw.sample_aspect_ratio;
    // SAFETY (all four): fields of the frame read as the integers that C's enumerations are, so that a number that the
    // headers do not name is no invalid value here.
    let (matrix, range, transfer, primaries) = unsafe {
        (
            (&raw const raw.colorspace).cast::<u32>().read(),
            (&raw const raw.color_range).cast::<u32>().read(),
            (&raw const raw.color_trc).cast::<u32>().read(),
            (&raw const raw.color_primaries).cast::<u32>().read(),
        )
    };
    let color = color_from(primaries, transfer, matrix, range);
    Stated { size, sample_aspect: sample_aspect(aspect.num.into(), aspect.den.into()), color }
}

/// A sample aspect in lowest terms; square where it is not stated or not believable.
pub(super) fn sample_aspect(wide: i64, high: i64) -> (u32, u32) {
    if wide <= 0 || high <= 0 || wide / high > ASPECT_MAX || high / wide > ASPECT_MAX {
        return (1, 1);
    }
    let divisor = greatest_common_divisor(wide, high);
    match (u32::try_from(wide / divisor), u32::try_from(high / divisor)) {
        (Ok(wide), Ok(high)) => (wide, high),
        _ => (1, 1),
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

/// The colour that libav's enumerations name. They count as ISO/IEC 23091-2 does, but for the range: 1 limited, 2 full.
pub(super) fn color_from(primaries: u32, transfer: u32, matrix: u32, range: u32) -> Color {
    let code = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let range = match range {
        1 => Range::Limited,
        2 => Range::Full,
        _ => Range::Unspecified,
    };
    Color::from_codes(code(primaries), code(transfer), code(matrix), range)
}

/// Colour with what is left open decided by what the planes are.
fn color(codec: Codec, layout: &Layout, stated: Color) -> Color {
    let matrix = match stated.matrix {
        _ if layout.is_rgb => Matrix::Identity,
        Matrix::Identity => Matrix::Unspecified,
        // JFIF knows one matrix whatever the size, and so does VP8 (RFC 6386 section 9.2).
        Matrix::Unspecified if matches!(codec, Codec::Mjpeg | Codec::Vp8) => Matrix::Bt601,
        matrix => matrix,
    };
    let range = match stated.range {
        _ if layout.is_full => Range::Full,
        Range::Unspecified if layout.is_rgb => Range::Full,
        range => range,
    };
    Color { matrix, range, ..stated }
}

/// How the planes of a frame are laid out.
#[derive(Clone, Copy, Debug)]
struct Layout {
    depth: u8,
    shift: (u8, u8),
    planes: usize,
    has_alpha: bool,
    is_rgb: bool,
    is_full: bool,
}

impl Layout {
    fn of(frame: &Frame) -> Result<Layout> {
        let format = frame.raw().format;
        // SAFETY: of a number the function gives a static description, or null where it names no format; libav's C takes
        // the enumeration as an int.
        let describe: unsafe extern "C" fn(i32) -> *const av::AVPixFmtDescriptor =
            unsafe { std::mem::transmute(av::av_pix_fmt_desc_get as unsafe extern "C" fn(av::AVPixelFormat) -> _) };
        // SAFETY: as above; what it gives lives for ever.
        let description = unsafe { describe(format).as_ref() }.ok_or_else(|| unknown_layout("unknown"))?;
        Layout::described(description, is_full_by_name(format))
    }

    fn described(description: &av::AVPixFmtDescriptor, is_full: bool) -> Result<Layout> {
        const REFUSED: i32 = av::AV_PIX_FMT_FLAG_BE
            | av::AV_PIX_FMT_FLAG_PAL
            | av::AV_PIX_FMT_FLAG_BITSTREAM
            | av::AV_PIX_FMT_FLAG_HWACCEL
            | av::AV_PIX_FMT_FLAG_FLOAT
            | av::AV_PIX_FMT_FLAG_BAYER;
        let has = |flag: i32| description.flags & flag as u64 != 0;
        let planes = usize::from(description.nb_components);
        let components = description.comp.get(..planes).unwrap_or_default();
        let depth = components.first().map_or(0, |first| first.depth);
        let step = if depth > 8 { 2 } else { 1 };
        let is_plain = components.iter().enumerate().all(|(at, component)| {
            let own_plane = planes == 1 || has(av::AV_PIX_FMT_FLAG_RGB) || component.plane == at as i32;
            own_plane
                && component.depth == depth
                && component.step == step
                && component.offset == 0
                && component.shift == 0
        });
        let has_alpha = has(av::AV_PIX_FMT_FLAG_ALPHA);
        let counted = matches!((planes, has_alpha), (1 | 3, false) | (4, true));
        if !is_plain || !counted || has(REFUSED) || !(8..=16).contains(&depth) {
            return Err(unknown_layout("not planar"));
        }
        Ok(Layout {
            depth: depth as u8,
            shift: (description.log2_chroma_w, description.log2_chroma_h),
            planes,
            has_alpha,
            is_rgb: planes > 1 && has(av::AV_PIX_FMT_FLAG_RGB),
            is_full,
        })
    }
}

fn unknown_layout(what: &str) -> Error {
    Error::unsupported(format!("pictures of this pixel format ({what}) are not supported"))
}

/// True for the formats whose very name says full range.
fn is_full_by_name(format: i32) -> bool {
    use av::AVPixelFormat::{AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P};
    use av::AVPixelFormat::{AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ444P};
    [AV_PIX_FMT_YUVJ411P, AV_PIX_FMT_YUVJ420P, AV_PIX_FMT_YUVJ422P, AV_PIX_FMT_YUVJ440P, AV_PIX_FMT_YUVJ444P]
        .iter()
        .any(|&full| full as i32 == format)
}

fn planes(frame: &Arc<Frame>, layout: &Layout, codec: Codec) -> Result<Planes> {
    let full = stated(frame).size;
    let (right, down) = layout.shift;
    let small = Size { width: shrunk(full.width, right), height: shrunk(full.height, down) };
    let chroma = match layout.planes {
        1 => None,
        _ => Some((plane(frame, 1, small, layout.depth)?, plane(frame, 2, small, layout.depth)?)),
    };
    Ok(Planes {
        y: plane(frame, 0, full, layout.depth)?,
        chroma,
        alpha: layout.has_alpha.then(|| plane(frame, 3, full, layout.depth)).transpose()?,
        depth: layout.depth,
        shift: layout.shift,
        left_sited: is_left_sited(frame, codec),
        interlaced: frame.raw().interlaced_frame != 0,
    })
}

/// A length divided by a power of two, rounded up.
fn shrunk(length: u32, shift: u8) -> u32 {
    length.div_ceil(1 << shift.min(3))
}

fn is_left_sited(frame: &Frame, codec: Codec) -> bool {
    // SAFETY: read as the integer that C's enumeration is.
    match unsafe { (&raw const frame.raw().chroma_location).cast::<u32>().read() } {
        // Left, top left, bottom left.
        1 | 3 | 5 => true,
        // Not stated: between the samples in MPEG-1 and JPEG, left in all that came later.
        0 => !matches!(codec, Codec::Mpeg1 | Codec::Mjpeg),
        _ => false,
    }
}

/// The bytes of one plane of a frame, which live as long as anybody holds them.
struct PlaneBytes {
    frame: Arc<Frame>,
    at: usize,
    length: usize,
}

impl AsRef<[u8]> for PlaneBytes {
    fn as_ref(&self) -> &[u8] {
        let start = self.frame.raw().data[self.at];
        // SAFETY: `plane` checked that the plane begins at a pointer that is not null and that its stride is positive; its
        // last row ends `length` bytes on, inside the buffer that the frame holds a count of.
        unsafe { std::slice::from_raw_parts(start, self.length) }
    }
}

fn plane(frame: &Arc<Frame>, at: usize, size: Size, depth: u8) -> Result<Plane> {
    let raw = frame.raw();
    let row = size.width as usize * if depth > 8 { 2 } else { 1 };
    let stride = usize::try_from(raw.linesize[at]).unwrap_or(0);
    if raw.data[at].is_null() || size.is_empty() || stride < row {
        return Err(Error::new(Kind::Internal, "the decoder gave a picture without planes"));
    }
    let length = stride * (size.height as usize - 1) + row;
    let data = Bytes::from_owner(PlaneBytes { frame: Arc::clone(frame), at, length });
    Ok(Plane { data, stride, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(aspect: (i64, i64), expected: (u32, u32)) {
        assert_eq!(sample_aspect(aspect.0, aspect.1), expected);
    }

    #[test]
    fn a_sample_aspect_is_reduced_and_believable() {
        check((64, 45), (64, 45));
        check((128, 90), (64, 45));
        check((0, 1), (1, 1));
        check((1, 0), (1, 1));
        check((-4, 3), (1, 1));
        check((4000, 3), (1, 1));
        check((i64::MAX, i64::MAX - 1), (1, 1));
    }
}
