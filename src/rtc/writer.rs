//! All that goes out of a call: events as messages, speech as RTP, and what is known of their arrival.

use std::time::Duration;

use axum::extract::ws;
use duologue_actors::{
    event::{ClientCommand, SessionEvent},
    outbox::{Closed, Numbered, OutFrame, Outgoing},
    sessions::{Attachment, SessionHandle},
};
use duologue_domain::turn::TurnId;
use duologue_rtc::{
    Channel, Report, RtpPacket, Unsent,
    clock::Reported,
    codec::{CodecError, RATE},
};
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    call::{Ending, Wires, known},
    camera::no_video,
    ledger::{Known, Ledger},
    player::{Effect, Player, TICK},
};
use crate::ws::{Encoder, Link};

/// Ticks between two looks at what has arrived: 100 ms.
const SETTLE_EVERY: u32 = 5;

/// Ticks between two looks at the round trip: half a second.
const MEASURE_EVERY: u32 = 25;

/// Without a sign for so long a client is out of reach. Whoever speaks is heard several times a second, and who does not
/// answers ICE twice a second.
const AWAY_AFTER: Duration = Duration::from_millis(2_000);

/// Bytes of messages on their way, above which no more is taken from the session: it has its own bound, behind which a
/// client that does not read is cut off.
const MOST_OUTSTANDING: u64 = 256 * 1024;

/// A client that negotiated data channels opens one within this; then it is served without.
const OPENS_WITHIN: Duration = Duration::from_secs(5);

/// What is being said when the session ends may end.
const FINISHES_WITHIN: Duration = Duration::from_secs(3);

/// The outgoing half.
pub(super) struct Writer<'a> {
    wires: &'a Wires,
    encoder: Encoder,
    /// None when the client does not listen.
    player: Option<Player>,
    ledger: Ledger,
    known: Known,
    live: TurnId,
    /// The response that is being made.
    making: Option<String>,
    /// Events of our own so far; the session does not count them.
    own: u64,
    ticks: u32,
    report: Option<Report>,
    round_trip: Duration,
    /// When there was a sign of the far end last.
    sign: Option<Duration>,
    /// How many messages of ICE had come when that was looked at last, and when it was.
    signs: (u64, Duration),
    /// Whether it can be reached; none before it was.
    reached: Option<bool>,
}

impl<'a> Writer<'a> {
    /// Nothing has gone out yet.
    ///
    /// # Errors
    /// The encoder has no memory.
    pub(super) fn new(wires: &'a Wires, encoder: Encoder) -> Result<Self, CodecError> {
        let player = || Player::new(rand::random(), rand::random());
        Ok(Self {
            wires,
            encoder,
            player: wires.peer.speaks().then(player).transpose()?,
            ledger: Ledger::default(),
            known: Known::default(),
            live: TurnId(0),
            making: None,
            own: 0,
            ticks: 0,
            report: None,
            round_trip: Duration::ZERO,
            sign: None,
            signs: (0, Duration::ZERO),
            reached: None,
        })
    }

    fn channel(&self) -> Option<Channel> {
        self.wires.events.borrow().clone()
    }

    /// Whether more may be taken from the session.
    async fn may_take(&mut self) -> bool {
        match self.channel() {
            Some(channel) => channel.outstanding().await < MOST_OUTSTANDING,
            None => !self.wires.about.has_data || self.wires.now() > OPENS_WITHIN,
        }
    }

    /// Whether a duet may say more; else its own bound cuts off who does not read.
    async fn may_play(&mut self) -> bool {
        let fast = self.wires.fast.borrow().clone();
        match fast.or_else(|| self.channel()) {
            Some(channel) => channel.outstanding().await < MOST_OUTSTANDING,
            None => true,
        }
    }

    async fn numbered(&mut self, numbered: Numbered) -> Result<(), Ending> {
        let last = numbered.last();
        match numbered.outgoing {
            Outgoing::Audio(frame) => {
                self.speech(numbered.first, frame).await;
                Ok(())
            }
            Outgoing::Event(event) => {
                self.heed(&event);
                let texts = self.encoder.encode(numbered.first, *event);
                self.tell(last, texts.into_iter().skip(numbered.skip)).await
            }
        }
    }

