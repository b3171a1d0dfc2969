//! One field of a picture of two: lines that show two moments in turn are combs wherever something moves.

use crate::media::picture::{Color, Size};
use crate::thumbnail::{Geometry, Picture, Pixels, Plane, Planes};

use super::place;

/// The first field of an interlaced picture where it has the lines that `geometry` asks for; `None` where all lines are needed,
/// and for every other picture.
pub(super) fn enough(picture: &Picture, geometry: &Geometry) -> Option<Picture> {
    let Pixels::Yuv(planes) = &picture.pixels else { return None };
    let placement = place::placement(picture.size, picture.orientation, geometry);
    let has_lines = f64::from(placement.target.height) * 2.0 <= placement.window.height;
    if !planes.interlaced || !has_lines {
        return None;
    }
    let (wide, high) = picture.sample_aspect;
    // What the matrix is may be taken from the height of the whole.
    let matrix = picture.color.matrix_for(picture.size.height);
    Some(Picture {
        size: halved(picture.size),
        sample_aspect: (wide, high.saturating_mul(2)),
        color: Color { matrix, ..picture.color },
        orientation: picture.orientation,
        pixels: Pixels::Yuv(Planes {
            y: every_other_line(&planes.y),
            chroma: planes.chroma.as_ref().map(|(u, v)| (every_other_line(u), every_other_line(v))),
            alpha: planes.alpha.as_ref().map(every_other_line),
            ..planes.clone()
        }),
    })
}

fn every_other_line(plane: &Plane) -> Plane {
    Plane { data: plane.data.clone(), stride: plane.stride.saturating_mul(2), size: halved(plane.size) }
}

fn halved(size: Size) -> Size {
    Size { width: size.width, height: size.height / 2 }
}
