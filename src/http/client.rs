//! Which client a request comes from: the socket's address, or, behind proxies that the operator trusts, the one that
//! they name. Everybody else may write into such a header what they like.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::HeaderMap;
use serde::Deserialize;

/// A network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Net {
    address: IpAddr,
    bits: u8,
}

impl Net {
    fn contains(self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// The header in which proxies say where a request comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientHeader {
    /// What nearly all proxies set.
    #[default]
    XForwardedFor,
    /// RFC 7239.
    Forwarded,
}

/// Whom a proxy of this machine does not name. As the proxy's own address they would pass for this machine itself, which
/// has no limits; this one (RFC 7600) belongs to nobody, and all of them share what one client may have.
const NAMELESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 0, 8));

/// The proxies that an operator trusts.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    nets: Vec<Net>,
    header: ClientHeader,
}

impl Proxies {
    /// From addresses (`10.0.0.7`) and networks (`10.0.0.0/8`, `fd00::/8`), whose word is in this header.
    ///
    /// # Errors
    /// The first that is neither.
    pub fn parse(list: &[String], header: ClientHeader) -> Result<Self, String> {
        let nets = list.iter().map(|text| net(text).ok_or_else(|| text.clone())).collect::<Result<_, _>>()?;
        Ok(Self { nets, header })
    }

    /// Whether this is one of them.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.nets.iter().any(|net| net.contains(address))
    }

    /// The client behind a request that came from `peer`: read from the last proxy backwards, the first address that is
    /// no proxy of ours. What cannot be read ends the search at the proxy that passed it on; the other header is not read,
    /// because a client may have written it.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.trusts(client) {
            return client;
        }
        for named in self.named(headers).into_iter().rev() {
            let Some(address) = named else { return if client.is_loopback() { NAMELESS } else { client } };
            client = address.to_canonical();
            if !self.trusts(client) {
                return client;
            }
        }
        client
    }

    /// Addresses as proxies have written them, the client's own first; `None` for what is no address, such as `unknown`.
    fn named(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ClientHeader::XForwardedFor => ("x-forwarded-for", address),
            ClientHeader::Forwarded => ("forwarded", forwarded_for),
        };
        let lines = headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
        lines.flat_map(|line| line.split(',').map(read)).collect()
    }
}

fn net(text: &str) -> Option<Net> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address = address.parse::<IpAddr>().ok()?.to_canonical();
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Net { address, bits })
}

/// The address in an element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    address(value)
}

/// `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]`, `[2001:db8::1]:80`, `2001:db8::1`, quoted or not.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']')?.0.parse().ok();
    }
    let bare = match text.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => text,
    };
    bare.parse().ok()
}

/// What counts as one client: one customer of IPv6 has a whole /64.
pub fn subject(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(header: ClientHeader, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(str::to_owned);
        let proxies = Proxies::parse(&trusted, header).expect("addresses and networks");
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("a header"));
        }
        proxies.client(peer.parse().expect("an address"), &map).to_string()
    }

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        told(ClientHeader::XForwardedFor, peer, headers)
    }

    fn by_rfc(peer: &str, value: &str) -> String {
        told(ClientHeader::Forwarded, peer, &[("forwarded", value)])
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let claim = [("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client("203.0.113.9", &claim), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &claim), "192.0.2.1");
        assert_eq!(client("::ffff:10.1.2.3", &claim), "192.0.2.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(by_rfc("fd00::1", "for=\"[2001:db8::7]:443\";proto=https"), "2001:db8::7");
    }

    #[test]
    fn what_a_client_wrote_before_its_proxy_counts_for_nothing() {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 192.0.2.1, 10.0.0.2")]), "192.0.2.1");
        let twice = [("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.1:5000")];
        assert_eq!(client("10.0.0.1", &twice), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "192.0.2.1, unknown")]), "10.0.0.1");
        assert_eq!(by_rfc("10.0.0.1", "for=1.1.1.1, For=192.0.2.1;by=10.0.0.1"), "192.0.2.1");
    }

    #[test]
    fn the_header_that_the_proxy_does_not_set_is_the_clients_and_not_read() {
        let both = [("forwarded", "for=127.0.0.1"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client("127.0.0.1", &both), "192.0.2.1");
        let both = [("x-forwarded-for", "127.0.0.1"), ("forwarded", "for=192.0.2.1")];
        assert_eq!(told(ClientHeader::Forwarded, "127.0.0.1", &both), "192.0.2.1");
    }

    #[test]
    fn whom_a_proxy_of_this_machine_does_not_name_is_not_this_machine() {
        for nameless in ["unknown", "_hidden", "", "192.0.2.1, ?"] {
            assert_eq!(client("127.0.0.1", &[("x-forwarded-for", nameless)]), "192.0.0.8", "{nameless:?}");
        }
        for nameless in ["for=unknown", "proto=https", "for=192.0.2.1, by=127.0.0.1"] {
            assert_eq!(by_rfc("127.0.0.1", nameless), "192.0.0.8", "{nameless:?}");
        }
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "unknown")]), "10.0.0.1", "its proxy's share");
    }

    #[test]
    fn nonsense_is_no_proxy() {
        for wrong in ["proxy.example", "10.0.0.0/33", "10.0.0.0/x", "", "::/129"] {
            assert_eq!(
                Proxies::parse(&[wrong.to_owned()], ClientHeader::default()).map(|_| ()),
                Err(wrong.to_owned())
            );
        }
        let all = Proxies::parse(&["0.0.0.0/0".to_owned()], ClientHeader::default()).expect("every address");
        assert!(all.trusts("203.0.113.9".parse().expect("an address")));
        assert!(!all.trusts("::1".parse().expect("an address")));
    }

    #[test]
    fn a_network_of_ipv6_is_one_subject() {
        let of = |text: &str| subject(text.parse().expect("an address")).to_string();
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), "10.0.0.1");
    }
}
