//! Geometry and picture to a raster: cropped, scaled, upright, in the colours and the layout asked for.

pub(super) mod color;
mod fields;
pub(super) mod grid;
mod light;
mod pack;
mod place;
mod resample;
mod wide;

use vedette_scale::Window;

use self::color::Meaning;
use self::grid::Grid;
use self::pack::Level;
use self::place::Placement;
use self::resample::{Interleaved, Sample};
use super::{Encoding, Format, Geometry, Layout, Packed, Picture, Pixels, Plane, Planes, Raster, RasterPixels, Rgb};
use crate::error::{Error, Kind, Result};
use crate::media::picture::{Matrix, Primaries, Size, Transfer};

/// JPEG quality from which chroma is kept at full size.
const FULL_CHROMA_QUALITY: u8 = 90;

/// The pixels that `encoding` needs for `picture`: chroma at half size below quality 90, alpha only where the format and
/// the picture have any.
pub fn layout_for(encoding: &Encoding, picture: &Picture) -> Layout {
    let alpha_or = |opaque| if picture.has_alpha() { Layout::Rgba8 } else { opaque };
    match encoding.format {
        Format::Jpeg | Format::Pdf if encoding.quality < FULL_CHROMA_QUALITY => Layout::Yuv420,
        Format::Jpeg | Format::Pdf => Layout::Yuv444,
        Format::Png | Format::Png8 | Format::Gif | Format::Tiff | Format::Webp | Format::Avif => alpha_or(Layout::Rgb8),
        Format::Png24 | Format::Bmp | Format::Psd => Layout::Rgb8,
        Format::Png32 => Layout::Rgba8,
        Format::Png48 => Layout::Rgb16,
        Format::Png64 => Layout::Rgba16,
    }
}

/// `picture` as `geometry` says, on a canvas of `background`, which also shows through where `layout` has no alpha or
/// there is padding.
pub fn render(picture: &Picture, geometry: &Geometry, background: Rgb, layout: Layout) -> Result<Raster> {
    check(picture, geometry)?;
    let field = fields::enough(picture, geometry);
    let picture = field.as_ref().unwrap_or(picture);
    let placement = place::placement(picture.size, picture.orientation, geometry);
    let task = Task { picture, geometry, background, layout, placement };
    let pixels = match &picture.pixels {
        Pixels::Yuv(planes) if planes.alpha.is_some() => task.translucent(planes)?,
        Pixels::Yuv(planes) if task.is_plain(planes) => task.plain(planes)?,
        Pixels::Yuv(planes) => task.wide(planes)?,
        Pixels::Packed(packed) => task.packed(packed)?,
    };
    Ok(Raster { size: geometry.canvas, pixels })
}

fn check(picture: &Picture, geometry: &Geometry) -> Result<()> {
    let crop = geometry.crop;
    let inside =
        |start: u32, length: u32, whole: u32| length > 0 && start.checked_add(length).is_some_and(|end| end <= whole);
    let kept =
        inside(crop.x, crop.width, geometry.reference.width) && inside(crop.y, crop.height, geometry.reference.height);
    let (scaled, canvas) = (geometry.scaled, geometry.canvas);
    let placed =
        inside(geometry.left, scaled.width, canvas.width) && inside(geometry.top, scaled.height, canvas.height);
    if !kept || !placed || picture.size.is_empty() {
        return Err(Error::new(Kind::Internal, "a geometry that does not hold together"));
    }
    Ok(())
}

/// One rendering.
struct Task<'a> {
    picture: &'a Picture,
    geometry: &'a Geometry,
    background: Rgb,
    layout: Layout,
    placement: Placement,
}

