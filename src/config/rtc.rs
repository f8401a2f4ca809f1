//! `[rtc]`: calls over WebRTC.

use std::{fmt, net::IpAddr};

use duologue_rtc::config::{IceServer, PeerConfig};
use serde::{Deserialize, Deserializer, de::Error};

use super::{ServerConfig, hidden};

/// `[rtc]`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RtcConfig {
    /// Whether calls are taken.
    pub enabled: bool,
    /// Calls at once.
    pub max: usize,
    /// The address of the calls' UDP sockets; empty is as the server's.
    pub bind: String,
    /// The first and the last UDP port; empty lets the system choose.
    #[serde(deserialize_with = "ports")]
    pub port_range: Vec<u16>,
    /// Told to clients instead of the bound address.
    pub public_ip: String,
    /// STUN and TURN servers.
    pub ice_servers: Vec<String>,
    /// For TURN.
    pub ice_username: String,
    /// For TURN.
    pub ice_credential: String,
}

/// Whether the address says nothing of how the relay is reached, or that it is by UDP (RFC 7065).
fn is_over_udp(url: &str) -> bool {
    let transport = url.split_once('?').and_then(|(_, query)| query.strip_prefix("transport="));
    transport.is_none_or(|transport| transport.eq_ignore_ascii_case("udp"))
}

/// The environment and flags have nothing but text.
fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u16>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Port {
        Number(u16),
        Text(String),
    }
    let read = |port| match port {
        Port::Number(number) => Ok(number),
        Port::Text(text) => text.parse().map_err(|_| D::Error::custom(format!("{text:?} is no port"))),
    };
    Vec::<Port>::deserialize(deserializer)?.into_iter().map(read).collect()
}

impl fmt::Debug for RtcConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RtcConfig")
            .field("enabled", &self.enabled)
            .field("max", &self.max)
            .field("bind", &self.bind)
            .field("port_range", &self.port_range)
            .field("public_ip", &self.public_ip)
            .field("ice_servers", &self.ice_servers)
            .field("ice_credential", &hidden(&self.ice_credential))
            .finish_non_exhaustive()
    }
}

impl RtcConfig {
    /// The servers, each relay with what opens it.
    pub fn servers(&self) -> Vec<IceServer> {
        let servers = self.ice_servers.iter().map(|url| {
            let is_relay = url.starts_with("turn");
            let credential = |text: &String| if is_relay { text.clone() } else { String::new() };
            IceServer {
                urls: vec![url.clone()],
                username: credential(&self.ice_username),
                credential: credential(&self.ice_credential),
            }
        });
        servers.collect()
    }

    /// Relays that only clients can use: this server reaches one over UDP alone.
    pub fn only_told(&self) -> Vec<&str> {
        let urls = self.ice_servers.iter().map(String::as_str);
        urls.filter(|url| url.starts_with("turns:") || (url.starts_with("turn:") && !is_over_udp(url)))
            .collect()
    }

    /// As peers want it: what is not said is as the server's own address.
    pub fn to_peer(&self, server: &ServerConfig) -> PeerConfig {
        let own =
            if server.is_loopback() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([0, 0, 0, 0]) };
        let named = server.host.parse::<IpAddr>().unwrap_or(own);
        PeerConfig {
            bind: self.bind.parse().unwrap_or(named),
            ports: match self.port_range[..] {
                [first, last] => Some(first..=last),
                _ => None,
            },
            public_ips: Some(self.public_ip.clone()).filter(|ip| !ip.is_empty()).into_iter().collect(),
            ice_servers: self.servers(),
            ..PeerConfig::default()
        }
    }

    /// What cannot work.
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, text) in [("bind", &self.bind), ("public_ip", &self.public_ip)] {
            if !text.is_empty() && text.parse::<IpAddr>().is_err() {
                problems.push(format!(
                    "rtc.{key} must be an address such as \"192.0.2.1\" or empty, not {text:?}"
                ));
            }
        }
        match self.port_range[..] {
            [] => {}
            [first, last] if first >= 1024 && first <= last => {}
            _ => problems.push(format!(
                "rtc.port_range must be empty or two ports such as [50000, 50199], not {:?}",
                self.port_range
            )),
        }
        for url in &self.ice_servers {
            let host = ["stun:", "turn:", "turns:"].iter().find_map(|scheme| url.strip_prefix(scheme));
            if host.is_none_or(str::is_empty) {
                problems.push(format!(
                    "rtc.ice_servers: {url:?} is not an address such as \"stun:stun.example.org:3478\" or \"turn:…\""
                ));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relays_that_the_server_itself_cannot_use_are_known() {
        let text = r#"{"enabled": true, "max": 1, "bind": "", "port_range": ["50000", 50001], "public_ip": "",
            "ice_servers": ["stun:a", "turn:b", "turn:c?transport=udp", "turn:d:443?transport=tcp", "turns:e", "turns:f?transport=udp"],
            "ice_username": "", "ice_credential": ""}"#;
        let config = serde_json::from_str::<RtcConfig>(text).expect("a configuration");
        assert_eq!(config.only_told(), ["turn:d:443?transport=tcp", "turns:e", "turns:f?transport=udp"]);
        assert_eq!(config.port_range, [50_000, 50_001], "as numbers, and as the environment has them");
        assert!(config.problems().is_empty(), "clients can use them");
        assert!(serde_json::from_str::<RtcConfig>(&text.replace("50001", "70000")).is_err());
    }
}
