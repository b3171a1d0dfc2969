//! What a picture may cost: slices, pixels, and the sides that a format can hold.

use super::Policy;
use crate::error::{Code, Error, Result};
use crate::media::picture::Size;
use crate::request::thumbnail::format_name;
use crate::thumbnail::Format;
use crate::thumbnail::encode::{pixels_max, side_max};

/// A row of tiles of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    /// The size of each.
    pub(super) tile: Size,
    /// How many there are.
    pub(super) count: u32,
}

impl Sheet {
    fn width(self) -> u64 {
        u64::from(self.tile.width) * u64::from(self.count)
    }

    /// At most what `u128` holds with a lot of room.
    fn pixels(self) -> u128 {
        u128::from(self.width()) * u128::from(self.tile.height)
    }
}

/// Whether a format can hold a sheet.
pub(super) fn holds(format: Format, sheet: Sheet) -> bool {
    fits(format, sheet) && sheet.pixels() <= pixels_max(format).into()
}

fn fits(format: Format, sheet: Sheet) -> bool {
    sheet.width().max(sheet.tile.height.into()) <= side_max(format).into()
}

/// Refuses strips of too many slices, before anything is made for each.
pub(super) fn check_slices(count: u32, policy: &Policy) -> Result<()> {
    if count > policy.slices_max {
        return Err(refused(format!("vid_slices is {count}; allowed: at most {} in a strip", policy.slices_max)));
    }
    Ok(())
}

/// Refuses what a format cannot hold and what has too many pixels.
pub(super) fn check_sheet(sheet: Sheet, format: Format, policy: &Policy) -> Result<()> {
    let size = || match sheet.count {
        1 => format!("the picture would be {} pixels", sheet.tile),
        count => {
            format!("the strip would be {}x{} pixels ({count} of {})", sheet.width(), sheet.tile.height, sheet.tile)
        }
    };
    if !holds(format, sheet) {
        let (name, side, pixels) = (format_name(format), side_max(format), pixels_max(format));
        let allowed = match fits(format, sheet) {
            false => format!("{side} pixels a side in {name}"),
            true => format!("{pixels} pixels altogether in {name}"),
        };
        return Err(refused(format!("{}; allowed: at most {allowed}", size())));
    }
    if sheet.pixels() > policy.output_pixels_max.into() {
        let allowed = policy.output_pixels_max;
        return Err(refused(format!("{}; allowed: at most {allowed} pixels altogether (width, height)", size())));
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error::coded(Code::BadQuery, message)
}
