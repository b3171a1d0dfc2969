//! Baseline JPEG from planes (ITU-T T.81, JFIF by ITU-T T.871), and a PDF page around one.

use std::borrow::Cow;

use pdf_writer::{Content, Filter, Finish, Name, Pdf, Rect, Ref};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp, YuvPlanesImage};

use super::{failed, misfit};
use crate::error::Result;
use crate::media::picture::Size;
use crate::thumbnail::{Encoding, Raster, RasterPixels};

/// Points in an inch: the unit of a PDF page (ISO 32000-2 section 8.3.2.3).
const POINTS: u16 = 72;

/// A JPEG file; density, if any, in its JFIF header.
pub(super) fn encode(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let mut compressor = Compressor::new().map_err(failed)?;
    compressor.set_quality(i32::from(encoding.quality.clamp(1, 100))).map_err(failed)?;
    let file = match &raster.pixels {
        RasterPixels::Yuv420(planes) => {
            compressor.compress_yuv_planes_to_owned(&planes_of(raster.size, planes, Subsamp::Sub2x2).as_deref())
        }
        RasterPixels::Yuv444(planes) => {
            compressor.compress_yuv_planes_to_owned(&planes_of(raster.size, planes, Subsamp::None).as_deref())
        }
        RasterPixels::Rgb8(pixels) => {
            compressor.set_subsamp(Subsamp::Sub2x2).map_err(failed)?;
            let (width, height) = (raster.size.width as usize, raster.size.height as usize);
            let image = Image { pixels: &pixels[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
            compressor.compress_to_owned(image)
        }
        _ => return Err(misfit()),
    };
    let mut file = file.map_err(failed)?.to_vec();
    set_density(&mut file, encoding.density);
    Ok(file)
}

/// Planes as libjpeg takes them: luma with an even number of columns and rows where chroma is halved.
fn planes_of(size: Size, [y, u, v]: &[Vec<u8>; 3], subsamp: Subsamp) -> YuvPlanesImage<Cow<'_, [u8]>> {
    let (width, height) = (size.width as usize, size.height as usize);
    let (across, down) = subsamp.size();
    let y_stride = width.next_multiple_of(across);
    let even = y_stride == width && height.is_multiple_of(down);
    YuvPlanesImage {
        y_plane: if even { y.into() } else { padded(y, width).into() },
        u_plane: u.into(),
        v_plane: v.into(),
        width,
        height,
        y_stride,
        u_stride: width.div_ceil(across),
        v_stride: width.div_ceil(across),
        subsamp,
    }
}

/// Rows of `width` with the last column and the last row repeated up to an even number.
fn padded(plane: &[u8], width: usize) -> Vec<u8> {
    let even = width.next_multiple_of(2);
    let mut out = Vec::with_capacity((plane.len() / width + 1) * even);
    for row in plane.chunks_exact(width) {
        out.extend_from_slice(row);
        out.extend(row.last().filter(|_| even != width));
    }
    if (out.len() / even) % 2 == 1 {
        out.extend_from_within(out.len() - even..);
    }
    out
}

/// Writes dots per inch into the JFIF header, which libjpeg puts first (ITU-T T.871 section 10.1).
fn set_density(file: &mut [u8], density: u16) {
    const JFIF_AT: usize = 6;
    const UNIT_AT: usize = 13;
    let is_jfif = file.get(JFIF_AT..JFIF_AT + 5) == Some(b"JFIF\0");
    if density == 0 || !is_jfif {
        return;
    }
    let [high, low] = density.to_be_bytes();
    // Unit one is dots per inch; then across, then down.
    if let Some(field) = file.get_mut(UNIT_AT..UNIT_AT + 5) {
        field.copy_from_slice(&[1, high, low, high, low]);
    }
}

/// A PDF file of one page that a JPEG fills; 72 dots per inch where no density is given.
pub(super) fn in_pdf(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let picture = encode(raster, encoding)?;
    let (width, height) = (raster.size.width, raster.size.height);
    let density = if encoding.density == 0 { POINTS } else { encoding.density };
    let points = |pixels: u32| pixels as f32 * f32::from(POINTS) / f32::from(density);
    let (catalog, tree, page, image, content) = (Ref::new(1), Ref::new(2), Ref::new(3), Ref::new(4), Ref::new(5));
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    pdf.pages(tree).kids([page]).count(1);
    let mut writer = pdf.page(page);
    writer.media_box(Rect::new(0.0, 0.0, points(width), points(height))).parent(tree).contents(content);
    writer.resources().x_objects().pair(Name(b"P"), image);
    writer.finish();
    let mut object = pdf.image_xobject(image, &picture);
    object.width(width as i32).height(height as i32).bits_per_component(8);
    object.filter(Filter::DctDecode);
    object.color_space().device_rgb();
    object.finish();
    let mut drawing = Content::new();
    drawing.transform([points(width), 0.0, 0.0, points(height), 0.0, 0.0]).x_object(Name(b"P"));
    pdf.stream(content, &drawing.finish());
    Ok(pdf.finish())
}
