//! The partner against scripted players.

use std::f64::consts::TAU;

use super::{
    players::{Player, first_bar_us, script},
    *,
};
use crate::{
    chord::{Chord, Quality},
    key::{self, Key},
    score::{Metre, Note, Score},
};

/// A long time: ten minutes.
const LONG: u64 = 600_000_000;

fn settings(mode: Mode, style: Style) -> Settings {
    Settings { mode, style, tempo: Tempo::Fixed(bpm(style)), ..Settings::default() }
}

fn bpm(style: Style) -> f64 {
    match style {
        Style::JazzSwing => 140.0,
        Style::Bossa => 130.0,
        Style::Blues => 110.0,
        Style::Ragtime | Style::Classical => 100.0,
        Style::PopBallad | Style::KoreanBallad => 72.0,
    }
}

fn everything() -> impl Iterator<Item = (Settings, Player)> {
    let modes = |style| Mode::ALL.into_iter().map(move |mode| (mode, style));
    let pairs = Style::ALL.into_iter().flat_map(modes);
    pairs.flat_map(|(mode, style)| Player::ALL.into_iter().map(move |player| (settings(mode, style), player)))
}

fn named(settings: &Settings, player: Player) -> String {
    format!("{} {} {}", settings.style.code(), settings.mode.code(), player.code())
}

