//! What a proxy says before a connection's first byte: the PROXY protocol, versions 1 and 2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::{Error, Kind, Result};

/// What the first bytes of a connection come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preamble {
    /// At least so many bytes more belong to them.
    More(usize),
    /// They are whole, and name the client; `None` where the proxy speaks for itself, or of no address.
    Of(Option<SocketAddr>),
}

/// The shortest header of version 1.
const V1_MIN: usize = b"PROXY UNKNOWN\r\n".len();

/// The longest header of version 1, with the end of its line (section 2.1).
const V1_MAX: usize = 107;

/// The longest header of version 2 that is read: addresses, and what proxies add of TLS.
const LENGTH_MAX: usize = 4096;

/// What headers of version 2 begin with (section 2.2).
const V2_MARK: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Bytes of a header of version 2 before its addresses.
const V2_FIXED: usize = 16;

/// The client that a proxy names at the front of `stream`, of which no byte is read that follows its words. `None` where it
/// speaks for itself, or of no address. Fails where it begins with anything else: whoever is set to do so is no proxy then.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<SocketAddr>> {
    let mut bytes = Vec::with_capacity(V1_MAX);
    loop {
        match parse(&bytes)? {
            Preamble::Of(client) => return Ok(client),
            Preamble::More(count) => {
                let known = bytes.len();
                bytes.resize(known + count, 0);
                let read = stream.read_exact(&mut bytes[known..]).await;
                read.map_err(|error| Error::new(Kind::Invalid, "a proxy says nothing").caused_by(error))?;
            }
        }
    }
}

/// What `bytes` come to, all of which have been asked for.
fn parse(bytes: &[u8]) -> Result<Preamble> {
    let begins = |mark: &[u8]| bytes.iter().zip(mark).all(|(one, other)| one == other);
    if begins(b"PROXY ") {
        return v1(bytes);
    }
    if begins(V2_MARK) {
        return v2(bytes);
    }
    Err(Error::invalid("a connection from a proxy begins with a header of the PROXY protocol"))
}

fn v1(bytes: &[u8]) -> Result<Preamble> {
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        let least = if bytes.ends_with(b"\r") { 1 } else { 2 };
        return match bytes.len() {
            V1_MAX.. => Err(wrong("its line does not end")),
            0..V1_MIN => Ok(Preamble::More(V1_MIN - bytes.len())),
            length => Ok(Preamble::More(least.min(V1_MAX - length))),
        };
    };
    let line = str::from_utf8(line).map_err(|_| wrong("its line is no text"))?;
    line_client(line).map(Preamble::Of).ok_or_else(|| wrong("its line has another form"))
}

/// The client that a line such as `PROXY TCP4 192.0.2.1 192.0.2.2 5000 80` names.
fn line_client(line: &str) -> Option<Option<SocketAddr>> {
    let mut words = line.strip_prefix("PROXY ")?.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let (source, destination): (IpAddr, IpAddr) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (port, other) = (port(words.next()?)?, port(words.next()?));
    let is_right = match family {
        "TCP4" => source.is_ipv4() && destination.is_ipv4(),
        "TCP6" => source.is_ipv6() && destination.is_ipv6(),
        _ => false,
    };
    let is_whole = other.is_some() && words.next().is_none();
    (is_right && is_whole).then_some(Some(SocketAddr::new(source, port)))
}

fn port(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| port.to_string() == text)
}

fn v2(bytes: &[u8]) -> Result<Preamble> {
    let Some((fixed, body)) = bytes.split_at_checked(V2_FIXED) else {
        return Ok(Preamble::More(V2_FIXED - bytes.len()));
    };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if V2_FIXED + length > LENGTH_MAX {
        return Err(wrong("it is longer than 4096 bytes"));
    }
    if body.len() < length {
        return Ok(Preamble::More(length - body.len()));
    }
    match command {
        // LOCAL: the proxy asks for itself.
        0x20 => Ok(Preamble::Of(None)),
        // PROXY
        0x21 => address(family, body).map(Preamble::Of).ok_or_else(|| wrong("its addresses are cut off")),
        _ => Err(wrong("its version or command is unknown")),
    }
}

