//! The way of a request through proxies: as far from here as those tell it who are believed (RFC 7239).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::{Peer, head};
use crate::network::Network;

/// The proxies before the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Who is believed what it says of its client.
    pub trusted: Vec<Network>,
    /// Where it says so.
    pub header: Header,
    /// Whether it begins its connections with a header of the PROXY protocol.
    pub protocol: bool,
}

/// The header that proxies write the address of their client into. They must pass on no other of these, or nobody may
/// believe it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// `X-Forwarded-For`: addresses with commas between them; beside it `X-Forwarded-Proto` and `X-Forwarded-Host`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239 section 4).
    Forwarded,
}

/// How a request came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way<'a> {
    /// The client: the last one before the proxies that are believed.
    pub(super) client: IpAddr,
    /// The scheme of the URL that the client asked for, as far as that is known.
    pub(super) scheme: Option<&'static str>,
    /// The host that the client asked for, where a proxy says that it was another than the one it asks for itself.
    pub(super) host: Option<&'a str>,
}

/// The most proxies that a request may have come through.
const HOPS_MAX: usize = 32;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

impl Proxies {
    /// Whether what `address` says of its client is believed.
    pub(super) fn are(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// How a request with these fields came here, over a connection from `peer`. Whoever is not trusted is not believed; what
    /// cannot be read ends at who wrote it.
    pub(super) fn way<'a>(&self, peer: Peer, headers: &'a HeaderMap) -> Way<'a> {
        let own = peer.is_secure.then_some("https");
        if !self.are(peer.address) {
            return Way { client: peer.address.to_canonical(), scheme: own, host: None };
        }
        let lines = |name: &HeaderName| headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let (client, hops) = self.followed(peer.address, lines(&self.header.name()));
        // Every proxy adds one, or the first of them the only one: what a client has put before is not looked at.
        let said = |name: &HeaderName| elements(lines(name)).take(hops.max(1)).last();
        let (scheme, host) = match self.header {
            Header::XForwardedFor => (said(&X_FORWARDED_PROTO), said(&X_FORWARDED_HOST)),
            Header::Forwarded => {
                let element = said(&FORWARDED).unwrap_or_default();
                (parameter(element, "proto"), parameter(element, "host"))
            }
        };
        Way { client, scheme: scheme.and_then(known_scheme).or(own), host }
    }

    /// The client of the request with a complete `head`, over a connection from `peer`.
    pub(super) fn client(&self, peer: IpAddr, head: &[u8]) -> IpAddr {
        self.followed(peer, head::values(head, self.header.name().as_str())).0
    }

    /// The client behind `peer` as these lines tell it, and through how many proxies that are believed it came.
    fn followed<'a>(&self, peer: IpAddr, lines: impl Iterator<Item = &'a [u8]>) -> (IpAddr, usize) {
        let (mut client, mut hops) = (peer.to_canonical(), 0);
        if self.are(client) {
            for element in elements(lines).take(HOPS_MAX) {
                let Some(address) = self.header.address(element).filter(|_| self.are(client)) else { break };
                client = address.to_canonical();
                hops += 1;
            }
        }
        (client, hops)
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name().as_str())
    }
}

impl FromStr for Header {
    type Err = ();

    fn from_str(text: &str) -> Result<Header, ()> {
        [Header::XForwardedFor, Header::Forwarded].into_iter().find(|header| header.name() == text).ok_or(())
    }
}

impl Header {
    fn name(self) -> HeaderName {
        match self {
            Header::XForwardedFor => X_FORWARDED_FOR,
            Header::Forwarded => FORWARDED,
        }
    }

    /// The address that one element names; `None` where it names none.
    fn address(self, element: &str) -> Option<IpAddr> {
        match self {
            Header::XForwardedFor => node(element),
            Header::Forwarded => node(parameter(element, "for")?),
        }
    }
}

/// The elements of the lines of a field, from the right. One that cannot be read is there all the same.
fn elements<'a>(lines: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a str> {
    let lines: Vec<&str> = lines.map(readable).collect();
    let elements = lines.into_iter().rev().flat_map(|line| line.rsplit(','));
    elements.map(str::trim).filter(|element| !element.is_empty())
}

fn readable(value: &[u8]) -> &str {
    let is_text = value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    std::str::from_utf8(value).ok().filter(|_| is_text).unwrap_or("?")
}