/// Holds what every performance has to be.
fn check(performance: &Performance, what: &str) {
    let mut ids = std::collections::BTreeSet::new();
    for played in &performance.played {
        let note = &played.note;
        assert!(ids.insert(note.id), "{what}: an id twice");
        assert!(note.at_us >= played.promised_us, "{what}: promised too late");
        assert!((20_000..=30_000_000).contains(&note.duration_us), "{what}: {}", note.duration_us);
        assert!((1..=127).contains(&note.velocity) && note.pitch < 128 && note.program < 128, "{what}");
    }
    assert!(performance.played.is_sorted_by_key(|played| played.note.at_us), "{what}: order");
    // A key is let go before it is struck again.
    for part in Part::ALL {
        let mut until = [0_u64; 128];
        for played in performance.played.iter().filter(|played| played.note.part == part) {
            let slot = &mut until[usize::from(played.note.pitch)];
            assert!(played.note.at_us + 3_000 >= *slot, "{what}: struck while held");
            *slot = played.note.at_us + played.note.duration_us;
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "the table is what somebody runs this test for with --nocapture")]
fn figures_of_every_style_mode_and_player() {
    println!(
        "style mode player: in key, in harmony, strong, H1, H4, density, groove, motifs, repeats, silence"
    );
    for (settings, player) in everything() {
        let what = named(&settings, player);
        let card = judge(&settings, player);
        let figure = |figure: Option<f64>| figure.map_or("-".to_owned(), |figure| format!("{figure:.2}"));
        println!(
            "{what}: {} {} {} {} {} {} {} {} {} {:.2}",
            figure(card.in_key),
            figure(card.in_harmony),
            figure(card.strong_chord_tones),
            figure(card.entropy_1),
            figure(card.entropy_4),
            figure(card.density_match),
            figure(card.groove),
            figure(card.motif_reuse),
            card.longest_repetition,
            card.longest_silence
        );
        let is_diatonic = matches!(settings.style, Style::PopBallad | Style::Classical | Style::KoreanBallad);
        let least = |figure: Option<f64>| figure.unwrap_or(0.0);
        assert!(!is_diatonic || least(card.in_key) >= 0.95, "{what}: {card:?}");
        assert!(settings.style == Style::Blues || least(card.in_harmony) >= 0.95, "{what}: {card:?}");
        assert!(least(card.in_harmony) >= 0.9, "{what}: {card:?}");
        assert!(least(card.strong_chord_tones) >= 0.75, "{what}: {card:?}");
        assert!((2.2..=3.3).contains(&least(card.entropy_4)), "{what}: {card:?}");
        assert!(card.longest_repetition <= 2, "{what}: {card:?}");
        assert!(settings.mode == Mode::Trade || card.longest_silence <= 1.0, "{what}: {card:?}");
    }
}

#[test]
fn promises_are_kept_and_everything_ends() {
    for (settings, player) in everything() {
        let settings = Settings { tempo: Tempo::Follow(settings.tempo.bpm()), seed: 7, ..settings };
        let what = named(&settings, player);
        let script = script(player, &settings, 12);
        let performance = perform(&settings, &script, LONG);
        check(&performance, &what);
        assert!(performance.cancelled.is_empty(), "{what}: an end takes nothing back");
        let asked = script.iter().rev().find_map(|input| match input {
            Input::End { at_us } => Some(*at_us),
            _ => None,
        });
        let bar = settings.metre.bar() * 60e6 / settings.tempo.bpm();
        let late =
            performance.ended_us.zip(asked).map_or(f64::MAX, |(ended, asked)| (ended - asked) as f64 / bar);
        assert!(late <= 4.4, "{what}: {late} bars after the wish");
        let last = performance.played.iter().map(|played| played.note.at_us + played.note.duration_us).max();
        assert!(last <= performance.ended_us, "{what}: a note outlives the end");
    }
}

#[test]
fn the_same_again_and_another_with_another_seed() {
    let settings = settings(Mode::Accompany, Style::JazzSwing);
    let play = |settings: &Settings| perform(settings, &script(Player::Steady, settings, 16), LONG).played;
    assert_eq!(play(&settings), play(&settings));
    assert_ne!(play(&settings), play(&Settings { seed: 2, ..settings.clone() }));
}

#[test]
fn every_metre_is_played() {
    for (num, den) in [(3, 4), (6, 8), (2, 4), (5, 4), (7, 8), (12, 8), (1, 4)] {
        for style in Style::ALL {
            let metre = Metre { at: 0.0, num, den };
            for complexity in Complexity::ALL {
                let settings = Settings { metre, complexity, ..settings(Mode::Accompany, style) };
                let performance = perform(&settings, &script(Player::Silent, &settings, 16), LONG);
                check(&performance, &format!("{style:?} {num}/{den}"));
                let card = scorecard(&settings, &performance);
                assert!(card.notes > 12 && card.longest_silence <= 1.01, "{style:?} {num}/{den}: {card:?}");
                assert!(performance.ended_us.is_some(), "{style:?} {num}/{den}");
            }
        }
    }
}

/// A player's scale in quarters and eighths; `us` says when a beat is.
fn scale(count: usize, us: impl Fn(f64) -> f64) -> Vec<Input> {
    let mut inputs = vec![Input::Start { at_us: 1_000_000 }];
    for idx in 0..count {
        let beat = (idx / 3 * 2) as f64 + [0.0, 1.0, 1.5][idx % 3];
        let pitch = 60 + [0, 2, 4, 5, 7, 9, 11, 12][idx % 8];
        inputs.push(Input::NoteOn { player: 0, at_us: 1_000_000 + us(beat) as u64, pitch, velocity: 80 });
        inputs.push(Input::NoteOff { player: 0, at_us: 1_000_000 + us(beat + 0.4) as u64, pitch });
    }
    inputs
}

/// A tempo that is set, the player's time, the tempo at the end, and how many beats the partner may be off.
type Case<'a> = (f64, &'a dyn Fn(f64) -> f64, f64, f64);

