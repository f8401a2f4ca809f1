//! The calling end, for tests and benchmarks: what a browser does, without one.
//!
//! [`Dial::prepare`] makes an offer, somebody answers it, [`Calling::accept`] waits for the connection. [`Call::tick`] is
//! then to be called every 20 ms: it says what waits and gives what is heard.

mod again;
mod film;
mod http;
mod line;
mod relay;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use rtc::rtp;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use webrtc::{
    data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit},
    media_stream::track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    peer_connection::{PeerConnection, RTCSessionDescription},
};

use self::film::Film;
pub use self::{
    http::{Answer, patch, post},
    line::Line,
    relay::{Network, Relay},
};
use crate::{
    channel::{Channel, Message},
    codec::{CodecError, EarStatistics, EncoderConfig},
    config::PeerConfig,
    handler::{EVENTS, Handler, Path, PeerEvent},
    peer,
    reports::{Heard, Listener, Report},
    track::RtpPacket,
};

/// How long a connection may take to come about: six tries of ICE and DTLS on a network that loses a fifth.
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);

/// Events of the data channel that wait; who is slower makes the server wait.
const MESSAGES: usize = 256;

/// Why there is no call.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The server's address or answer is no HTTP as expected here.
    #[error("{0}")]
    Http(String),
    /// The server answered with another status than 201.
    #[error("the server refused the call with {}: {}", .0.status, .0.body)]
    Refused(Answer),
    /// A socket.
    #[error("{0}")]
    Socket(#[from] std::io::Error),
    /// WebRTC.
    #[error("{0}")]
    Rtc(String),
    /// Opus.
    #[error("{0}")]
    Codec(#[from] CodecError),
}

impl From<webrtc::error::Error> for CallError {
    fn from(error: webrtc::error::Error) -> Self {
        Self::Rtc(error.to_string())
    }
}

/// How to call.
#[derive(Clone, Debug, Default)]
pub struct Dial {
    /// The address that the caller's sound comes from.
    pub peer: PeerConfig,
    /// How what is said is encoded.
    pub encoder: EncoderConfig,
    /// A bad network between caller and server, made in this process.
    pub network: Option<Network>,
    /// The caller's token, if the server wants one.
    pub bearer: Option<String>,
    /// Whether a camera's video is offered.
    pub camera: bool,
    /// Whether there is sound alone and no channel, as with players that speak WHIP.
    pub sound_alone: bool,
}

impl Dial {
    /// Calls a server: `http://host:port` and a path with its query, as `/v1/realtime/calls?model=maya`.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or no connection comes about.
    pub async fn call(&self, url: &str, path: &str) -> Result<(Call, Answer), CallError> {
        let calling = self.prepare().await?;
        let answer = post(&format!("{url}{path}"), self.bearer.as_deref(), calling.offer()).await?;
        if answer.status != 201 {
            return Err(CallError::Refused(answer));
        }
        let call = calling.accept(&answer.body).await?;
        Ok((call, answer))
    }

    /// Makes an offer of sound both ways and, unless there is sound alone, the channel of events; and of a camera where
    /// there is one.
    ///
    /// # Errors
    /// No port is free, or the library fails.
    pub async fn prepare(&self) -> Result<Calling, CallError> {
        let (told, events) = mpsc::channel(EVENTS);
        let gathering = Arc::new(watch::Sender::new(false));
        let handler = Arc::new(Handler::new(told, gathering.clone(), Arc::new(Path::default())));
        let ssrc = rand::random::<u32>();
        let heard = Heard::default();
        let listener = || Listener::new(ssrc, heard.clone());
        let connection = peer::build(&self.peer, self.camera, handler, listener)
            .await
            .map_err(|error| CallError::Rtc(error.to_string()))?;
        let hold = Hold(connection.clone());
        let voice = Arc::new(peer::voice(ssrc));
        connection.add_track(voice.clone() as Arc<dyn TrackLocal>).await?;
        let film = Film::of(&connection, self.camera).await?;
        let channel = match self.sound_alone {
            true => None,
            false => Some(connection.create_data_channel("oai-events", None).await?),
        };
        let offer = connection.create_offer(None).await?;
        let mut gathered = gathering.subscribe();
        connection.set_local_description(offer).await?;
        // What is not gathered by then is not needed on one machine.
        let _ = timeout(self.peer.gather_within, gathered.wait_for(|complete| *complete)).await;
        let described = connection.local_description().await;
        let mut offer = described.ok_or_else(|| CallError::Rtc("there is no offer".into()))?.sdp;
        let relay = match self.network {
            Some(network) => {
                let relay = Relay::between(&offer, network).await?;
                offer = relay::redirect(&offer, relay.caller());
                Some(relay)
            }
            None => None,
        };
        let parts = Parts { connection: hold, voice, film, ssrc, channel, events, heard, relay, gathering };
        Ok(Calling { parts, offer, line: Line::new(self.encoder)? })
    }
}

/// The library's task would go on without anybody's hold on it.
struct Hold(Arc<dyn PeerConnection>);

impl Drop for Hold {
    fn drop(&mut self) {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let connection = self.0.clone();
            // Closed already, it stays so.
            runtime.spawn(async move {
                let _ = connection.close().await;
            });
        }
    }
}

