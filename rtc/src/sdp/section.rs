//! One section of an offer.

use super::SdpError;

/// Which way the one who says it wants sound to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    Both,
    /// It sends only.
    Sends,
    /// It receives only.
    Receives,
    /// Neither.
    Neither,
}

impl Direction {
    /// Whether it wants to hear.
    pub fn receives(self) -> bool {
        matches!(self, Self::Both | Self::Receives)
    }

    /// Whether it wants to be heard.
    pub fn sends(self) -> bool {
        matches!(self, Self::Both | Self::Sends)
    }
}

/// The lines of a section, the one with `m=` first; of the session, when there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    pub(super) lines: Vec<String>,
}

impl Section {
    /// What follows `a=key:`.
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix("a=")?.strip_prefix(key)?.strip_prefix(':'))
    }

    fn has_flag(&self, flag: &str) -> bool {
        self.lines.iter().any(|line| line.strip_prefix("a=") == Some(flag))
    }

    /// Kind, port, protocol and formats.
    pub(super) fn media(&self) -> Vec<&str> {
        let line = self.lines.first().and_then(|line| line.strip_prefix("m="));
        line.map(|line| line.split_ascii_whitespace().collect()).unwrap_or_default()
    }

    fn kind(&self) -> &str {
        self.media().first().copied().unwrap_or_default()
    }

    /// Whether it carries sound or pictures.
    pub(super) fn is_media(&self) -> bool {
        matches!(self.kind(), "audio" | "video")
    }

    pub(super) fn is_audio(&self) -> bool {
        self.kind() == "audio" && !self.is_refused()
    }

    pub(super) fn is_video(&self) -> bool {
        self.is_of_video() && !self.is_refused()
    }

    /// Whether it is one of video, be it refused.
    pub(super) fn is_of_video(&self) -> bool {
        self.kind() == "video"
    }

    pub(super) fn is_data(&self) -> bool {
        self.kind() == "application" && !self.is_refused()
    }

    /// Port 0 refuses a section, unless it is bundled with another one.
    fn is_refused(&self) -> bool {
        self.media().get(1) == Some(&"0") && !self.has_flag("bundle-only")
    }

    pub(super) fn direction(&self) -> Direction {
        match () {
            () if self.has_flag("sendonly") => Direction::Sends,
            () if self.has_flag("recvonly") => Direction::Receives,
            () if self.has_flag("inactive") => Direction::Neither,
            () => Direction::Both,
        }
    }

    pub(super) fn has_direction(&self) -> bool {
        ["sendrecv", "sendonly", "recvonly", "inactive"].iter().any(|flag| self.has_flag(flag))
    }

    /// The payload type of a codec with its clock, in small letters, if it is among the formats.
    pub(super) fn payload(&self, wanted: &str) -> Option<u8> {
        let media = self.media();
        self.lines.iter().find_map(|line| {
            let (payload, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            let is_it = codec.trim().to_ascii_lowercase().starts_with(wanted);
            let is_listed = media.iter().skip(3).any(|format| *format == payload);
            // RFC 5761: with RTCP on the same port, 64 to 95 are its own.
            let payload = payload.parse::<u8>().ok().filter(|it| *it < 64 || (96..=127).contains(it))?;
            (is_it && is_listed).then_some(payload)
        })
    }

    /// What every section needs, from its own lines or from the session's.
    pub(super) fn check(&self, session: &Self) -> Result<(), SdpError> {
        let media = self.media();
        let (Some(port), Some(protocol), true) = (media.get(1), media.get(2), media.len() >= 4) else {
            return Err(SdpError::Malformed("a line m= has no port, protocol or format"));
        };
        if port.parse::<u16>().is_err() {
            return Err(SdpError::Malformed("a line m= has a port that is none"));
        }
        if self.is_refused() {
            return Ok(());
        }
        let is_known = match self.kind() {
            "application" => protocol.ends_with("DTLS/SCTP"),
            _ => protocol.ends_with("TLS/RTP/SAVPF") || protocol.ends_with("TLS/RTP/SAVP"),
        };
        if !is_known {
            return Err(SdpError::Malformed("sound must be sent by DTLS-SRTP, data by SCTP over DTLS"));
        }
        let value = |key| self.value(key).or_else(|| session.value(key)).map(str::trim);
        let is_ice = |text: &str, least: usize| {
            (least..=256).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte))
        };
        if !value("ice-ufrag").is_some_and(|text| is_ice(text, 4)) {
            return Err(SdpError::Malformed("a section has no a=ice-ufrag of 4 to 256 characters"));
        }
        if !value("ice-pwd").is_some_and(|text| is_ice(text, 22)) {
            return Err(SdpError::Malformed("a section has no a=ice-pwd of 22 to 256 characters"));
        }
        if !value("fingerprint").is_some_and(is_fingerprint) {
            return Err(SdpError::Malformed("a section has no a=fingerprint of a certificate"));
        }
        Ok(())
    }
}

/// An algorithm's name and its sum in pairs of digits.
fn is_fingerprint(text: &str) -> bool {
    let Some((algorithm, sum)) = text.split_once(' ') else { return false };
    let pairs = sum.trim().split(':').collect::<Vec<_>>();
    let length = match algorithm.to_ascii_lowercase().as_str() {
        "sha-256" => 32,
        "sha-384" => 48,
        "sha-512" => 64,
        // SHA-1 and older ones can be forged.
        _ => return false,
    };
    let is_pair = |pair: &&str| pair.len() == 2 && pair.bytes().all(|byte| byte.is_ascii_hexdigit());
    pairs.len() == length && pairs.iter().all(is_pair)
}
