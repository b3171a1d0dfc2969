//! The pictures that stand for content without one, drawn from shapes.

use std::sync::LazyLock;

use super::{Packed, Picture, Pixels};
use crate::media::picture::{Color, Orientation, Size};

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A video or image that has no content yet.
    Draft,
    /// Sound without a picture.
    Audio,
}

/// The size that placeholders are drawn at.
pub const SIZE: Size = Size { width: 1280, height: 720 };

/// How far from the middle anything is drawn on the ground, its shadow included.
const REACH: f32 = 280.0;

/// A point, or a way from one to another, in pixels from the middle of the picture.
type Point = (f32, f32);

/// A colour in light of red, green and blue, as stored in sRGB, 255 is full.
type Paint = [f32; 3];

/// At the top left, in the middle, and at the bottom right of the ground.
const GROUND: [Paint; 3] = [[46.0, 52.0, 66.0], [33.0, 38.0, 49.0], [23.0, 26.0, 34.0]];
/// The disc behind a sign.
const DISC: Paint = [58.0, 65.0, 82.0];
/// The sign.
const SIGN: Paint = [223.0, 229.0, 240.0];
/// A part of the sign that stands back.
const FAINT: Paint = [138.0, 150.0, 174.0];

static DRAFT: LazyLock<Picture> = LazyLock::new(|| drawn(draft));
static AUDIO: LazyLock<Picture> = LazyLock::new(|| drawn(audio));

/// The placeholder of a kind, opaque, of [`SIZE`]. Drawn once; after that a copy costs nothing.
pub fn picture(kind: Kind) -> Picture {
    match kind {
        Kind::Draft => DRAFT.clone(),
        Kind::Audio => AUDIO.clone(),
    }
}

fn drawn(draw: fn(Point, Paint) -> Paint) -> Picture {
    let mut data = Vec::with_capacity(SIZE.area() as usize * 3);
    for y in 0..SIZE.height {
        for x in 0..SIZE.width {
            let at = (x as f32 + 0.5 - SIZE.width as f32 / 2.0, y as f32 + 0.5 - SIZE.height as f32 / 2.0);
            let (noise, below) = (grain(x, y), ground(at));
            let paint = if length(at) < REACH { draw(at, below) } else { below };
            data.extend(paint.map(|level| (level + noise).round().clamp(0.0, 255.0) as u8));
        }
    }
    Picture {
        size: SIZE,
        sample_aspect: (1, 1),
        orientation: Orientation::default(),
        color: Color::default(),
        pixels: Pixels::Packed(Packed::Rgb8(data.into())),
    }
}

/// A little noise, so that the slow shades of the ground show no steps.
fn grain(x: u32, y: u32) -> f32 {
    let mixed = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D);
    (mixed >> 16) as f32 / 65536.0 - 0.5
}

/// Dark, lighter towards the top left, with a soft light in the middle.
fn ground((x, y): Point) -> Paint {
    let along = ((x + y * 1.2) / 1500.0 + 0.5).clamp(0.0, 1.0);
    let (from, to, part) =
        if along < 0.5 { (GROUND[0], GROUND[1], along * 2.0) } else { (GROUND[1], GROUND[2], along * 2.0 - 1.0) };
    let glow = 14.0 * (-(x * x + y * y) / (2.0 * 330.0 * 330.0)).exp();
    mix(from, to, part).map(|level| level + glow)
}

/// A clapperboard: what is still to be filmed.
fn draft(at: Point, below: Paint) -> Paint {
    let paint = disc(at, below);
    // The slate.
    let slate = rounded_box(sub(at, (0.0, 34.0)), (104.0, 62.0), 14.0);
    let paint = over(paint, SIGN, slate);
    let paint = over(paint, DISC, rounded_box(sub(at, (0.0, 34.0)), (92.0, 50.0), 7.0));
    // A line for a title, and two shorter ones.
    let line = |y: f32, x: f32, half: f32| capsule(at, (x - half, y), (x + half, y), 5.0);
    let paint = over(paint, FAINT, line(14.0, -29.0, 44.0));
    let paint = over(paint, FAINT, line(36.0, -44.0, 29.0));
    let paint = over(paint, FAINT, line(58.0, -55.0, 18.0));
    // The clapper, open, in stripes.
    let hinge = (-92.0, -42.0);
    let turned = turn(sub(at, hinge), 0.20);
    let clapper = rounded_box(sub(turned, (92.0, -4.0)), (104.0, 17.0), 7.0);
    let stripe = ((turned.0 + turned.1 * 0.9) / 46.0).rem_euclid(1.0);
    let edge = (stripe - 0.5).abs().min(stripe.min(1.0 - stripe)) * 34.0;
    let light = if stripe < 0.5 { edge } else { -edge };
    let striped = mix(SIGN, FAINT, (0.5 - light).clamp(0.0, 1.0));
    over(paint, striped, clapper)
}

