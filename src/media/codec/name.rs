//! Codecs by the names that players know them by (RFC 6381 and the registrations of each codec).

use super::av1;
use super::avc;
use super::bits::Bits;
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
        Codec::Theora => "theora",
        Codec::Spark => "flv1",
        Codec::Wmv1 => "wmv1",
        Codec::Wmv2 => "wmv2",
        Codec::MsMpeg4V2 => "msmpeg4v2",
        Codec::MsMpeg4V3 => "msmpeg4v3",
        Codec::Aac => "mp4a.40",
        Codec::Mp3 => "mp4a.40.34",
        Codec::Ac3 => "ac-3",
        Codec::Eac3 => "ec-3",
        Codec::Opus => "Opus",
        Codec::Flac => "fLaC",
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

/// AV1 ISO Media File Format Binding section 5. What follows the depth is left out where it is what players assume.
fn of_av1(config: &[u8]) -> Option<String> {
    let [_, head, flags] = *config.first_chunk::<3>()?;
    let (profile, level) = (head >> 5, head & 31);
    let tier = if flags & 0x80 == 0 { 'M' } else { 'H' };
    let depth = match (flags & 0x40 != 0, profile == 2 && flags & 0x20 != 0) {
        (true, true) => 12,
        (true, false) => 10,
        (false, _) => 8,
    };
    let monochrome = flags >> 4 & 1;
    let [wide, high] = [flags >> 3 & 1, flags >> 2 & 1];
    // The place of chroma samples counts where they are fewer both ways.
    let place = if wide & high == 1 { flags & 3 } else { 0 };
    let colors = av1::colors_of(config).unwrap_or(av1::Colors { codes: [2; 3], full: false });
    let tail = format!("{monochrome}.{wide}{high}{place}.{}", of_colors(colors.codes, colors.full, 1));
    let is_usual = tail == "0.110.01.01.01.0";
    Some(format!(
        "av01.{profile}.{level:02}{tier}.{depth:02}{}",
        if is_usual { String::new() } else { format!(".{tail}") }
    ))
}

/// VP Codec ISO Media File Format Binding section 3. What follows the depth is left out where it is what players assume.
fn of_vp9(config: &[u8]) -> Option<String> {
    let [_, _, _, _, profile, level, depth] = *config.first_chunk::<7>()?;
    let codes = config.get(7..).and_then(|rest| rest.first_chunk::<3>()).copied().unwrap_or([2; 3]);
    let tail = format!("{:02}.{}", depth >> 1 & 7, of_colors(codes, depth & 1 == 1, 2));
    let is_usual = tail == "01.01.01.01.00";
    let tail = if is_usual { String::new() } else { format!(".{tail}") };
    Some(format!("vp09.{profile:02}.{level:02}.{:02}{tail}", depth >> 4))
}

/// Code points, then the range in so many digits. BT.709 where they are unspecified, as players take it.
fn of_colors(codes: [u8; 3], full: bool, digits: usize) -> String {
    let [primaries, transfer, matrix] = codes.map(|code| if code == 2 { 1 } else { code });
    format!("{primaries:02}.{transfer:02}.{matrix:02}.{:0digits$}", u8::from(full))
}

/// The profile and level of a visual object sequence (ISO/IEC 14496-2 section 6.2.2).
fn of_mpeg4(config: &[u8]) -> Option<String> {
    match config {
        [0, 0, 1, 0xb0, profile, ..] => Some(format!("mp4v.20.{profile}")),
        _ => None,
    }
}

/// The object type of an AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1), with what its end says of spectral band
/// replication (5) and parametric stereo (29).
fn of_aac(config: &[u8]) -> Option<String> {
    let object = object_type(&mut Bits::of(config))?;
    let object = if object == 2 { extension(config).unwrap_or(2) } else { object };
    Some(format!("mp4a.40.{object}"))
}

fn object_type(bits: &mut Bits<'_>) -> Option<u32> {
    Some(match bits.number(5)? {
        31 => 32 + bits.number(6)?,
        object => object,
    })
}

/// What is signalled behind a configuration of low complexity in a way that older decoders pass over (section 1.6.6).
fn extension(config: &[u8]) -> Option<u32> {
    let mut bits = Bits::of(config);
    object_type(&mut bits)?;
    sampling_rate(&mut bits)?;
    // Channels that are listed one by one are passed over: no encoder has both.
    if bits.number(4)? == 0 {
        return None;
    }
    // The length of frames, the core coder with its delay, the extension flag (section 4.4.1).
    bits.skip(1)?;
    if bits.bit()? {
        bits.skip(14)?;
    }
    bits.skip(1)?;
    if bits.number(11)? != 0x2b7 || object_type(&mut bits)? != 5 || !bits.bit()? {
        return None;
    }
    sampling_rate(&mut bits)?;
    let has_stereo = bits.number(11) == Some(0x548) && bits.bit() == Some(true);
    Some(if has_stereo { 29 } else { 5 })
}

