//! One peer connection, from the offer to its end.
//!
//! The library drives sockets and protocols in one task of its own. Here that task has an owner: [`Peer::close`] ends it,
//! and so does dropping the last hold on the peer.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use rtc::{
    interceptor::Slot,
    peer_connection::configuration::media_engine::{MIME_TYPE_OPUS, MIME_TYPE_VP8},
    rtp,
    rtp_transceiver::rtp_sender::{
        RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
        RtpCodecKind,
    },
};
use tokio::sync::{mpsc, watch};
use webrtc::{
    error::Error,
    media_stream::{
        MediaStreamTrack,
        track_local::{TrackLocal, static_rtp::TrackLocalStaticRTP},
    },
    peer_connection::{
        MediaEngine, PeerConnection, PeerConnectionBuilder, RTCConfigurationBuilder, RTCIceCandidateInit,
        RTCIceServer, RTCSessionDescription, RTCStatsReportEntry, Registry, SettingEngineBuilder,
        StatsSelector, configure_rtcp_reports,
    },
};

use crate::{
    codec::PARAMETERS,
    config::{MAX_MESSAGE, PeerConfig},
    handler::{EVENTS, Failure, Handler, Path, PeerEvent},
    reports::{Heard, Listener, Report},
    sdp::{Fragment, MAX_CANDIDATES, Offer, SdpError, from_outside},
    track::RtpPacket,
};

/// Ports that are tried before a range counts as full: more than a server has calls by default, and a few milliseconds.
const PORT_TRIES: usize = 1_024;

/// Calls that come at the same moment may find the same port free, and all but one of them look for another.
const BIND_TRIES: usize = 16;

/// The far end is asked so often whether it is there, which it answers whether or not it has anything to say.
const ASK_EVERY: Duration = Duration::from_millis(500);

/// The payload type of VP8 where this end offers it; else it is the other end's.
pub(crate) const VP8: u8 = 96;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// The offer, or what came after it.
    #[error(transparent)]
    Sdp(#[from] SdpError),
    /// No port is free.
    #[error("no UDP port could be bound")]
    NoPort,
    /// The library refused it.
    #[error("the offer was not understood: {0}")]
    Refused(String),
    /// The library, or the system beneath it, fails whatever the offer says.
    #[error("no connection could be made: {0}")]
    Failed(String),
}

impl PeerError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Sdp(error) => error.code(),
            Self::NoPort | Self::Failed(_) => "rtc_unavailable",
            Self::Refused(_) => "sdp_malformed",
        }
    }
}

impl From<Error> for PeerError {
    fn from(error: Error) -> Self {
        // A socket is no matter of the offer.
        if matches!(error, Error::Io(_)) { failed(error) } else { Self::Refused(error.to_string()) }
    }
}

fn failed(error: Error) -> PeerError {
    PeerError::Failed(error.to_string())
}

/// How a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// There and back.
    pub round_trip: Option<Duration>,
    /// The far end's last report about our sound.
    pub report: Option<Report>,
    /// Messages of ICE that came of it: questions, and answers to ours, [`ASK_EVERY`] one.
    pub signs: u64,
}

/// A peer connection.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    voice: Option<Arc<TrackLocalStaticRTP>>,
    ssrc: u32,
    offer: tokio::sync::Mutex<Offer>,
    gathering: Arc<watch::Sender<bool>>,
    gather_within: Duration,
    public: Vec<IpAddr>,
    heard: Heard,
    path: Arc<Path>,
    closed: AtomicBool,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A peer, what becomes of it, and the answer for the one who offered.
#[derive(Debug)]
pub struct Answered {
    /// The peer.
    pub peer: Peer,
    /// What becomes of it; 64 events wait at most, newer ones are then left out.
    pub events: mpsc::Receiver<PeerEvent>,
    /// The answer.
    pub sdp: String,
}

impl Peer {
    /// Answers an offer. The peer listens when this returns.
    ///
    /// # Errors
    /// No port is free, the system has no more sockets, or the library does not understand the offer.
    pub async fn answer(config: &PeerConfig, offer: Offer) -> Result<Answered, PeerError> {
        let (told, events) = mpsc::channel(EVENTS);
        let gathering = Arc::new(watch::Sender::new(false));
        let (path, heard) = (Arc::new(Path::default()), Heard::default());
        let handler = Arc::new(Handler::new(told, gathering.clone(), path.clone()));
        let ssrc = rand::random::<u32>();
        let sees = offer.vp8().is_some();
        let connection = build(config, sees, handler, || Listener::new(ssrc, heard.clone())).await?;
        let voice = offer.audio.receives().then(|| Arc::new(voice(ssrc)));
        let peer = Self {
            connection,
            voice,
            ssrc,
            offer: tokio::sync::Mutex::new(offer.clone()),
            gathering,
            gather_within: config.gather_within,
            public: config.public_ips.iter().filter_map(|ip| ip.parse().ok()).collect(),
            heard,
            path,
            closed: AtomicBool::new(false),
        };
        if let Some(voice) = &peer.voice {
            peer.connection.add_track(voice.clone() as Arc<dyn TrackLocal>).await.map_err(failed)?;
        }
        let sdp = offer.answered(peer.take(offer.sdp()).await?);
        Ok(Answered { peer, events, sdp })
    }

