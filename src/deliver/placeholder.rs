//! The pictures that stand for content without one, drawn once: a play sign for what is to come, bars for sound.

use std::sync::OnceLock;

use bytes::Bytes;

use crate::media::picture::Size;
use crate::plan::Placeholder;
use crate::thumbnail::{Packed, Picture, Pixels};

/// What the plan measures placeholders by: large enough for a player, and 16:9 as most players are.
const SIZE: Size = Size { width: 1280, height: 720 };
/// The middle.
const MIDDLE: Point = Point { x: 640.0, y: 360.0 };

/// A colour as numbers to count with, 0 to 255.
type Rgb = [f32; 3];

/// What is drawn.
struct Design {
    /// At the upper left corner.
    from: Rgb,
    /// At the lower right corner.
    to: Rgb,
    /// Of the sign.
    ink: Rgb,
    /// How far a point lies outside the sign, in pixels; negative inside.
    sign: fn(Point) -> f32,
}

const DRAFT: Design =
    Design { from: [52.0, 62.0, 82.0], to: [20.0, 25.0, 36.0], ink: [206.0, 214.0, 228.0], sign: play };
const AUDIO: Design =
    Design { from: [60.0, 52.0, 96.0], to: [18.0, 30.0, 52.0], ink: [190.0, 206.0, 240.0], sign: bars };

/// The picture.
pub(super) fn draw(what: Placeholder) -> Picture {
    static DRAWN: [OnceLock<Picture>; 2] = [const { OnceLock::new() }; 2];
    let (place, design) = match what {
        Placeholder::Draft => (0, DRAFT),
        Placeholder::Audio => (1, AUDIO),
    };
    DRAWN[place].get_or_init(|| drawn(&design)).clone()
}

fn drawn(design: &Design) -> Picture {
    let mut pixels = Vec::with_capacity(SIZE.area() as usize * 3);
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            pixels.extend(color(design, Point { x: x as f32 + 0.5, y: y as f32 + 0.5 }));
        }
    }
    Picture {
        size: SIZE,
        sample_aspect: (1, 1),
        orientation: Default::default(),
        color: Default::default(),
        pixels: Pixels::Packed(Packed::Rgb8(Bytes::from(pixels))),
    }
}

fn color(design: &Design, at: Point) -> [u8; 3] {
    let along = (at.x / SIZE.width as f32 + at.y / SIZE.height as f32) / 2.0;
    // Half a pixel each way is the soft edge.
    let cover = (0.5 - (design.sign)(at)).clamp(0.0, 1.0);
    let channel = |i: usize| {
        let ground = mix(design.from[i], design.to[i], along);
        mix(ground, design.ink[i], cover * 0.9).round().clamp(0.0, 255.0) as u8
    };
    [channel(0), channel(1), channel(2)]
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

/// A triangle with round corners in a ring.
fn play(at: Point) -> f32 {
    let ring = (at.minus(MIDDLE).length() - 128.0).abs() - 8.0;
    let corners = [Point { x: 608.0, y: 300.0 }, Point { x: 706.0, y: 360.0 }, Point { x: 608.0, y: 420.0 }];
    ring.min(outside_triangle(at, corners) - 10.0)
}

/// Upright bars with round ends, as loud as a bar of music.
fn bars(at: Point) -> f32 {
    const HALVES: [f32; 13] = [18.0, 42.0, 78.0, 54.0, 110.0, 146.0, 92.0, 128.0, 60.0, 98.0, 48.0, 66.0, 22.0];
    const STEP: f32 = 38.0;
    let first = MIDDLE.x - STEP * (HALVES.len() - 1) as f32 / 2.0;
    let distance = |(number, half): (usize, &f32)| {
        let y = (at.y - MIDDLE.y).clamp(-half, *half);
        let on_axis = Point { x: first + STEP * number as f32, y: MIDDLE.y + y };
        at.minus(on_axis).length() - 10.0
    };
    HALVES.iter().enumerate().map(distance).fold(f32::INFINITY, f32::min)
}

/// How far `at` lies outside a triangle whose corners go clockwise on the screen; negative inside.
fn outside_triangle(at: Point, corners: [Point; 3]) -> f32 {
    let mut nearest = f32::INFINITY;
    let mut inside = true;
    for i in 0..3 {
        let (a, b) = (corners[i], corners[(i + 1) % 3]);
        let (edge, to) = (b.minus(a), at.minus(a));
        let along = (to.dot(edge) / edge.dot(edge)).clamp(0.0, 1.0);
        let foot = Point { x: a.x + edge.x * along, y: a.y + edge.y * along };
        nearest = nearest.min(at.minus(foot).length());
        inside &= edge.x * to.y - edge.y * to.x >= 0.0;
    }
    if inside { -nearest } else { nearest }
}

/// A place on the picture, in pixels from its upper left corner.
#[derive(Clone, Copy)]
struct Point {
    x: f32,
    y: f32,
}

impl Point {
    fn minus(self, other: Point) -> Point {
        Point { x: self.x - other.x, y: self.y - other.y }
    }

    fn dot(self, other: Point) -> f32 {
        self.x * other.x + self.y * other.y
    }

    fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn pixel(what: Placeholder, x: usize, y: usize) -> [u8; 3] {
        let Pixels::Packed(Packed::Rgb8(data)) = draw(what).pixels else { panic!("not packed") };
        let at = (y * 1280 + x) * 3;
        [data[at], data[at + 1], data[at + 2]]
    }

    #[test]
    fn the_sign_stands_out_in_the_middle_and_the_corners_are_ground() {
        for (what, ground) in [(Placeholder::Draft, [52, 62, 82]), (Placeholder::Audio, [60, 52, 96])] {
            assert_eq!(pixel(what, 0, 0), ground);
            let middle = pixel(what, 640, 360);
            assert!(middle.iter().all(|&level| level > 150), "{what:?}: {middle:?}");
        }
        // Between ring and triangle, and between two bars.
        assert!(pixel(Placeholder::Draft, 560, 360)[0] < 60);
        assert!(pixel(Placeholder::Audio, 659, 360)[0] < 60);
    }

    #[test]
    fn it_has_the_size_that_it_says() {
        let picture = draw(Placeholder::Audio);
        let Pixels::Packed(Packed::Rgb8(data)) = &picture.pixels else { panic!("not packed") };
        assert_eq!((picture.shown(), data.len()), (SIZE, 1280 * 720 * 3));
    }
}
