//! Offers and trickled candidates, read before WebRTC's own reader sees them: bounded, complete, and made plain.
//!
//! What a stranger sends is text of any kind. Here it is refused with a stable code, or becomes an [`Offer`] whose text
//! has one direction and one name in every section, and only candidates that could be used.

mod camera;
mod fragment;
mod reached;
mod section;
#[cfg(test)]
mod tests;

use std::fmt;

pub(crate) use self::reached::from_outside;
use self::{camera::Camera, section::Section};
pub use self::{
    fragment::{FRAGMENT_TYPE, Fragment, MAX_FRAGMENT_BYTES},
    section::Direction,
};

/// Largest offer: a browser's with audio, video and data has 10 KB.
pub const MAX_OFFER_BYTES: usize = 64 * 1024;

/// Candidates of one call, trickled ones included: a machine with ten addresses and two relays has 30.
pub const MAX_CANDIDATES: usize = 128;

/// Opus in a line `a=rtpmap:` (RFC 7587 §7).
const OPUS: &str = "opus/48000";

/// Sections of one offer: microphone, camera, screen and data are four.
const MAX_SECTIONS: usize = 16;

/// Restarts after which a fragment of before is still known as late: such a one is seconds old at most.
const EARLIER: usize = 8;

/// Why an offer was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// It is no offer of WebRTC; says what is missing.
    #[error("the offer cannot be used: {0}")]
    Malformed(&'static str),
    /// See [`MAX_OFFER_BYTES`].
    #[error("an offer has {MAX_OFFER_BYTES} bytes at most")]
    TooLarge,
    /// See [`MAX_CANDIDATES`].
    #[error("an offer has {MAX_CANDIDATES} candidates at most")]
    TooManyCandidates,
    /// Nothing to talk with.
    #[error("the offer has no section of audio")]
    NoAudio,
    /// Audio without Opus.
    #[error("the offer's audio has no Opus at 48 kHz")]
    NoOpus,
    /// Nothing to look at, although that is asked for; says what is missing.
    #[error("the offer {0}")]
    NoVideo(&'static str),
    /// Video without VP8.
    #[error("the offer's video has no VP8")]
    NoVp8,
}

impl SdpError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "sdp_malformed",
            Self::TooLarge => "sdp_too_large",
            Self::TooManyCandidates => "sdp_too_many_candidates",
            Self::NoAudio => "sdp_no_audio",
            Self::NoVideo(_) => "sdp_no_video",
            Self::NoOpus | Self::NoVp8 => "codec_not_supported",
        }
    }
}

/// An offer that can be answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Offer {
    /// The text for WebRTC's own reader.
    sdp: String,
    /// The payload type of Opus in the audio section.
    pub opus: u8,
    /// Which way the offerer wants sound to go.
    pub audio: Direction,
    /// Whether there is a section for data channels.
    pub has_data: bool,
    /// Sections of video, which the answer will refuse, all but one at most.
    pub videos: usize,
    /// The one that could be looked at.
    could_see: Result<Camera, SdpError>,
    /// The one that will be.
    camera: Option<Camera>,
    /// Candidates, as far as they were counted: also those that are of no use.
    pub candidates: usize,
    /// The offerer's ICE user name.
    pub ufrag: String,
    /// Those that it had before ICE began anew, the oldest first.
    earlier: Vec<String>,
}

impl fmt::Debug for Offer {
    // Not the text: it has the caller's addresses and the password of its ICE agent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("opus", &self.opus)
            .field("audio", &self.audio)
            .field("has_data", &self.has_data)
            .field("videos", &self.videos)
            .field("vp8", &self.vp8())
            .field("candidates", &self.candidates)
            .finish_non_exhaustive()
    }
}

impl Offer {
    /// Reads and checks an offer.
    ///
    /// # Errors
    /// With the stable codes of [`SdpError`].
    pub fn read(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_OFFER_BYTES {
            return Err(SdpError::TooLarge);
        }
        let candidates = text.lines().filter(|line| line.starts_with("a=candidate:")).count();
        if candidates > MAX_CANDIDATES {
            return Err(SdpError::TooManyCandidates);
        }
        let (session, sections) = split(text)?;
        let audio = sections.iter().find(|section| section.is_audio()).ok_or(SdpError::NoAudio)?;
        let opus = audio.payload(OPUS).ok_or(SdpError::NoOpus)?;
        for section in &sections {
            section.check(&session)?;
        }
        let ufrag = session.value("ice-ufrag").or_else(|| audio.value("ice-ufrag")).unwrap_or_default();
        Ok(Self {
            opus,
            audio: audio.direction(),
            has_data: sections.iter().any(Section::is_data),
            videos: sections.iter().filter(|section| section.is_video()).count(),
            could_see: camera::find(&sections),
            camera: None,
            candidates,
            ufrag: ufrag.to_owned(),
            earlier: Vec::new(),
            sdp: plain(&session, &sections),
        })
    }

    /// The text for WebRTC's own reader.
    pub fn sdp(&self) -> &str {
        &self.sdp
    }

