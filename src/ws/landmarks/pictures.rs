//! Pictures in a socket, for clients without a landmarker: kind 3 of the binary frames, 24 bytes of header as landmarks
//! have it (no blendshapes, no matrix, no points) and then one JPEG or PNG.
//!
//! The server's landmarker looks at five a second of each socket at most, one at a time, always at the newest: whatever
//! waits longer is dropped and counted. What it finds goes the way of landmarks. No picture is kept or logged.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::body::Bytes;
use duologue_actors::landmarks_in::LandmarksIn;
use duologue_engines::{
    face::picture,
    port::{EngineError, ErrorKind, FaceEngine},
};
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    time::{Instant, sleep_until},
};

use super::codec::{Landmarks, Refused};
use crate::{config::Config, error::ApiError, http::picture as upload, state::AppState};

/// Code of the one refusal that is said once for a socket.
pub(in crate::ws) const OFF: &str = "landmarker_off";

/// Largest file: a good JPEG of 1280×720 pixels has half of it.
const MAX_FILE: usize = 512 * 1024;
/// As landmarks have it.
const HEADER: usize = 24;
/// The only flag that a picture may have.
const MIRRORED: u8 = 1;
/// Between two looks: what changes in a face within 200 ms is lost with pictures anyhow.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Before a landmarker that could not be started is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What a look found, or why there was none.
pub(in crate::ws) type Found = Result<Landmarks, Refused>;

/// Whether binary data is meant as a picture; see `codec::claims`.
pub(in crate::ws) fn claims(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER && bytes[..3] == [0x44, 1, 3] && bytes[20] < 8 && bytes[21] == 0
}

/// A picture that has not been looked at.
#[derive(Clone, PartialEq, Eq)]
struct Picture {
    /// Microseconds of the sender's clock.
    sent_us: u64,
    mirrored: bool,
    file: Bytes,
}

impl fmt::Debug for Picture {
    // Never the file: it may be a person's face.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Picture").field("bytes", &self.file.len()).finish_non_exhaustive()
    }
}

fn decode(bytes: &Bytes) -> Result<Picture, Refused> {
    let refused = |code, message: String| Refused { code, message, param: "frame" };
    if !claims(bytes) || bytes[20] & !MIRRORED != 0 || bytes[22..HEADER] != [0, 0] {
        let message = "A picture has no blendshapes, no matrix and no points: the flags may be 0 or 1.";
        return Err(refused("picture_bad_header", message.into()));
    }
    if bytes.len() - HEADER > MAX_FILE {
        let message = format!("A picture may have {MAX_FILE} bytes; send smaller or fewer pixels.");
        return Err(refused("picture_too_large", message));
    }
    let sent: [u8; 8] = std::array::from_fn(|index| bytes[8 + index]);
    Ok(Picture {
        sent_us: u64::from_le_bytes(sent),
        mirrored: bytes[20] & MIRRORED != 0,
        file: bytes.slice(HEADER..),
    })
}

/// What waits to be looked at.
#[derive(Debug)]
enum Waiting {
    Nothing,
    One(Picture),
    /// The socket has gone.
    Over,
}

#[derive(Debug)]
struct Slot {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, waiting: Waiting) {
        let before = std::mem::replace(&mut *self.lock(), waiting);
        if matches!(before, Waiting::One(_)) {
            dropped("newer");
        }
        self.changed.notify_one();
    }

    fn take(&self) -> Waiting {
        let mut waiting = self.lock();
        match *waiting {
            Waiting::Over => Waiting::Over,
            _ => std::mem::replace(&mut *waiting, Waiting::Nothing),
        }
    }

    /// The newest picture; none when there will be no more.
    async fn next(&self) -> Option<Picture> {
        loop {
            match self.take() {
                Waiting::One(picture) => return Some(picture),
                Waiting::Over => return None,
                Waiting::Nothing => self.changed.notified().await,
            }
        }
    }
}

