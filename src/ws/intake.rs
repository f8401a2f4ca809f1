//! What a client says, whatever carried it here: read, bounded in how often, and given to the session.

use axum::body::Bytes;
use duologue_actors::{
    event::{ClientCommand, SessionEvent},
    landmarks_in::LandmarksIn,
    sessions::SessionHandle,
};
use tokio::time::Instant;

use super::{
    decode::{self, ClientEvent, WireError},
    duet::{self, Hands, Link},
    landmarks::{
        Complaints, codec,
        pictures::{self, Pictures},
    },
    rate::{Admission, Rate},
};

/// The reading half of a connection.
pub(crate) struct Intake<'a> {
    session: &'a SessionHandle,
    link: &'a Link,
    pictures: Pictures,
    landmarks: LandmarksIn,
    complaints: Complaints,
    rate: Rate,
    hands: Option<Hands>,
}

impl<'a> Intake<'a> {
    /// For a client of `session`, who plays through `link`.
    pub(crate) fn new(session: &'a SessionHandle, link: &'a Link, pictures: Pictures) -> Self {
        let (landmarks, complaints) = (session.landmarks(), Complaints::default());
        Self { session, link, pictures, landmarks, complaints, rate: Rate::default(), hands: None }
    }

    /// Waits until a picture was looked at, and takes what was seen. Nothing is lost when this is given up.
    pub(crate) async fn look(&mut self) {
        match self.pictures.found().await {
            Ok(seen) => _ = self.landmarks.push(seen.sent_us, seen.frame),
            Err(refused) => self.refuse(WireError::of_a_frame(refused)),
        }
    }

    /// Reads text; `None` when it was refused, and the client told so.
    pub(crate) fn text(&mut self, text: &str) -> Option<ClientEvent> {
        self.admitted(decode::decode(text))
    }

    /// Reads bytes; `None` when they were refused, or a picture, which is looked at later.
    pub(crate) fn binary(&mut self, bytes: &Bytes) -> Option<ClientEvent> {
        let event = match () {
            () if codec::claims(bytes) => decode::landmarks(codec::decode(bytes)),
            () if duet::decode::claims(bytes) => {
                Ok(ClientEvent::Duet(Box::new(duet::decode::from_binary(bytes))))
            }
            () if pictures::claims(bytes) => match self.pictures.take(bytes) {
                Ok(()) => return None,
                Err(refused) => Err(WireError::of_a_frame(refused)),
            },
            () => decode::samples(bytes).map(ClientEvent::Audio),
        };
        self.admitted(event)
    }

    /// Takes a picture of a camera whose clock shows these microseconds; it is looked at later.
    pub(crate) fn picture(&mut self, sent_us: u64, file: Bytes) {
        if let Err(refused) = self.pictures.take_file(sent_us, file) {
            self.refuse(WireError::of_a_frame(refused));
        }
    }

    /// Refuses a message for its size alone, and tells the client so.
    pub(crate) fn too_large(&mut self, most: usize) {
        let message = format!("A message may have at most {most} bytes. Send audio in smaller pieces.");
        let code = "event_too_large";
        self.admitted(Err(WireError { code, message, param: None, event_id: None }));
    }

    fn admitted(&mut self, event: Result<ClientEvent, WireError>) -> Option<ClientEvent> {
        match self.rate.admit(Instant::now()) {
            Admission::Yes => {}
            Admission::FirstRefusal => {
                self.session.report(too_many());
                return None;
            }
            Admission::No => return None,
        }
        event.map_err(|error| self.refuse(error)).ok()
    }

    /// Does what was said; waits while the session is behind with audio.
    pub(crate) async fn take(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::Audio(samples) => self.session.push_audio(&samples).await,
            ClientEvent::Command(command) => self.session.command(command),
            // Whoever plays for themselves has cleared already; what is being made ends with it.
            ClientEvent::ClearOutput => {
                self.session.command(ClientCommand::CancelResponse { response: None });
            }
            ClientEvent::Duet(said) => self.link.take(self.session, &mut self.hands, *said).await,
            ClientEvent::Landmarks(seen) => _ = self.landmarks.push(seen.sent_us, seen.frame),
        }
    }

    /// Tells the client what is wrong; about frames, which come thirty times a second, not every time.
    pub(crate) fn refuse(&mut self, error: WireError) {
        if is_of_a_frame(error.code) {
            if self.complaints.may(error.code) {
                self.session.report(error.into_event());
            }
            return;
        }
        metrics::counter!("wire_errors_total", "code" => error.code).increment(1);
        self.session.report(error.into_event());
    }
}

fn is_of_a_frame(code: &str) -> bool {
    ["landmark", "picture_", "image_", "engine_"].iter().any(|start| code.starts_with(start))
}

fn too_many() -> SessionEvent {
    WireError {
        code: "rate_limit_exceeded",
        message: "Too many events. Send audio in pieces of 20 ms or more.".into(),
        param: None,
        event_id: None,
    }
    .into_event()
}
