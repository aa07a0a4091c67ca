//! Where a call comes from.

use std::net::{IpAddr, Ipv6Addr};

/// HMAC-SHA256 of a network that an account has signed in from, under a key of the master key.
pub type SourceHash = [u8; 32];

/// The network of a source. A user of IPv6 has at least a /64, so the lower bits tell nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceNetwork {
    /// Its first address; an IPv4 address that is written as IPv6 counts as itself.
    address: IpAddr,
    /// Leading bits that all its addresses share.
    prefix_bits: u8,
}

impl SourceNetwork {
    /// The smallest network that belongs to one user: the address itself, or an IPv6 /64.
    pub fn of(source: IpAddr) -> Self {
        Self::cut(source, 64)
    }

    /// The networks that a site or its provider's customer has around it: of IPv6 the /56 and the
    /// /48, of IPv4 none.
    pub fn around(source: IpAddr) -> impl Iterator<Item = Self> {
        let wider = match source.to_canonical() {
            IpAddr::V4(_) => [].as_slice(),
            IpAddr::V6(_) => [56, 48].as_slice(),
        };
        wider.iter().map(move |bits| Self::cut(source, *bits))
    }

    /// Leading bits that all its addresses share: 32 for IPv4; 64, 56 or 48 for IPv6.
    pub fn prefix_bits(self) -> u8 {
        self.prefix_bits
    }

    /// The bytes that a hash of it covers.
    pub fn octets(self) -> Vec<u8> {
        match self.address {
            IpAddr::V4(v4) => v4.octets().to_vec(),
            IpAddr::V6(v6) => v6.octets().to_vec(),
        }
    }

    fn cut(source: IpAddr, bits: u8) -> Self {
        match source.to_canonical() {
            v4 @ IpAddr::V4(_) => Self {
                address: v4,
                prefix_bits: 32,
            },
            IpAddr::V6(v6) => {
                let rest = 128 - u32::from(bits);
                Self {
                    address: Ipv6Addr::from(u128::from(v6) >> rest << rest).into(),
                    prefix_bits: bits,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_network_and_ipv6_has_wider_ones_around_it() {
        let v6 = |text: &str| SourceNetwork::of(text.parse().unwrap());
        assert_eq!(v6("2001:db8::1"), v6("2001:db8::ffff:2"));
        assert_ne!(v6("2001:db8::1"), v6("2001:db8:0:1::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), v6("192.0.2.1"));
        let around = |text: &str| -> Vec<SourceNetwork> {
            SourceNetwork::around(text.parse().unwrap()).collect()
        };
        let one = around("2001:db8:7:0100::1");
        assert_eq!(one, around("2001:db8:7:01ff::1"), "one /56");
        let other = around("2001:db8:7:0200::1");
        assert!(one[0] != other[0] && one[1] == other[1], "one /48");
        assert_ne!(one[1], around("2001:db8:8:0100::1")[1]);
        assert!(around("192.0.2.1").is_empty() && around("::ffff:192.0.2.1").is_empty());
    }
}
