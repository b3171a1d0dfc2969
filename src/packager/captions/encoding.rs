//! The characters of a text file: UTF-8, UTF-16 with a mark, else Windows-1252.

/// The text of a file without the mark of its order of bytes. What is no character becomes U+FFFD.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => bytes.iter().map(|byte| windows_1252(*byte)).collect(),
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// As browsers read it (WHATWG Encoding, index windows-1252).
fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_80[usize::from(byte - 0x80)],
        byte => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], expected: &str) {
        assert_eq!(decoded(bytes), expected);
    }

    #[test]
    fn files_of_every_encoding() {
        check(b"\xef\xbb\xbfa\xc3\xa9", "aé");
        check(b"a\xc3\xa9", "aé");
        check(b"a\xe9 \x80\x99", "aé €™");
        check(b"\xff\xfea\0\xe9\0=\xd8\0\xde", "aé😀");
        check(b"\xfe\xff\0a\0\xe9\xd8\0", "aé\u{fffd}");
        check(b"\xef\xbb\xbfa\xff", "a\u{fffd}");
        check(b"", "");
    }
}