/// What a call consists of.
struct Parts {
    connection: Hold,
    voice: Arc<TrackLocalStaticRTP>,
    film: Option<Film>,
    ssrc: u32,
    channel: Option<Arc<dyn DataChannel>>,
    events: mpsc::Receiver<PeerEvent>,
    heard: Heard,
    relay: Option<Relay>,
    gathering: Arc<watch::Sender<bool>>,
}

/// A call that was not answered yet.
pub struct Calling {
    parts: Parts,
    offer: String,
    line: Line,
}

impl std::fmt::Debug for Calling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calling").field("relay", &self.parts.relay).finish_non_exhaustive()
    }
}

impl Calling {
    /// The offer, with all candidates.
    pub fn offer(&self) -> &str {
        &self.offer
    }

    /// Takes the answer, and waits until sound and messages flow.
    ///
    /// # Errors
    /// The answer cannot be understood, or no connection comes about.
    pub async fn accept(self, answer: &str) -> Result<Call, CallError> {
        let Self { mut parts, line, .. } = self;
        let answer = match &mut parts.relay {
            Some(relay) => {
                relay.begin(answer)?;
                relay::redirect(answer, relay.server())
            }
            None => answer.to_owned(),
        };
        let described = RTCSessionDescription::answer(answer.clone())?;
        parts.connection.0.set_remote_description(described).await?;
        let connected = async {
            loop {
                match parts.events.recv().await {
                    Some(PeerEvent::Connected) => return Ok(()),
                    Some(PeerEvent::Failed(failure)) => return Err(failure.code().to_owned()),
                    Some(_) => {}
                    None => return Err("the connection ended".to_owned()),
                }
            }
        };
        let within = timeout(CONNECTED_WITHIN, connected).await;
        within.map_err(|_| CallError::Rtc("no connection in 30 s".into()))?.map_err(CallError::Rtc)?;
        let channel = match parts.channel {
            Some(inner) => Some(opened(inner).await),
            None => None,
        };
        let messages = channel.clone().map(read);
        Ok(Call {
            connection: parts.connection,
            voice: parts.voice,
            film: parts.film,
            ssrc: parts.ssrc,
            channel,
            messages,
            events: parts.events,
            heard: parts.heard,
            line,
            relay: parts.relay,
            gathering: parts.gathering,
            answer,
        })
    }
}

/// The channel of events, once it is open.
async fn opened(inner: Arc<dyn DataChannel>) -> Channel {
    while let Some(event) = inner.poll().await {
        if matches!(event, DataChannelEvent::OnOpen) {
            break;
        }
    }
    Channel::new(inner, "oai-events")
}

fn to_rtp(packet: RtpPacket, ssrc: u32) -> rtp::Packet {
    let header = rtp::Header {
        version: 2,
        marker: packet.marker,
        payload_type: packet.payload_type,
        sequence_number: packet.sequence,
        timestamp: packet.timestamp,
        ssrc,
        ..rtp::Header::default()
    };
    rtp::Packet { header, payload: Bytes::from(packet.payload) }
}

/// Messages in the order in which they came, until the channel closes or nobody takes them.
fn read(channel: Channel) -> mpsc::Receiver<String> {
    let (told, messages) = mpsc::channel(MESSAGES);
    tokio::spawn(async move {
        while let Some(message) = channel.next().await {
            let Message::Text(text) = message else { continue };
            if told.send(text).await.is_err() {
                return;
            }
        }
    });
    messages
}

/// A call.
pub struct Call {
    connection: Hold,
    voice: Arc<TrackLocalStaticRTP>,
    film: Option<Film>,
    ssrc: u32,
    channel: Option<Channel>,
    messages: Option<mpsc::Receiver<String>>,
    events: mpsc::Receiver<PeerEvent>,
    heard: Heard,
    line: Line,
    relay: Option<Relay>,
    gathering: Arc<watch::Sender<bool>>,
    /// What the server has said of itself.
    answer: String,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("ssrc", &self.ssrc).field("relay", &self.relay).finish_non_exhaustive()
    }
}

