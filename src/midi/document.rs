//! The JSON of an analysis: what `duologue midi analyze --json` writes and `GET /api/midi/{id}` answers.

use duologue_music::{
    analysis::{Analysis, ChordSpan, KeyRegion},
    cadence::{Cadence, TwoFiveOne},
    chord::pitch_class_name,
    gm,
    key::Key,
    score::{Metre, Score, Tempo, Track},
};
use serde_json::{Value, json};

/// The analysis as it is written in files; times in quarter notes from the beginning. `docs/music.md` tells the fields.
pub fn document(score: &Score, analysis: &Analysis) -> Value {
    let Value::Object(mut all) = piece(score) else { return Value::Null };
    if let Value::Object(harmony) = harmony(analysis) {
        all.extend(harmony);
    }
    let rest = json!({
        "upbeat": round(analysis.upbeat),
        "density": round(analysis.density),
        "range": analysis.range.map(|(low, high)| [low, high]),
        "swing": analysis.swing.map(|(ratio, pairs)| json!({"ratio": round(ratio), "pairs": pairs})),
        "groove": {"steadiness": analysis.steadiness.map(round), "syncopation": round(analysis.syncopation)},
        "style": {
            "class": analysis.style.class.code(),
            "confidence": round(f64::from(analysis.style.confidence)),
        },
    });
    if let Value::Object(rest) = rest {
        all.extend(rest);
    }
    Value::Object(all)
}

/// What the file itself says.
fn piece(score: &Score) -> Value {
    let tempo = |tempo: &Tempo| json!({"q": round(tempo.at), "bpm": round(tempo.bpm)});
    let metre = |metre: &Metre| json!({"q": round(metre.at), "num": metre.num, "den": metre.den});
    let track = |track: &Track| {
        json!({
            "name": track.name, "channel": track.channel, "program": track.program, "notes": track.notes,
            "instrument": gm::instrument(track.channel, track.program),
            "range": track.range.map(|(low, high)| [low, high]),
        })
    };
    let mut instruments: Vec<&str> = Vec::new();
    for track in score.tracks.iter().filter(|track| track.notes > 0) {
        let name = gm::instrument(track.channel, track.program);
        if !instruments.contains(&name) {
            instruments.push(name);
        }
    }
    let repairs = score.repairs;
    json!({
        "tracks": score.tracks.iter().map(track).collect::<Vec<_>>(),
        "instruments": instruments,
        "tempo": round(score.main_bpm()),
        "tempo_bpm": score.tempos.first().map(|tempo| tempo.bpm),
        "tempos": score.tempos.iter().take(TEMPOS).map(tempo).collect::<Vec<_>>(),
        "time_signatures": score.metres.iter().map(metre).collect::<Vec<_>>(),
        "quarters": round(score.length),
        "seconds": round(score.seconds(score.length)),
        "notes": score.notes.len(),
        "repairs": {"unended": repairs.unended, "unbegun": repairs.unbegun, "doubled": repairs.doubled},
    })
}

/// Keys, chords and where they lead.
fn harmony(analysis: &Analysis) -> Value {
    let key = |key: Key| json!({"tonic": key.tonic_name(), "mode": key.mode.code()});
    let found = analysis.key.map(|found| {
        json!({
            "tonic": found.key.tonic_name(), "mode": found.key.mode.code(),
            "confidence": round(f64::from(found.confidence)),
        })
    });
    let region = |region: &KeyRegion| {
        json!({
            "start": round(region.start), "end": round(region.end),
            "tonic": region.key.tonic_name(), "mode": region.key.mode.code(),
        })
    };
    let cadence = |cadence: &Cadence| json!({"at": round(cadence.at), "kind": cadence.kind.code(), "key": key(cadence.key)});
    let turn =
        |turn: &TwoFiveOne| json!({"start": round(turn.start), "end": round(turn.end), "key": key(turn.key)});
    json!({
        "key": found,
        "key_regions": analysis.regions.iter().map(region).collect::<Vec<_>>(),
        "chords": analysis.chords.iter().map(chord).collect::<Vec<_>>(),
        "cadences": analysis.cadences.iter().map(cadence).collect::<Vec<_>>(),
        "two_five_ones": analysis.two_five_ones.iter().map(turn).collect::<Vec<_>>(),
    })
}

fn chord(span: &ChordSpan) -> Value {
    let flats = span.key.with_flats();
    json!({
        "start": round(span.start), "end": round(span.end),
        "root": pitch_class_name(span.chord.root, flats), "quality": span.chord.quality.code(),
        "bass": span.bass.map(|bass| pitch_class_name(bass, flats)),
        "roman": span.roman, "symbol": span.chord.symbol(flats),
    })
}

/// A performance has a tempo a beat: more than these are of no use to a reader.
const TEMPOS: usize = 256;

/// Four places: a tick of 960 in a quarter is told from the next.
fn round(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// The few fields of a document that a list of files shows.
pub fn summary(document: &Value) -> Value {
    let of = |field: &str| document.get(field).cloned().unwrap_or_default();
    json!({
        "key": of("key"), "tempo": of("tempo"), "seconds": of("seconds"), "notes": of("notes"),
        "instruments": of("instruments"), "style": of("style"),
    })
}