    /// Applies an offer; the answer with all candidates.
    async fn take(&self, offer: &str) -> Result<String, PeerError> {
        self.connection.set_remote_description(RTCSessionDescription::offer(offer.to_owned())?).await?;
        let answer = self.connection.create_answer(None).await?;
        // At a restart it was complete before.
        self.gathering.send_replace(false);
        let mut gathered = self.gathering.subscribe();
        self.connection.set_local_description(answer).await?;
        // Without servers to be asked this takes no time; what such a server tells later is told to nobody.
        let complete = gathered.wait_for(|complete| *complete);
        let _ = tokio::time::timeout(self.gather_within, complete).await;
        let described = self.connection.local_description().await;
        let described = described.ok_or_else(|| PeerError::Failed("there is no answer".into()))?;
        Ok(from_outside(&described.sdp, &self.public))
    }

    /// Whether the far end wants to hear us.
    pub fn speaks(&self) -> bool {
        self.voice.is_some()
    }

    /// Our stream's number.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// What it is that fails, if it takes too long until sound and messages flow.
    pub fn failure(&self) -> Failure {
        self.path.failure()
    }

    /// Whether sound and messages flow.
    pub fn is_connected(&self) -> bool {
        self.path.connected.load(Ordering::Relaxed)
    }

    /// Sends a packet of sound; its stream's number is filled in. Waits while 256 are on their way to the socket.
    ///
    /// # Errors
    /// The connection is closed, or the far end does not listen.
    pub async fn send(&self, packet: RtpPacket) -> Result<(), Closed> {
        let voice = self.voice.as_ref().ok_or(Closed)?;
        let header = rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: packet.payload_type,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..rtp::Header::default()
        };
        let sent = voice.write_rtp(rtp::Packet { header, payload: Bytes::from(packet.payload) }).await;
        sent.map_err(|_| Closed)
    }

    /// Takes what came after the offer: candidates, or, with new credentials, an ICE restart, which is answered by our own
    /// credentials and candidates as a fragment. What a restart has overtaken is read over.
    ///
    /// # Errors
    /// There are more than [`MAX_CANDIDATES`] in all, or the library refuses them or the credentials.
    pub async fn told(&self, fragment: &Fragment) -> Result<Option<String>, PeerError> {
        let mut offer = self.offer.lock().await;
        if offer.is_late(fragment) {
            return Ok(None);
        }
        if fragment.restarts(&offer.ufrag) {
            let again = offer.restarted(fragment);
            let again = again.ok_or(SdpError::Malformed("a restart needs a=ice-ufrag and a=ice-pwd"))?;
            let answer = self.take(again.sdp()).await?;
            *offer = again;
            return Ok(Some(ice_of(&answer)));
        }
        offer.candidates += fragment.counted;
        if offer.candidates > MAX_CANDIDATES {
            return Err(SdpError::TooManyCandidates.into());
        }
        for candidate in &fragment.candidates {
            let candidate = RTCIceCandidateInit { candidate: candidate.clone(), ..Default::default() };
            self.connection.add_ice_candidate(candidate).await?;
        }
        Ok(None)
    }

    /// The far end's last report, and when anything of it was heard last.
    pub fn report(&self) -> Option<Report> {
        self.heard.report()
    }

    /// When the last packet of sound, pictures or control came.
    pub fn last_packet(&self) -> Option<std::time::Instant> {
        self.heard.last_packet()
    }

    /// How the connection is.
    pub async fn statistics(&self) -> Statistics {
        let report = self.connection.get_stats(std::time::Instant::now(), StatsSelector::None).await;
        let seconds = report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::IceCandidatePair(pair) if pair.nominated => {
                Some(pair.current_round_trip_time)
            }
            _ => None,
        });
        let round_trip = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
        let signs = report.iter().map(|entry| match entry {
            RTCStatsReportEntry::IceCandidatePair(pair) => pair.requests_received + pair.responses_received,
            _ => 0,
        });
        Statistics {
            round_trip: round_trip.map(Duration::from_secs_f64),
            report: self.report(),
            signs: signs.sum(),
        }
    }

    /// Ends it; the socket and the library's task are gone when this returns.
    pub async fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = self.connection.close().await;
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // The library's task would go on without anybody's hold on it.
        if !self.closed.load(Ordering::Relaxed)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let connection = self.connection.clone();
            runtime.spawn(async move {
                let _ = connection.close().await;
            });
        }
    }
}

