//! How peers are reached, and how long things may take.

use std::{fmt, net::IpAddr, ops::RangeInclusive, time::Duration};

/// Largest message of a data channel, both ways: what browsers allow. The answer says so; who does not keep to it may send
/// more, as far as the library puts pieces together.
pub const MAX_MESSAGE: u32 = 256 * 1024;

/// A STUN or TURN server.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct IceServer {
    /// `stun:…` or `turn:…`.
    pub urls: Vec<String>,
    /// For TURN.
    pub username: String,
    /// For TURN.
    pub credential: String,
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// What all peers of a server have in common.
#[derive(Clone, Debug)]
pub struct PeerConfig {
    /// The address that is listened on; 0.0.0.0 is every one of IPv4 that others can reach, :: of IPv6 and of IPv4.
    pub bind: IpAddr,
    /// The UDP ports to choose from; `None` lets the system choose.
    pub ports: Option<RangeInclusive<u16>>,
    /// Told to clients instead of the bound address: where a NAT maps one to one.
    pub public_ips: Vec<String>,
    /// To learn addresses behind other NATs, and to be relayed.
    pub ice_servers: Vec<IceServer>,
    /// Until nothing was heard for so long, a connection counts as there.
    pub disconnected_after: Duration,
    /// After `disconnected_after`, so long until it is given up.
    pub failed_after: Duration,
    /// The answer waits at most so long for addresses that STUN and TURN servers tell.
    pub gather_within: Duration,
    /// Whether this end takes new sockets when ICE restarts, as a machine has to that comes to another network.
    pub moves: bool,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            ports: None,
            public_ips: Vec::new(),
            ice_servers: Vec::new(),
            disconnected_after: Duration::from_secs(5),
            failed_after: Duration::from_secs(15),
            gather_within: Duration::from_secs(3),
            moves: false,
        }
    }
}