/// The value of a parameter of an element of `Forwarded`, without its quotes.
fn parameter<'a>(element: &'a str, wanted: &str) -> Option<&'a str> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    match value.trim().strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"'),
        None => Some(value.trim()),
    }
}

fn known_scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme))
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

    fn proxies(header: Header) -> Proxies {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"].iter().map(|text| Network::parse(text).unwrap()).collect();
        Proxies { trusted, header, protocol: false }
    }

    fn peer(address: &str) -> Peer {
        Peer { address: address.parse().unwrap(), is_secure: false }
    }

    fn fields<'a>(fields: impl IntoIterator<Item = (&'static str, &'a str)>) -> HeaderMap {
        let field = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        fields.into_iter().map(field).collect()
    }

    #[track_caller]
    fn check(header: Header, from: &str, lines: &[&str], expected: &str) {
        let name = if header == Header::Forwarded { "forwarded" } else { "x-forwarded-for" };
        let other = if header == Header::Forwarded { "x-forwarded-for" } else { "forwarded" };
        let lines = lines.iter().map(|line| (name, *line));
        let headers = fields(lines.chain([(other, "for=203.0.113.99"), (other, "203.0.113.99")]));
        let found = proxies(header).way(peer(from), &headers);
        assert_eq!(found.client.to_string(), expected, "{from} {headers:?}");
    }

    #[track_caller]
    fn check_said(header: Header, from: &str, given: &[(&'static str, &str)], expected: (Option<&str>, Option<&str>)) {
        let headers = fields(given.iter().copied());
        let found = proxies(header).way(peer(from), &headers);
        assert_eq!((found.scheme, found.host), expected, "{from} {given:?}");
    }

    #[test]
    fn what_the_client_asked_for_is_what_its_proxy_says() {
        let (proto, host, via) = ("x-forwarded-proto", "x-forwarded-host", "x-forwarded-for");
        let check = |from, given: &[_], expected| check_said(Header::XForwardedFor, from, given, expected);
        check("10.0.0.1", &[(proto, "https"), (host, "cdn.example.com")], (Some("https"), Some("cdn.example.com")));
        check("192.0.2.7", &[(proto, "https"), (host, "cdn.example.com")], (None, None));
        check("10.0.0.1", &[(proto, "javascript"), (host, "")], (None, None));
        // What stands before the words of who is believed is the client's own.
        check(
            "10.0.0.1",
            &[(via, "192.0.2.1"), (proto, "http, HTTPS"), (host, "evil, good")],
            (Some("https"), Some("good")),
        );
        check("10.0.0.1", &[(via, "192.0.2.1, 10.0.0.2"), (proto, "https,http")], (Some("https"), None));
        check("10.0.0.1", &[(via, "192.0.2.1, 10.0.0.2"), (proto, "https")], (Some("https"), None));
        check("10.0.0.1", &[("forwarded", "proto=https;host=evil")], (None, None));
        let check = |from, given: &[_], expected| check_said(Header::Forwarded, from, given, expected);
        let said = "for=192.0.2.1;proto=https;host=\"cdn:8443\", for=10.0.0.2;proto=http;host=inner";
        check("10.0.0.1", &[("forwarded", said)], (Some("https"), Some("cdn:8443")));
        check("10.0.0.1", &[("forwarded", "host=x"), (proto, "https")], (None, Some("x")));
        check("192.0.2.7", &[("forwarded", said)], (None, None));
    }

    #[test]
    fn over_tls_it_was_https() {
        let secure = |address| Peer { is_secure: true, ..peer(address) };
        let scheme =
            |peer, value| proxies(Header::XForwardedFor).way(peer, &fields([("x-forwarded-proto", value)])).scheme;
        assert_eq!(scheme(secure("192.0.2.7"), "http"), Some("https"));
        assert_eq!(scheme(secure("10.0.0.1"), "http"), Some("http"));
        assert_eq!(scheme(secure("10.0.0.1"), "?"), Some("https"));
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
            let values = lines.iter().map(|line| HeaderValue::from_bytes(line.as_bytes()).unwrap());
            let headers: HeaderMap =
                values.flat_map(|value| [X_FORWARDED_FOR, FORWARDED].map(|name| (name, value.clone()))).collect();
            for header in [Header::XForwardedFor, Header::Forwarded] {
                proxies(header).way(peer("10.0.0.1"), &headers);
                let found = proxies(header).way(peer("192.0.2.1"), &headers);
                prop_assert_eq!(found.client, IpAddr::from([192, 0, 2, 1]));
            }
        }
    }
}