#[test]
fn tempo_follows_without_jumps() {
    let breathing = |beat: f64| 0.6e6 * (beat + 0.07 * 24.0 / TAU * (1.0 - (beat * TAU / 24.0).cos()));
    // Tempo set, the player's time, the tempo that the partner is to have at the end, how far it may be off in beats.
    let cases: [Case<'_>; 8] = [
        (100.0, &|beat| beat * 0.6e6, 100.0, 0.02),
        (100.0, &|beat| beat * 0.6e6 / 1.12, 112.0, 0.03),
        (100.0, &|beat| beat * 0.6e6 * 1.25, 80.0, 0.03),
        (100.0, &|beat| beat * 0.6e6 / 1.35, 135.0, 0.03),
        // Twice as fast is the same tempo in smaller notes.
        (60.0, &|beat| beat * 0.5e6, 60.0, 0.26),
        (80.0, &|beat| 0.75e6 * (beat - 0.0015 * beat * beat), 98.0, 0.06),
        (100.0, &|beat| (beat + 0.3) * 0.6e6, 100.0, 0.03),
        (100.0, &breathing, 100.0, 0.2),
    ];
    for (number, (start, us, end, off)) in cases.into_iter().enumerate() {
        let settings = Settings { tempo: Tempo::Follow(start), ..Settings::default() };
        let performance = perform(&settings, &scale(90, us), 60_000_000);
        let beats: Vec<f64> = performance.transports.iter().map(|(_, told)| told.us_per_beat).collect();
        let jump = beats.windows(2).map(|pair| (pair[1] / pair[0] - 1.0).abs()).fold(0.0, f64::max);
        assert!(jump <= 0.045, "case {number}: {jump}");
        let bpm = beats.last().map_or(0.0, |beat| 6e7 / beat);
        assert!((bpm / end - 1.0).abs() < if off > 0.1 { 0.1 } else { 0.02 }, "case {number}: {bpm}");
        let late = performance
            .heard
            .iter()
            .skip(60)
            .map(|note| (note.onset * 2.0 - (note.onset * 2.0).round()).abs() / 2.0);
        let worst = late.fold(0.0, f64::max);
        assert!(worst <= off, "case {number}: {worst}");
        check(&performance, &format!("case {number}"));
    }
    // A metronome does not listen.
    let settings = Settings { tempo: Tempo::Fixed(100.0), ..Settings::default() };
    let performance = perform(&settings, &scale(90, |beat| beat * 0.5e6), 60_000_000);
    assert_eq!(performance.transports.len(), 1);
}

/// Plays a script, and tells after every step.
fn watch(
    settings: &Settings,
    script: &[Input],
    until_us: u64,
    mut told: impl FnMut(u64, &Improviser, &Update),
) {
    let mut partner = Improviser::new(settings.clone());
    let mut inputs = script.iter().peekable();
    for now in (0..until_us).step_by(20_000) {
        while let Some(input) = inputs.next_if(|input| match input {
            Input::NoteOn { at_us, .. } | Input::NoteOff { at_us, .. } | Input::End { at_us } => {
                *at_us <= now
            }
            _ => true,
        }) {
            partner.handle(input.clone());
        }
        let update = partner.advance(now);
        told(now, &partner, &update);
    }
}

#[test]
fn another_key_is_followed_within_two_bars() {
    for style in [Style::PopBallad, Style::JazzSwing, Style::Classical] {
        let settings = settings(Mode::Accompany, style);
        let mut key = None;
        let mut changes: Vec<(u64, Key)> = Vec::new();
        watch(&settings, &script(Player::KeyChange, &settings, 32), 120_000_000, |now, _, update| {
            let found = update.heard.as_ref().and_then(|heard| heard.key).or(key);
            if found != key {
                changes.extend(found.map(|found| (now, found)));
            }
            key = found;
        });
        let bar = (240e6 / settings.tempo.bpm()) as u64;
        let moved = first_bar_us(&settings) + 16 * bar;
        let (c, d) = (Key::new(0, key::Mode::Major), Key::new(2, key::Mode::Major));
        let found = changes.iter().find(|(at, key)| *key == d && *at > moved).map_or(u64::MAX, |(at, _)| *at);
        assert!(found <= moved + 2 * bar, "{style:?}: {changes:?}");
        let at_move = changes.iter().rev().find(|(at, _)| *at <= moved).map(|(_, key)| *key);
        assert_eq!(at_move, Some(c), "{style:?}");
        assert!(changes.len() <= 4, "{style:?}: it trembles: {changes:?}");
    }
}

#[test]
fn the_players_chords_are_taken() {
    let settings =
        Settings { key: Some(Key::new(0, key::Mode::Major)), ..settings(Mode::Lead, Style::PopBallad) };
    let performance = perform(&settings, &script(Player::Comping, &settings, 24), LONG);
    let round = [(0, Quality::Major), (9, Quality::Minor), (5, Quality::Major), (7, Quality::Major)];
    let told = performance.played.iter().filter(|played| (24.0..80.0).contains(&played.at));
    let (right, all) = told.fold((0, 0), |(right, all), played| {
        let (root, quality) = round[(played.at / 4.0).floor() as usize % 4];
        (right + usize::from(played.chord == Chord::new(root, quality)), all + 1)
    });
    assert!(right * 10 >= all * 9 && all > 40, "{right} of {all}");
}