    /// The same offer, of which the camera is looked at: its first section of video that sends. Others are refused.
    ///
    /// # Errors
    /// There is none, or it has no VP8, or comes in layers.
    pub fn with_camera(self) -> Result<Self, SdpError> {
        let camera = self.could_see.clone()?;
        Ok(Self { sdp: camera.alone_in(&self.sdp), camera: Some(camera), ..self })
    }

    /// The payload type of VP8 in the camera's section, if that is looked at.
    pub fn vp8(&self) -> Option<u8> {
        self.camera.as_ref().map(|camera| camera.vp8)
    }

    /// The answer that the offerer gets, of what WebRTC's own writer made.
    pub(crate) fn answered(&self, answer: String) -> String {
        match &self.camera {
            Some(camera) => camera.alone_in_answer(&answer),
            None => answer,
        }
    }

    /// Whether a fragment is of before a restart, which has overtaken it: it says nothing any more.
    pub(crate) fn is_late(&self, fragment: &Fragment) -> bool {
        fragment.ufrag.as_ref().is_some_and(|ufrag| self.earlier.contains(ufrag))
    }

    /// The same offer with other credentials and candidates: how an ICE restart by a fragment begins.
    pub(crate) fn restarted(&self, fragment: &Fragment) -> Option<Self> {
        let (ufrag, password) = (fragment.ufrag.as_deref()?, fragment.password.as_deref()?);
        let mut sdp = String::with_capacity(self.sdp.len());
        let mut is_first = true;
        for line in self.sdp.lines() {
            match line {
                _ if line.starts_with("a=candidate:") || line == "a=end-of-candidates" => continue,
                _ if line.starts_with("a=ice-ufrag:") => push(&mut sdp, &format!("a=ice-ufrag:{ufrag}")),
                _ if line.starts_with("a=ice-pwd:") => push(&mut sdp, &format!("a=ice-pwd:{password}")),
                other => push(&mut sdp, other),
            }
            // After the line with the section's address, where attributes may stand.
            if is_first && line.starts_with("a=mid:") {
                is_first = false;
                fragment.candidates.iter().for_each(|candidate| push(&mut sdp, &format!("a={candidate}")));
            }
        }
        let forgotten = (self.earlier.len() + 1).saturating_sub(EARLIER);
        let earlier = self.earlier.iter().chain([&self.ufrag]).skip(forgotten).cloned().collect();
        Some(Self { sdp, ufrag: ufrag.to_owned(), earlier, candidates: fragment.counted, ..self.clone() })
    }
}

fn push(sdp: &mut String, line: &str) {
    sdp.push_str(line);
    sdp.push_str("\r\n");
}

/// The session's lines, and those of each section.
fn split(text: &str) -> Result<(Section, Vec<Section>), SdpError> {
    let mut session = Section::default();
    let mut sections = Vec::<Section>::new();
    for (idx, line) in text.lines().map(str::trim_end).filter(|line| !line.is_empty()).enumerate() {
        if (idx == 0) != (line == "v=0") {
            return Err(SdpError::Malformed("it does not begin with v=0"));
        }
        let mut start = line.bytes();
        if !(start.next().is_some_and(|kind| kind.is_ascii_lowercase()) && start.next() == Some(b'=')) {
            return Err(SdpError::Malformed("a line is not of the form x=…"));
        }
        if line.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(SdpError::Malformed("a line has control characters"));
        }
        if line.starts_with("m=") {
            if sections.len() == MAX_SECTIONS {
                return Err(SdpError::Malformed("it has more than 16 sections"));
            }
            sections.push(Section::default());
        }
        sections.last_mut().unwrap_or(&mut session).lines.push(line.to_owned());
    }
    for kind in ["o=", "s=", "t="] {
        if !session.lines.iter().any(|line| line.starts_with(kind)) {
            return Err(SdpError::Malformed("the lines o=, s= and t= are needed"));
        }
    }
    if sections.is_empty() {
        return Err(SdpError::NoAudio);
    }
    Ok((session, name(sections)?))
}

/// Gives a name to sections without one, as simple players send them; names are then unique.
fn name(mut sections: Vec<Section>) -> Result<Vec<Section>, SdpError> {
    for (idx, section) in sections.iter_mut().enumerate() {
        if section.value("mid").is_none() {
            section.lines.push(format!("a=mid:{idx}"));
        }
    }
    for (idx, section) in sections.iter().enumerate() {
        let mid = section.value("mid").unwrap_or_default();
        let is_plain = mid.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
        if mid.is_empty() || mid.len() > 32 || !is_plain {
            return Err(SdpError::Malformed("a=mid must be 1 to 32 letters or digits"));
        }
        if sections.iter().take(idx).any(|other| other.value("mid") == Some(mid)) {
            return Err(SdpError::Malformed("two sections have the same a=mid"));
        }
    }
    Ok(sections)
}

/// The text with what was filled in, and without candidates that nobody could use.
fn plain(session: &Section, sections: &[Section]) -> String {
    let mut sdp = String::new();
    for section in std::iter::once(session).chain(sections) {
        for line in &section.lines {
            let candidate = line.strip_prefix("a=").filter(|value| value.starts_with("candidate:"));
            if candidate.is_none_or(fragment::is_usable) {
                push(&mut sdp, line);
            }
        }
        if section.is_media() && !section.has_direction() {
            push(&mut sdp, "a=sendrecv");
        }
    }
    sdp
}
