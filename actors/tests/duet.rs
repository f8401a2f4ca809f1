//! A duet on the tree of a session: players who hear each other, a partner that dies, networks and clients that do
//! what they like.

mod common;

use std::{collections::BTreeSet, time::Duration};

use duologue_actors::{
    duet::{Duet, DuetClosed, DuetEvent, MidiEvent, Seat},
    policy::Role,
};
use duologue_domain::prompt::Role as PromptRole;
use duologue_music::{
    improv::{Mode, Planned, Settings, Style, Tempo, Transport},
    smf::{self, Limits},
};
use ractor::ActorStatus;
use tokio::time::{Instant, sleep, timeout};

use self::common::Stage;

const BEAT_US: u64 = 500_000;

async fn open(stage: &Stage) -> Duet {
    stage.scene.open_duet().await.expect("the scene is alive")
}

fn steady() -> Settings {
    Settings { tempo: Tempo::Fixed(120.0), mode: Mode::Accompany, style: Style::Bossa, ..Settings::default() }
}

fn on(at_us: u64, key: u8) -> MidiEvent {
    MidiEvent { at_us, bytes: [0x90, key, 80] }
}

fn off(at_us: u64, key: u8) -> MidiEvent {
    MidiEvent { at_us, bytes: [0x80, key, 0] }
}

/// Everything that a player is told within this time.
async fn listen(seat: &Seat, within: Duration) -> Vec<DuetEvent> {
    let until = Instant::now() + within;
    let mut told = Vec::new();
    while let Ok(next) = tokio::time::timeout_at(until, seat.next()).await {
        told.push(next.expect("the duet goes on"));
    }
    told
}

fn notes(told: &[DuetEvent]) -> Vec<Planned> {
    let notes = told.iter().filter_map(|event| match event {
        DuetEvent::Notes { notes, .. } => Some(notes.to_vec()),
        _ => None,
    });
    notes.flatten().collect()
}

fn beats(told: &[DuetEvent]) -> Vec<Transport> {
    let beats = told.iter().filter_map(|event| match event {
        DuetEvent::Transport(transport) => Some(*transport),
        _ => None,
    });
    beats.collect()
}

