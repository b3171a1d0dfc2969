//! What a thumbnail costs once its frame is decoded, and what a stored photo costs as a whole.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use vedette::decode::limits::Limits;
use vedette::decode::stills;
use vedette::media::picture::{Color, Matrix, Orientation, Primaries, Range, Size, Transfer};
use vedette::thumbnail::encode::encode;
use vedette::thumbnail::transform::{layout_for, render};
use vedette::thumbnail::{Encoding, Format, Geometry, Layout, Picture, Pixels, Plane, Planes, Raster, Rect, Rgb};

const HD: Size = Size { width: 1920, height: 1080 };
const UHD: Size = Size { width: 3840, height: 2160 };

/// From -256 to 256 and back, once in 1024.
fn wave(phase: u32) -> i32 {
    ((phase & 1023) as i32 - 512).abs() - 256
}

/// A number of `depth` bits at a place: shapes, shades, fine lines and noise, as pictures have them.
fn scene(x: u32, y: u32, size: Size, depth: u8) -> u32 {
    let (u, v) = (x * 1024 / size.width, y * 1024 / size.height);
    let hills = wave(u * 3) * wave(v * 2 + u) / 640;
    let edges = if wave(u * 5) + wave(v * 4) > 120 { 60 } else { -30 };
    let lines = wave(x * 150 + y * 64) / 16;
    let mixed = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D);
    let noise = (mixed >> 28) as i32;
    (((512 + (hills + edges + lines) * 2 + noise).clamp(64, 940) as u32) << (depth - 8)) / 4
}

fn plane(size: Size, depth: u8) -> Plane {
    let sample = if depth > 8 { 2 } else { 1 };
    let numbers = (0..size.height).flat_map(|y| (0..size.width).map(move |x| scene(x, y, size, depth)));
    let data: Vec<u8> = if depth > 8 {
        numbers.flat_map(|number| (number as u16).to_ne_bytes()).collect()
    } else {
        numbers.map(|number| number as u8).collect()
    };
    Plane { data: data.into(), stride: size.width as usize * sample, size }
}

fn frame(size: Size, depth: u8, color: Color) -> Picture {
    let half = Size { width: size.width / 2, height: size.height / 2 };
    let chroma = Some((plane(half, depth), plane(half, depth)));
    let planes = Planes {
        y: plane(size, depth),
        chroma,
        alpha: None,
        depth,
        shift: (1, 1),
        left_sited: true,
        interlaced: false,
    };
    Picture { size, sample_aspect: (1, 1), orientation: Orientation::default(), color, pixels: Pixels::Yuv(planes) }
}

fn fit(from: Size, width: u32, height: u32) -> Geometry {
    let crop = Rect { x: 0, y: 0, width: from.width, height: from.height };
    let scaled = Size { width, height };
    Geometry { reference: from, crop, scaled, canvas: scaled, left: 0, top: 0 }
}

fn encoding(format: Format) -> Encoding {
    Encoding { format, quality: 75, density: 0, background: Rgb::WHITE }
}