/// The connection is closed, or nobody listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// Builds a connection that listens, on a port of the range, with video or without. Each try has a listener of its own.
pub(crate) async fn build(
    config: &PeerConfig,
    video: bool,
    handler: Arc<Handler>,
    listener: impl Fn() -> Listener,
) -> Result<Arc<dyn PeerConnection>, PeerError> {
    for _ in 0..BIND_TRIES {
        let addresses = free_addresses(config).ok_or(PeerError::NoPort)?;
        let servers = config.ice_servers.iter().map(|server| RTCIceServer {
            urls: server.urls.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
        });
        let servers = RTCConfigurationBuilder::default().with_ice_servers(servers.collect()).build();
        let registry = configure_rtcp_reports(Registry::new()).with(Slot::Custom(500), listener());
        let built = PeerConnectionBuilder::new()
            .with_configuration(servers)
            .with_media_engine(media(video).map_err(failed)?)
            .with_setting_engine(settings(config).build())
            .with_interceptor_registry(registry)
            .with_handler(handler.clone())
            .with_udp_addrs(addresses)
            .build()
            .await;
        match built {
            Ok(connection) => return Ok(Arc::new(connection)),
            // Another call has taken the port meanwhile: the library says of no error that it is this one.
            Err(_) if config.ports.is_some() => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(PeerError::NoPort)
}

/// What is understood: Opus, and VP8 for who looks.
fn media(video: bool) -> Result<MediaEngine, Error> {
    let mut media = MediaEngine::default();
    let opus = RTCRtpCodecParameters { rtp_codec: opus(), payload_type: 111 };
    media.register_codec(opus, RtpCodecKind::Audio)?;
    if video {
        let vp8 = RTCRtpCodecParameters { rtp_codec: vp8(), payload_type: VP8 };
        media.register_codec(vp8, RtpCodecKind::Video)?;
    }
    Ok(media)
}

fn settings(config: &PeerConfig) -> SettingEngineBuilder {
    SettingEngineBuilder::new()
        .with_ice_timeouts(Some(config.disconnected_after), Some(config.failed_after), Some(ASK_EVERY))
        // Names that hide a browser's address are not asked for on the network; its own checks tell the address.
        .with_multicast_dns_mode(rtc::ice::mdns::MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(config.bind.is_loopback())
        .with_discard_local_candidates_during_ice_restart(config.moves)
        .with_sctp_max_message_size(
            rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize::Bounded(MAX_MESSAGE),
        )
}

/// Addresses that could be bound a moment ago: the first port from one on that is chosen by chance.
fn free_addresses(config: &PeerConfig) -> Option<Vec<SocketAddr>> {
    let Some(ports) = &config.ports else { return Some(addresses(config.bind, 0)) };
    let chance = rand::random_range(ports.clone());
    let mut all = (chance..=*ports.end()).chain(*ports.start()..chance).take(PORT_TRIES);
    let free = all.find(|port| UdpSocket::bind((config.bind, *port)).is_ok())?;
    Some(addresses(config.bind, free))
}

/// As a socket for HTTP takes it: `::` is for both families. The library takes each for its own alone.
fn addresses(bind: IpAddr, port: u16) -> Vec<SocketAddr> {
    let bound = SocketAddr::new(bind, port);
    let is_every = bind == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    std::iter::once(bound).chain(is_every.then(|| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))).collect()
}

fn opus() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: PARAMETERS.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

/// Of all feedback only the wish for a key frame: what is lost is not sent again, the next key frame is near.
fn vp8() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_VP8.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: vec![RTCPFeedback { typ: "nack".into(), parameter: "pli".into() }],
    }
}

/// The stream that the far end hears.
pub(crate) fn voice(ssrc: u32) -> TrackLocalStaticRTP {
    stream("voice", RtpCodecKind::Audio, opus(), ssrc)
}

/// The stream of a camera, for ends that call.
#[cfg(any(test, feature = "client"))]
pub(crate) fn film(ssrc: u32) -> TrackLocalStaticRTP {
    stream("camera", RtpCodecKind::Video, vp8(), ssrc)
}

fn stream(name: &str, kind: RtpCodecKind, codec: RTCRtpCodec, ssrc: u32) -> TrackLocalStaticRTP {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec,
        ..Default::default()
    };
    TrackLocalStaticRTP::new(MediaStreamTrack::new(
        "duologue".into(),
        name.into(),
        name.into(),
        kind,
        vec![coding],
    ))
}

/// What a fragment says of a description: credentials, and the candidates of its first section.
pub(crate) fn ice_of(described: &str) -> String {
    let mut fragment = String::new();
    let mut said = false;
    let kept = ["a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:", "a=candidate:", "a=end-of-candidates"];
    for line in described.lines().filter(|line| kept.iter().any(|kept| line.starts_with(kept))) {
        // All sections are bundled: what the first one says holds for all.
        if line.starts_with("m=") && std::mem::replace(&mut said, true) {
            break;
        }
        fragment.push_str(line);
        fragment.push_str("\r\n");
    }
    fragment
}

#[cfg(test)]
mod tests;
