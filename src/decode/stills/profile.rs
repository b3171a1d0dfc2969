//! Embedded ICC profiles: from their colours to sRGB.

use std::sync::Arc;

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformExecutor, TransformOptions};

use super::damaged;
use crate::error::Result;

/// What a pixel is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Inks {
    /// A grey level.
    Grey,
    /// Red, green, blue.
    Colours,
    /// Red, green, blue, alpha.
    ColoursAndAlpha,
    /// Cyan, magenta, yellow, black; full is all ink.
    Four,
}

/// A way from a profile's colours to sRGB.
pub(super) struct Conversion {
    profile: ColorProfile,
    from: Inks,
}

/// The way to sRGB of an embedded profile; `None` where there is none as [`conversion_from`] says, or it cannot be read.
pub(super) fn conversion(profile: &[u8], from: Inks) -> Option<Conversion> {
    conversion_from(ColorProfile::new_from_slice(profile).ok()?, from)
}

/// The way to sRGB; `None` where the profile is sRGB or so near that nobody sees it, or is one of other inks.
pub(super) fn conversion_from(profile: ColorProfile, from: Inks) -> Option<Conversion> {
    let fits = match from {
        Inks::Grey => profile.color_space == DataColorSpace::Gray,
        Inks::Colours | Inks::ColoursAndAlpha => profile.color_space == DataColorSpace::Rgb,
        Inks::Four => profile.color_space == DataColorSpace::Cmyk,
    };
    if !fits {
        return None;
    }
    let conversion = Conversion { profile, from };
    conversion.changes_colours().then_some(conversion)
}

impl Conversion {
    fn layouts(&self) -> (Layout, Layout) {
        match self.from {
            Inks::Grey => (Layout::Gray, Layout::Rgb),
            Inks::Colours => (Layout::Rgb, Layout::Rgb),
            Inks::ColoursAndAlpha => (Layout::Rgba, Layout::Rgba),
            Inks::Four => (Layout::Rgba, Layout::Rgb),
        }
    }

    /// Channels before and after.
    fn channels(&self) -> (usize, usize) {
        match self.from {
            Inks::Grey => (1, 3),
            Inks::Colours => (3, 3),
            Inks::ColoursAndAlpha => (4, 4),
            Inks::Four => (4, 3),
        }
    }

    fn executor8(&self) -> Result<Arc<dyn TransformExecutor<u8> + Send + Sync>> {
        let (from, to) = self.layouts();
        let executor = self.profile.create_transform_8bit(from, &ColorProfile::new_srgb(), to, options());
        executor.map_err(damaged)
    }

    /// Whether some colour becomes visibly another one. Two levels are within the rounding of profiles.
    fn changes_colours(&self) -> bool {
        const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
        let Ok(executor) = self.executor8() else { return false };
        let samples: Vec<u8> = match self.from {
            Inks::Four => return true,
            Inks::Grey => STEPS.to_vec(),
            Inks::Colours | Inks::ColoursAndAlpha => STEPS
                .iter()
                .flat_map(|&r| STEPS.iter().flat_map(move |&g| STEPS.iter().map(move |&b| [r, g, b])))
                .flat_map(|[r, g, b]| [r, g, b, u8::MAX].into_iter().take(self.channels().0))
                .collect(),
        };
        let (before, after) = self.channels();
        let mut shown = vec![0; samples.len() / before * after];
        if executor.transform(&samples, &mut shown).is_err() {
            return false;
        }
        let pixels = samples.chunks_exact(before).zip(shown.chunks_exact(after));
        pixels.into_iter().any(|(stored, shown)| {
            let same = |channel: usize| stored[channel % before].abs_diff(shown[channel]) <= 2;
            !(0..3).all(same)
        })
    }

    /// Pixels of 8 bits in sRGB.
    pub(super) fn bytes(&self, pixels: &[u8]) -> Result<Vec<u8>> {
        let (before, after) = self.channels();
        let mut shown = vec![0; pixels.len() / before * after];
        self.executor8()?.transform(pixels, &mut shown).map_err(damaged)?;
        Ok(shown)
    }

    /// Pixels of 16 bits in sRGB.
    pub(super) fn words(&self, pixels: &[u16]) -> Result<Vec<u16>> {
        let (from, to) = self.layouts();
        let (before, after) = self.channels();
        let mut shown = vec![0; pixels.len() / before * after];
        let executor = self.profile.create_transform_16bit(from, &ColorProfile::new_srgb(), to, options());
        executor.map_err(damaged)?.transform(pixels, &mut shown).map_err(damaged)?;
        Ok(shown)
    }
}

fn options() -> TransformOptions {
    TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..TransformOptions::default() }
}
