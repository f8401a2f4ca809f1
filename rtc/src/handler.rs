//! What the library tells of a connection, as events in a bounded queue.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{mpsc, watch};
use webrtc::{
    data_channel::DataChannel,
    media_stream::track_remote::TrackRemote,
    peer_connection::{
        PeerConnectionEventHandler, RTCIceConnectionState, RTCIceGatheringState, RTCPeerConnectionState,
    },
};

use crate::{
    channel::Channel,
    track::{Hearing, Seeing},
};

/// Events that wait to be taken: a state changes a few times a second at most, and channels are bounded.
pub(crate) const EVENTS: usize = 64;

/// Data channels that a client may open in the life of a connection; two have a meaning.
const MOST_CHANNELS: usize = 16;

/// Tracks that a client may send; one is heard, and one seen.
const MOST_TRACKS: usize = 4;

/// Letters of a label that are read; ours have 13.
const MAX_LABEL: usize = 64;

/// What became of a peer.
#[derive(Debug)]
pub enum PeerEvent {
    /// Sound and messages flow.
    Connected,
    /// Nothing is heard of the far end; it may come back.
    Disconnected,
    /// It is given up.
    Failed(Failure),
    /// The far end opened a channel.
    Channel(Channel),
    /// The first packet of the far end's sound has come.
    Hears(Hearing),
    /// The first packet of the far end's camera has come.
    Sees(Seeing),
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No packet finds its way, or none did any more.
    Ice,
    /// Packets do, but the far end is not who its offer says, or does not speak DTLS.
    Dtls,
}

impl Failure {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Ice => "ice_failed",
            Self::Dtls => "dtls_failed",
        }
    }
}

/// What is known without waiting.
#[derive(Debug, Default)]
pub(crate) struct Path {
    /// Packets find their way, or did at some time.
    pub(crate) found: AtomicBool,
    /// Sound and messages flow.
    pub(crate) connected: AtomicBool,
    /// They did at some time.
    pub(crate) was_connected: AtomicBool,
    /// Tracks and channels that were refused because there were too many, and events that found no room.
    pub(crate) refused: AtomicUsize,
}

impl Path {
    /// What it is that fails, if it fails now: with a refused certificate packets find their way, and nothing more.
    pub(crate) fn failure(&self) -> Failure {
        let found = self.found.load(Ordering::Relaxed);
        if found && !self.was_connected.load(Ordering::Relaxed) { Failure::Dtls } else { Failure::Ice }
    }
}

pub(crate) struct Handler {
    pub(crate) events: mpsc::Sender<PeerEvent>,
    pub(crate) gathered: Arc<watch::Sender<bool>>,
    pub(crate) path: Arc<Path>,
    channels: AtomicUsize,
    tracks: AtomicUsize,
}

impl Handler {
    pub(crate) fn new(
        events: mpsc::Sender<PeerEvent>,
        gathered: Arc<watch::Sender<bool>>,
        path: Arc<Path>,
    ) -> Self {
        Self { events, gathered, path, channels: AtomicUsize::new(0), tracks: AtomicUsize::new(0) }
    }

    /// Whoever takes the events is slower than the far end makes them: then this one is left out.
    fn tell(&self, event: PeerEvent) {
        if self.events.try_send(event).is_err() {
            self.path.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_ice_connection_state_change(&self, state: RTCIceConnectionState) {
        let found = matches!(state, RTCIceConnectionState::Connected | RTCIceConnectionState::Completed);
        self.path.found.fetch_or(found, Ordering::Relaxed);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let connected = state == RTCPeerConnectionState::Connected;
        self.path.connected.store(connected, Ordering::Relaxed);
        self.path.was_connected.fetch_or(connected, Ordering::Relaxed);
        match state {
            RTCPeerConnectionState::Connected => self.tell(PeerEvent::Connected),
            RTCPeerConnectionState::Disconnected => self.tell(PeerEvent::Disconnected),
            RTCPeerConnectionState::Failed => {
                self.tell(PeerEvent::Failed(self.path.failure()));
            }
            _ => {}
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        if self.channels.fetch_add(1, Ordering::Relaxed) >= MOST_CHANNELS {
            self.path.refused.fetch_add(1, Ordering::Relaxed);
            let _ = channel.close().await;
            return;
        }
        let label = channel.label().await.unwrap_or_default();
        let label = label.chars().take(MAX_LABEL).collect::<String>();
        self.tell(PeerEvent::Channel(Channel::new(channel, &label)));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        if self.tracks.fetch_add(1, Ordering::Relaxed) >= MOST_TRACKS {
            self.path.refused.fetch_add(1, Ordering::Relaxed);
            return;
        }
        match track.kind().await {
            RtpCodecKind::Video => self.tell(PeerEvent::Sees(Seeing::new(track))),
            _ => self.tell(PeerEvent::Hears(Hearing::new(track))),
        }
    }
}
