//! From the light of high dynamic range and of wide gamuts to that of sRGB.

use std::sync::LazyLock;

use crate::media::picture::{Primaries, Transfer};

/// Candela per square metre of diffuse white in high dynamic range (ITU-R BT.2408 section 2.2); it becomes sRGB's white.
const WHITE: f64 = 203.0;
/// The brightest light that high dynamic range is assumed to have been mastered for.
const MASTERED: f64 = 1000.0;
/// The brightest light that PQ can say (SMPTE ST 2084).
const PQ_MOST: f64 = 10000.0;
/// Exponent of a display of standard dynamic range (ITU-R BT.1886).
const DISPLAY_GAMMA: f64 = 2.4;

/// Steps of a table.
const STEPS: usize = 4096;

/// A curve over zero to one, looked up with interpolation.
struct Curve(Vec<f32>);

impl Curve {
    fn new(curve: impl Fn(f64) -> f64) -> Curve {
        Curve((0..=STEPS + 1).map(|step| curve(step as f64 / STEPS as f64) as f32).collect())
    }

    fn at(&self, x: f32) -> f32 {
        let place = x.clamp(0.0, 1.0) * STEPS as f32;
        let step = (place as usize).min(STEPS);
        let (low, high) = (self.0[step], self.0[step + 1]);
        low + (high - low) * (place - step as f32)
    }
}

static PQ: LazyLock<Curve> = LazyLock::new(|| Curve::new(|code| pq_to_light(code) / WHITE));
static HLG: LazyLock<Curve> = LazyLock::new(|| Curve::new(hlg_to_scene));
static SRGB: LazyLock<Curve> = LazyLock::new(|| Curve::new(|code| srgb_to_light(code.min(1.0))));
static TO_SRGB: LazyLock<Curve> = LazyLock::new(|| Curve::new(|light| light_to_srgb(light.min(1.0))));
static GAMMA: LazyLock<Curve> = LazyLock::new(|| Curve::new(|code| code.powf(DISPLAY_GAMMA)));
/// By the fourth root of light, of which one is the most that PQ can say: what to multiply light with.
static TONE: LazyLock<Curve> = LazyLock::new(|| Curve::new(|root| tone_scale((root.powi(4) * PQ_MOST).max(1e-4))));

/// What a change of light starts from and ends in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Light {
    /// It is sRGB's, or so near that numbers stay as they are.
    Same,
    /// Perceptual quantizer.
    Pq(Gamut),
    /// Hybrid log-gamma.
    Hlg(Gamut),
    /// Standard dynamic range for a display of exponent 2.4.
    Display(Gamut),
    /// sRGB's curve.
    Srgb(Gamut),
}

/// Rows that turn red, green and blue of other primaries into those of sRGB.
pub(super) type Gamut = [[f32; 3]; 3];

const UNCHANGED: Gamut = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// From BT.2020 (ITU-R BT.2407 section 2).
const FROM_2020: Gamut =
    [[1.660_491, -0.587_641, -0.072_85], [-0.124_55, 1.132_9, -0.008_349], [-0.018_151, -0.100_579, 1.118_73]];
/// From Display P3, by its chromaticities (SMPTE EG 432-1) and white D65.
const FROM_P3: Gamut = [[1.224_94, -0.224_94, 0.0], [-0.042_057, 1.042_057, 0.0], [-0.019_638, -0.078_636, 1.098_274]];

impl Light {
    /// Of a picture.
    pub(super) fn of(transfer: Transfer, primaries: Primaries) -> Light {
        let gamut = match primaries {
            Primaries::Bt709 => UNCHANGED,
            Primaries::Bt2020 => FROM_2020,
            Primaries::DisplayP3 => FROM_P3,
        };
        match (transfer, primaries) {
            (Transfer::Pq, _) => Light::Pq(gamut),
            (Transfer::Hlg, _) => Light::Hlg(gamut),
            (Transfer::Sdr, Primaries::Bt709) => Light::Same,
            (Transfer::Sdr, Primaries::Bt2020) => Light::Display(gamut),
            (Transfer::Sdr, Primaries::DisplayP3) => Light::Srgb(gamut),
        }
    }

    /// A colour as stored, in sRGB. One is full.
    pub(super) fn to_srgb(self, stored: [f32; 3]) -> [f32; 3] {
        match self {
            Light::Same => stored,
            Light::Pq(gamut) => finish(toned(stored.map(|code| PQ.at(code))), &gamut),
            Light::Hlg(gamut) => finish(toned(hlg_display(stored.map(|code| HLG.at(code)))), &gamut),
            Light::Display(gamut) => {
                let light = within(stored.map(|code| GAMMA.at(code)), &gamut);
                light.map(|light| light.powf(1.0 / DISPLAY_GAMMA as f32))
            }
            Light::Srgb(gamut) => finish(stored.map(|code| SRGB.at(code)), &gamut),
        }
    }
}

fn finish(light: [f32; 3], gamut: &Gamut) -> [f32; 3] {
    within(light, gamut).map(|light| TO_SRGB.at(light))
}

/// The same light by sRGB's primaries; what they cannot show is cut off.
fn within(light: [f32; 3], gamut: &Gamut) -> [f32; 3] {
    gamut.map(|row| (row[0] * light[0] + row[1] * light[1] + row[2] * light[2]).clamp(0.0, 1.0))
}

/// Compressed so that the brightest part fits under white; the shares of the colours stay. One is white.
fn toned(light: [f32; 3]) -> [f32; 3] {
    let most = light[0].max(light[1]).max(light[2]);
    let root = (most * (WHITE / PQ_MOST) as f32).max(0.0).sqrt().sqrt();
    let scale = TONE.at(root);
    light.map(|light| light * scale)
}