/// Bars of a level meter: sound.
fn audio(at: Point, below: Paint) -> Paint {
    const HEIGHTS: [f32; 9] = [16.0, 38.0, 66.0, 44.0, 88.0, 58.0, 74.0, 34.0, 18.0];
    const PITCH: f32 = 27.0;
    let mut paint = disc(at, below);
    for (number, half) in HEIGHTS.iter().enumerate() {
        let x = (number as f32 - (HEIGHTS.len() / 2) as f32) * PITCH;
        let bar = capsule(at, (x, -half), (x, *half), 8.0);
        // Paler towards the sides.
        let part = (number as f32 - 4.0).abs() / 5.0;
        paint = over(paint, mix(SIGN, FAINT, part), bar);
    }
    paint
}

/// The disc behind a sign, with a soft shadow and a thin bright rim.
fn disc(at: Point, below: Paint) -> Paint {
    const RADIUS: f32 = 190.0;
    let shadow = length(sub(at, (0.0, 14.0))) - RADIUS;
    let dark = 0.28 * (1.0 - (shadow / 70.0).clamp(0.0, 1.0)).powi(2);
    let below = mix(below, [8.0, 10.0, 14.0], dark);
    let distance = length(at) - RADIUS;
    let shade = (at.1 / RADIUS * 0.5 + 0.5).clamp(0.0, 1.0);
    let body = mix(DISC.map(|level| level + 8.0), DISC.map(|level| level - 12.0), shade);
    let paint = over(below, body, distance);
    let rim = (distance + 1.5).abs() - 1.2;
    mix(paint, over(paint, FAINT, rim), 0.35)
}

/// `paint` where the distance to a shape is negative, blended over the pixel at its edge.
fn over(below: Paint, paint: Paint, distance: f32) -> Paint {
    mix(below, paint, (0.5 - distance).clamp(0.0, 1.0))
}

fn mix(from: Paint, to: Paint, part: f32) -> Paint {
    [0, 1, 2].map(|channel| from[channel] + (to[channel] - from[channel]) * part)
}

fn sub(a: Point, b: Point) -> Point {
    (a.0 - b.0, a.1 - b.1)
}

fn length((x, y): Point) -> f32 {
    x.hypot(y)
}

fn turn((x, y): Point, angle: f32) -> Point {
    let (sin, cos) = angle.sin_cos();
    (x * cos - y * sin, x * sin + y * cos)
}

/// Distance to a box with round corners around the middle.
fn rounded_box((x, y): Point, half: Point, radius: f32) -> f32 {
    let out = (x.abs() - half.0 + radius, y.abs() - half.1 + radius);
    length((out.0.max(0.0), out.1.max(0.0))) + out.0.max(out.1).min(0.0) - radius
}

/// Distance to a line with round ends.
fn capsule(at: Point, from: Point, to: Point, radius: f32) -> f32 {
    let (along, way) = (sub(at, from), sub(to, from));
    let part = ((along.0 * way.0 + along.1 * way.1) / (way.0 * way.0 + way.1 * way.1)).clamp(0.0, 1.0);
    length((along.0 - way.0 * part, along.1 - way.1 * part)) - radius
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_dark_with_a_light_sign_and_differ() {
        let [draft, audio] = [Kind::Draft, Kind::Audio].map(picture);
        let data = |picture: &Picture| match &picture.pixels {
            Pixels::Packed(Packed::Rgb8(data)) => data.clone(),
            _ => panic!(),
        };
        let (draft, audio) = (data(&draft), data(&audio));
        assert_ne!(draft, audio);
        for data in [draft, audio] {
            assert_eq!(data.len() as u64, SIZE.area() * 3);
            assert!(data[..3].iter().all(|&level| level < 80));
            let bright = data.chunks_exact(3).filter(|pixel| pixel[1] > 200).count();
            assert!((4000..60000).contains(&bright), "{bright}");
        }
    }
}
