//! The client's address behind proxies: as far from here as those tell it who are believed (RFC 7239).

use std::net::{IpAddr, SocketAddr};

use crate::access::network::Network;

/// The header that proxies write the address of their client into. They must pass on no other of these, or nobody may
/// believe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// `X-Forwarded-For`: addresses with commas between them.
    XForwardedFor,
    /// `Forwarded` (RFC 7239 section 4).
    Forwarded,
}

/// The most proxies that a request may have come through.
const HOPS_MAX: usize = 32;

/// The client behind `peer`: the last one before the proxies that are `trusted`, read from the right of `lines`, the values
/// of the header in their order. Whoever is not trusted is not believed; what cannot be read ends at who wrote it.
pub fn client(peer: IpAddr, trusted: &[Network], header: Header, lines: &[&str]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut nearest = peer.to_canonical();
    let hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    for hop in hops.filter(|hop| !hop.trim().is_empty()).take(HOPS_MAX) {
        if !is_trusted(nearest) {
            break;
        }
        match header.address(hop.trim()) {
            Some(address) => nearest = address.to_canonical(),
            None => break,
        }
    }
    nearest
}

impl Header {
    /// The address that one element names; `None` where it names none.
    fn address(self, element: &str) -> Option<IpAddr> {
        match self {
            Header::XForwardedFor => node(element),
            Header::Forwarded => {
                let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
                let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
                let value = value.trim();
                match value.strip_prefix('"') {
                    Some(quoted) => node(quoted.strip_suffix('"')?),
                    None => node(value),
                }
            }
        }
    }
}

/// The address of a node, which may have a port; `None` for one that hides its own (RFC 7239 section 6).
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trusted() -> Vec<Network> {
        ["10.0.0.0/8", "2001:db8::/32"].iter().map(|text| Network::parse(text).unwrap()).collect()
    }

    #[track_caller]
    fn check(header: Header, peer: &str, lines: &[&str], expected: &str) {
        let found = client(peer.parse().unwrap(), &trusted(), header, lines);
        assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right() {
        let check = |peer, lines: &[&str], expected| check(Header::XForwardedFor, peer, lines, expected);
        check("10.0.0.1", &["192.0.2.1"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.9, 192.0.2.1 ,10.0.0.2"], "192.0.2.1");
        check("10.0.0.1", &["198.51.100.9, 192.0.2.1", "10.0.0.2"], "192.0.2.1");
        check("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1");
        check("2001:db8::1", &["2001:db9::5"], "2001:db9::5");
        check("10.0.0.1", &["[2001:db9::5]:443, 10.0.0.3:80"], "2001:db9::5");
        check("10.0.0.1", &["[2001:db9::5]"], "2001:db9::5");
        // All the way is trusted.
        check("10.0.0.1", &["10.0.0.4,10.0.0.3"], "10.0.0.4");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &[" , ,"], "10.0.0.1");
    }

    #[test]
    fn nobody_else_is_believed() {
        let check = |peer, lines: &[&str], expected| check(Header::XForwardedFor, peer, lines, expected);
        check("192.0.2.7", &["10.0.0.9"], "192.0.2.7");
        check("10.0.0.1", &["10.0.0.9, 192.0.2.7"], "192.0.2.7");
        check("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1");
        check("10.0.0.1", &["198.51.100.1, 1.2.3, 10.0.0.2"], "10.0.0.2");
        check("10.0.0.1", &["for=192.0.2.1"], "10.0.0.1");
        let long = ["192.0.2.1", &", 10.0.0.2".repeat(100)].concat();
        check("10.0.0.1", &[&long], "10.0.0.2");
    }

    #[test]
    fn forwarded_is_read_from_the_right() {
        let check = |lines: &[&str], expected| check(Header::Forwarded, "10.0.0.1", lines, expected);
        check(&["for=192.0.2.1"], "192.0.2.1");
        check(&["for=198.51.100.9, For=\"192.0.2.1:80\";proto=https;by=10.0.0.1"], "192.0.2.1");
        check(&["by=203.0.113.4 ; FOR = \"[2001:db9::5]:443\""], "2001:db9::5");
        check(&["for=192.0.2.1", "for=10.0.0.2"], "192.0.2.1");
        check(&["for=192.0.2.1, for=_hidden, for=10.0.0.2"], "10.0.0.2");
        check(&["for=\"192.0.2.1, for=10.0.0.2"], "10.0.0.2");
        check(&["for=unknown"], "10.0.0.1");
        check(&["for=\"192.0.2.1"], "10.0.0.1");
        check(&["proto=https"], "10.0.0.1");
        check(&["192.0.2.1"], "10.0.0.1");
    }

    proptest! {
        #[test]
        fn any_text_is_answered(lines in proptest::collection::vec("\\PC{0,60}", 0..4)) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            for header in [Header::XForwardedFor, Header::Forwarded] {
                client([10, 0, 0, 1].into(), &trusted(), header, &lines);
                prop_assert_eq!(client([192, 0, 2, 1].into(), &trusted(), header, &lines), IpAddr::from([192, 0, 2, 1]));
            }
        }
    }
}