impl Call {
    /// Takes samples to be said, 24 kHz; says how many, see [`crate::codec::Mouth::push`].
    pub fn say(&mut self, samples: &[i16]) -> usize {
        self.line.say(samples)
    }

    /// The next 20 ms: sends what waits, or silence, and gives what is heard, once anything is.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn tick(&mut self) -> Result<Option<Vec<i16>>, CallError> {
        while let Ok(event) = self.events.try_recv() {
            match event {
                PeerEvent::Hears(hearing) => self.line.hear(hearing),
                PeerEvent::Failed(failure) => return Err(CallError::Rtc(failure.code().to_owned())),
                _ => {}
            }
        }
        let (spoken, heard) = self.line.tick()?;
        if let Some(spoken) = spoken {
            self.voice.write_rtp(to_rtp(spoken, self.ssrc)).await?;
        }
        Ok(heard)
    }

    /// Shows a frame of VP8, whole, in packets, with its time in 90,000ths of a second. Needs [`Dial::camera`].
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn show(&mut self, frame: &[u8], timestamp: u32) -> Result<(), CallError> {
        match &mut self.film {
            Some(film) => film.show(frame, timestamp).await,
            None => Ok(()),
        }
    }

    /// How often the server has asked for a key frame.
    pub fn asked_for_key_frames(&self) -> u32 {
        self.heard.wishes()
    }

    /// The next event of the server, as JSON text; `None` when the channel is closed. Without one nothing ever comes.
    pub async fn event(&mut self) -> Option<String> {
        match &mut self.messages {
            Some(messages) => messages.recv().await,
            None => std::future::pending().await,
        }
    }

    /// Sends an event.
    ///
    /// # Errors
    /// The channel is closed, or there is none, or the event is too large.
    pub async fn send(&self, event: &str) -> Result<(), CallError> {
        let channel = self.channel().ok_or_else(|| CallError::Rtc("there is no channel".into()))?;
        channel.send_text(event).await.map_err(|unsent| CallError::Rtc(format!("{unsent:?}")))
    }

    /// The channel of events, for what is no event.
    pub fn channel(&self) -> Option<&Channel> {
        self.channel.as_ref()
    }

    /// Opens another channel, one without order and repetition where what comes late is of no use; it is open when this
    /// returns.
    ///
    /// # Errors
    /// The connection is closed.
    pub async fn open(&self, label: &str, is_fast: bool) -> Result<Channel, CallError> {
        let fast = RTCDataChannelInit { ordered: false, max_retransmits: Some(0), ..Default::default() };
        let inner = self.connection.0.create_data_channel(label, is_fast.then_some(fast)).await?;
        while let Some(event) = inner.poll().await {
            match event {
                DataChannelEvent::OnOpen => return Ok(Channel::new(inner, label)),
                DataChannelEvent::OnClose => break,
                _ => {}
            }
        }
        Err(CallError::Rtc("the channel was closed".into()))
    }

    /// Sends a datagram of any content to the server, as if it were the connection's own. Needs a bad network.
    ///
    /// # Errors
    /// The socket is closed.
    pub async fn forge(&self, datagram: &[u8]) -> Result<(), CallError> {
        match &self.relay {
            Some(relay) => relay.forge(datagram).await,
            None => Ok(()),
        }
    }

    /// From now on nothing of the server arrives, or all again. Needs a bad network.
    pub fn deafen(&self, deaf: bool) {
        if let Some(relay) = &self.relay {
            relay.deafen(deaf);
        }
    }

    /// From now on nothing passes in either direction, or all again. Needs a bad network.
    pub fn cut(&self, cut: bool) {
        if let Some(relay) = &self.relay {
            relay.cut(cut);
        }
    }

    /// What came and what was made of it.
    pub fn statistics(&self) -> EarStatistics {
        self.line.statistics()
    }

    /// The server's last report about the caller's sound.
    pub fn report(&self) -> Option<Report> {
        self.heard.report()
    }

    /// Packets that the bad network was given, and of these the ones that it lost.
    pub fn lost_on_purpose(&self) -> Option<(u64, u64)> {
        self.relay.as_ref().map(Relay::counts)
    }

    /// Goes without a word: the network goes first, so that no goodbye arrives. Needs [`Dial::network`]; without one it
    /// is a [`close`](Self::close).
    pub async fn vanish(mut self) {
        self.relay = None;
        self.close().await;
    }

    /// Ends it.
    pub async fn close(self) {
        // It cannot fail in a way that anybody could do something about.
        let _ = self.connection.0.close().await;
    }
}