    async fn speech(&mut self, number: u64, frame: OutFrame) {
        let Some(player) = self.player.as_mut().filter(|_| frame.turn >= self.live) else {
            return self.ledger.needless(number);
        };
        self.ledger.waits(number);
        let pushed = player.push(number, frame);
        let begun = player.begin(self.wires.now());
        self.carry_out(pushed.into_iter().chain(begun).collect(), None).await;
    }

    /// What a page does for itself over a WebSocket.
    fn heed(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::ResponseCreated { response, .. } => self.making = Some(response.clone()),
            SessionEvent::ResponseDone { .. } => self.making = None,
            _ => {}
        }
        let Some(player) = &mut self.player else { return };
        match event {
            // What comes again may be of a turn that is over.
            SessionEvent::Duck { gain, turn, .. } if *turn >= self.live => player.duck(*gain),
            SessionEvent::Hold { turn } if *turn >= self.live => player.hold(*turn),
            SessionEvent::Restore { .. } => player.restore(),
            SessionEvent::ResponseDone { response, .. } => player.complete(response),
            _ => {}
        }
    }

    /// Events up to the number `last`.
    async fn tell(&mut self, last: u64, texts: impl Iterator<Item = String>) -> Result<(), Ending> {
        let Some(channel) = self.channel() else {
            self.ledger.needless(last);
            return Ok(());
        };
        for text in texts {
            self.say(&channel, &text).await?;
        }
        self.ledger.told(last, channel.queued(), self.wires.now());
        Ok(())
    }

    async fn say(&mut self, channel: &Channel, text: &str) -> Result<(), Ending> {
        match channel.send_text(text).await {
            Ok(()) => Ok(()),
            Err(Unsent::Closed) => Err(Ending::HungUp),
            Err(Unsent::TooLarge) => {
                let body = json!({"error": {
                    "type": "server_error", "code": "event_too_large", "param": null, "event_id": null,
                    "message": "An event was too large for this connection's data channel and was left out.",
                }});
                let text = self.own_event("error", body);
                channel.send_text(&text).await.map_err(|_| Ending::HungUp)
            }
        }
    }

    /// An event that the session does not know of.
    fn own_event(&mut self, kind: &str, mut body: Value) -> String {
        self.own += 1;
        body["type"] = kind.into();
        body["event_id"] = format!("rtc_{}", self.own).into();
        body.to_string()
    }

    async fn output(&mut self, what: &str, response: &str) {
        let kind = format!("output_audio_buffer.{what}");
        let text = self.own_event(&kind, json!({"response_id": response}));
        if let Some(channel) = self.channel() {
            // A closed channel is noticed by who reads it.
            let _ = self.say(&channel, &text).await;
        }
    }

    /// `session` is told how far the play has come.
    async fn carry_out(&mut self, effects: Vec<Effect>, session: Option<&SessionHandle>) {
        for effect in effects {
            match effect {
                Effect::Packet(spoken) => {
                    let packet = RtpPacket {
                        ssrc: self.wires.peer.ssrc(),
                        sequence: spoken.sequence,
                        timestamp: spoken.timestamp,
                        payload_type: self.wires.about.opus,
                        marker: spoken.marker,
                        payload: spoken.payload,
                    };
                    // A closed peer is noticed by who watches it.
                    let _ = self.wires.peer.send(packet).await;
                }
                Effect::Done(number) => self.ledger.spoken(number, self.wires.now()),
                Effect::Started(response) => self.output("started", &response).await,
                Effect::Stopped(response) => self.output("stopped", &response).await,
                Effect::Cleared(response) => self.output("cleared", &response).await,
                Effect::Heard(item, samples) => {
                    if let Some(session) = session {
                        let played_ms = samples * 1000 / u64::from(RATE);
                        session.command(ClientCommand::Playout { item: item.to_string(), played_ms });
                    }
                }
            }
        }
    }

    /// 20 ms have passed.
    async fn tick(&mut self, session: &SessionHandle, attachment: &Attachment) -> Result<(), Ending> {
        self.ticks = self.ticks.wrapping_add(1);
        self.supersede(attachment.live()).await;
        if self.ticks.is_multiple_of(MEASURE_EVERY) {
            self.measure().await;
        }
        self.look(attachment);
        if let Some(player) = &mut self.player {
            let effects = player.tick(self.wires.now());
            self.carry_out(effects, Some(session)).await;
        }
        if self.ticks.is_multiple_of(SETTLE_EVERY) {
            self.settle(attachment).await?;
        }
        Ok(())
    }

    /// Whether the far end is there. When it is there again, what was said meanwhile is said once more.
    fn look(&mut self, attachment: &Attachment) {
        let heard = self.wires.peer.last_packet();
        self.sign = self.sign.max(heard.map(|at| at.saturating_duration_since(self.wires.since)));
        let is_near = |at| self.wires.now().saturating_sub(at) < AWAY_AFTER;
        let is_reached = *self.wires.connected.borrow() && self.sign.is_none_or(is_near);
        if let Some(player) = &mut self.player {
            player.set_away(!is_reached);
            if is_reached
                && self.reached == Some(false)
                && let Some(from) = attachment.hear_again()
            {
                player.repeat();
                self.ledger.unsaid(from);
            }
            if let Some(at) = self.sign.filter(|_| is_reached) {
                player.sign(at);
            }
        }
        if is_reached || self.reached.is_some() {
            self.reached = Some(is_reached);
        }
    }

    /// Nothing of a turn that is over leaves any more.
    async fn supersede(&mut self, live: TurnId) {
        if live <= self.live {
            return;
        }
        self.live = live;
        if let Some(player) = &mut self.player {
            let effects = player.supersede(live);
            self.carry_out(effects, None).await;
        }
    }

    /// The client wants to hear no more: the rest is dropped, and the conversation keeps what was heard.
    async fn clear(&mut self, session: &SessionHandle) {
        let Some(player) = &mut self.player else { return };
        let heard = player.heard(self.wires.now());
        let (response, is_sounding) = (player.sounding(), player.is_busy());
        let effects = player.clear();
        self.carry_out(effects, None).await;
        let making = self.making.clone().filter(|making| response.is_none_or(|it| *it == **making));
        if making.is_some() {
            session.command(ClientCommand::CancelResponse { response: making });
        } else if let (true, Some((item, samples))) = (is_sounding, heard) {
            let audio_end_ms = samples * 1000 / u64::from(RATE);
            session.command(ClientCommand::TruncateItem { id: item.to_string(), audio_end_ms });
        }
    }

    async fn measure(&mut self) {
        let statistics = self.wires.peer.statistics().await;
        self.round_trip = statistics.round_trip.unwrap_or(self.round_trip);
        let (before, now) = (self.signs, self.wires.now());
        self.signs = (statistics.signs, now);
        // Of who speaks the last packet tells better: a message of ICE may be as old as the last look.
        if before.0 < statistics.signs && self.sign.is_none_or(|sign| sign < before.1) {
            self.sign = Some(now);
        }
        let Some(report) = statistics.report.filter(|report| self.report != Some(*report)) else { return };
        self.report = Some(report);
        if let Some(player) = &mut self.player {
            let at = report.at.saturating_duration_since(self.wires.since);
            let reported = Reported { at, highest: report.highest as u16, jitter: report.jitter };
            player.reported(reported, self.round_trip);
            player.set_loss((u32::from(report.fraction_lost) * 100 / 256) as u8);
        }
    }

    async fn settle(&mut self, attachment: &Attachment) -> Result<(), Ending> {
        let now = self.wires.now();
        if let Some(channel) = self.channel() {
            self.known.bytes = channel.queued().saturating_sub(channel.outstanding().await);
        }
        self.known.heard = self.sign.filter(|_| self.reached == Some(true));
        if let Some(number) = self.ledger.arrived(self.known) {
            attachment.acknowledge(number);
        }
        if self.ledger.is_stuck(self.known, now) {
            return Err(Ending::Session(Closed::Overflowed));
        }
        Ok(())
    }

    /// What a duet says: to be late is to be useless, so the channel for that if there is one.
    async fn play(&mut self, messages: Vec<ws::Message>) {
        let fast = self.wires.fast.borrow().clone();
        let Some(channel) = fast.or_else(|| self.channel()) else { return };
        for message in messages {
            let _ = match message {
                ws::Message::Text(text) => channel.send_text(&text).await,
                ws::Message::Binary(bytes) => channel.send_binary(&bytes).await,
                _ => Ok(()),
            };
        }
    }

    /// The last words, as far as there is anybody to hear them.
    async fn farewell(&mut self, closed: Closed, attachment: &Attachment, session: &SessionHandle) {
        let Some(channel) = self.channel() else { return };
        let (code, message) = match closed {
            Closed::Replaced => ("attached_elsewhere", "Another connection took over."),
            Closed::Overflowed => ("client_too_slow", "Too much waits to be read. Call again with resume."),
            Closed::Ended => {
                let until = Instant::now() + FINISHES_WITHIN;
                while Instant::now() < until && self.player.as_ref().is_some_and(Player::is_busy) {
                    sleep(TICK).await;
                    if self.tick(session, attachment).await.is_err() {
                        break;
                    }
                }
                return flush(&channel).await;
            }
        };
        let body = json!({"error": {
            "type": "invalid_request_error", "code": code, "message": message, "param": null, "event_id": null,
        }});
        let text = self.own_event("error", body);
        let _ = self.say(&channel, &text).await;
        flush(&channel).await;
    }
}

