//! Addresses of a network: one, a block, or a range.

use core::fmt;
use core::net::{IpAddr, Ipv6Addr};

/// Addresses of one family that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    last: IpAddr,
}

impl Network {
    /// The addresses that `10.0.0.1`, `10.0.0.0/8`, `10.0.0.0/255.0.0.0`, `10.0.0.1-10.0.0.9` or `2001:db8::/32` name.
    pub fn parse(text: &str) -> Option<Network> {
        if let Some((first, last)) = text.split_once('-') {
            let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            return (first.is_ipv4() == last.is_ipv4() && first <= last).then_some(Network { first, last });
        }
        let Some((address, size)) = text.split_once('/') else {
            let address = text.parse().ok()?;
            return Some(Network { first: address, last: address });
        };
        match (address.parse().ok()?, size.parse()) {
            (address, Ok(IpAddr::V4(mask))) => block(address, mask_length(mask.to_bits())?),
            (address, _) => {
                let is_number = size.bytes().all(|b| b.is_ascii_digit());
                block(address, size.parse().ok().filter(|_| is_number)?)
            }
        }
    }

    /// Whether `address` is one of them. One of IPv4 written as IPv6 (RFC 4291 section 2.5.5.2) is what it stands for.
    pub fn contains(&self, address: IpAddr) -> bool {
        (self.first..=self.last).contains(&address.to_canonical())
    }
}

/// Who is at an address: a subscriber has one of IPv4, and of IPv6 a network of 64 bits at least (RFC 6177 section 2).
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

/// The network as it may be given.
impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Network { first, last } = self;
        let shared = match (first, last) {
            (IpAddr::V4(first), IpAddr::V4(last)) => (first.to_bits() ^ last.to_bits()).leading_zeros(),
            (IpAddr::V6(first), IpAddr::V6(last)) => (first.to_bits() ^ last.to_bits()).leading_zeros(),
            _ => 0,
        };
        match block(*first, shared) {
            _ if first == last => write!(f, "{first}"),
            Some(network) if network == *self => write!(f, "{first}/{shared}"),
            _ => write!(f, "{first}-{last}"),
        }
    }
}

/// The addresses that share their first `length` bits with `address`.
fn block(address: IpAddr, length: u32) -> Option<Network> {
    match address {
        IpAddr::V4(v4) => {
            let host = if length == 32 { 0 } else { u32::MAX.checked_shr(length)? };
            let (first, last) = (v4.to_bits() & !host, v4.to_bits() | host);
            Some(Network { first: IpAddr::V4(first.into()), last: IpAddr::V4(last.into()) })
        }
        IpAddr::V6(v6) => {
            let host = if length == 128 { 0 } else { u128::MAX.checked_shr(length)? };
            let (first, last) = (v6.to_bits() & !host, v6.to_bits() | host);
            Some(Network { first: IpAddr::V6(first.into()), last: IpAddr::V6(last.into()) })
        }
    }
}

/// How many bits a mask leaves alone; `None` for one with holes.
fn mask_length(mask: u32) -> Option<u32> {
    let length = mask.leading_ones();
    (length == mask.count_ones()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the addresses are of the network.
    #[track_caller]
    fn check(network: &str, within: &[&str], without: &[&str]) {
        let parsed = Network::parse(network).unwrap();
        assert_eq!(Network::parse(&parsed.to_string()), Some(parsed), "{network}");
        for (address, expected) in within.iter().map(|a| (a, true)).chain(without.iter().map(|a| (a, false))) {
            assert_eq!(parsed.contains(address.parse().unwrap()), expected, "{network} {address}");
        }
    }

    #[test]
    fn networks() {
        check("10.0.0.1", &["10.0.0.1", "::ffff:10.0.0.1"], &["10.0.0.2", "::1", "::a00:1"]);
        check("10.1.2.3/8", &["10.0.0.0", "10.255.255.255"], &["9.255.255.255", "11.0.0.0", "::ffff:11.0.0.0"]);
        check("10.1.2.3/255.255.0.0", &["10.1.0.0", "10.1.255.255"], &["10.2.0.0"]);
        check("10.0.0.9-10.0.1.2", &["10.0.0.9", "10.0.0.255", "10.0.1.2"], &["10.0.0.8", "10.0.1.3"]);
        check("0.0.0.0/0", &["0.0.0.0", "255.255.255.255"], &["::", "2001:db8::1"]);
        check("1.2.3.4/32", &["1.2.3.4"], &["1.2.3.5"]);
        check("2001:db8::/32", &["2001:db8::1", "2001:db8:ffff::"], &["2001:db9::", "10.0.0.1"]);
        check("::/0", &["::1", "ffff::"], &["10.0.0.1", "::ffff:10.0.0.1"]);
        check("2001:db8::1/128", &["2001:db8::1"], &["2001:db8::2"]);
        check("2001:db8::1 - 2001:db8::3", &["2001:db8::2"], &["2001:db8::4"]);
    }

    #[test]
    fn a_subscriber_has_an_address_or_a_network_of_them() {
        for (address, expected) in [
            ("192.0.2.1", "192.0.2.1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("::1", "::"),
        ] {
            let of = |text: &str| text.parse::<IpAddr>().unwrap();
            assert_eq!(subscriber(of(address)), of(expected));
        }
    }

    #[test]
    fn what_is_no_network() {
        for text in [
            "",
            "10.0.0",
            "10.0.0.1/33",
            "::1/129",
            "10.0.0.0/",
            "/8",
            "10.0.0.0/255.0.255.0",
            "10.0.0.0/-1",
            "1.2.3.4/+8",
            "10.0.0.2-10.0.0.1",
            "10.0.0.1-::1",
            "::/255.0.0.0.0",
            "localhost",
            "10.0.0.1/8/8",
            " 10.0.0.1",
            "10.00.0.1",
        ] {
            assert_eq!(Network::parse(text), None, "{text:?}");
        }
    }
}