fn sampling_rate(bits: &mut Bits<'_>) -> Option<()> {
    match bits.number(4)? {
        15 => bits.skip(24),
        _ => Some(()),
    }
}

/// The name of Dolby Vision in pictures of `codec`, by its profile and level (Dolby Vision Streams within the HTTP Live Streaming
/// Format section 2.1): `dvh1.05.06`. `None` for codecs that do not carry it.
pub fn dolby_vision(codec: Codec, profile: u8, level: u8) -> Option<String> {
    let kind = match codec {
        Codec::Avc => "dva1",
        Codec::Hevc => "dvh1",
        Codec::Av1 => "dav1",
        _ => return None,
    };
    Some(format!("{kind}.{profile:02}.{level:02}"))
}

/// The same for pictures that players without Dolby Vision show too, with the brand of what those see (rfc8216bis,
/// `SUPPLEMENTAL-CODECS`): `dvh1.08.07/db4h`. `compatibility` is the signal compatibility of `dvvC`: 1 for HDR10, 2 for standard
/// range, 4 for hybrid log-gamma; `None` for any other.
pub fn dolby_vision_beside(codec: Codec, profile: u8, level: u8, compatibility: u8) -> Option<String> {
    let brand = match compatibility {
        1 => "db1p",
        2 => "db2g",
        4 => "db4h",
        _ => return None,
    };
    Some(format!("{}/{brand}", dolby_vision(codec, profile, level)?))
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
        check(Codec::Av1, &[0x81, 0x50, 0xe0, 0], "av01.2.16H.12.0.000.01.01.01.0");
        check(Codec::Av1, &[0x81, 0x04, 0x1c, 0], "av01.0.04M.08.1.110.01.01.01.0");
        check(Codec::Vp9, &[1, 0, 0, 0, 2, 31, 0xa2, 9, 16, 9], "vp09.02.31.10.01.09.16.09.00");
        check(Codec::Vp9, &[1, 0, 0, 0, 0, 31, 0x82, 1, 1, 1], "vp09.00.31.08");
        check(Codec::Vp9, &[1, 0, 0, 0, 0, 31, 0x82, 2, 2, 2], "vp09.00.31.08");
        check(Codec::Vp9, &[1, 0, 0, 0, 1, 31, 0x87, 1, 1, 1], "vp09.01.31.08.03.01.01.01.01");
        check(Codec::Mpeg4, &[0, 0, 1, 0xb0, 0xf5, 0, 0], "mp4v.20.245");
        check(Codec::Aac, &[0x12, 0x10], "mp4a.40.2");
        check(Codec::Aac, &[0xf9, 0x46], "mp4a.40.42");
        // Low complexity at 24 kHz with what doubles it at its end, and with stereo made of one channel.
        check(Codec::Aac, &[0x13, 0x10, 0x56, 0xe5, 0x98], "mp4a.40.5");
        check(Codec::Aac, &[0x13, 0x08, 0x56, 0xe5, 0x9d, 0x48, 0x80], "mp4a.40.29");
        check(Codec::Aac, &[0x13, 0x10, 0x56, 0xe5, 0x00], "mp4a.40.2");
        // The same at the front.
        check(Codec::Aac, &[0x2b, 0x11, 0x88, 0x00], "mp4a.40.5");
        check(Codec::Aac, &[0xeb, 0x09, 0x88, 0x00], "mp4a.40.29");
        check(Codec::ProRes, b"apch", "apch");
    }

    #[test]
    fn names_without() {
        check(Codec::Avc, &[], "avc1");
        check(Codec::Hevc, &[1, 2, 3], "hvc1");
        check(Codec::Aac, &[], "mp4a.40");
        check(Codec::Mp3, &[], "mp4a.40.34");
        check(Codec::Opus, b"\0\x02", "Opus");
        check(Codec::Flac, &[], "fLaC");
        check(Codec::Other(u32::from_be_bytes(*b"raw ")), &[], "raw");
        check(Codec::Other(0x1_0000), &[], "0x10000");
    }
    #[test]
    fn dolby_vision_has_names_of_its_own() {
        assert_eq!(dolby_vision(Codec::Hevc, 5, 6).as_deref(), Some("dvh1.05.06"));
        assert_eq!(dolby_vision(Codec::Av1, 10, 9).as_deref(), Some("dav1.10.09"));
        assert_eq!(dolby_vision(Codec::Vp9, 5, 6), None);
        assert_eq!(dolby_vision_beside(Codec::Hevc, 8, 7, 4).as_deref(), Some("dvh1.08.07/db4h"));
        assert_eq!(dolby_vision_beside(Codec::Hevc, 8, 7, 0), None);
    }
}
