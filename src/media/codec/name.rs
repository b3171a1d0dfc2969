//! Codecs by the names that players know them by (RFC 6381 and the registrations of each codec).

use super::avc;
use super::hevc;
use crate::media::Codec;

/// The name of a codec with its configuration: `avc1.64001f`, `mp4a.40.2`. The plain name of the codec where the
/// configuration does not say more.
pub fn name(codec: Codec, config: &[u8]) -> String {
    let detailed = match codec {
        Codec::Avc => avc::parameters(config).and_then(|set| Some(of_avc(*set.first_chunk()?))),
        Codec::Hevc => hevc::profile(config).map(of_hevc),
        Codec::Av1 => of_av1(config),
        Codec::Vp9 => of_vp9(config),
        Codec::Mpeg4 => of_mpeg4(config),
        Codec::Aac => of_aac(config),
        Codec::ProRes => std::str::from_utf8(config).ok().filter(|name| name.len() == 4).map(str::to_owned),
        _ => None,
    };
    detailed.unwrap_or_else(|| plain(codec))
}

fn plain(codec: Codec) -> String {
    let name = match codec {
        Codec::Avc => "avc1",
        Codec::Hevc => "hvc1",
        Codec::Av1 => "av01",
        Codec::Vp8 => "vp8",
        Codec::Vp9 => "vp09",
        Codec::Mpeg1 => "mp4v.6a",
        Codec::Mpeg2 => "mp4v.61",
        Codec::Mpeg4 => "mp4v.20",
        Codec::ProRes => "prores",
        Codec::Mjpeg => "mp4v.6c",
        Codec::Aac => "mp4a.40",
        Codec::Mp3 => "mp4a.6b",
        Codec::Ac3 => "ac-3",
        Codec::Eac3 => "ec-3",
        Codec::Opus => "opus",
        Codec::Flac => "flac",
        Codec::Vorbis => "vorbis",
        Codec::Other(number) => return other(number),
    };
    name.to_owned()
}

/// Four characters where they are some that can be shown, else the number.
fn other(number: u32) -> String {
    let characters = number.to_be_bytes();
    match characters.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
        true => String::from_utf8_lossy(&characters).trim_end().to_owned(),
        false => format!("{number:#x}"),
    }
}

/// Profile, constraints and level, in hexadecimal (RFC 6381 section 3.3).
fn of_avc([profile, constraints, level]: [u8; 3]) -> String {
    format!("avc1.{profile:02x}{constraints:02x}{level:02x}")
}

/// ISO/IEC 14496-15 section E.3.
fn of_hevc(profile: [u8; 12]) -> String {
    let [head, c0, c1, c2, c3, constraints @ .., level] = profile;
    let space = ["", "A", "B", "C"][usize::from(head >> 6)];
    let tier = if head & 0x20 == 0 { 'L' } else { 'H' };
    let compatible = u32::from_be_bytes([c0, c1, c2, c3]).reverse_bits();
    let mut name = format!("hvc1.{space}{}.{compatible:X}.{tier}{level}", head & 31);
    let used = constraints.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    for byte in &constraints[..used] {
        name += &format!(".{byte:X}");
    }
    name
}

/// AV1 ISO Media File Format Binding section 5.
fn of_av1(config: &[u8]) -> Option<String> {
    let [_, head, flags] = *config.first_chunk::<3>()?;
    let (profile, level) = (head >> 5, head & 31);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, profile == 2 && flags & 0x20 != 0) {
        (true, true) => 12,
        (true, false) => 10,
        (false, _) => 8,
    };
    Some(format!("av01.{profile}.{level:02}{tier}.{depth:02}"))
}

/// VP Codec ISO Media File Format Binding section 3.
fn of_vp9(config: &[u8]) -> Option<String> {
    let [_, _, _, _, profile, level, depth] = *config.first_chunk::<7>()?;
    Some(format!("vp09.{profile:02}.{level:02}.{:02}", depth >> 4))
}

/// The profile and level of a visual object sequence (ISO/IEC 14496-2 section 6.2.2).
fn of_mpeg4(config: &[u8]) -> Option<String> {
    match config {
        [0, 0, 1, 0xb0, profile, ..] => Some(format!("mp4v.20.{profile}")),
        _ => None,
    }
}

/// The object type of an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
fn of_aac(config: &[u8]) -> Option<String> {
    let first = *config.first()?;
    let object = match first >> 3 {
        31 => 32 + (u32::from(first & 7) << 3 | u32::from(*config.get(1)? >> 5)),
        object => object.into(),
    };
    Some(format!("mp4a.40.{object}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(codec: Codec, config: &[u8], expected: &str) {
        assert_eq!(name(codec, config), expected);
    }

    #[test]
    fn names_by_configuration() {
        check(Codec::Avc, &[1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f], "avc1.64001f");
        check(Codec::Avc, &[0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e], "avc1.42c01e");
        let mut config = [0; 23];
        config[..13].copy_from_slice(&[1, 0x21, 0x60, 0, 0, 0, 0xb0, 0, 0, 0, 0, 0, 93]);
        check(Codec::Hevc, &config, "hvc1.1.6.H93.B0");
        check(Codec::Av1, &[0x81, 0x04, 0x0c, 0], "av01.0.04M.08");
        check(Codec::Av1, &[0x81, 0x50, 0xe0, 0], "av01.2.16H.12");
        check(Codec::Vp9, &[1, 0, 0, 0, 2, 31, 0xa2, 9, 16, 9], "vp09.02.31.10");
        check(Codec::Mpeg4, &[0, 0, 1, 0xb0, 0xf5, 0, 0], "mp4v.20.245");
        check(Codec::Aac, &[0x12, 0x10], "mp4a.40.2");
        check(Codec::Aac, &[0xf9, 0x46], "mp4a.40.42");
        check(Codec::ProRes, b"apch", "apch");
    }

    #[test]
    fn names_without() {
        check(Codec::Avc, &[], "avc1");
        check(Codec::Hevc, &[1, 2, 3], "hvc1");
        check(Codec::Aac, &[], "mp4a.40");
        check(Codec::Other(u32::from_be_bytes(*b"raw ")), &[], "raw");
        check(Codec::Other(0x1_0000), &[], "0x10000");
    }
}
