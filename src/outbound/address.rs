//! Which addresses a request of the server's own may go to.
//!
//! Three kinds: what is on the internet, what is on the operator's networks and needs his word
//! (`allowed`), and what is never meant: an address of the machine's own link, of a cloud's
//! metadata service, or of nobody. IPv4 inside IPv6 is what it leads to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// Networks that nothing is sent to, with what they are (the registries of special-purpose
/// addresses, RFC 6890, and the metadata services of clouds). The first that holds an address names
/// it.
const NEVER: [(IpNet, &str); 24] = [
    (v4([0, 0, 0, 0], 8), "no address of a host"),
    (v4([100, 100, 100, 200], 32), METADATA), // Alibaba
    (v4([168, 63, 129, 16], 32), METADATA),   // Azure
    (v4([169, 254, 169, 254], 32), METADATA), // most
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([192, 0, 0, 192], 32), METADATA), // Oracle
    (v4([192, 0, 0, 0], 24), RESERVED),
    (v4([192, 0, 2, 0], 24), DOCUMENTATION),
    (v4([192, 88, 99, 0], 24), RESERVED),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([198, 51, 100, 0], 24), DOCUMENTATION),
    (v4([203, 0, 113, 0], 24), DOCUMENTATION),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), RESERVED),
    (v6([0; 8], 128), "no address of a host"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), RESERVED),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), DOCUMENTATION),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), DOCUMENTATION),
    (v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], 128), METADATA), // Amazon
    (v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), METADATA),  // Google
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), RESERVED),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];
/// Networks for which the operator's word is needed.
const PRIVATE: [(IpNet, &str); 7] = [
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "private"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "private"),
];
/// What is assigned: IPv4, and of IPv6 an eighth (RFC 4291, 2.4).
const GLOBAL: [IpNet; 2] = [v4([0; 4], 0), v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)];

const METADATA: &str = "a metadata service";
const RESERVED: &str = "reserved";
const DOCUMENTATION: &str = "for documentation";

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> IpNet {
    IpNet::new_assert(IpAddr::V6(Ipv6Addr::from_segments(segments)), prefix)
}

/// Checks an address against the networks that the operator allows.
///
/// # Errors
///
/// What kind of address it is, if nothing may be sent to it.
pub(super) fn check(address: IpAddr, allowed: &[IpNet]) -> Result<(), &'static str> {
    let inside = embedded(address);
    if !inside.is_empty() {
        let mut inside = inside.into_iter();
        return inside.try_for_each(|inside| check(inside.into(), allowed));
    }
    if let Some(kind) = kind(&NEVER, address) {
        return Err(kind);
    }
    let holds = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
    match kind(&PRIVATE, address) {
        Some(_) if holds(allowed) => Ok(()),
        Some(kind) => Err(kind),
        None if holds(&GLOBAL) => Ok(()),
        None => Err(RESERVED),
    }
}

