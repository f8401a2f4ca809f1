//! The camera of a call, for clients that cannot find a face themselves: its key frames go the way of pictures.
//!
//! No video is decoded. A key frame of VP8 is a picture by itself; the client is asked for one when the last has been
//! taken and faces may be looked at, and all that comes between is dropped unread. Nothing is kept or logged.

use std::{convert::Infallible, future::pending, time::Duration};

use axum::body::Bytes;
use duologue_actors::{
    event::{NoticeLevel, SessionEvent},
    landmarks_in::LandmarksIn,
};
use duologue_rtc::{
    PeerError,
    sdp::Offer,
    video::{Assembler, Brought},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

use super::{
    Refusal,
    call::{Wires, known},
};
use crate::{
    config::Config,
    error::{ApiError, Code},
    ws::why_no_pictures,
};

/// Between two wishes for a key frame. Chromium answers one in 300 ms; pictures more than 500 ms apart leave what lay
/// between them unobserved, and a third of a second leaves room for one that comes late.
const ASK_EVERY: Duration = Duration::from_millis(350);

/// Pictures that wait for the reading half: of a second one the first is still to be taken, so the newer is dropped.
const PICTURES: usize = 1;

/// A picture of the camera.
#[derive(Debug)]
pub(super) struct Still {
    /// Microseconds of the camera's clock.
    pub(super) at_us: u64,
    /// A WebP file.
    pub(super) file: Bytes,
}

/// The way from the camera to the reading half.
pub(super) fn channel() -> (mpsc::Sender<Still>, mpsc::Receiver<Still>) {
    mpsc::channel(PICTURES)
}

/// The offer of a client that wants its camera to be looked at.
///
/// # Errors
/// This server looks at no pictures, or the offer has no video that could be looked at.
pub(super) fn admit(config: &Config, offer: Offer) -> Result<Offer, ApiError> {
    if let Some(reason) = why_no_pictures(config) {
        let message = format!("the camera's video is not looked at: {reason}");
        return Err(ApiError::new(Code::Rtc(Refusal::Video), message).with_param("video"));
    }
    Ok(offer.with_camera().map_err(PeerError::from)?)
}

/// Pictures of the client into `stills`, as long as the call goes on; a full channel drops the newest.
pub(super) async fn watch(wires: &Wires, faces: &LandmarksIn, stills: mpsc::Sender<Still>) -> Infallible {
    let seeing = known(&wires.seeing).await;
    metrics::counter!("rtc_cameras_total").increment(1);
    let mut assembler = Assembler::default();
    let mut stream = None;
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            packet = seeing.next() => match packet {
                Some(packet) if Some(packet.payload_type) != wires.about.vp8 => {}
                Some(packet) => {
                    stream = Some(packet.ssrc);
                    match faces.is_wanted() {
                        true => take(assembler.push(&packet), &stills),
                        false => assembler.rest(),
                    }
                }
                None => return pending().await,
            },
            _ = ticks.tick() => {
                // Whoever has not taken the last one needs no other.
                let may_ask = faces.is_wanted() && stills.capacity() > 0;
                if let Some(stream) = stream.filter(|_| may_ask) {
                    seeing.ask_key_frame(stream).await;
                }
            }
        }
    }
}

fn take(brought: Brought, stills: &mpsc::Sender<Still>) {
    let why = match brought {
        Brought::Nothing => return,
        Brought::Loss => "incomplete",
        Brought::Picture(picture) => {
            let still = Still { at_us: picture.at_us, file: picture.file.into() };
            if stills.try_send(still).is_ok() {
                return;
            }
            "waiting"
        }
    };
    metrics::counter!("pictures_dropped_total", "why" => why).increment(1);
}

/// That the camera's video was left out, and what to send instead.
pub(super) fn no_video() -> SessionEvent {
    SessionEvent::Notice {
        level: NoticeLevel::Info,
        code: "video_not_needed",
        message: "The call goes on without the camera's video: it is not decoded here. Send duologue.landmarks, or pictures."
            .into(),
        part: Some("rtc"),
    }
}