/// Scene light of BT.2100 HLG on a display of 1000 candela per square metre (ITU-R BT.2100 table 5). One is white.
fn hlg_display(scene: [f32; 3]) -> [f32; 3] {
    let luminance = 0.2627 * scene[0] + 0.6780 * scene[1] + 0.0593 * scene[2];
    // Luminance to the power of gamma minus one, where gamma is 1.2 at 1000.
    let factor = luminance.max(0.0).powf(0.2) * (MASTERED / WHITE) as f32;
    scene.map(|scene| scene * factor)
}

/// Light in candela per square metre of a PQ number (ITU-R BT.2100 table 4).
fn pq_to_light(code: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 4096.0 * 32.0, 2392.0 / 4096.0 * 32.0);
    let root = code.powf(1.0 / m2);
    PQ_MOST * ((root - c1).max(0.0) / (c2 - c3 * root)).powf(1.0 / m1)
}

/// The PQ number of light in candela per square metre.
fn light_to_pq(light: f64) -> f64 {
    let (m1, m2) = (2610.0 / 16384.0, 2523.0 / 4096.0 * 128.0);
    let (c1, c2, c3) = (3424.0 / 4096.0, 2413.0 / 4096.0 * 32.0, 2392.0 / 4096.0 * 32.0);
    let power = (light / PQ_MOST).powf(m1);
    ((c1 + c2 * power) / (1.0 + c3 * power)).powf(m2)
}

/// Scene light, one at most, of an HLG number (ITU-R BT.2100 table 5).
fn hlg_to_scene(code: f64) -> f64 {
    let (a, b, c) = (0.17883277, 0.28466892, 0.55991073);
    if code <= 0.5 { code * code / 3.0 } else { (((code - c) / a).exp() + b) / 12.0 }
}

/// What light is multiplied with so that the mastered range fits under white: the curve of ITU-R BT.2390 section 5.4.1
/// for black at zero.
fn tone_scale(light: f64) -> f64 {
    let source_most = light_to_pq(MASTERED);
    let target_most = light_to_pq(WHITE) / source_most;
    let knee = 1.5 * target_most - 0.5;
    let e = (light_to_pq(light) / source_most).min(1.0);
    if e < knee {
        return 1.0;
    }
    let t = (e - knee) / (1.0 - knee);
    let (t2, t3) = (t * t, t * t * t);
    let toned =
        (2.0 * t3 - 3.0 * t2 + 1.0) * knee + (t3 - 2.0 * t2 + t) * (1.0 - knee) + (3.0 * t2 - 2.0 * t3) * target_most;
    pq_to_light(toned * source_most) / light
}

/// IEC 61966-2-1 section 5.2.
fn srgb_to_light(code: f64) -> f64 {
    if code <= 0.04045 { code / 12.92 } else { ((code + 0.055) / 1.055).powf(2.4) }
}

/// IEC 61966-2-1 section 5.2.
fn light_to_srgb(light: f64) -> f64 {
    if light <= 0.0031308 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(light: Light, stored: f64, expected: f64) {
        let [r, g, b] = light.to_srgb([stored as f32; 3]);
        assert!((f64::from(g) - expected).abs() < 0.004, "{stored} became {g}, not {expected}");
        assert!((r - g).abs() < 0.002 && (b - g).abs() < 0.002, "grey became {r} {g} {b}");
    }

    const PQ_2020: Light = Light::Pq(FROM_2020);
    const HLG_2020: Light = Light::Hlg(FROM_2020);

    #[test]
    fn published_points_of_the_curves() {
        // ITU-R BT.2408 table 1: HDR reference white is 58 % PQ and 75 % HLG, an 18 % grey card 38 % both.
        assert!((light_to_pq(203.0) - 0.58).abs() < 0.002);
        assert!((light_to_pq(26.0) - 0.38).abs() < 0.003);
        let scene = hlg_to_scene(0.75);
        assert!((MASTERED * scene.powf(1.2) - 203.0).abs() < 1.0);
        assert!((pq_to_light(light_to_pq(500.0)) - 500.0).abs() < 1e-6);
    }

    #[test]
    fn greys_of_high_range_land_where_they_belong() {
        check(PQ_2020, 0.0, 0.0);
        // Below the knee light is only scaled: 26 candela of 203.
        check(PQ_2020, light_to_pq(26.0), light_to_srgb(26.0 / 203.0));
        check(HLG_2020, 0.38, light_to_srgb(MASTERED * hlg_to_scene(0.38).powf(1.2) / WHITE));
        check(PQ_2020, light_to_pq(1000.0), 1.0);
        check(PQ_2020, 1.0, 1.0);
        check(HLG_2020, 1.0, 1.0);
    }

    #[test]
    fn brighter_never_becomes_darker() {
        for light in [PQ_2020, HLG_2020] {
            let greys: Vec<f32> = (0..=1000).map(|code| light.to_srgb([code as f32 / 1000.0; 3])[1]).collect();
            assert!(greys.windows(2).all(|pair| pair[1] >= pair[0] - 1e-4));
        }
    }

    #[test]
    fn colours_inside_both_gamuts_keep_their_light() {
        // A BT.709 red of 0.8 in BT.2020 light: the columns of the inverse matrix.
        let light = [0.6274, 0.0691, 0.0164].map(|share: f64| 0.8 * share);
        let stored = light.map(|light| light.powf(1.0 / DISPLAY_GAMMA) as f32);
        let [r, g, b] = Light::Display(FROM_2020).to_srgb(stored);
        assert!((f64::from(r) - 0.8f64.powf(1.0 / DISPLAY_GAMMA)).abs() < 0.003, "{r}");
        assert!(g < 0.06 && b < 0.06, "{g} {b}");
    }
}