impl Task<'_> {
    /// Whether 8-bit planes can stay planes, or go to 8-bit colours by the matrix alone.
    fn is_plain(&self, planes: &Planes) -> bool {
        let color = self.picture.color;
        planes.depth <= 8
            && color.matrix != Matrix::Identity
            && (color.transfer, color.primaries) == (Transfer::Sdr, Primaries::Bt709)
            && !matches!(self.layout, Layout::Rgb16 | Layout::Rgba16)
    }

    /// 8-bit planes of standard colours: scaled as planes.
    fn plain(&self, planes: &Planes) -> Result<RasterPixels> {
        let orientation = self.picture.orientation;
        let y = resample::plane8(&planes.y, self.placement.window, self.placement.target)?.turned(orientation);
        let chroma_size = self.chroma_size();
        let chroma = |plane| -> Result<Grid<u8>> {
            let part = ChromaPart { plane, planes, window: self.placement.window };
            Ok(part.scaled(chroma_size.turned(orientation), resample::plane8)?.turned(orientation))
        };
        let (u, v) = match &planes.chroma {
            Some((u, v)) => (chroma(u)?, chroma(v)?),
            None => (Grid::filled(chroma_size, &[128]), Grid::filled(chroma_size, &[128])),
        };
        let meaning = Meaning::of(self.picture.color, self.picture.size.height, 8);
        let mut small = [y, u, v];
        if !self.wants_yuv() {
            return Ok(self.colours(color::to_rgb(&small, &meaning)));
        }
        color::to_jfif(&mut small, &meaning);
        Ok(self.yuv(small))
    }

    /// Planes of any kind: scaled as planes, then converted in floating point.
    fn wide(&self, planes: &Planes) -> Result<RasterPixels> {
        let (y, chroma) = self.small_planes(planes, self.placement)?;
        let orientation = self.picture.orientation;
        let y = y.turned(orientation);
        let chroma = chroma.map(|(u, v)| (u.turned(orientation), v.turned(orientation)));
        let source = self.source(planes);
        Ok(match self.layout {
            Layout::Yuv420 | Layout::Yuv444 => self.yuv(source.to_jfif(&y, chroma.as_ref())),
            Layout::Rgb8 | Layout::Rgba8 => self.colours(source.to_rgb8(&y, chroma.as_ref())),
            Layout::Rgb16 | Layout::Rgba16 => self.colours(source.to_rgb16(&y, chroma.as_ref())),
        })
    }

    /// Planes with alpha: made colours first, so that scaling can weigh them by alpha.
    fn translucent(&self, planes: &Planes) -> Result<RasterPixels> {
        let size = self.picture.size;
        let whole = Placement { window: place::whole(size), target: size };
        let (y, chroma) = self.small_planes(planes, whole)?;
        let alpha = planes.alpha.as_ref().map(|plane| any_depth(planes.depth)(plane, place::whole(plane.size), size));
        let alpha = wide::alpha16(alpha.transpose()?, planes.depth, size);
        let colours = self.source(planes).to_rgb16(&y, chroma.as_ref());
        let pixels = colours.data.as_chunks::<3>().0.iter().zip(&alpha.data);
        if planes.depth <= 8 {
            let data: Vec<u8> = pixels.flat_map(|(&[r, g, b], &a)| [r, g, b, a].map(pack::narrowed)).collect();
            return self.interleaved(&Interleaved { data: &data, channels: 4, size });
        }
        let data: Vec<u16> = pixels.flat_map(|(&[r, g, b], &a)| [r, g, b, a]).collect();
        self.interleaved(&Interleaved { data: &data, channels: 4, size })
    }

    /// Interleaved pixels.
    fn packed(&self, packed: &Packed) -> Result<RasterPixels> {
        let size = self.picture.size;
        match packed {
            Packed::Rgb8(data) => self.interleaved(&Interleaved { data, channels: 3, size }),
            Packed::Rgba8(data) => self.interleaved(&Interleaved { data, channels: 4, size }),
            Packed::Rgb16(data) => self.interleaved(&Interleaved { data, channels: 3, size }),
            Packed::Rgba16(data) => self.interleaved(&Interleaved { data, channels: 4, size }),
        }
    }

    fn interleaved<T: Level>(&self, source: &Interleaved<'_, T>) -> Result<RasterPixels> {
        let Placement { window, target } = self.placement;
        Ok(self.colours(source.scaled(window, target)?.turned(self.picture.orientation)))
    }

    /// The planes of `planes` in a placement, chroma at luma's size, one kind of number for every depth.
    fn small_planes(&self, planes: &Planes, placed: Placement) -> Result<Deep> {
        let scale = any_depth(planes.depth);
        let y = scale(&planes.y, placed.window, placed.target)?;
        let Some((u, v)) = &planes.chroma else { return Ok((y, None)) };
        let chroma = |plane| ChromaPart { plane, planes, window: placed.window }.scaled(placed.target, scale);
        Ok((y, Some((chroma(u)?, chroma(v)?))))
    }

    fn source(&self, planes: &Planes) -> wide::Source {
        wide::Source { color: self.picture.color, lines: self.picture.size.height, depth: planes.depth }
    }

    fn wants_yuv(&self) -> bool {
        matches!(self.layout, Layout::Yuv420 | Layout::Yuv444)
    }

    /// Whether chroma gets its half size, across and down, already when it is scaled. Where the kept part does not lie on
    /// the canvas's pairs of pixels, it is halved on the canvas instead.
    fn halved(&self) -> (bool, bool) {
        let geometry = self.geometry;
        let even = |start: u32, length: u32| start.is_multiple_of(2) && length.is_multiple_of(2);
        let wanted = self.layout == Layout::Yuv420;
        let across = wanted && even(geometry.left, geometry.scaled.width);
        (across, wanted && even(geometry.top, geometry.scaled.height))
    }

    /// The size that chroma is scaled to, upright.
    fn chroma_size(&self) -> Size {
        let (across, down) = self.halved();
        let half = |halved, side: u32| if halved { side / 2 } else { side };
        Size { width: half(across, self.geometry.scaled.width), height: half(down, self.geometry.scaled.height) }
    }

    /// JPEG's luma and chroma on the canvas; chroma that is not of the size of the layout yet is halved there.
    fn yuv(&self, [y, u, v]: [Grid<u8>; 3]) -> RasterPixels {
        let (canvas, at) = (self.geometry.canvas, (self.geometry.left, self.geometry.top));
        let [black, blue, red] = color::jfif(self.background);
        let chroma = |grid: Grid<u8>, grey: u8| {
            let across = grid.size.width != self.geometry.scaled.width;
            let down = grid.size.height != self.geometry.scaled.height;
            let half = |halved, side: u32| if halved { side.div_ceil(2) } else { side };
            let size = Size { width: half(across, canvas.width), height: half(down, canvas.height) };
            let grid = grid.on_canvas(size, (half(across, at.0), half(down, at.1)), &[grey]);
            let wanted = self.layout == Layout::Yuv420;
            let grid = if wanted && !across { grid.halved_across() } else { grid };
            if wanted && !down { grid.halved_down() } else { grid }
        };
        let y = y.on_canvas(canvas, at, &[black]);
        let planes = [y.data, chroma(u, blue).data, chroma(v, red).data];
        if self.layout == Layout::Yuv420 { RasterPixels::Yuv420(planes) } else { RasterPixels::Yuv444(planes) }
    }

    /// Colours, perhaps with alpha, as the layout wants them, on the canvas.
    fn colours<T: Level>(&self, mut grid: Grid<T>) -> RasterPixels {
        let padded = self.geometry.canvas != self.geometry.scaled;
        let keeps_alpha = matches!(self.layout, Layout::Rgba8 | Layout::Rgba16);
        if grid.channels == 4 && (padded || !keeps_alpha) {
            grid = pack::composed(&grid, self.background);
        } else if grid.channels == 4 {
            pack::hide(&mut grid, self.background);
        }
        if self.wants_yuv() {
            return self.yuv(color::from_rgb(&T::to_bytes(grid)));
        }
        let (canvas, at) = (self.geometry.canvas, (self.geometry.left, self.geometry.top));
        let Rgb(r, g, b) = self.background;
        let pixel = [r, g, b, u8::MAX];
        let words = pixel.map(pack::widened);
        match self.layout {
            Layout::Rgba8 => {
                RasterPixels::Rgba8(pack::with_alpha(T::to_bytes(grid)).on_canvas(canvas, at, &pixel).data)
            }
            Layout::Rgb16 => RasterPixels::Rgb16(T::to_words(grid).on_canvas(canvas, at, &words[..3]).data),
            Layout::Rgba16 => {
                RasterPixels::Rgba16(pack::with_alpha(T::to_words(grid)).on_canvas(canvas, at, &words).data)
            }
            _ => RasterPixels::Rgb8(T::to_bytes(grid).on_canvas(canvas, at, &pixel[..3]).data),
        }
    }
}

