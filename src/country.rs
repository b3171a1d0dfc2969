//! The country of an address, from a database file of MaxMind's.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, path};

use crate::error::{Error, Kind, Result};

/// The largest file that is read: those of cities, which tell of countries too, take a tenth of it.
const BYTES_MAX: u64 = 1 << 30;

/// A database of countries by address.
pub struct Countries(Reader<Vec<u8>>);

impl Countries {
    /// The database in `file`, which is read whole.
    pub fn open(file: &Path) -> Result<Countries> {
        let unreadable = |error: std::io::Error| {
            Error::new(Kind::Unavailable, format!("the database of countries cannot be read: {}", file.display()))
                .caused_by(error)
        };
        let mut bytes = Vec::new();
        File::open(file).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        if u64::try_from(bytes.len()).is_ok_and(|length| length > BYTES_MAX) {
            return Err(Error::too_large(format!("a database of countries takes {BYTES_MAX} bytes at most")));
        }
        Countries::from_bytes(bytes).map_err(|error| {
            let message = format!("{} is no database of MaxMind's", file.display());
            Error::unsupported(message).caused_by(error)
        })
    }

    fn from_bytes(bytes: Vec<u8>) -> std::result::Result<Countries, maxminddb::MaxMindDbError> {
        Reader::from_source(bytes).map(Countries)
    }

    /// The two capital letters of the country that `address` is in (ISO 3166-1); `None` where the database does not tell.
    pub fn of(&self, address: IpAddr) -> Option<&str> {
        let found = self.0.lookup(address.to_canonical()).ok()?;
        found.decode_path(&path!["country", "iso_code"]).ok()?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";

    fn text(value: &str) -> Vec<u8> {
        [&[0x40 | u8::try_from(value.len()).unwrap()], value.as_bytes()].concat()
    }

    fn small(value: u16) -> Vec<u8> {
        [&[0xa2], value.to_be_bytes().as_slice()].concat()
    }

    /// A tree of networks, addresses in IPv6 and lengths of their prefixes, each with a country.
    fn database(networks: &[(&str, u32, &str)]) -> Vec<u8> {
        /// Where a branch leads.
        #[derive(Clone, Copy)]
        enum Branch {
            Nowhere,
            Node(usize),
            Data(usize),
        }
        let (mut nodes, mut data) = (vec![[Branch::Nowhere; 2]], Vec::new());
        for (address, length, country) in networks {
            let bits = address.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
            let mut node = 0;
            for at in 0..*length {
                let bit = usize::from(bits >> (127 - at) & 1 == 1);
                if at + 1 == *length {
                    nodes[node][bit] = Branch::Data(data.len());
                } else if let Branch::Node(next) = nodes[node][bit] {
                    node = next;
                } else {
                    nodes.push([Branch::Nowhere; 2]);
                    nodes[node][bit] = Branch::Node(nodes.len() - 1);
                    node = nodes.len() - 1;
                }
            }
            data.extend([vec![0xe1], text("country"), vec![0xe1], text("iso_code"), text(country)].concat());
        }
        let record = |branch: &Branch| match branch {
            Branch::Nowhere => nodes.len(),
            Branch::Node(node) => *node,
            Branch::Data(at) => nodes.len() + 16 + at,
        };
        let bytes = |branch| u32::try_from(record(branch)).unwrap().to_be_bytes()[1..].to_vec();
        let tree: Vec<u8> = nodes.iter().flatten().flat_map(bytes).collect();
        let count = [&[0xc4], u32::try_from(nodes.len()).unwrap().to_be_bytes().as_slice()].concat();
        let metadata = [
            vec![0xe9],
            [text("node_count"), count].concat(),
            [text("record_size"), small(24)].concat(),
            [text("ip_version"), small(6)].concat(),
            [text("database_type"), text("Test")].concat(),
            [text("languages"), vec![0, 4]].concat(),
            [text("binary_format_major_version"), small(2)].concat(),
            [text("binary_format_minor_version"), small(0)].concat(),
            [text("build_epoch"), vec![1, 2, 9]].concat(),
            [text("description"), vec![0xe0]].concat(),
        ];
        [tree, vec![0; 16], data, MARK.to_vec(), metadata.concat()].concat()
    }

    #[test]
    fn countries_of_addresses() {
        let networks = [("::c000:200", 96 + 24, "DE"), ("::c633:6400", 96 + 24, "AT"), ("2001:db8::", 32, "CH")];
        let countries = Countries::from_bytes(database(&networks)).unwrap();
        #[track_caller]
        fn check(countries: &Countries, address: &str, expected: Option<&str>) {
            assert_eq!(countries.of(address.parse().unwrap()), expected, "{address}");
        }
        check(&countries, "192.0.2.1", Some("DE"));
        check(&countries, "::ffff:192.0.2.255", Some("DE"));
        check(&countries, "198.51.100.7", Some("AT"));
        check(&countries, "2001:db8:ffff::1", Some("CH"));
        check(&countries, "192.0.3.1", None);
        check(&countries, "2001:db9::1", None);
    }

    #[test]
    fn a_broken_database_is_refused_or_tells_nothing() {
        let whole = database(&[("2001:db8::", 32, "CH")]);
        for cut in 0..whole.len() {
            if let Ok(countries) = Countries::from_bytes(whole[..cut].to_vec()) {
                countries.of("2001:db8::1".parse().unwrap());
            }
        }
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(countries) = Countries::from_bytes(changed) {
                countries.of("2001:db8::1".parse().unwrap());
            }
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_names_it() {
        let missing = Countries::open(Path::new("/nowhere/countries.mmdb")).err().unwrap();
        assert_eq!(missing.kind(), Kind::Unavailable);
        let other = Countries::open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))).err().unwrap();
        assert_eq!(other.kind(), Kind::Unsupported);
        assert!(other.message().ends_with("Cargo.toml is no database of MaxMind's"), "{other}");
    }
}
