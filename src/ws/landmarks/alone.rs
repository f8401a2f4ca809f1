//! A face without a session: analysed for as long as its socket is open, and forgotten with it.

use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use duologue_actors::landmarks_in::LandmarksIn;
use duologue_domain::{
    face::{Face, FaceConfig},
    lang::Language,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{
    Complaints, Gone, PING_EVERY, QUIET, Said, codec::Refused, pictures::Pictures, read, send, too_fast,
};
use crate::ws::scores;

/// Between two scores.
const SCORE_EVERY: Duration = Duration::from_secs(1);

/// One client.
struct Alone {
    socket: WebSocket,
    language: Language,
    face: Face,
    /// Here only for its clock and its limit: it is emptied after every frame.
    ring: LandmarksIn,
    pictures: Pictures,
    complaints: Complaints,
    began: Instant,
    heard: Instant,
    pinged: Instant,
    /// Frames arrived since the last scores.
    fresh: bool,
}

/// Runs until the client has gone.
pub(super) async fn run(socket: WebSocket, config: FaceConfig, language: Language, pictures: Pictures) {
    let now = Instant::now();
    let mut alone = Alone {
        socket,
        language,
        face: Face::new(config),
        ring: LandmarksIn::default(),
        pictures,
        complaints: Complaints::default(),
        began: now,
        heard: now,
        pinged: now,
        fresh: false,
    };
    let mut ticks = interval(SCORE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let going = tokio::select! {
            message = alone.socket.recv() => match message {
                Some(Ok(message)) => alone.hear(message).await,
                _ => Err(Gone),
            },
            found = alone.pictures.found() => {
                alone.handle(found.map(|landmarks| Said::Landmarks(Box::new(landmarks)))).await
            }
            _ = ticks.tick() => alone.tick().await,
        };
        if going.is_err() {
            return;
        }
    }
}

impl Alone {
    async fn hear(&mut self, message: Message) -> Result<(), Gone> {
        self.heard = Instant::now();
        self.handle(read(message).ok_or(Gone)?).await
    }

    async fn handle(&mut self, said: Result<Said, Refused>) -> Result<(), Gone> {
        let refused = match said {
            Ok(Said::Landmarks(landmarks)) => {
                if self.ring.push(landmarks.sent_us, landmarks.frame) {
                    self.analyse();
                    return Ok(());
                }
                too_fast()
            }
            Ok(Said::Picture(bytes)) => match self.pictures.take(&bytes) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            },
            Ok(Said::Calibrate(command)) => {
                self.face.calibrate(command);
                return Ok(());
            }
            Ok(Said::Nothing) => return Ok(()),
            Err(refused) => refused,
        };
        match self.complaints.about(refused) {
            Some(event) => send(&mut self.socket, event).await,
            None => Ok(()),
        }
    }

    fn analyse(&mut self) {
        for landmarks in self.ring.drain() {
            let at_ms = landmarks.at.saturating_duration_since(self.began).as_millis() as u64;
            self.face.handle_frame(at_ms, &landmarks.frame);
        }
        self.fresh = true;
    }

    async fn tick(&mut self) -> Result<(), Gone> {
        if self.heard.elapsed() > QUIET {
            return Err(Gone);
        }
        if self.pinged.elapsed() >= PING_EVERY {
            self.pinged = Instant::now();
            send(&mut self.socket, Message::Ping(Vec::new().into())).await?;
        }
        if std::mem::take(&mut self.fresh) {
            let now_ms = self.began.elapsed().as_millis() as u64;
            let event = scores::face_event(&self.face.scores(now_ms), now_ms, self.language);
            send(&mut self.socket, Message::Text(event.to_string().into())).await?;
        }
        Ok(())
    }
}
