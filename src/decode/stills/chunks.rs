//! What a PNG file says of its colours where it has no profile: a gamma, and where its red, green and blue lie (Portable Network
//! Graphics, third edition, sections 11.3.2.1 and 11.3.2.2).

use std::io::Cursor;

use moxcms::{Chromaticity, ColorPrimaries, ColorProfile, ToneReprCurve, XyY};
use png::{ScaledFloat, SourceChromaticities};

use super::profile::Inks;

/// How far from that of sRGB a gamma may be to count as it: writers of sRGB say 1/2.2, which is not its curve. Browsers, by way
/// of libpng, allow as much.
const TOLERANCE: f32 = 0.05;
/// The exponent that stands for the curve of sRGB.
const SRGB: f32 = 2.2;

/// Primaries that span less than this are no colours: those of sRGB span twenty times as much.
const AREA_MIN: f32 = 0.01;

/// The profile that the chunks of `file` amount to; `None` where they say sRGB or nothing, or cannot be meant.
pub(super) fn profile(file: &[u8], inks: Inks, bytes_max: u64) -> Option<ColorProfile> {
    let limits = png::Limits { bytes: usize::try_from(bytes_max).unwrap_or(usize::MAX) };
    let reader = png::Decoder::new_with_limits(Cursor::new(file), limits).read_info().ok()?;
    let info = reader.info();
    // Section 4.3: these two go before.
    if info.srgb.is_some() || info.coding_independent_code_points.is_some() {
        return None;
    }
    let exponent = info.gama_chunk.and_then(exponent);
    match inks {
        Inks::Grey => exponent.map(ColorProfile::new_gray_with_gamma),
        _ if exponent.is_none() && info.chrm_chunk.is_none() => None,
        _ => coloured(exponent, info.chrm_chunk),
    }
}

/// The power that numbers are raised to for light; `None` for sRGB's.
fn exponent(gamma: ScaledFloat) -> Option<f32> {
    let gamma = gamma.into_value();
    let is_meant = (0.01..=100.0).contains(&gamma) && (gamma * SRGB - 1.0).abs() > TOLERANCE;
    is_meant.then(|| gamma.recip())
}

/// Twice the area of a triangle in the plane of chromaticities.
fn doubled_area(a: Chromaticity, b: Chromaticity, c: Chromaticity) -> f32 {
    (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y)
}

/// A profile of that curve and those primaries, of sRGB's where there are none.
fn coloured(exponent: Option<f32>, primaries: Option<SourceChromaticities>) -> Option<ColorProfile> {
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some(exponent) = exponent {
        let curve = Some(ToneReprCurve::Parametric(vec![exponent]));
        (profile.red_trc, profile.green_trc, profile.blue_trc) = (curve.clone(), curve.clone(), curve);
    }
    if let Some(SourceChromaticities { white, red, green, blue }) = primaries {
        let point = |(x, y): (ScaledFloat, ScaledFloat)| Chromaticity { x: x.into_value(), y: y.into_value() };
        let (white, red, green, blue) = (point(white), point(red), point(green), point(blue));
        if doubled_area(red, green, blue).abs() < AREA_MIN {
            return None;
        }
        let white = XyY { x: white.x.into(), y: white.y.into(), yb: 1.0 };
        let primaries = ColorPrimaries { red, green, blue };
        profile.update_rgb_colorimetry(white, primaries);
    }
    let colorants = [profile.red_colorant, profile.green_colorant, profile.blue_colorant];
    colorants.iter().all(|colorant| (colorant.x + colorant.y + colorant.z).is_finite()).then_some(profile)
}