fn kind(networks: &[(IpNet, &'static str)], address: IpAddr) -> Option<&'static str> {
    let mut all = networks.iter();
    let found = all.find(|(network, _)| network.contains(&address));
    found.map(|(_, kind)| *kind)
}

/// The IPv4 addresses that an address of IPv6 leads to: mapped and compatible (RFC 4291, 2.5.5),
/// NAT64 (RFC 6052, 2.1), 6to4 (RFC 3056), and Teredo with its server and its client (RFC 4380, 4).
fn embedded(address: IpAddr) -> Vec<Ipv4Addr> {
    let IpAddr::V6(address) = address else {
        return vec![];
    };
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // The unspecified address and loopback are no IPv4.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => vec![],
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            vec![v4(high, low)]
        }
        [0x2002, high, low, ..] => vec![v4(high, low)],
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            vec![v4(server_high, server_low), v4(!high, !low)]
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses, and what is wrong with them without the operator's word; `ok` for nothing.
    const TABLE: &str = "
        8.8.8.8 ok | 1.1.1.1 ok | 172.15.255.255 ok | 172.32.0.0 ok | 100.63.0.1 ok | 192.0.1.1 ok
        2a00:1450::1 ok | 2001:4860:4860::8888 ok | 2606:4700::1111 ok
        10.0.0.1 private | 172.16.0.1 private | 172.31.255.255 private | 192.168.1.1 private
        100.64.0.1 private | 100.127.255.255 private | fc00::1 private | fd12:3456::1 private
        127.0.0.1 loopback | 127.255.255.254 loopback | ::1 loopback
        169.254.169.254 a metadata service | 168.63.129.16 a metadata service
        192.0.0.192 a metadata service | 100.100.100.200 a metadata service
        fd00:ec2::254 a metadata service | fd20:ce::254 a metadata service
        169.254.1.1 link-local | fe80::1 link-local | febf::1 link-local | fec0::1 reserved
        0.0.0.0 no address of a host | 0.1.2.3 no address of a host | :: no address of a host
        224.0.0.1 multicast | 239.255.255.255 multicast | ff02::1 multicast
        255.255.255.255 broadcast | 240.0.0.1 reserved | 192.0.0.8 reserved | 192.88.99.1 reserved
        192.0.2.1 for documentation | 198.51.100.1 for documentation
        203.0.113.1 for documentation | 2001:db8::1 for documentation | 3fff::1 for documentation
        198.18.0.1 for benchmarks | 198.19.255.255 for benchmarks
        2001:2::1 reserved | 100::1 reserved | 4000::1 reserved | 5f00::1 reserved
        64:ff9b:1::a00:1 reserved | ::ffff:0:a00:1 reserved
        ::ffff:8.8.8.8 ok | 64:ff9b::8.8.8.8 ok | 2002:808:808::1 ok
        ::ffff:127.0.0.1 loopback | ::127.0.0.1 loopback | 64:ff9b::7f00:1 loopback
        ::ffff:169.254.169.254 a metadata service | ::169.254.169.254 a metadata service
        64:ff9b::a9fe:a9fe a metadata service | 2002:a9fe:a9fe:: a metadata service
        64:ff9b::a83f:8110 a metadata service
        ::ffff:10.1.2.3 private | 2002:0a01:0203::1 private | 64:ff9b::10.0.0.1 private
        2001:0:808:808::f7f7:f7f7 ok | 2001:0:a00:1::f7f7:f7f7 private
        2001:0:808:808::5601:5601 a metadata service | ::ffff:0.0.0.0 no address of a host
    ";

    #[test]
    fn each_kind_of_address_is_told_also_inside_of_ipv6() {
        let mut rows = 0;
        for row in TABLE.split(['|', '\n']).map(str::trim) {
            let Some((address, expected)) = row.split_once(' ') else {
                assert_eq!(row, "");
                continue;
            };
            let found = check(address.parse().unwrap(), &[]);
            assert_eq!(found.err().unwrap_or("ok"), expected, "{address}");
            rows += 1;
        }
        assert_eq!(rows, 71);
    }

    #[test]
    fn the_operator_opens_private_networks_and_no_others() {
        let all: [IpNet; 2] = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        let mut refused = 0;
        for row in TABLE.split(['|', '\n']).map(str::trim) {
            let Some((address, kind)) = row.split_once(' ') else {
                continue;
            };
            let opened = check(address.parse().unwrap(), &all).is_ok();
            assert_eq!(
                opened,
                ["ok", "private", "loopback"].contains(&kind),
                "{row}"
            );
            refused += usize::from(!opened);
        }
        assert!(refused > 30, "{refused}");
        let ten: [IpNet; 1] = ["10.1.0.0/16".parse().unwrap()];
        let may = |address: &str| check(address.parse().unwrap(), &ten).is_ok();
        assert!(may("10.1.2.3") && may("::ffff:10.1.2.3"));
        assert!(!may("10.2.0.1") && !may("127.0.0.1") && !may("2002:0a02:0001::"));
    }
}
