//! One call, from the answer to its end.
//!
//! Parent: whoever answered the offer. Children: none; it runs five parts in one task, none of which waits for another:
//! what becomes of the peer, the sound that comes in, the [`camera`], the messages that come in, and all that goes out
//! ([`Writer`]).
//! In: peer events, RTP, two data channels, the session's outbox.  Out: the session's audio and commands; RTP, messages.
//! Owns: the peer, the attachment, its place and its entry at the switchboard, all of them released when it ends.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use duologue_actors::{
    event::{ClientCommand, ConfigPatch, SessionEvent},
    outbox::Closed,
    sessions::SessionHandle,
};
use duologue_rtc::{
    Channel, Failure, Hearing, Message, Peer, PeerEvent, Seeing, codec::Ear, config::MAX_MESSAGE, sdp::Offer,
};
use tokio::{
    sync::{Notify, mpsc, watch},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info};

use super::{
    camera::{self, Still},
    switchboard::{Entry, Place},
    writer::{self, Writer},
};
use crate::ws::{Link, decode::ClientEvent, intake::Intake, join::Arrival};

/// From the answer until sound and messages flow: a person accepts the microphone within it.
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);

/// What a session hears, in samples a second.
const INPUT_RATE: u32 = duologue_rtc::codec::RATE;

/// Between two looks at what did not come: the end of a turn is silence, so this is part of every wait.
const LISTEN_EVERY: Duration = Duration::from_millis(10);

/// The channel of events.
const EVENTS: &str = "oai-events";

/// The channel of what is of no use when it is late.
const FAST: &str = "duologue-fast";

/// What the offer said.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// Payload type of Opus.
    pub(super) opus: u8,
    /// Whether there will be data channels.
    pub(super) has_data: bool,
    /// Sections of video, of which none is looked at.
    pub(super) videos: usize,
    /// Payload type of VP8, if a camera is looked at.
    pub(super) vp8: Option<u8>,
}

impl About {
    pub(super) fn of(offer: &Offer) -> Self {
        let vp8 = offer.vp8();
        let videos = if vp8.is_some() { 0 } else { offer.videos };
        Self { opus: offer.opus, has_data: offer.has_data, videos, vp8 }
    }
}

/// Why a call is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The client said so.
    HungUp,
    /// The connection is lost, or never came about.
    Lost(Failure),
    /// The session says so.
    Session(Closed),
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Lost(failure) => failure.code(),
            Self::Session(Closed::Ended) => "session_ended",
            Self::Session(Closed::Overflowed) => "client_too_slow",
            Self::Session(Closed::Replaced) => "attached_elsewhere",
        }
    }
}

/// A call that was answered.
pub(super) struct Call {
    pub(super) peer: Arc<Peer>,
    pub(super) events: mpsc::Receiver<PeerEvent>,
    pub(super) arrival: Arrival,
    pub(super) about: About,
    /// The last number that the client has.
    pub(super) resume: Option<u64>,
    pub(super) over: CancellationToken,
    pub(super) entry: Entry,
    pub(super) place: Place,
}

/// What the halves of a call share.
#[derive(Debug)]
pub(super) struct Wires {
    pub(super) peer: Arc<Peer>,
    pub(super) about: About,
    pub(super) events: watch::Sender<Option<Channel>>,
    pub(super) fast: watch::Sender<Option<Channel>>,
    hearing: watch::Sender<Option<Arc<Hearing>>>,
    pub(super) seeing: watch::Sender<Option<Arc<Seeing>>>,
    pub(super) connected: watch::Sender<bool>,
    /// The client wants to hear no more of what is said now.
    pub(super) clear: Notify,
    /// All times of a call are counted from here.
    pub(super) since: Instant,
}