#[test]
fn given_chords_are_kept_and_the_key_is_theirs() -> Result<(), ask::BadChart> {
    let changes = ask::changes("Dm7 | G7 | Cmaj7 | Cmaj7")?;
    let settings = Settings { changes, ..settings(Mode::Accompany, Style::JazzSwing) };
    let performance = perform(&settings, &script(Player::Frantic, &settings, 12), LONG);
    let roots = [2, 7, 0, 0];
    for played in performance.played.iter().filter(|played| played.at < 36.0) {
        assert_eq!(
            played.chord.root,
            roots[(played.at / 4.0 + 0.01).floor() as usize % 4],
            "at {}",
            played.at
        );
        assert_eq!(played.key, Key::new(0, key::Mode::Major));
    }
    Ok(())
}

#[test]
fn a_wish_is_played_once_and_then_it_is_silent() {
    let request = ask::parse("give me a slow ii–V–I in G").unwrap_or_default();
    let mut partner = Improviser::new(Settings::default());
    partner.advance(5_000_000);
    partner.handle(Input::Ask { at_us: 5_000_000, request: Box::new(request) });
    let first = partner.advance(5_000_000);
    let plan = first.plan.unwrap_or_default();
    let symbols: Vec<String> = plan.chords.iter().map(|chord| chord.chord.symbol(false)).collect();
    assert_eq!(symbols, ["Am7", "D7", "Gmaj7"]);
    assert_eq!(
        plan.chords.iter().map(|chord| chord.roman.as_str()).collect::<Vec<_>>(),
        ["ii7", "V7", "Imaj7"]
    );
    let bpm = first.transport.map_or(0.0, |told| 6e7 / told.us_per_beat);
    assert!((bpm - 71.0).abs() < 0.01, "{bpm}");
    let mut notes = 0;
    let mut ended = Vec::new();
    for now in (5_000_000..30_000_000_u64).step_by(25_000) {
        let update = partner.advance(now);
        notes += update.promised.len();
        ended.extend(update.ended.then_some(now));
    }
    assert!(notes > 20);
    assert_eq!(ended.len(), 1);
    assert!(partner.plan().notes.is_empty() && partner.transport().is_none());
}

#[test]
fn a_wish_interrupts_and_the_duet_goes_on() {
    let settings = settings(Mode::Accompany, Style::PopBallad);
    let bar = (240e6 / 72.0) as u64;
    let request = ask::parse("play a jazz ii-V-I in Eb at 144").unwrap_or_default();
    let script = [
        Input::Start { at_us: 1_000_000 },
        Input::Ask { at_us: 1_000_000 + 2 * bar, request: Box::new(request) },
        Input::End { at_us: 1_000_000 + 10 * bar },
    ];
    let performance = perform(&settings, &script, LONG);
    check(&performance, "a wish between");
    let wished: Vec<&Played> = performance.played.iter().filter(|played| played.key.tonic == 3).collect();
    let (from, to) = (wished.first().map_or(0.0, |note| note.at), wished.last().map_or(0.0, |note| note.at));
    assert!(from >= 12.0 - 1e-6 && to < 24.0 + 1e-6, "{from} to {to}");
    assert!(performance.played.iter().any(|played| played.at > 28.0), "it goes on");
    let tempos: Vec<i64> =
        performance.transports.iter().map(|(_, told)| (6e7 / told.us_per_beat).round() as i64).collect();
    assert_eq!(tempos, [72, 144, 72]);
    assert!(performance.ended_us.is_some());
}

#[test]
fn a_stop_takes_back_what_sounds_and_what_waits() {
    let mut partner = Improviser::new(settings(Mode::Accompany, Style::Bossa));
    partner.handle(Input::Start { at_us: 0 });
    let mut promised: Vec<Planned> = Vec::new();
    for now in (0..4_000_000_u64).step_by(20_000) {
        promised.extend(partner.advance(now).promised);
    }
    partner.handle(Input::Stop { at_us: 4_000_000 });
    let update = partner.advance(4_000_000);
    assert!(update.ended && update.promised.is_empty());
    assert_eq!(update.plan.map(|plan| (plan.notes.len(), plan.chords.len())), Some((0, 0)));
    let mut open: Vec<u32> = promised
        .iter()
        .filter(|note| note.at_us + note.duration_us > 4_000_000)
        .map(|note| note.id)
        .collect();
    let mut cancelled = update.cancelled;
    open.sort_unstable();
    cancelled.sort_unstable();
    assert!(!open.is_empty());
    assert_eq!(open, cancelled);
    assert!(partner.advance(20_000_000).promised.is_empty());
    // It begins again, with other ids.
    partner.handle(Input::Start { at_us: 21_000_000 });
    let again: Vec<Planned> =
        (20_000_000..24_000_000_u64).step_by(20_000).flat_map(|now| partner.advance(now).promised).collect();
    assert!(!again.is_empty() && again.iter().all(|note| promised.iter().all(|other| other.id != note.id)));
}