/// Luma, and chroma of the same size unless the picture is grey.
type Deep = (Grid<u16>, Option<(Grid<u16>, Grid<u16>)>);

/// Scales a plane of so many bits to numbers of the same meaning.
fn any_depth(depth: u8) -> fn(&Plane, Window, Size) -> Result<Grid<u16>> {
    let bytes: fn(&Plane, Window, Size) -> Result<Grid<u16>> = |plane, window, target| {
        let grid = resample::plane8(plane, window, target)?;
        Ok(Grid { size: grid.size, channels: 1, data: grid.data.into_iter().map(u16::from).collect() })
    };
    if depth <= 8 { bytes } else { resample::plane16 }
}

/// A chroma plane and the part of the picture that is wanted of it.
struct ChromaPart<'a> {
    plane: &'a Plane,
    planes: &'a Planes,
    /// In samples of luma.
    window: Window,
}

impl ChromaPart<'_> {
    /// The part at `target` size, samples moved to where those between luma would be.
    fn scaled<T: Sample>(&self, target: Size, scale: fn(&Plane, Window, Size) -> Result<Grid<T>>) -> Result<Grid<T>> {
        let mut window = self.window.shrunk(self.planes.shift);
        // ISO/IEC 14496-10 figure E-1: a left-sited sample lies half a luma sample right of its square's left edge.
        let siting =
            if self.planes.left_sited { 0.5 - 0.5 / f64::from(1u32 << self.planes.shift.0.min(4)) } else { 0.0 };
        if window.left + siting + window.width <= f64::from(self.plane.size.width) {
            window.left += siting;
            return scale(self.plane, window, target);
        }
        let by = siting * f64::from(target.width) / window.width;
        Ok(resample::shifted(scale(self.plane, window, target)?, by))
    }
}

#[cfg(test)]
mod tests;
