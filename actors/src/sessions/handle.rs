//! A hold on one scene: the way in for a client's words and sound, and the reading end.

use duologue_domain::turn::TurnId;
use ractor::{ActorRef, rpc::CallResult};

use super::ANSWER_WITHIN;
use crate::{
    audio_in::AudioIn,
    duet::Duet,
    event::{ClientCommand, SessionEvent},
    landmarks_in::LandmarksIn,
    outbox::{Closed, Numbered, Outbox, Outgoing},
    session::{SessionMsg, SessionView},
    store::FeedbackRecord,
};

/// A hold on one scene.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    pub(super) id: String,
    pub(super) session: ActorRef<SessionMsg>,
    pub(super) audio: AudioIn,
    pub(super) landmarks: LandmarksIn,
    pub(super) outbox: Outbox,
}

impl SessionHandle {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Says something to it.
    pub fn command(&self, command: ClientCommand) {
        let _ = self.session.cast(SessionMsg::Command(command));
    }

    /// Gives it audio at its input rate; waits while it is behind, so that a recording may be sent at once.
    pub async fn push_audio(&self, samples: &[i16]) {
        // Ten times 100 ms at the highest rate: small enough that waiting happens between pieces.
        for piece in samples.chunks(48_000) {
            self.audio.ready().await;
            if self.audio.push(piece) {
                let _ = self.session.cast(SessionMsg::AudioArrived);
            }
        }
    }

    /// The way in for what a face landmarker sees.
    pub fn landmarks(&self) -> LandmarksIn {
        self.landmarks.clone()
    }

    /// The duet, opened if it was not; `None` when the scene has just ended.
    pub async fn open_duet(&self) -> Option<Duet> {
        match self.session.call(SessionMsg::OpenDuet, ANSWER_WITHIN).await {
            Ok(CallResult::Success(duet)) => Some(duet),
            _ => None,
        }
    }

    /// The duet, if it was opened.
    pub async fn duet(&self) -> Option<Duet> {
        match self.session.call(SessionMsg::GetDuet, ANSWER_WITHIN).await {
            Ok(CallResult::Success(duet)) => duet,
            _ => None,
        }
    }

    /// What a client that attaches must know; `None` when the scene has just ended.
    pub async fn view(&self) -> Option<SessionView> {
        match self.session.call(SessionMsg::GetView, ANSWER_WITHIN).await {
            Ok(CallResult::Success(view)) => Some(view),
            _ => None,
        }
    }

    /// How the person comes across so far; `None` when nothing was said or seen, or the scene has just ended.
    pub async fn feedback(&self) -> Option<FeedbackRecord> {
        match self.session.call(SessionMsg::GetFeedback, ANSWER_WITHIN).await {
            Ok(CallResult::Success(record)) => record,
            _ => None,
        }
    }

    /// Becomes its one reader, within this process.
    pub fn attach(&self) -> Attachment {
        let attachment = self.attachment(self.outbox.attach());
        let _ = self.session.cast(SessionMsg::Attached(true));
        attachment
    }

    /// Becomes its one reader, behind a network that may lose it: from the beginning, or from what came after the
    /// number `resume`. `None` when the scene has just ended.
    pub async fn connect(&self, resume: Option<u64>) -> Option<Attachment> {
        match self.session.call(|port| SessionMsg::Connect(resume, port), ANSWER_WITHIN).await {
            Ok(CallResult::Success((reader, _))) => Some(self.attachment(reader)),
            _ => None,
        }
    }

    /// The same for a client that hears sound apart from its events, as in a call: it knows the numbers of events alone,
    /// and gets the sound that has not arrived wherever these are.
    pub async fn connect_apart(&self, resume: Option<u64>) -> Option<Attachment> {
        let attachment = self.connect(resume).await?;
        self.outbox.hear_apart(attachment.reader);
        Some(attachment)
    }

    fn attachment(&self, reader: u64) -> Attachment {
        Attachment { reader, outbox: self.outbox.clone(), session: self.session.clone() }
    }

    /// Tells its client something, in order with everything else.
    pub fn report(&self, event: SessionEvent) {
        self.outbox.event(event);
    }

    /// Ends it.
    pub fn end(&self, code: &'static str, message: &str) {
        let _ = self.session.cast(SessionMsg::End { code, message: message.to_owned() });
    }

    /// The actor itself, for tests of supervision.
    pub fn actor(&self) -> &ActorRef<SessionMsg> {
        &self.session
    }
}

/// The reading end of a scene. Dropping it detaches.
#[derive(Debug)]
pub struct Attachment {
    reader: u64,
    outbox: Outbox,
    session: ActorRef<SessionMsg>,
}

impl Attachment {
    /// The next thing, for a reader in this process: what it has, has arrived.
    pub async fn next(&self) -> Result<Outgoing, Closed> {
        let numbered = self.next_numbered().await?;
        self.acknowledge(numbered.last());
        Ok(numbered.outgoing)
    }

    /// The next thing to send, with its numbers; to be acknowledged when it has arrived.
    pub async fn next_numbered(&self) -> Result<Numbered, Closed> {
        self.outbox.next(self.reader).await
    }

    /// Everything up to `number` has arrived.
    pub fn acknowledge(&self, number: u64) {
        self.outbox.acknowledge(self.reader, number);
    }

    /// Its client, who hears sound apart, was out of reach for a while: sound that has not arrived comes again, from this
    /// number on. None when another reader has come.
    pub fn hear_again(&self) -> Option<u64> {
        self.outbox.hear_again(self.reader)
    }

    /// The turn whose speech may be heard: who plays it drops what belongs to earlier ones.
    pub fn live(&self) -> TurnId {
        self.outbox.live()
    }

    /// The last number that has arrived.
    pub fn arrived(&self) -> u64 {
        self.outbox.arrived()
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if self.outbox.detach(self.reader) {
            let _ = self.session.cast(SessionMsg::Attached(false));
        }
    }
}