/// The client of an address block: source, destination, and the port of each. `None` for one that is too short.
fn address(family: u8, body: &[u8]) -> Option<Option<SocketAddr>> {
    let port = |at: usize| Some(u16::from_be_bytes([*body.get(at)?, *body.get(at + 1)?]));
    Some(match family {
        // TCP or UDP over IPv4
        0x11 | 0x12 => {
            let source: [u8; 4] = body.get(..4)?.try_into().ok()?;
            body.get(..12)?;
            Some((Ipv4Addr::from(source), port(8)?).into())
        }
        // TCP or UDP over IPv6
        0x21 | 0x22 => {
            let source: [u8; 16] = body.get(..16)?.try_into().ok()?;
            body.get(..36)?;
            Some((Ipv6Addr::from(source), port(32)?).into())
        }
        _ => None,
    })
}

fn wrong(what: &str) -> Error {
    Error::invalid(format!("a header of the PROXY protocol cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is read from a stream that begins with `bytes`, and how many of them.
    fn read_from(bytes: &[u8]) -> (Result<Option<SocketAddr>>, usize) {
        let mut rest = bytes;
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let client = runtime.block_on(read(&mut rest));
        (client, bytes.len() - rest.len())
    }

    /// What a header says; it says so only when it is whole, and whatever follows it.
    #[track_caller]
    fn check(header: &[u8], client: Option<&str>) {
        let expected: Option<SocketAddr> = client.map(|text| text.parse().unwrap());
        for cut in 0..header.len() {
            let error = read_from(&header[..cut]).0.unwrap_err();
            assert!(error.message().contains("says nothing"), "{cut} bytes of {header:?}: {error}");
        }
        let (found, length) = read_from(&[header, b"\r\nGET / HTTP/1.1\r\n\r\n"].concat());
        assert_eq!((found.unwrap(), length), (expected, header.len()), "{header:?}");
    }

    #[track_caller]
    fn refused(header: &[u8], words: &str) {
        let error = read_from(header).0.unwrap_err();
        assert!(error.message().contains(words), "{header:?}: {error}");
    }

    #[test]
    fn version_1() {
        check(b"PROXY TCP4 192.0.2.1 10.0.0.1 56324 443\r\n", Some("192.0.2.1:56324"));
        check(b"PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", Some("[2001:db8::1]:1"));
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN ffff:f::ffff ffff:f::ffff 65535 65535\r\n", None);
        for line in [
            "PROXY  TCP4 1 2\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 56324\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 56324 443 \r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 056324 443\r\n",
            "PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n",
            "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
            "PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
            "PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
        ] {
            refused(line.as_bytes(), "another form");
        }
        refused(&[b"PROXY ".as_slice(), &[b'x'; 200]].concat(), "does not end");
        refused(b"PROXY \xff UNKNOWN\r\n", "no text");
        refused(b"GET / HTTP/1.1\r\n", "begins with a header");
        refused(b"PROXX UNKNOWN\r\n", "begins with a header");
    }

    fn binary(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [V2_MARK.as_slice(), &[command, family], &length, body].concat()
    }

    #[test]
    fn version_2() {
        let v4 = [[192, 0, 2, 1].as_slice(), &[10, 0, 0, 1], &56324_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat();
        check(&binary(0x21, 0x11, &v4), Some("192.0.2.1:56324"));
        check(&binary(0x21, 0x11, &[v4.as_slice(), &[4, 0, 1, 0]].concat()), Some("192.0.2.1:56324"));
        let source: Ipv6Addr = "2001:db8::1".parse().unwrap();
        let v6 = [source.octets().as_slice(), &[0; 16], &[0, 7], &[1, 187]].concat();
        check(&binary(0x21, 0x21, &v6), Some("[2001:db8::1]:7"));
        check(&binary(0x20, 0x11, &v4), None);
        check(&binary(0x20, 0, &[]), None);
        check(&binary(0x21, 0x31, &[0; 216]), None);
        check(&binary(0x21, 0, &[1, 2, 3]), None);
        refused(&binary(0x21, 0x11, &v4[..11]), "cut off");
        refused(&binary(0x21, 0x21, &v4), "cut off");
        refused(&binary(0x11, 0x11, &v4), "unknown");
        refused(&binary(0x22, 0x11, &v4), "unknown");
        refused(&binary(0x21, 0x11, &[0; 4081])[..16], "longer");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>, mark in 0..3_usize) {
            let head: &[u8] = [b"".as_slice(), b"PROXY ", V2_MARK][mark];
            prop_assert!(read_from(&[head, &bytes].concat()).1 <= LENGTH_MAX);
        }
    }
}