#[test]
fn the_plan_is_ahead_and_says_where_it_is() {
    let settings = settings(Mode::Accompany, Style::Classical);
    let mut revision = 0;
    watch(&settings, &script(Player::Steady, &settings, 16), 20_000_000, |now, partner, update| {
        let plan = partner.plan();
        if now > 1_000_000 {
            let until = plan.chords.last().map_or(0, |chord| chord.at_us + chord.duration_us);
            assert!(until >= now + 2 * 600_000, "a beat ahead at least");
            assert!(plan.chords.first().is_some_and(|chord| chord.at_us <= now + 600_000));
            assert!(plan.chords.windows(2).all(|pair| pair[0].at_us + pair[0].duration_us == pair[1].at_us));
            assert!(plan.notes.iter().all(|note| note.at_us >= now + 400_000 - 20_000));
        }
        if let Some(plan) = &update.plan {
            assert!(plan.revision > revision);
            revision = plan.revision;
        }
    });
    assert!(revision > 4);
}

#[test]
fn another_metre_style_and_tempo_are_taken_on_the_way() {
    let first = settings(Mode::Accompany, Style::PopBallad);
    let second = Settings {
        metre: Metre { at: 0.0, num: 3, den: 4 },
        style: Style::JazzSwing,
        tempo: Tempo::Fixed(180.0),
        mode: Mode::Lead,
        ..first.clone()
    };
    let script = [
        Input::Start { at_us: 1_000_000 },
        Input::Set { at_us: 8_000_000, settings: Box::new(second) },
        Input::End { at_us: 20_000_000 },
    ];
    let performance = perform(&first, &script, LONG);
    check(&performance, "other settings");
    let last =
        performance.transports.last().map(|(_, told)| (told.beats_per_bar, (6e7 / told.us_per_beat).round()));
    assert_eq!(last, Some((3, 180.0)));
    let ride =
        performance.played.iter().any(|played| played.note.part == Part::Drums && played.note.pitch == 51);
    assert!(ride && performance.ended_us.is_some());
}

#[test]
fn nothing_hostile_stops_it() {
    let mut partner = Improviser::new(Settings {
        tempo: Tempo::Follow(f64::NAN),
        metre: Metre { at: f64::NAN, num: 0, den: 0 },
        changes: vec![
            (Chord { root: 255, quality: Quality::Other }, f64::NAN),
            (Chord::new(3, Quality::Other), 1e300),
        ],
        trade_bars: 255,
        commit_us: u64::MAX,
        key: Some(Key { tonic: 255, mode: key::Mode::Minor }),
        ..Settings::default()
    });
    assert_eq!(partner.settings().commit_us, 4_000_000);
    partner.handle(Input::Start { at_us: 0 });
    // Ten thousand notes a second, none of which ends.
    for idx in 0..20_000_u64 {
        let (player, pitch, velocity) = ((idx % 256) as u8, (idx % 256) as u8, (idx % 256) as u8);
        partner.handle(Input::NoteOn { player, at_us: idx * 100, pitch, velocity });
        if idx % 100 == 0 {
            partner.advance(idx * 100);
        }
    }
    for now in [0, 1 << 40, 5, 1 << 52, u64::MAX, 0, u64::MAX] {
        partner.handle(Input::NoteOn { player: 0, at_us: now, pitch: 60, velocity: 0 });
        partner.handle(Input::NoteOff { player: 200, at_us: u64::MAX - now, pitch: 200 });
        partner.handle(Input::Pedal { player: 9, at_us: now, down: true });
        partner.handle(Input::AllOff { player: 255, at_us: now });
        let update = partner.advance(now);
        assert!(update.promised.len() < 2_000);
        partner.handle(Input::Ask {
            at_us: now,
            request: Box::new(Request {
                bpm: Some(f64::INFINITY),
                bars: Some(u16::MAX),
                ..Request::default()
            }),
        });
        partner.handle(Input::Set {
            at_us: now,
            settings: Box::new(Settings {
                tempo: Tempo::Fixed(1e9),
                metre: Metre { at: 0.0, num: 255, den: 3 },
                ..Settings::default()
            }),
        });
        assert!(partner.plan().notes.len() < 10_000 && partner.plan().chords.len() < 1_000);
    }
    partner.handle(Input::End { at_us: 0 });
    partner.handle(Input::Stop { at_us: 0 });
    assert!(partner.advance(0).ended);
}

