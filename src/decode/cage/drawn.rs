//! A picture on its way from a worker: its description, and its planes in memory handed over. Whoever receives it believes
//! nothing of it that could lead outside that memory.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::channel::{Bulk, Fault};
use crate::decode::planes::sample_aspect;
use crate::media::picture::{Color, Orientation, Size};
use crate::thumbnail::{Packed, Picture, Pixels, Plane, Planes};

/// Bytes that decoders leave between rows at most, beside as many as a row has.
const GAP_MAX: u64 = 4096;

/// Planes begin at multiples of this.
const ALIGN: u64 = 64;

/// What of a picture is not its planes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Drawn {
    size: Size,
    sample_aspect: (u32, u32),
    orientation: Orientation,
    color: Color,
    pixels: Kind,
}

/// How the pixels lie.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Kind {
    /// Luma, blue difference, red difference, opacity, one after another: of those there are, the bytes of a row.
    Yuv {
        y: u64,
        chroma: Option<[u64; 2]>,
        alpha: Option<u64>,
        depth: u8,
        shift: (u8, u8),
        left_sited: bool,
        interlaced: bool,
    },
    /// Rows without gaps.
    Packed { has_alpha: bool, is_wide: bool },
}

/// A picture taken apart, with the planes in the order in which they are handed over.
pub(super) fn take_apart(picture: &Picture) -> (Drawn, Vec<Bytes>) {
    let Picture { size, sample_aspect, orientation, color, ref pixels } = *picture;
    let (pixels, parts) = match pixels {
        Pixels::Yuv(planes) => planar(planes),
        Pixels::Packed(packed) => interleaved(packed),
    };
    (Drawn { size, sample_aspect, orientation, color, pixels }, parts)
}

/// How many bytes come before what is to begin after `length` bytes.
pub(super) fn padding(length: u64) -> u64 {
    length.next_multiple_of(ALIGN) - length
}

fn planar(planes: &Planes) -> (Kind, Vec<Bytes>) {
    let stride = |plane: &Plane| plane.stride as u64;
    let kind = Kind::Yuv {
        y: stride(&planes.y),
        chroma: planes.chroma.as_ref().map(|(u, v)| [stride(u), stride(v)]),
        alpha: planes.alpha.as_ref().map(stride),
        depth: planes.depth,
        shift: planes.shift,
        left_sited: planes.left_sited,
        interlaced: planes.interlaced,
    };
    let (u, v) = planes.chroma.as_ref().map_or((None, None), |(u, v)| (Some(u), Some(v)));
    let all = [Some(&planes.y), u, v, planes.alpha.as_ref()];
    let needed = |plane: &Plane| {
        let length = rows(plane.size, plane.stride as u64, planes.depth).unwrap_or(u64::MAX);
        plane.data.slice(..plane.data.len().min(usize::try_from(length).unwrap_or(usize::MAX)))
    };
    let mut parts: Vec<Bytes> = all.into_iter().flatten().map(needed).collect();
    let last = all.into_iter().flatten().next_back();
    let rest = last.map_or(0, |plane| rest(plane.size, plane.stride as u64, planes.depth));
    parts.extend((rest > 0).then(|| vec![0; usize::try_from(rest).unwrap_or(0)].into()));
    (kind, parts)
}

fn interleaved(packed: &Packed) -> (Kind, Vec<Bytes>) {
    let wide = |samples: &[u16]| samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect::<Vec<u8>>().into();
    let (has_alpha, is_wide, bytes) = match packed {
        Packed::Rgb8(bytes) => (false, false, bytes.clone()),
        Packed::Rgba8(bytes) => (true, false, bytes.clone()),
        Packed::Rgb16(samples) => (false, true, wide(samples)),
        Packed::Rgba16(samples) => (true, true, wide(samples)),
    };
    (Kind::Packed { has_alpha, is_wide }, vec![bytes])
}

/// Bytes from the first of a plane to its last; `None` where its rows overlap or lie far apart, or where there are none.
fn rows(size: Size, stride: u64, depth: u8) -> Option<u64> {
    let sample = if depth > 8 { 2 } else { 1 };
    let row = u64::from(size.width) * sample;
    let is_sound = row > 0 && (row..=2 * row + GAP_MAX).contains(&stride) && stride.is_multiple_of(sample);
    let gaps = is_sound.then_some(stride)?.checked_mul(u64::from(size.height.checked_sub(1)?))?;
    gaps.checked_add(row)
}

/// Bytes from the end of a row to the next. What scales planes wants those of the last row too; for all planes but the last
/// one, they are what comes next.
fn rest(size: Size, stride: u64, depth: u8) -> u64 {
    stride.saturating_sub(u64::from(size.width) * if depth > 8 { 2 } else { 1 })
}