fn dropped(why: &'static str) {
    metrics::counter!("pictures_dropped_total", "why" => why).increment(1);
}

/// Who looks, and whether it may.
#[derive(Clone)]
struct Looker {
    engine: Arc<dyn FaceEngine>,
    /// Pictures that are unpacked at a time, of all sockets.
    looks: Arc<Semaphore>,
    /// Of the session, which may want no faces.
    ring: Option<LandmarksIn>,
}

impl Looker {
    /// Looks; nothing when nobody wants it, or there is no time for it.
    async fn look(&self, picture: Picture) -> Option<Found> {
        let permit = self.looks.acquire().await.ok()?;
        if self.ring.as_ref().is_some_and(|ring| !ring.is_wanted()) {
            dropped("switched_off");
            return None;
        }
        let Picture { sent_us, mirrored, file } = picture;
        let unpacked = tokio::task::spawn_blocking(move || picture::unpack(&file)).await.ok()?;
        let unpacked = match unpacked {
            Ok(unpacked) => unpacked,
            Err(error) => {
                let ApiError { code, message, .. } = upload::refused(error);
                return Some(Err(Refused { code: code.name(), message, param: "frame" }));
            }
        };
        let looked = self.engine.look(unpacked).await;
        drop(permit);
        match looked {
            Ok(mut frame) => {
                frame.mirrored = mirrored;
                Some(Ok(Landmarks { sent_us, frame }))
            }
            Err(error) => refusal(error).map(Err),
        }
    }
}

/// A landmarker that is busy says nothing: the next picture follows.
fn refusal(error: EngineError) -> Option<Refused> {
    match error.kind {
        ErrorKind::Overloaded => {
            dropped("busy");
            None
        }
        ErrorKind::Unavailable => Some(off(&error.message)),
        _ => {
            let ApiError { code, message, .. } = error.into();
            Some(Refused { code: code.name(), message, param: "frame" })
        }
    }
}

fn off(reason: &str) -> Refused {
    let message = format!(
        "Pictures are not looked at here: {reason}. What to do: send landmarks (kind 2), or let the operator set \
         [landmarker] enabled = true and run `duologue models pull mediapipe`. Further pictures are dropped."
    );
    Refused { code: OFF, message, param: "frame" }
}

/// Looks until the socket has gone. What is being looked at then is finished: ending it would end the landmarker.
async fn look_on(looker: Looker, slot: Arc<Slot>, found_to: mpsc::Sender<Found>) {
    while let Some(picture) = slot.next().await {
        let began = Instant::now();
        let found = looker.look(picture).await;
        let is_off = matches!(&found, Some(Err(refused)) if refused.code == OFF);
        if let Some(found) = found
            && found_to.send(found).await.is_err()
        {
            return;
        }
        sleep_until(began + if is_off { ASK_AGAIN } else { LOOK_EVERY }).await;
    }
}

/// Why this server looks at no pictures, if it does not.
pub(crate) fn why_none(config: &Config) -> Option<&'static str> {
    match (config.face.enabled, config.landmarker.enabled) {
        (false, _) => Some("this server looks at no faces ([face] enabled = false)"),
        (true, false) => Some("the landmarker is off ([landmarker] enabled = false)"),
        (true, true) => None,
    }
}

/// The pictures of one socket.
pub(crate) struct Pictures {
    looker: Looker,
    /// Why none are looked at.
    off: Option<&'static str>,
    said_off: bool,
    slot: Arc<Slot>,
    /// There is one who looks: from the first picture on.
    looked_at: bool,
    found_to: mpsc::Sender<Found>,
    found: mpsc::Receiver<Found>,
}

impl Pictures {
    /// For a socket that feeds this session, or none.
    pub(in crate::ws) fn new(state: &AppState, ring: Option<&LandmarksIn>) -> Self {
        let (found_to, found) = mpsc::channel(2);
        let looker =
            Looker { engine: state.engines.face.clone(), looks: state.looks.clone(), ring: ring.cloned() };
        let off = why_none(&state.config);
        let slot = Arc::new(Slot { waiting: Mutex::new(Waiting::Nothing), changed: Notify::new() });
        Self { looker, off, said_off: false, slot, looked_at: false, found_to, found }
    }