/// A player who plays a scale in quarters at 120 a minute.
async fn scale(seat: &Seat, notes: u64) {
    for index in 0..notes {
        let key = [60, 62, 64, 65, 67, 69, 71, 72][index as usize % 8];
        let now = seat.duet().now_us();
        seat.play(&[on(now, key)]);
        sleep(Duration::from_micros(BEAT_US * 4 / 5)).await;
        seat.play(&[off(seat.duet().now_us(), key)]);
        sleep(Duration::from_micros(BEAT_US / 5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_no_partner_before_a_duet_is_opened() {
    let stage = Stage::new(&[], &[]).await;
    sleep(Duration::from_secs(3)).await;
    assert!(stage.child(Role::Improviser).await.is_none());
    assert!(stage.scene.duet().await.is_none());
    let duet = open(&stage).await;
    assert!(stage.child(Role::Improviser).await.is_some());
    assert!(stage.scene.duet().await.is_some() && duet.is_silent());
}

#[tokio::test(start_paused = true)]
async fn players_see_and_hear_each_other_and_who_goes_lets_go() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let (mina, tom) = (duet.join("Mina").expect("room"), duet.join(" \u{7} ").expect("room"));
    let told = listen(&mina, Duration::from_millis(100)).await;
    let DuetEvent::Welcome(welcome) = &told[0] else { panic!("{told:?}") };
    assert_eq!((welcome.player, welcome.channel, welcome.playing), (0, 0, false));
    let Some(DuetEvent::Players(players)) = told.last() else { panic!("{told:?}") };
    assert_eq!(players.iter().map(|info| &*info.name).collect::<Vec<_>>(), ["Mina", "2"]);
    listen(&tom, Duration::from_millis(100)).await;

    let now = duet.now_us();
    mina.play(&[on(now, 60), on(now, 64), MidiEvent { at_us: now, bytes: [0xB3, 64, 127] }]);
    let told = listen(&tom, Duration::from_millis(100)).await;
    let heard = told.iter().find_map(|event| match event {
        DuetEvent::Played { player, events } => Some((*player, events.to_vec())),
        _ => None,
    });
    let (player, events) = heard.expect("tom hears");
    assert_eq!((player, events.len()), (0, 3));
    assert_eq!(events[2].bytes, [0xB0, 64, 127], "on mina's channel, whatever she sent");
    let own = listen(&mina, Duration::from_millis(100)).await;
    assert!(!own.iter().any(|event| matches!(event, DuetEvent::Played { .. })), "not to herself");

    drop(mina);
    let told = listen(&tom, Duration::from_millis(100)).await;
    let DuetEvent::Played { player: 0, events } = &told[0] else { panic!("{told:?}") };
    let bytes = events.iter().map(|event| event.bytes).collect::<Vec<_>>();
    assert_eq!(bytes, [[0x80, 60, 64], [0x80, 64, 64], [0xB0, 64, 0]]);
    assert!(matches!(&told[1], DuetEvent::Players(players) if players.len() == 1));
    let again = duet.join("").expect("room");
    assert_eq!(again.player(), 0, "the place is free again");
}

#[tokio::test(start_paused = true)]
async fn eight_play_and_the_ninth_finds_no_place() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let seats = (0..8).map(|_| duet.join("").expect("room")).collect::<Vec<_>>();
    let channels = seats.iter().map(|seat| duologue_actors::duet::channel(seat.player()));
    assert_eq!(channels.collect::<Vec<_>>(), [0, 4, 5, 6, 7, 8, 10, 11]);
    assert!(duet.join("").is_none());
    drop(seats);
    assert!(duet.join("").is_some() && !duet.has_players());
}

#[tokio::test(start_paused = true)]
async fn the_partner_plays_in_time_and_late_comers_are_told_all() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let seat = duet.join("").expect("room");
    assert!(seat.set(steady()) && seat.start());
    let (told, ()) = tokio::join!(listen(&seat, Duration::from_secs(8)), scale(&seat, 16));
    let playing = DuetEvent::Playing { playing: true, ended: false };
    assert!(told.contains(&playing) && duet.is_playing());
    let notes = notes(&told);
    assert!(notes.len() > 16, "{} notes in 8 s", notes.len());
    let transport = *beats(&told).first().expect("beats");
    assert!((transport.us_per_beat - BEAT_US as f64).abs() < 1.0);
    let first = notes.iter().map(|note| note.at_us).min().expect("some");
    let bars = (first as f64 - transport.origin_us as f64) / (4.0 * BEAT_US as f64);
    assert!((-0.1..=2.0).contains(&bars), "the first note is {bars} bars after the start");
    assert!(
        told.iter().any(|event| matches!(event, DuetEvent::Plan { plan, .. } if !plan.chords.is_empty()))
    );
    assert!(
        told.iter().any(|event| matches!(event, DuetEvent::Figures(figures) if figures.in_key.is_some()))
    );

    let late = duet.join("late").expect("room");
    let told = listen(&late, Duration::from_millis(1)).await;
    let DuetEvent::Welcome(welcome) = &told[0] else { panic!("{told:?}") };
    assert!(welcome.playing && welcome.transport.is_some() && welcome.players.len() == 2);
    assert!(told.iter().any(|event| matches!(event, DuetEvent::Plan { .. })));
}

#[tokio::test(start_paused = true)]
async fn killed_in_the_middle_of_a_bar_it_is_back_within_a_beat() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let seat = duet.join("").expect("room");
    assert!(seat.set(steady()) && seat.start());
    let playing = scale(&seat, 40);
    let killing = async {
        for wait_ms in [4_300, 3_170, 6_000] {
            sleep(Duration::from_millis(wait_ms)).await;
            let old = stage.child(Role::Improviser).await.expect("alive");
            let died = Instant::now();
            old.kill();
            stage.replaced(Role::Improviser, &old).await;
            assert!(died.elapsed() < Duration::from_micros(BEAT_US), "{:?}", died.elapsed());
            // More than the policy's half a minute allows would be a loop, and three are not.
        }
    };
    let (told, (), ()) = tokio::join!(listen(&seat, Duration::from_secs(20)), playing, killing);
    let notes = notes(&told);
    let ids = notes.iter().map(|note| note.id).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), notes.len(), "no promise is made twice");
    let places = notes.iter().map(|note| (note.at_us, note.part, note.pitch)).collect::<BTreeSet<_>>();
    assert_eq!(places.len(), notes.len(), "and none under another number");
    let beats = beats(&told);
    let phase = |transport: &Transport| {
        (transport.origin_us as f64 - transport.origin_beat * transport.us_per_beat).round() as i64
    };
    assert!(beats.iter().all(|other| phase(other) == phase(&beats[0])), "the beats stay: {beats:?}");
    let mut onsets = notes.iter().map(|note| note.at_us).collect::<Vec<_>>();
    onsets.sort_unstable();
    let widest = onsets.windows(2).map(|pair| pair[1] - pair[0]).max().expect("notes");
    assert!(widest <= 4 * BEAT_US, "{widest} µs without a note");
    assert!(
        !told
            .iter()
            .any(|event| matches!(event, DuetEvent::Cancel(_) | DuetEvent::Playing { playing: false, .. }))
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_takes_everything_back_and_a_panic_lets_everybody_go() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let (one, other) = (duet.join("").expect("room"), duet.join("").expect("room"));
    assert!(one.set(steady()) && one.start());
    let told = listen(&one, Duration::from_secs(5)).await;
    other.play(&[on(duet.now_us(), 72)]);
    let now = duet.now_us();
    assert!(one.stop());
    let after = listen(&one, Duration::from_secs(2)).await;
    let cancelled = after.iter().find_map(|event| match event {
        DuetEvent::Cancel(ids) => Some(ids.to_vec()),
        _ => None,
    });
    let cancelled = cancelled.expect("what was promised is taken back");
    let unended = notes(&told).into_iter().filter(|note| note.at_us + note.duration_us > now + 1_000);
    for note in unended {
        assert!(cancelled.contains(&note.id), "{note:?}");
    }
    assert!(after.contains(&DuetEvent::Playing { playing: false, ended: false }));
    assert!(notes(&after).is_empty() && !duet.is_playing());
    assert!(one.panic());
    let told = listen(&one, Duration::from_millis(100)).await;
    assert!(told.contains(&DuetEvent::Off));
    assert!(told.iter().any(
        |event| matches!(event, DuetEvent::Played { player: 1, events } if events[0].bytes == [0x84, 72, 64])
    ));
}