fn video() -> Color {
    Color { matrix: Matrix::Bt709, range: Range::Limited, ..Color::default() }
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    let hd = frame(HD, 8, video());
    let jpeg = encoding(Format::Jpeg);
    group.bench_function("1080p to 640x360 planes", |bench| {
        bench.iter(|| render(black_box(&hd), &fit(HD, 640, 360), Rgb::WHITE, Layout::Yuv420));
    });
    group.bench_function("1080p to 640x360 JPEG", |bench| {
        bench
            .iter(|| encode(&render(black_box(&hd), &fit(HD, 640, 360), Rgb::WHITE, Layout::Yuv420).ok()?, &jpeg).ok());
    });
    group.bench_function("1080p to 160x90 JPEG", |bench| {
        bench.iter(|| encode(&render(black_box(&hd), &fit(HD, 160, 90), Rgb::WHITE, Layout::Yuv420).ok()?, &jpeg).ok());
    });
    group.bench_function("1080p to 640x360 colours", |bench| {
        bench.iter(|| render(black_box(&hd), &fit(HD, 640, 360), Rgb::WHITE, Layout::Rgb8));
    });
    let uhd = frame(UHD, 8, video());
    group.bench_function("2160p to 640x360 planes", |bench| {
        bench.iter(|| render(black_box(&uhd), &fit(UHD, 640, 360), Rgb::WHITE, Layout::Yuv420));
    });
    let deep = frame(UHD, 10, video());
    group.bench_function("2160p of 10 bits to 640x360 planes", |bench| {
        bench.iter(|| render(black_box(&deep), &fit(UHD, 640, 360), Rgb::WHITE, Layout::Yuv420));
    });
    let bright = Color { matrix: Matrix::Bt2020, transfer: Transfer::Pq, primaries: Primaries::Bt2020, ..video() };
    let bright = Picture { color: bright, ..deep };
    group.bench_function("2160p PQ to 640x360 planes", |bench| {
        bench.iter(|| render(black_box(&bright), &fit(UHD, 640, 360), Rgb::WHITE, Layout::Yuv420));
    });
    group.finish();
}

/// A photo of 12 megapixels as a JPEG file; the one that `PHOTO` names where it is set.
fn photo_file() -> Bytes {
    let size = Size { width: 4032, height: 3024 };
    let taken = std::env::var("PHOTO").ok().and_then(|path| std::fs::read(path).ok());
    let drawn = || {
        let picture = frame(size, 8, Color { range: Range::Full, matrix: Matrix::Bt601, ..Color::default() });
        let raster = render(&picture, &fit(size, size.width, size.height), Rgb::WHITE, Layout::Yuv420).ok()?;
        encode(&raster, &Encoding { quality: 92, ..encoding(Format::Jpeg) }).ok()
    };
    taken.or_else(drawn).unwrap_or_default().into()
}

/// The whole way of a stored picture into a box of 640x360, as a request goes.
fn thumbnail(file: &Bytes, format: Format) -> Option<Vec<u8>> {
    let limits = Limits::default();
    let facts = stills::facts(file, limits).ok()?.picture?;
    let shown = facts.shown;
    let scale = (640.0 / f64::from(shown.width)).min(360.0 / f64::from(shown.height));
    let side = |side: u32| (f64::from(side) * scale).round() as u32;
    let geometry = fit(shown, side(shown.width), side(shown.height));
    let picture = stills::decode(file.clone(), stills::halvings(&facts, geometry.scaled), limits).ok()?;
    let encoding = encoding(format);
    encode(&render(&picture, &geometry, Rgb::WHITE, layout_for(&encoding, &picture)).ok()?, &encoding).ok()
}

fn photos(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("photo");
    group.sample_size(20);
    let file = photo_file();
    for format in [Format::Jpeg, Format::Webp, Format::Png] {
        group.bench_function(format!("12 megapixels to 640x360 {format:?}"), |bench| {
            bench.iter(|| thumbnail(black_box(&file), format));
        });
    }
    group.finish();
}

fn formats(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode 640x360");
    group.sample_size(20);
    let hd = frame(HD, 8, video());
    let raster = |layout| -> Option<Raster> { render(&hd, &fit(HD, 640, 360), Rgb::WHITE, layout).ok() };
    for format in [
        Format::Jpeg,
        Format::Png,
        Format::Png8,
        Format::Png48,
        Format::Bmp,
        Format::Gif,
        Format::Tiff,
        Format::Psd,
        Format::Pdf,
        Format::Webp,
        Format::Avif,
    ] {
        let encoding = encoding(format);
        let Some(raster) = raster(layout_for(&encoding, &hd)) else { continue };
        group.bench_function(format!("{format:?}"), |bench| bench.iter(|| encode(black_box(&raster), &encoding)));
    }
    group.finish();
}

criterion_group!(benches, frames, photos, formats);
criterion_main!(benches);