impl Drawn {
    /// The picture whose pixels are `bulk`, of at most `pixels_max` pixels.
    pub(super) fn put_together(self, bulk: Bulk, pixels_max: u64) -> Result<Picture, Fault> {
        let Drawn { size, sample_aspect: (wide, high), orientation, color, pixels } = self;
        if size.is_empty() || size.area() > pixels_max {
            return Err(Fault::Nonsense("a picture of a size that is not decoded"));
        }
        let pixels = match pixels {
            Kind::Yuv { .. } => Pixels::Yuv(planes(pixels, size, bulk)?),
            Kind::Packed { has_alpha, is_wide } => Pixels::Packed(packed(size, has_alpha, is_wide, bulk)?),
        };
        Ok(Picture { size, sample_aspect: sample_aspect(wide.into(), high.into()), orientation, color, pixels })
    }
}

fn planes(kind: Kind, size: Size, bulk: Bulk) -> Result<Planes, Fault> {
    let Kind::Yuv { y, chroma, alpha, depth, shift, left_sited, interlaced } = kind else {
        return Err(Fault::Nonsense("planes that are none"));
    };
    if !(8..=16).contains(&depth) || shift.0 > 3 || shift.1 > 3 {
        return Err(Fault::Nonsense("planes of a kind that is not decoded"));
    }
    let halved = |side: u32, times: u8| side.div_ceil(1 << times);
    let small = Size { width: halved(size.width, shift.0), height: halved(size.height, shift.1) };
    let [u, v] = chroma.map_or([None, None], |strides| strides.map(Some));
    let mut end = 0_u64;
    let places = [(Some(y), size), (u, small), (v, small), (alpha, size)].map(|(stride, size)| {
        let stride = stride?;
        let place = rows(size, stride, depth).and_then(|length| {
            let start = end.checked_add(padding(end))?;
            end = start.checked_add(length)?;
            Some((start..end, stride, size))
        });
        Some(place.ok_or(Fault::Nonsense("planes whose rows do not fit")))
    });
    let (stride, size) = if let Some(stride) = alpha { (stride, size) } else { v.map_or((y, size), |v| (v, small)) };
    let rest = rest(size, stride, depth);
    let whole = if rest > 0 { end.checked_add(padding(end)).and_then(|end| end.checked_add(rest)) } else { Some(end) };
    let bytes = bulk.open(whole.ok_or(Fault::Nonsense("planes whose rows do not fit"))?)?;
    let mut planes = places.into_iter().map(|place| -> Result<Option<Plane>, Fault> {
        let Some((range, stride, size)) = place.transpose()? else { return Ok(None) };
        // Inside `bytes`, and so within what an address can be.
        let end = range.end.saturating_add(self::rest(size, stride, depth)).min(bytes.len() as u64);
        let data = bytes.slice(range.start as usize..end as usize);
        Ok(Some(Plane { data, stride: stride as usize, size }))
    });
    let mut next = || planes.next().unwrap_or(Ok(None));
    let luma = next()?.ok_or(Fault::Nonsense("a picture without luma"))?;
    let chroma = next()?.zip(next()?);
    Ok(Planes { y: luma, chroma, alpha: next()?, depth, shift, left_sited, interlaced })
}

