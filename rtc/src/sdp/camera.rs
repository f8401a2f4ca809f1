//! The one section of video that is looked at, when the offerer asks for it: which one it is, and how offer and answer
//! are made to speak of no other.
//!
//! WebRTC's own reader takes every section of video for which it knows a codec, and the codecs of the first one for all
//! of them. So all of them are read to it as having this one's VP8 and nothing else, and what it answers to the others
//! becomes a refusal.

use super::{SdpError, push, section::Section};

/// VP8 in a line `a=rtpmap:` (RFC 7741 §6.1).
const VP8: &str = "vp8/90000";

/// Kilobits a second that the client may send: three key frames of 20 KB, and little between them, as that is not read.
const MOST_KBITS: u32 = 600;

/// How lines begin that say something of codecs, streams and layers.
const SAID_OF_STREAMS: [&str; 9] = [
    "a=rtpmap:",
    "a=fmtp:",
    "a=rtcp-fb:",
    "a=ssrc:",
    "a=ssrc-group:",
    "a=msid:",
    "a=rid:",
    "a=simulcast:",
    "a=extmap:",
];

/// The section that is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Camera {
    /// Its name.
    mid: String,
    /// The payload type of VP8 in it.
    pub(super) vp8: u8,
    /// Its first stream; others would be layers of the same picture, or packets sent again.
    ssrc: String,
}

/// The first section of video that sends.
///
/// # Errors
/// There is none, or it cannot be looked at.
pub(super) fn find(sections: &[Section]) -> Result<Camera, SdpError> {
    let sends = |section: &&Section| section.is_video() && section.direction().sends();
    let section =
        sections.iter().find(sends).ok_or(SdpError::NoVideo("has no section of video that sends"))?;
    let vp8 = section.payload(VP8).ok_or(SdpError::NoVp8)?;
    let number = section.value("ssrc").and_then(|value| value.split_ascii_whitespace().next());
    let ssrc = number.filter(|number| number.parse::<u32>().is_ok());
    let ssrc = ssrc.ok_or(SdpError::NoVideo(
        "names no stream of its video by a=ssrc, as with layers of simulcast, which are not taken",
    ))?;
    Ok(Camera { mid: section.value("mid").unwrap_or_default().to_owned(), vp8, ssrc: ssrc.to_owned() })
}

impl Camera {
    /// The offer, as if no codec but VP8 and no stream but the camera's were in its sections of video.
    pub(super) fn alone_in(&self, offer: &str) -> String {
        let mut text = String::with_capacity(offer.len());
        for part in parts(offer) {
            if !part.is_of_video() {
                part.lines.iter().for_each(|line| push(&mut text, line));
                continue;
            }
            push(&mut text, &self.media_line(&part));
            let kept = part.lines.iter().skip(1).filter(|line| !is_said_of_streams(line));
            kept.for_each(|line| push(&mut text, line));
            push(&mut text, &format!("a=rtpmap:{} VP8/90000", self.vp8));
            push(&mut text, &format!("a=rtcp-fb:{} nack pli", self.vp8));
            if part.value("mid") == Some(self.mid.as_str()) {
                // Names of our own: tracks of the same name, or of none, would be taken for one.
                push(&mut text, "a=msid:duologue duologue-camera");
                push(&mut text, &format!("a=ssrc:{} cname:duologue", self.ssrc));
            }
        }
        text
    }

    /// Port and protocol as they are, VP8 as the only format.
    fn media_line(&self, section: &Section) -> String {
        let kept = section.media().into_iter().take(3).collect::<Vec<_>>();
        format!("m={} {}", kept.join(" "), self.vp8)
    }

    /// The answer with a bound on what comes, and with all other sections of video refused: port 0, and in no bundle.
    pub(super) fn alone_in_answer(&self, answer: &str) -> String {
        let parts = parts(answer);
        let others = parts.iter().filter(|part| part.is_of_video()).filter_map(|part| part.value("mid"));
        let others = others.filter(|mid| *mid != self.mid).collect::<Vec<_>>();
        let mut text = String::with_capacity(answer.len());
        for part in &parts {
            let mid = part.value("mid").filter(|_| part.is_of_video());
            let mut bound = (mid == Some(self.mid.as_str())).then(|| format!("b=AS:{MOST_KBITS}"));
            for line in &part.lines {
                // Behind the address, before all attributes (RFC 8866 §5).
                if let Some(bound) = line.starts_with("a=").then(|| bound.take()).flatten() {
                    push(&mut text, &bound);
                }
                match line.strip_prefix("a=group:BUNDLE ") {
                    Some(bundled) => push(&mut text, &bundle(bundled, &others)),
                    None if line.starts_with("m=") && mid.is_some_and(|mid| others.contains(&mid)) => {
                        push(&mut text, &refused(line));
                    }
                    None => push(&mut text, line),
                }
            }
        }
        text
    }
}

fn is_said_of_streams(line: &str) -> bool {
    SAID_OF_STREAMS.iter().any(|start| line.starts_with(start))
}

fn bundle(names: &str, without: &[&str]) -> String {
    let names = names.split_ascii_whitespace().filter(|name| !without.contains(name));
    std::iter::once("a=group:BUNDLE").chain(names).collect::<Vec<_>>().join(" ")
}

/// A line `m=` with port 0.
fn refused(line: &str) -> String {
    let words =
        line.split_ascii_whitespace().enumerate().map(|(idx, word)| if idx == 1 { "0" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// The session's lines, and those of each section.
fn parts(text: &str) -> Vec<Section> {
    let mut parts = vec![Section::default()];
    for line in text.lines() {
        if line.starts_with("m=") {
            parts.push(Section::default());
        }
        if let Some(part) = parts.last_mut() {
            part.lines.push(line.to_owned());
        }
    }
    parts
}