impl Wires {
    fn new(peer: Arc<Peer>, about: About) -> Self {
        Self {
            peer,
            about,
            events: watch::Sender::new(None),
            fast: watch::Sender::new(None),
            hearing: watch::Sender::new(None),
            seeing: watch::Sender::new(None),
            connected: watch::Sender::new(false),
            clear: Notify::new(),
            since: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn micros(&self) -> u64 {
        self.now().as_micros() as u64
    }
}

/// A value once it is there.
pub(super) async fn known<Value: Clone>(sender: &watch::Sender<Option<Value>>) -> Value {
    let mut receiver = sender.subscribe();
    loop {
        if let Some(value) = receiver.borrow_and_update().clone() {
            return value;
        }
        if receiver.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Call {
    /// Runs to the end.
    pub(super) async fn run(self) {
        let Self { peer, mut events, arrival, about, resume, over, mut entry, place } = self;
        let wires = Wires::new(peer.clone(), about);
        let ending = tokio::select! {
            ending = carry(&wires, &mut events, arrival, resume) => ending,
            () = over.cancelled() => Ending::HungUp,
        };
        if let Ending::Lost(failure) = ending {
            entry.failure = Some(failure.into());
        }
        metrics::counter!("rtc_calls_ended_total", "why" => ending.name()).increment(1);
        info!(why = ending.name(), seconds = wires.now().as_secs(), "call ended");
        // Whoever sees that it is closed finds it no more; its place is free once its socket is.
        drop(entry);
        peer.close().await;
        drop(place);
    }
}

async fn carry(
    wires: &Wires,
    events: &mut mpsc::Receiver<PeerEvent>,
    arrival: Arrival,
    resume: Option<u64>,
) -> Ending {
    let Arrival { session, encoder, pictures, input_rate } = arrival;
    let connecting = async {
        loop {
            if let Some(ending) = happened(wires, &session, events.recv().await).await {
                return Some(ending);
            }
            if *wires.connected.borrow() {
                return None;
            }
        }
    };
    match timeout(CONNECTED_WITHIN, connecting).await {
        Ok(None) => {}
        Ok(Some(ending)) => return ending,
        Err(_) => return Ending::Lost(wires.peer.failure()),
    }
    metrics::histogram!("rtc_connect_seconds").record(wires.now().as_secs_f64());
    let Some(attachment) = session.connect_apart(resume).await else { return Ending::Session(Closed::Ended) };
    if input_rate != INPUT_RATE {
        // What a client said about its format concerned audio in events; RTP is always as Opus has it.
        let rate = ConfigPatch { input_rate: Some(INPUT_RATE), ..ConfigPatch::default() };
        session.command(ClientCommand::Configure(Box::new(rate)));
    }
    let link = Link::default();
    let intake = Intake::new(&session, &link, pictures);
    let Ok(mut writer) = Writer::new(wires, encoder) else {
        return Ending::Session(Closed::Ended);
    };
    let (faces, (stills, stills_in)) = (session.landmarks(), camera::channel());
    tokio::select! {
        ending = watch_peer(wires, &session, events) => ending,
        () = listen(wires, &session) => Ending::HungUp,
        never = camera::watch(wires, &faces, stills) => match never {},
        ending = read(wires, intake, stills_in) => ending,
        ending = writer::write(&mut writer, &session, attachment, &link) => ending,
    }
}

/// One event of the peer.
async fn happened(wires: &Wires, session: &SessionHandle, event: Option<PeerEvent>) -> Option<Ending> {
    match event {
        None => return Some(Ending::Lost(Failure::Ice)),
        Some(PeerEvent::Connected) => _ = wires.connected.send_replace(true),
        Some(PeerEvent::Disconnected) => _ = wires.connected.send_replace(false),
        Some(PeerEvent::Failed(failure)) => return Some(Ending::Lost(failure)),
        Some(PeerEvent::Channel(channel)) => open(wires, session, channel).await,
        Some(PeerEvent::Hears(hearing)) => begin(&wires.hearing, hearing),
        Some(PeerEvent::Sees(seeing)) => begin(&wires.seeing, seeing),
    }
    None
}

/// A second track of a kind is neither heard nor seen: whose it would be nobody knows.
fn begin<Track>(slot: &watch::Sender<Option<Arc<Track>>>, track: Track) {
    slot.send_if_modified(|slot| {
        let is_first = slot.is_none();
        slot.get_or_insert_with(|| Arc::new(track));
        is_first
    });
}

async fn open(wires: &Wires, session: &SessionHandle, channel: Channel) {
    let slot = match channel.label() {
        EVENTS => Some(&wires.events),
        FAST => Some(&wires.fast),
        _ => None,
    };
    let slot = slot.filter(|slot| slot.borrow().is_none());
    match slot {
        Some(slot) => _ = slot.send_replace(Some(channel)),
        None => {
            session.report(SessionEvent::Error {
                code: "unknown_channel",
                message: format!("One channel {EVENTS} and one {FAST} are understood; this one is closed."),
                param: None,
                client_event: None,
            });
            channel.close().await;
        }
    }
}

async fn watch_peer(
    wires: &Wires,
    session: &SessionHandle,
    events: &mut mpsc::Receiver<PeerEvent>,
) -> Ending {
    loop {
        if let Some(ending) = happened(wires, session, events.recv().await).await {
            return ending;
        }
    }
}

/// Sound of the client into the session, in real time. Ends only when the ear cannot be made.
async fn listen(wires: &Wires, session: &SessionHandle) {
    let hearing = known(&wires.hearing).await;
    let mut ear = match Ear::new() {
        Ok(ear) => ear,
        Err(error) => return debug!(%error, "no ear"),
    };
    // For what did not come, and for silence, of which nothing comes.
    let mut ticks = interval(LISTEN_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ended = false;
    loop {
        tokio::select! {
            packet = hearing.next(), if !ended => match packet {
                Some(packet) if packet.payload_type == wires.about.opus => {
                    ear.push(packet.into(), wires.micros());
                }
                Some(_) => continue,
                None => ended = true,
            },
            _ = ticks.tick() => {}
        }
        // Nobody plays it, so nothing is held back to even it out: samples are the session's clock.
        let samples = ear.hear(wires.micros());
        if !samples.is_empty() {
            session.push_audio(&samples).await;
        }
    }
}

/// Messages of the client, and pictures of its camera, into the session.
async fn read(wires: &Wires, mut intake: Intake<'_>, mut stills: mpsc::Receiver<Still>) -> Ending {
    let (mut events, mut fast) = (None::<Channel>, None::<Channel>);
    loop {
        let (message, is_fast) = tokio::select! {
            () = intake.look() => continue,
            Some(still) = stills.recv() => {
                intake.picture(still.at_us, still.file);
                continue;
            }
            message = next(&wires.events, &mut events) => (message, false),
            message = next(&wires.fast, &mut fast) => (message, true),
        };
        let event = match message {
            Some(message) if message.size() > MAX_MESSAGE as usize => {
                intake.too_large(MAX_MESSAGE as usize);
                None
            }
            Some(Message::Text(text)) => intake.text(&text),
            Some(Message::Binary(bytes)) => intake.binary(&Bytes::from(bytes.to_vec())),
            None if is_fast => {
                // Another one may be opened in its place.
                fast = None;
                wires.fast.send_replace(None);
                None
            }
            None => return Ending::HungUp,
        };
        match event {
            Some(ClientEvent::ClearOutput) => wires.clear.notify_one(),
            // The server plays itself, and knows.
            Some(ClientEvent::Command(ClientCommand::Playout { .. })) | None => {}
            Some(ClientEvent::Command(ClientCommand::Configure(patch))) => {
                let patch = ConfigPatch { input_rate: None, ..*patch };
                intake.take(ClientEvent::Command(ClientCommand::Configure(Box::new(patch)))).await;
            }
            Some(event) => intake.take(event).await,
        }
    }
}

/// The next message of a channel, once it is open. Nothing is lost when this is given up.
async fn next(slot: &watch::Sender<Option<Channel>>, channel: &mut Option<Channel>) -> Option<Message> {
    let channel = match channel {
        Some(channel) => channel,
        None => channel.insert(known(slot).await),
    };
    channel.next().await
}