    /// Takes a frame that is one by [`claims`], in place of one that still waits.
    ///
    /// # Errors
    /// It is none, or too large; or pictures are not looked at here, which is said once.
    pub(in crate::ws) fn take(&mut self, bytes: &Bytes) -> Result<(), Refused> {
        self.put(|| decode(bytes))
    }

    /// Takes a file of a camera whose clock shows these microseconds, in place of one that still waits.
    ///
    /// # Errors
    /// Pictures are not looked at here, which is said once.
    pub(in crate::ws) fn take_file(&mut self, sent_us: u64, file: Bytes) -> Result<(), Refused> {
        self.put(|| Ok(Picture { sent_us, mirrored: false, file }))
    }

    fn put(&mut self, picture: impl FnOnce() -> Result<Picture, Refused>) -> Result<(), Refused> {
        if let Some(reason) = self.off {
            dropped("off");
            return if std::mem::replace(&mut self.said_off, true) { Ok(()) } else { Err(off(reason)) };
        }
        self.slot.put(Waiting::One(picture()?));
        if !std::mem::replace(&mut self.looked_at, true) {
            tokio::spawn(look_on(self.looker.clone(), self.slot.clone(), self.found_to.clone()));
        }
        Ok(())
    }

    /// What the next look finds. Without pictures it never comes. Giving up waiting loses nothing.
    pub(in crate::ws) async fn found(&mut self) -> Found {
        loop {
            // The other end is held here too, so that this has no end.
            let Some(found) = self.found.recv().await else { return std::future::pending().await };
            let is_off = matches!(&found, Err(refused) if refused.code == OFF);
            if !(std::mem::replace(&mut self.said_off, is_off) && is_off) {
                return found;
            }
        }
    }
}

impl Drop for Pictures {
    fn drop(&mut self) {
        self.slot.put(Waiting::Over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(flags: u8, points: u16, file: &[u8]) -> Bytes {
        let mut bytes = vec![0x44, 1, 3, 0];
        bytes.extend([0; 4]);
        bytes.extend(7_000_000_u64.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend([flags, 0]);
        bytes.extend(points.to_le_bytes());
        bytes.extend(file);
        bytes.into()
    }

    #[test]
    fn a_frame_is_a_header_and_a_file() {
        let picture = decode(&frame(1, 0, b"file")).expect("a picture");
        assert_eq!((picture.sent_us, picture.mirrored, &picture.file[..]), (7_000_000, true, &b"file"[..]));
        assert!(!format!("{picture:?}").contains("file: "), "never its bytes");
        let code = |bytes: Bytes| decode(&bytes).expect_err("refused").code;
        assert_eq!(code(frame(2, 0, b"file")), "picture_bad_header");
        assert_eq!(code(frame(0, 36, b"file")), "picture_bad_header");
        assert_eq!(code(frame(0, 0, &vec![0; MAX_FILE + 1])), "picture_too_large");
        assert!(decode(&frame(0, 0, &vec![0; MAX_FILE])).is_ok());
        assert!(!claims(&[0x44, 1, 3]) && !claims(&frame(8, 0, b"")), "sound");
    }

    #[tokio::test]
    async fn the_newest_waits_and_an_end_is_an_end() {
        let slot = Slot { waiting: Mutex::new(Waiting::Nothing), changed: Notify::new() };
        for name in [b"one", b"two"] {
            slot.put(Waiting::One(decode(&frame(0, 0, name)).expect("a picture")));
        }
        assert_eq!(slot.next().await.expect("a picture").file, &b"two"[..]);
        slot.put(Waiting::Over);
        assert_eq!((slot.next().await, slot.next().await), (None, None));
    }
}