fn packed(size: Size, has_alpha: bool, is_wide: bool, bulk: Bulk) -> Result<Packed, Fault> {
    let channels = if has_alpha { 4 } else { 3 };
    let length = size.area().checked_mul(channels * if is_wide { 2 } else { 1 });
    let bytes = bulk.open(length.ok_or(Fault::Nonsense("a picture of a size that is not decoded"))?)?;
    let wide = || bytes.as_chunks().0.iter().map(|&sample| u16::from_ne_bytes(sample)).collect();
    Ok(match (has_alpha, is_wide) {
        (false, false) => Packed::Rgb8(bytes),
        (true, false) => Packed::Rgba8(bytes),
        (false, true) => Packed::Rgb16(wide()),
        (true, true) => Packed::Rgba16(wide()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::sealed::Filling;
    use super::*;

    const SIZE: Size = Size { width: 5, height: 3 };

    fn plane(size: Size, stride: usize, first: u8) -> Plane {
        let data = (0..stride * size.height as usize).map(|at| first.wrapping_add(at as u8)).collect::<Vec<u8>>();
        Plane { data: data.into(), stride, size }
    }

    fn picture(pixels: Pixels) -> Picture {
        Picture {
            size: SIZE,
            sample_aspect: (4, 3),
            orientation: Orientation::from_exif(6),
            color: Color::default(),
            pixels,
        }
    }

    fn yuv() -> Planes {
        let small = Size { width: 3, height: 2 };
        Planes {
            y: plane(SIZE, 32, 0),
            chroma: Some((plane(small, 16, 100), plane(small, 16, 150))),
            alpha: Some(plane(SIZE, 8, 200)),
            depth: 8,
            shift: (1, 1),
            left_sited: true,
            interlaced: false,
        }
    }

    fn bytes(parts: &[Bytes]) -> Vec<u8> {
        parts.iter().fold(Vec::new(), |mut all, part| {
            all.resize(all.len() + padding(all.len() as u64) as usize, 0);
            all.extend_from_slice(part);
            all
        })
    }

    fn sealed(bytes: &[u8]) -> Bulk {
        let mut filling = Filling::new().unwrap();
        filling.append(bytes).unwrap();
        Bulk::Sealed(filling.seal().unwrap())
    }

    /// What stays of pixels on their way.
    fn contents(picture: &Picture) -> String {
        let rows = |plane: &Plane| {
            let rows = plane.data.chunks(plane.stride).take(plane.size.height as usize);
            rows.map(|row| row[..plane.size.width as usize].to_vec()).collect::<Vec<_>>()
        };
        let pixels = match &picture.pixels {
            Pixels::Yuv(planes) => {
                let chroma = planes.chroma.as_ref().map(|(u, v)| (rows(u), rows(v)));
                format!("{:?} {chroma:?} {:?}", rows(&planes.y), planes.alpha.as_ref().map(rows))
            }
            Pixels::Packed(packed) => format!("{packed:?}"),
        };
        format!("{:?} {:?} {:?} {pixels}", picture.size, picture.sample_aspect, picture.orientation)
    }

    #[test]
    fn pictures_arrive_as_they_left() {
        let all: Vec<u8> = (0..60).collect();
        let wide: Vec<u16> = (0..60).map(|at| at * 1000).collect();
        for pixels in [
            Pixels::Yuv(yuv()),
            Pixels::Yuv(Planes { chroma: None, alpha: None, ..yuv() }),
            Pixels::Packed(Packed::Rgb8(all[..45].to_vec().into())),
            Pixels::Packed(Packed::Rgba8(all.into())),
            Pixels::Packed(Packed::Rgb16(wide[..45].to_vec())),
            Pixels::Packed(Packed::Rgba16(wide)),
        ] {
            let sent = picture(pixels);
            let (drawn, parts) = take_apart(&sent);
            let bytes = bytes(&parts);
            for bulk in [Bulk::Inline(bytes.clone().into()), sealed(&bytes)] {
                let came = drawn.put_together(bulk, SIZE.area()).unwrap();
                assert_eq!(contents(&came), contents(&sent));
            }
        }
    }

    #[track_caller]
    fn refused(lie: impl Fn(&mut Drawn)) {
        let (mut drawn, parts) = take_apart(&picture(Pixels::Yuv(yuv())));
        let bytes = bytes(&parts);
        lie(&mut drawn);
        for bulk in [Bulk::Inline(bytes.clone().into()), sealed(&bytes)] {
            assert!(matches!(drawn.put_together(bulk, 1 << 20), Err(Fault::Nonsense(_))), "{drawn:?}");
        }
    }

    #[test]
    fn what_a_worker_says_of_planes_never_leads_outside_them() {
        let yuv = |y, chroma, alpha, depth, shift| {
            move |drawn: &mut Drawn| {
                drawn.pixels = Kind::Yuv { y, chroma, alpha, depth, shift, left_sited: true, interlaced: false };
            }
        };
        let of_size = |width, height| move |drawn: &mut Drawn| drawn.size = Size { width, height };
        refused(of_size(0, 3));
        refused(of_size(5, 0));
        refused(of_size(5, 40));
        refused(of_size(1 << 10, (1 << 10) + 1));
        refused(of_size(u32::MAX, u32::MAX));
        refused(yuv(64, Some([16, 16]), Some(8), 8, (1, 1)));
        refused(yuv(4, Some([16, 16]), Some(8), 8, (1, 1)));
        refused(yuv(0, Some([16, 16]), Some(8), 8, (1, 1)));
        refused(yuv(u64::MAX, Some([16, 16]), Some(8), 8, (1, 1)));
        refused(yuv(u64::MAX / 2, Some([u64::MAX / 2, 16]), Some(8), 8, (1, 1)));
        refused(yuv(32, Some([16, 16]), None, 8, (1, 1)));
        refused(yuv(32, None, Some(8), 8, (1, 1)));
        refused(yuv(32, Some([64, 16]), Some(8), 8, (1, 1)));
        refused(yuv(32, Some([16, 16]), Some(8), 8, (1, 31)));
        refused(yuv(32, Some([16, 16]), Some(8), 10, (1, 1)));
        refused(yuv(32, Some([16, 16]), Some(8), 0, (1, 1)));
        refused(yuv(32, Some([16, 16]), Some(8), 32, (1, 1)));
        refused(|drawn| drawn.pixels = Kind::Packed { has_alpha: true, is_wide: true });
    }

    #[test]
    fn no_sample_aspect_divides_by_zero() {
        let (mut drawn, parts) = take_apart(&picture(Pixels::Yuv(yuv())));
        for aspect in [(0, 0), (0, 1), (1, 0), (u32::MAX, 1)] {
            drawn.sample_aspect = aspect;
            let came = drawn.put_together(Bulk::Inline(bytes(&parts).into()), 1 << 20).unwrap();
            assert_eq!(came.sample_aspect, (1, 1));
        }
    }
}
