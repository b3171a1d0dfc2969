//! Which addresses are of the public internet, whatever they are wrapped in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far a connection may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To addresses of the public internet alone.
    Public,
    /// Anywhere: to this machine, its network, and the services of its host.
    Anywhere,
}

impl Reach {
    /// Whether a connection to `address` is allowed.
    pub(super) fn allows(self, address: IpAddr) -> bool {
        match (self, address) {
            (Reach::Anywhere, _) => true,
            (Reach::Public, IpAddr::V4(address)) => is_public_v4(address),
            (Reach::Public, IpAddr::V6(address)) => is_public_v6(address),
        }
    }
}

/// The blocks that are not, or not for everyone, on the internet (RFC 6890 and the IANA registry it began): first address
/// and length of the prefix.
const SPECIAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(start, length): &([u8; 4], u32)| {
        let mask = u32::MAX << (32 - length);
        address.to_bits() & mask == u32::from_be_bytes(*start)
    };
    !SPECIAL_V4.iter().any(is_in)
}

/// Only 2000::/3 is handed out (RFC 4291 section 2.4), and of that not all. Where an address of the old kind is wrapped in
/// it, packets may end there, so that it counts as well.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    match parts {
        // Mapped (RFC 4291 section 2.5.5.2), translated (RFC 7915) and NAT64 (RFC 6052).
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(wrapped(high, low)),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => is_public_v4(wrapped(high, low)) && is_public_interface(parts),
        // Teredo (RFC 4380): the server, and the client with its bits turned.
        [0x2001, 0, high, low, _, _, client_high, client_low] => {
            is_public_v4(wrapped(high, low)) && is_public_v4(wrapped(!client_high, !client_low))
        }
        // The rest of what is set apart for protocols (RFC 2928), and addresses for documents (RFC 3849, RFC 9637).
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        [0x2000..=0x3fff, ..] => is_public_interface(parts),
        _ => false,
    }
}

/// ISATAP (RFC 5214) has an address of the old kind in its lower half.
fn is_public_interface(parts: [u16; 8]) -> bool {
    match parts {
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => is_public_v4(wrapped(high, low)),
        _ => true,
    }
}

fn wrapped(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(addresses: &[&str], expected: bool) {
        for address in addresses {
            assert_eq!(Reach::Public.allows(address.parse().unwrap()), expected, "{address}");
            assert!(Reach::Anywhere.allows(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn the_internet_is_reached() {
        check(&["1.1.1.1", "93.184.215.14", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"], true);
        check(&["2606:4700::1111", "2a00:1450:4001:80b::200e", "2001:200::1", "2001:4860:4860::8888"], true);
    }

    #[test]
    fn this_machine_and_its_network_are_not() {
        check(&["127.0.0.1", "127.255.0.1", "0.0.0.0", "0.1.2.3", "::1", "::"], false);
        check(&["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1", "fec0::1"], false);
        check(&["100.64.0.1", "100.127.255.255", "169.254.169.254", "fe80::1", "febf::1"], false);
        check(&["224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1", "198.18.0.1", "192.0.0.8"], false);
        check(&["2001:db8::1", "3fff::1", "100::1", "5f00::1", "2001:10::1", "64:ff9b:1::7f00:1"], false);
    }

    #[test]
    fn wrapping_hides_nothing() {
        check(&["::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:0:169.254.169.254", "::127.0.0.1"], false);
        check(&["64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2002:a9fe:a9fe::1"], false);
        // Teredo: a private server; then a public one with 192.168.0.1 behind it.
        check(&["2001:0:a00:1:0:0:a5a5:a5a5", "2001:0:101:101:0:0:3f57:fffe"], false);
        check(&["2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:127.0.0.1", "fe80::5efe:1.1.1.1"], false);
        check(&["::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1", "2606:4700::5efe:1.1.1.1"], true);
    }

    proptest! {
        #[test]
        fn whatever_wraps_a_refused_address_is_refused(bits: u32, other: u64) {
            let inner = Ipv4Addr::from_bits(bits);
            let (high, low) = ((bits >> 16) as u16, bits as u16);
            let [a, b, c, d] = [other as u16, (other >> 16) as u16, (other >> 32) as u16, (other >> 48) as u16];
            let wraps = [
                [0, 0, 0, 0, 0, 0xffff, high, low],
                [0, 0, 0, 0, 0xffff, 0, high, low],
                [0x64, 0xff9b, 0, 0, 0, 0, high, low],
                [0x2002, high, low, a, b, c, d, 1],
                [0x2001, 0, high, low, a, b, c, d],
                [0x2001, 0, 0x101, 0x101, a, b, !high, !low],
                [0x2606, a, b, c, 0, 0x5efe, high, low],
            ];
            for parts in wraps {
                let address = IpAddr::V6(parts.into());
                prop_assert!(is_public_v4(inner) || !Reach::Public.allows(address), "{address}");
            }
        }
    }
}
