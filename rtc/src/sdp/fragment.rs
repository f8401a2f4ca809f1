//! Fragments of SDP (RFC 8840): candidates that come later, and credentials that begin an ICE restart.

use std::{fmt, net::IpAddr};

use super::{MAX_CANDIDATES, SdpError};

/// The media type.
pub const FRAGMENT_TYPE: &str = "application/trickle-ice-sdpfrag";

/// Largest fragment: 128 candidates of 120 bytes.
pub const MAX_FRAGMENT_BYTES: usize = 16 * 1024;

/// What a fragment says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fragment {
    /// Candidates that can be used, each from `candidate:` on.
    pub candidates: Vec<String>,
    /// How many there were.
    pub counted: usize,
    /// The sender's ICE user name.
    pub ufrag: Option<String>,
    /// And its password.
    pub password: Option<String>,
}

impl fmt::Debug for Fragment {
    // Not what it says: addresses and a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragment").field("counted", &self.counted).finish_non_exhaustive()
    }
}

impl Fragment {
    /// Reads a fragment. One without anything in it says that there are no more candidates.
    ///
    /// # Errors
    /// It is too large, has too many candidates, or lines that are none.
    pub fn read(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_FRAGMENT_BYTES {
            return Err(SdpError::TooLarge);
        }
        let mut read = Self::default();
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            let Some((_, value)) = line.split_once('=').filter(|(kind, _)| kind.len() == 1) else {
                return Err(SdpError::Malformed("a line is not of the form x=…"));
            };
            if line.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(SdpError::Malformed("a line has control characters"));
            }
            if let Some(ufrag) = value.strip_prefix("ice-ufrag:") {
                read.ufrag = Some(checked(ufrag, 4)?);
            } else if let Some(password) = value.strip_prefix("ice-pwd:") {
                read.password = Some(checked(password, 22)?);
            } else if value.starts_with("candidate:") {
                read.counted += 1;
                if read.counted > MAX_CANDIDATES {
                    return Err(SdpError::TooManyCandidates);
                }
                if is_usable(value) {
                    read.candidates.push(value.to_owned());
                }
            }
        }
        Ok(read)
    }

    /// Whether it begins a restart of a call whose offerer had the user name `ufrag`.
    pub fn restarts(&self, ufrag: &str) -> bool {
        self.password.is_some() && self.ufrag.as_deref().is_some_and(|new| new != ufrag)
    }
}

fn checked(text: &str, least: usize) -> Result<String, SdpError> {
    let text = text.trim();
    let is_plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte));
    if !(least..=256).contains(&text.len()) || !is_plain {
        return Err(SdpError::Malformed("a=ice-ufrag or a=ice-pwd is too short or has other characters"));
    }
    Ok(text.to_owned())
}

/// Whether packets could be sent to a candidate (`candidate:foundation component transport priority address port typ
/// …`): UDP, one address. Names ending in `.local` hide a browser's address; its own checks tell it.
pub(super) fn is_usable(candidate: &str) -> bool {
    let fields = candidate.split_ascii_whitespace().collect::<Vec<_>>();
    let [foundation, component, transport, priority, address, port, "typ", kind, ..] = fields[..] else {
        return false;
    };
    let address = address.parse::<IpAddr>();
    let is_one = address.is_ok_and(|address| match address {
        IpAddr::V4(address) => {
            !(address.is_unspecified() || address.is_multicast() || address.is_broadcast())
        }
        IpAddr::V6(address) => !(address.is_unspecified() || address.is_multicast()),
    });
    foundation.len() <= "candidate:".len() + 32
        && component == "1"
        && transport.eq_ignore_ascii_case("udp")
        && priority.parse::<u32>().is_ok()
        && port.parse::<u16>().is_ok_and(|port| port != 0)
        && matches!(kind, "host" | "srflx" | "prflx" | "relay")
        && is_one
}