#[tokio::test(start_paused = true)]
async fn nobody_there_and_the_partner_stops_and_the_scene_ends() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let seat = duet.join("").expect("room");
    assert!(seat.set(steady()) && seat.start());
    sleep(Duration::from_secs(3)).await;
    drop(stage.attachment);
    sleep(Duration::from_secs(90)).await;
    assert!(duet.is_playing(), "who plays keeps the scene alive");
    drop(seat);
    sleep(Duration::from_secs(3)).await;
    assert!(duet.is_playing(), "a page that is loaded again finds it playing");
    sleep(Duration::from_secs(4)).await;
    assert!(!duet.is_playing());
    let seat = duet.join("").expect("room");
    stage.scene.end("session_closed", "over");
    let end = loop {
        match timeout(Duration::from_secs(30), seat.next()).await.expect("it ends") {
            Ok(_) => {}
            Err(closed) => break closed,
        }
    };
    assert_eq!(end, DuetClosed::Ended("session_closed"));
    assert!(duet.join("").is_none());
    assert_eq!(stage.scene.actor().get_status(), ActorStatus::Stopped);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_notes_a_second_hurt_nobody() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let (loud, calm) = (duet.join("").expect("room"), duet.join("").expect("room"));
    assert!(calm.set(steady()) && calm.start());
    let mut dropped = 0;
    let storm = async {
        for index in 0..200_u64 {
            sleep(Duration::from_millis(10)).await;
            let at = |count: u64| match index % 4 {
                0 => 0,
                1 => u64::MAX,
                2 => duet.now_us().saturating_sub(count),
                _ => duet.now_us() + count * 1_000_000,
            };
            let burst = (0..100).map(|count| on(at(count), ((index * 7 + count) % 128) as u8));
            dropped += loud.play(&burst.collect::<Vec<_>>());
        }
    };
    let (told, ()) = tokio::join!(listen(&calm, Duration::from_secs(4)), storm);
    assert!((10_000..=17_000).contains(&dropped), "{dropped} of 20000");
    let times = told.iter().filter_map(|event| match event {
        DuetEvent::Played { events, .. } => Some(events.to_vec()),
        _ => None,
    });
    let times = times.flatten().map(|event| event.at_us).collect::<Vec<_>>();
    assert!(times.is_sorted(), "times do not go back");
    assert!(times.iter().all(|at| *at < 3_000_000), "nor far ahead");
    drop(loud);
    let told = listen(&calm, Duration::from_millis(100)).await;
    let let_go = told.iter().find_map(|event| match event {
        DuetEvent::Played { events, .. } => Some(events.len()),
        _ => None,
    });
    assert_eq!(let_go, Some(128), "never-ending notes end");
    assert!(stage.child(Role::Improviser).await.is_some() && duet.is_playing());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_is_cut_off_and_the_others_play_on() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let (deaf, other) = (duet.join("").expect("room"), duet.join("").expect("room"));
    let chat = async {
        for _ in 0..60 {
            for key in 0..100 {
                other.play(&[on(duet.now_us(), key), off(duet.now_us(), key)]);
            }
            sleep(Duration::from_millis(500)).await;
        }
    };
    chat.await;
    let end = timeout(Duration::from_secs(1), async {
        loop {
            if let Err(closed) = deaf.next().await {
                return closed;
            }
        }
    });
    assert_eq!(end.await.expect("cut off"), DuetClosed::TooSlow);
    assert!(!listen(&other, Duration::from_millis(10)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn everything_is_recorded_on_the_beats() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let (mina, tom) = (duet.join("Mina").expect("room"), duet.join("Tom").expect("room"));
    sleep(Duration::from_millis(700)).await;
    assert!(mina.set(steady()) && mina.start());
    sleep(Duration::from_millis(400)).await;
    tokio::join!(scale(&mina, 16), scale(&tom, 8));
    let bytes = smf::write(&duet.score());
    let score = smf::read(&bytes, &Limits::default()).expect("a MIDI file");
    let named = |name: &str| score.tracks.iter().position(|track| track.name == name);
    let of = |track: usize| {
        let notes = score.notes.iter().filter(|note| usize::from(note.track) == track);
        notes.copied().collect::<Vec<_>>()
    };
    let (first, second) = (named("player 1").expect("a track"), named("player 2").expect("a track"));
    assert_eq!((of(first).len(), of(second).len()), (16, 8));
    assert_eq!((score.tracks[first].channel, score.tracks[second].channel), (0, 4));
    for pair in of(first).windows(2) {
        assert!((pair[1].onset - pair[0].onset - 1.0).abs() < 0.01, "quarters: {pair:?}");
    }
    let partner = score.tracks.iter().filter(|track| track.name.starts_with("partner")).count();
    assert!(partner >= 2, "{:?}", score.tracks);
    let played = duet.just_played().expect("something");
    assert!(played.playing && played.bars >= 3 && !played.chords.is_empty(), "{played:?}");
}

/// A connection of 40 ms with 20 ms of jitter each way, whose packets keep their order.
struct Network {
    state: u32,
    free: [Instant; 2],
}

impl Network {
    fn new() -> Self {
        Self { state: 11, free: [Instant::now(); 2] }
    }

    /// When what is sent now arrives, this way or the other.
    fn arrives(&mut self, way: usize) -> Instant {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let jitter = f64::from(self.state >> 8) / f64::from(1_u32 << 24) * 40.0 - 20.0;
        let at = Instant::now() + Duration::from_secs_f64((40.0 + jitter) / 1_000.0);
        self.free[way] = self.free[way].max(at);
        self.free[way]
    }
}

/// A client's clock: it began at another time, and is 50 ppm too fast.
fn client_clock(since: Instant) -> f64 {
    7e9 + since.elapsed().as_micros() as f64 * 1.000_05
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_over_a_bad_network_and_no_note_is_late() {
    let stage = Stage::new(&[], &[]).await;
    let duet = open(&stage).await;
    let seat = duet.join("").expect("room");
    assert!(seat.set(Settings { commit_us: 400_000, ..steady() }) && seat.start());
    let began = Instant::now();
    let mut network = Network::new();
    // θ of the least delay among the last, as a client has it: the duet's clock minus its own.
    let mut samples: Vec<(f64, f64)> = Vec::new();
    let (mut received, mut late) = (0_u32, 0_u32);
    let mut next_sync = began;
    let mut step = 0_u64;
    while began.elapsed() < Duration::from_secs(600) {
        if Instant::now() >= next_sync {
            next_sync = Instant::now() + Duration::from_secs(2);
            let t0 = client_clock(began);
            tokio::time::sleep_until(network.arrives(0)).await;
            let t1 = duet.now_us() as f64;
            tokio::time::sleep_until(network.arrives(1)).await;
            let t3 = client_clock(began);
            samples.push(((t1 - t0 + t1 - t3) / 2.0, t3 - t0));
            samples = samples.split_off(samples.len().saturating_sub(16));
        }
        step += 1;
        let key = 48 + (step * 5 % 24) as u8;
        // What is played takes its way, too.
        tokio::time::sleep_until(network.arrives(0)).await;
        seat.play(&[on(duet.now_us().saturating_sub(40_000), key)]);
        for event in listen(&seat, Duration::from_millis(180)).await {
            let DuetEvent::Notes { notes, .. } = event else { continue };
            let arrives = network.arrives(1);
            let best = samples.iter().min_by(|one, other| one.1.total_cmp(&other.1));
            let theta = best.map_or(0.0, |(theta, _)| *theta);
            let ahead = arrives.saturating_duration_since(Instant::now()).as_micros() as f64;
            for note in notes.iter() {
                received += 1;
                // When it arrives, and when it is to sound, both on the client's clock.
                late += u32::from(client_clock(began) + ahead > note.at_us as f64 - theta);
            }
        }
        seat.play(&[off(duet.now_us().saturating_sub(40_000), key)]);
    }
    assert!(received > 3_000, "{received} notes in ten minutes");
    assert_eq!(late, 0, "of {received}");
}

/// The system messages of the last prompt.
fn told_to_the_persona(stage: &Stage) -> String {
    let prompts = stage.llm.prompts.lock().expect("not poisoned");
    let last = prompts.last().expect("a prompt");
    let notes = last.iter().skip(1).filter(|message| message.role == PromptRole::System);
    notes.map(|message| message.content.clone()).collect::<Vec<_>>().join("\n")
}

#[tokio::test(start_paused = true)]
async fn the_persona_knows_what_was_just_played_in_both_languages() {
    for (question, wanted) in [
        ("What did we just play?", ["piano duet", "bossa nova", "120 bpm", "bars"]),
        ("우리 방금 뭐 연주했어요?", ["피아노 듀엣", "보사노바", "빠르기 120", "마디"]),
    ] {
        let stage = Stage::new(&[], &["Mm."]).await;
        stage.write(question);
        stage.reply().await;
        assert!(!told_to_the_persona(&stage).contains(wanted[0]), "nothing was played");
        let duet = open(&stage).await;
        let seat = duet.join("").expect("room");
        assert!(seat.set(steady()) && seat.start());
        scale(&seat, 16).await;
        assert!(seat.stop());
        sleep(Duration::from_secs(1)).await;
        stage.write(question);
        stage.reply().await;
        let told = told_to_the_persona(&stage);
        assert!(wanted.iter().all(|word| told.contains(word)), "{told}");
        assert!(told.chars().count() < 400, "{told}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_in_words_is_played_to_and_the_persona_knows() {
    for (wish, playing, nobody) in [
        ("Give me a slow ii–V–I in G.", "asked you to play", "Duet page"),
        ("느린 발라드로 G장조 2-5-1 쳐 줘.", "방금 연주를 부탁", "듀엣 페이지"),
    ] {
        let stage = Stage::new(&[], &["Mm."]).await;
        stage.write(wish);
        stage.reply().await;
        assert!(told_to_the_persona(&stage).contains(nobody), "{}", told_to_the_persona(&stage));
        let duet = open(&stage).await;
        let seat = duet.join("").expect("room");
        stage.write(wish);
        let (told, _) = tokio::join!(listen(&seat, Duration::from_secs(20)), stage.reply());
        assert!(told_to_the_persona(&stage).contains(playing), "{}", told_to_the_persona(&stage));
        assert!(told.contains(&DuetEvent::Playing { playing: true, ended: false }), "{wish}");
        let roots = told.iter().filter_map(|event| match event {
            DuetEvent::Plan { plan, .. } => Some(plan.chords.iter().map(|chord| chord.chord.root)),
            _ => None,
        });
        let roots = roots.flatten().collect::<BTreeSet<_>>();
        assert!(roots.is_superset(&BTreeSet::from([9, 2, 7])), "A, D and G: {roots:?}");
        assert!(told.contains(&DuetEvent::Playing { playing: false, ended: true }), "it ends by itself");
    }
}