#[test]
fn a_jump_of_the_clock_is_played_over() {
    let mut partner = Improviser::new(settings(Mode::Accompany, Style::Bossa));
    partner.handle(Input::Start { at_us: 500_000 });
    for now in (0..3_000_000_u64).step_by(20_000) {
        partner.advance(now);
    }
    let hour = 3_600_000_000;
    let mut promised = Vec::new();
    for now in (hour..hour + 4_000_000_u64).step_by(20_000) {
        let update = partner.advance(now);
        assert!(update.promised.iter().all(|note| note.at_us >= now));
        promised.extend(update.promised);
    }
    assert!(promised.len() > 10, "{}", promised.len());
}

/// Two bars as text: each part's places and keys.
fn text(played: &[Played], from: f64, to: f64) -> String {
    let mut lines = Vec::new();
    for part in Part::ALL {
        let own = played
            .iter()
            .filter(|played| played.note.part == part && played.at >= from - 1e-6 && played.at < to - 1e-6);
        let notes: Vec<String> =
            own.map(|played| format!("{:.2}:{}", (played.at - from).max(0.0), played.note.pitch)).collect();
        if !notes.is_empty() {
            lines.push(format!("{} {}", part.code(), notes.join(" ")));
        }
    }
    lines.join("\n")
}

#[test]
fn a_bar_of_every_style_as_it_is_played() {
    let mut all = String::new();
    for style in Style::ALL {
        let settings = settings(Mode::Accompany, style);
        let performance = perform(&settings, &script(Player::Steady, &settings, 8), LONG);
        all += &format!("{}\n{}\n", style.code(), text(&performance.played, 4.0, 8.0));
    }
    assert_eq!(all, include_str!("snapshots/accompany.txt"), "{all}");
}

fn tune() -> Score {
    let pitches = [60, 64, 67, 64, 65, 69, 72, 69, 67, 71, 74, 71, 72, 67, 64, 60];
    let note = |(idx, pitch): (usize, &u8)| Note {
        onset: idx as f64,
        duration: 0.9,
        pitch: *pitch,
        velocity: 80,
        channel: 0,
        program: 0,
        track: 0,
    };
    Score::from_notes(pitches.iter().enumerate().map(note).collect())
}

#[test]
fn pieces_for_files() {
    let tune = tune();
    for kind in Kind::ALL {
        assert_eq!(Kind::parse(kind.code()), Some(kind));
        for source in [None, Some(&tune)] {
            let offline = Offline {
                kind,
                source,
                settings: settings(Mode::Accompany, Style::JazzSwing),
                seconds: 12.0,
            };
            let score = render(&offline);
            assert_eq!(score, render(&offline));
            let seconds = score.seconds(score.length);
            let own = if kind == Kind::Continuation && source.is_some() { 8.0 } else { 0.0 };
            assert!((4.0..=14.5 + own).contains(&seconds), "{kind:?}: {seconds}");
            assert!(score.tracks.len() >= 3 && score.tracks.iter().all(|track| track.notes > 0), "{kind:?}");
            assert!(score.notes.iter().all(|note| note.onset >= 0.0 && note.duration > 0.0));
            let kept = tune.notes.iter().filter(|note| score.notes.contains(note)).count();
            let keeps = source.is_some() && matches!(kind, Kind::Accompaniment | Kind::Continuation);
            assert_eq!(kept == tune.notes.len(), keeps, "{kind:?}");
        }
    }
    let silent = render(&Offline {
        kind: Kind::Variation,
        source: Some(&Score::default()),
        settings: Settings::default(),
        seconds: f64::NAN,
    });
    assert!(!silent.notes.is_empty());
}