/// Waits until all messages have arrived, if they do so soon.
async fn flush(channel: &Channel) {
    let arrived = async {
        while channel.outstanding().await > 0 {
            sleep(TICK).await;
        }
    };
    let _ = timeout(Duration::from_secs(2), arrived).await;
}

/// Session to client.
pub(super) async fn write(
    writer: &mut Writer<'_>,
    session: &SessionHandle,
    mut attachment: Attachment,
    link: &Link,
) -> Ending {
    let mut ticks = interval(TICK);
    // A packet for every 20 ms, also when this machine was busy for a while.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut without = false;
    if writer.wires.about.videos > 0 {
        session.report(no_video());
    }
    loop {
        let (takes, plays) = (writer.may_take().await, writer.may_play().await);
        let plays_fast = writer.wires.fast.borrow().is_some();
        let done = tokio::select! {
            next = attachment.next_numbered(), if takes => match next {
                Ok(numbered) => {
                    without |= writer.channel().is_none();
                    writer.supersede(attachment.live()).await;
                    writer.numbered(numbered).await
                }
                Err(closed) => {
                    writer.farewell(closed, &attachment, session).await;
                    Err(Ending::Session(closed))
                }
            },
            messages = link.next(plays_fast), if plays => {
                writer.play(messages).await;
                Ok(())
            }
            _ = ticks.tick() => writer.tick(session, &attachment).await,
            () = writer.wires.clear.notified() => {
                writer.clear(session).await;
                Ok(())
            }
            // A channel that was opened so late that the session was served without it: it begins anew there.
            _ = known(&writer.wires.events), if without => match session.connect_apart(None).await {
                Some(anew) => {
                    (attachment, without) = (anew, false);
                    Ok(())
                }
                None => Err(Ending::Session(Closed::Ended)),
            },
        };
        match done {
            Ok(()) => {}
            Err(Ending::Session(Closed::Overflowed)) => {
                metrics::counter!("sockets_cut_off_total").increment(1);
                return Ending::Session(Closed::Overflowed);
            }
            Err(ending) => return ending,
        }
    }
}
