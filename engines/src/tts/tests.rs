//! Conformance: what every voice must do, and what each does with its own model.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use duologue_domain::{lang::Language, viseme::Viseme};

use super::{
    LocalTts, Neural, Synth, VoiceChain, dsp, espeak, hibari, kokoro, piper,
    speak::{self, Needs},
    text::{self, Piece},
};
use crate::{
    models_for_tests::{runtime, test_model},
    port::{
        CancelFlag, EngineError, EngineInfo, EngineStream, ErrorKind, Health, SpeechChunk, TtsEngine,
        TtsRequest, TtsStream, Voice,
    },
};

const KOREAN: &str = "안녕하세요, 저는 이서아예요. 3시에 만나요!";
const ENGLISH: &str = "Hello there, my name is Emma. It's 5:30, shall we begin?";

fn models() -> PathBuf {
    for file in
        ["hibari.onnx", "hibari-vocab.json", "kokoro-int8.onnx", "kokoro-voices.npz", "en_US-joe-medium.onnx"]
    {
        let _found = test_model(file);
    }
    test_model("hibari.onnx").parent().map(Path::to_path_buf).expect("a folder")
}

/// Every local adapter over the models in `folder`.
fn adapters(folder: &Path, runtime: PathBuf, espeak: &str) -> Vec<Arc<dyn TtsEngine>> {
    let neural = Neural { runtime, models: folder.to_owned(), threads: 2, cores: Arc::default() };
    vec![
        Arc::new(hibari::start(&neural, espeak.into())),
        Arc::new(piper::start(&neural, espeak.into())),
        Arc::new(kokoro::start(&neural)),
        Arc::new(espeak::start(espeak.into())),
    ]
}

fn installed() -> Vec<Arc<dyn TtsEngine>> {
    adapters(&models(), runtime(), "espeak-ng")
}

fn request(voice: &Voice, language: Language, text: &str) -> TtsRequest {
    TtsRequest {
        session: 1,
        text: text.into(),
        language,
        voice: voice.id.clone(),
        speed: 1.0,
        first_audio_deadline: Duration::from_secs(60),
    }
}

async fn collect(mut stream: TtsStream) -> Result<Vec<SpeechChunk>, EngineError> {
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await {
        chunks.push(chunk?);
    }
    Ok(chunks)
}

fn sentence(language: Language) -> &'static str {
    match language {
        Language::Korean => KOREAN,
        Language::English => ENGLISH,
    }
}

#[tokio::test]
async fn every_voice_speaks_a_sentence() {
    for engine in installed() {
        for voice in engine.voices() {
            let language = voice.languages[0];
            let warm = request(&voice, language, "a 네");
            collect(engine.synthesize(warm).expect("a stream")).await.expect("speech");
            let began = Instant::now();
            let mut stream =
                engine.synthesize(request(&voice, language, sentence(language))).expect("a stream");
            let first = stream.next().await.expect("sound").expect("speech");
            let first_audio = began.elapsed();
            let mut chunks = vec![first];
            chunks.extend(collect(stream).await.expect("speech"));
            let compute: Duration = chunks.iter().map(|chunk| chunk.compute).sum();
            let audio: Vec<f32> = chunks.iter().flat_map(|chunk| chunk.audio.iter().copied()).collect();
            let seconds = audio.len() as f32 / 24_000.0;
            let rtf = compute.as_secs_f32() / seconds;
            eprintln!(
                "{}: first audio {} ms, {rtf:.3} of real time, {seconds:.1} s",
                voice.id,
                first_audio.as_millis()
            );
            assert!((2.0..9.0).contains(&seconds), "{}: {seconds} s", voice.id);
            assert!(
                chunks.iter().all(|chunk| chunk.audio.len() <= 4_800 && !chunk.audio.is_empty()),
                "{}",
                voice.id
            );
            check_sound(&voice.id, &audio);
            check_mouth(&voice.id, &chunks, audio.len());
        }
    }
}

fn check_sound(voice: &str, audio: &[f32]) {
    assert!(audio.iter().all(|sample| sample.is_finite()), "{voice}");
    assert!(dsp::peak(audio) < 1.0, "{voice}: {}", dsp::peak(audio));
    let rms = dsp::active_rms(audio);
    assert!((0.05..0.2).contains(&rms), "{voice}: {rms}");
    let first = audio.iter().position(|sample| sample.abs() > 0.01).expect("sound");
    assert!(dsp::millis(first) < 60, "{voice}: {} ms of silence", dsp::millis(first));
}

fn check_mouth(voice: &str, chunks: &[SpeechChunk], samples: usize) {
    let cues: Vec<_> = chunks.iter().flat_map(|chunk| chunk.visemes.iter().copied()).collect();
    assert!(cues.len() > 15, "{voice}: {} cues", cues.len());
    assert!(cues.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms), "{voice}");
    assert!(cues.iter().all(|cue| cue.at_ms <= dsp::millis(samples)), "{voice}");
    assert_eq!(cues.last().map(|cue| cue.viseme), Some(Viseme::Rest), "{voice}");
    assert!(cues.iter().any(|cue| cue.viseme == Viseme::Pbm), "{voice}");
}

#[tokio::test]
async fn every_voice_keeps_the_rules_of_the_port() {
    for engine in installed() {
        let name = engine.info().engine;
        for voice in engine.voices() {
            let language = voice.languages[0];
            let ask = |text: &str| request(&voice, language, text);
            let nothing = collect(engine.synthesize(ask("… ?!")).expect("a stream")).await.expect("no error");
            assert!(nothing.is_empty(), "{name}");
            let cases = [
                ask(&"a".repeat(501)),
                TtsRequest { voice: "nobody".into(), ..ask("a") },
                TtsRequest { speed: 9.0, ..ask("a") },
                TtsRequest { speed: f32::NAN, ..ask("a") },
            ];
            for bad in cases {
                assert_eq!(
                    engine.synthesize(bad).expect_err("bad input").kind,
                    ErrorKind::BadInput,
                    "{name}"
                );
            }
            let hostile = "--help -f /etc/passwd \u{0} $(reboot) `id` <speak> \u{202e} 👍 -v ko 안녕 hi";
            collect(engine.synthesize(ask(hostile)).expect("a stream")).await.expect("just words");
        }
    }
}

#[tokio::test]
async fn a_dropped_stream_frees_the_thread_and_a_passed_deadline_is_an_error() {
    let long = [
        "Every voice should stop soon when nobody listens,",
        "어느 목소리든 아무도 듣지 않으면 곧 그쳐야 해요,",
    ];
    for engine in installed() {
        let voice = engine.voices().remove(0);
        let language = voice.languages[0];
        let text = if language == Language::Korean { long[1].repeat(9) } else { long[0].repeat(9) };
        collect(engine.synthesize(request(&voice, language, "네 yes")).expect("a stream"))
            .await
            .expect("speech");
        for _ in 0..3 {
            drop(engine.synthesize(request(&voice, language, &text)).expect("a stream"));
        }
        let late =
            TtsRequest { first_audio_deadline: Duration::ZERO, ..request(&voice, language, "네 yes") };
        let error = collect(engine.synthesize(late).expect("a stream")).await.expect_err("too late");
        assert_eq!(error.kind, ErrorKind::Timeout, "{}", voice.id);
        let began = Instant::now();
        collect(engine.synthesize(request(&voice, language, "네 yes")).expect("a stream"))
            .await
            .expect("speech");
        assert!(began.elapsed() < Duration::from_secs(12), "{}: {:?}", voice.id, began.elapsed());
    }
}

#[tokio::test]
async fn speed_is_honoured() {
    for engine in installed() {
        let voice = engine.voices().remove(0);
        let language = voice.languages[0];
        let mut lengths = Vec::new();
        for speed in [0.6, 1.4] {
            let asked = TtsRequest { speed, ..request(&voice, language, sentence(language)) };
            let chunks = collect(engine.synthesize(asked).expect("a stream")).await.expect("speech");
            lengths.push(chunks.iter().map(|chunk| chunk.audio.len()).sum::<usize>());
        }
        assert!(lengths[0] as f32 > lengths[1] as f32 * 1.4, "{}: {lengths:?}", voice.id);
    }
}

#[tokio::test]
async fn a_missing_model_is_unavailable_and_says_what_to_do() {
    for engine in adapters(Path::new("/nowhere"), runtime(), "/nowhere/espeak-ng") {
        let voice = engine.voices().remove(0);
        let Health::Unavailable(reason) = engine.health() else {
            panic!("{}: {:?}", voice.id, engine.health())
        };
        assert!(reason.contains("models pull") || reason.contains("make run"), "{reason}");
        let outcome = match engine.synthesize(request(&voice, voice.languages[0], "네 yes")) {
            Ok(stream) => collect(stream).await.map(|_| ()),
            Err(error) => Err(error),
        };
        let error = outcome.expect_err("nothing to speak with");
        assert_eq!(error.kind, ErrorKind::Unavailable, "{}", voice.id);
        assert!(error.message.contains("models pull") || error.message.contains("make run"), "{error}");
    }
}

/// A voice that says every piece as a second of sound.
struct Steady;

impl Synth for Steady {
    fn pieces(&mut self, _: &TtsRequest, _: &CancelFlag) -> Result<Vec<Piece>, EngineError> {
        let phonemes = "ʨˈɔnɯn jˈoʥɯm, ˈaʨʰimmada kˈoŋwɔnesɔ sˈanʨʰeɡɯl hˈejo.".to_owned();
        Ok(vec![Piece { phonemes, ..Piece::default() }])
    }

    fn hasten(&self, pieces: Vec<Piece>) -> Vec<Piece> {
        text::open_early(pieces)
    }

    fn sound(&mut self, _: &Piece, _: &TtsRequest, _: &CancelFlag) -> Result<Vec<f32>, EngineError> {
        Ok((0..24_000).map(|index| (index as f32 * 0.05).sin() * 0.3).collect())
    }
}

#[tokio::test]
async fn only_who_hears_nothing_gets_a_short_first_piece() {
    let voice = speak::voice("steady", "steady", "Steady", (Language::Korean, "neutral"));
    let info = EngineInfo { engine: "steady", model: "sine".into(), languages: vec![Language::Korean] };
    let engine =
        LocalTts::start((info, vec![voice.clone()]), Needs::Files(Vec::new()), Arc::default(), || Ok(Steady));
    let mut seconds = Vec::new();
    for session in [1, 1, 2] {
        let asked = TtsRequest { session, ..request(&voice, Language::Korean, "네") };
        let chunks = collect(engine.synthesize(asked).expect("a stream")).await.expect("speech");
        seconds.push((chunks.iter().map(|chunk| chunk.audio.len()).sum::<usize>() + 6_000) / 24_000);
    }
    assert_eq!(seconds, [2, 1, 2], "the second clause is covered by the first, another session is not");
}

// ---------------------------------------------------------------- the chain, over voices made for it

#[derive(Clone, Copy, Debug)]
enum Manner {
    Speaks,
    Fails,
    Hangs,
    FailsLater,
}

struct Scripted {
    id: &'static str,
    manner: Manner,
    health: Health,
}

impl TtsEngine for Scripted {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: "scripted", model: self.id.into(), languages: Language::ALL.to_vec() }
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn warm_up(&self) {}

    fn voices(&self) -> Vec<Voice> {
        let languages = Language::ALL.to_vec();
        vec![Voice {
            id: self.id.into(),
            name: self.id.into(),
            languages,
            gender: "neutral",
            engine: "scripted",
            online: false,
        }]
    }

    fn synthesize(&self, _: TtsRequest) -> Result<TtsStream, EngineError> {
        let error = || EngineError::new(ErrorKind::Broken, "scripted", "as the script says");
        let (sender, cancel, stream): (_, CancelFlag, _) = EngineStream::channel(8);
        let level = self.id.len() as f32 / 100.0;
        let chunk = SpeechChunk {
            audio: vec![level],
            visemes: vec![],
            queued: Duration::ZERO,
            compute: Duration::ZERO,
        };
        let manner = self.manner;
        if matches!(manner, Manner::Fails) {
            return Err(error());
        }
        tokio::spawn(async move {
            match manner {
                Manner::Speaks => drop(sender.send(Ok(chunk)).await),
                Manner::FailsLater => {
                    let _gone = sender.send(Ok(chunk)).await;
                    let _gone = sender.send(Err(error())).await;
                }
                _ => {
                    sender.closed().await;
                    assert!(cancel.is_cancelled());
                }
            }
        });
        Ok(stream)
    }
}

fn chain(first: Manner, health: Health) -> VoiceChain {
    let engines: Vec<Arc<dyn TtsEngine>> = vec![
        Arc::new(Scripted { id: "first", manner: first, health }),
        Arc::new(Scripted { id: "second-voice", manner: Manner::Speaks, health: Health::Ready }),
    ];
    let order = vec!["first".to_owned(), "second-voice".to_owned()];
    VoiceChain::new(engines, order.clone(), order)
}

fn ask(voice: &str) -> TtsRequest {
    TtsRequest {
        session: 1,
        text: "네 yes".into(),
        language: Language::Korean,
        voice: voice.into(),
        speed: 1.0,
        first_audio_deadline: Duration::from_secs(2),
    }
}

async fn who(chain: &VoiceChain, voice: &str) -> f32 {
    let chunks = collect(chain.synthesize(ask(voice)).expect("a stream")).await.expect("speech");
    assert_eq!(chunks.len(), 1);
    chunks[0].audio[0]
}

#[tokio::test(start_paused = true)]
async fn the_chain_goes_on_to_the_next_voice() {
    assert_eq!(who(&chain(Manner::Speaks, Health::Ready), "first").await, 0.05);
    assert_eq!(who(&chain(Manner::Speaks, Health::Ready), "second-voice").await, 0.12);
    assert_eq!(who(&chain(Manner::Speaks, Health::Ready), "ko-KR-SunHiNeural").await, 0.05);
    assert_eq!(who(&chain(Manner::Fails, Health::Ready), "first").await, 0.12);
    let began = tokio::time::Instant::now();
    assert_eq!(who(&chain(Manner::Hangs, Health::Ready), "first").await, 0.12);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn a_voice_that_fails_in_the_middle_is_not_begun_anew() {
    let chain = chain(Manner::FailsLater, Health::Ready);
    let mut stream = chain.synthesize(ask("first")).expect("a stream");
    assert!(stream.next().await.expect("a chunk").is_ok());
    assert_eq!(stream.next().await.expect("an error").expect_err("an error").kind, ErrorKind::Broken);
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn the_health_of_the_chain_names_the_voice_that_answers() {
    assert_eq!(chain(Manner::Speaks, Health::Ready).health(), Health::Ready);
    assert_eq!(chain(Manner::Speaks, Health::Idle).health(), Health::Idle);
    let Health::Degraded(reason) = chain(Manner::Speaks, Health::Unavailable("no file".into())).health()
    else {
        panic!("degraded expected")
    };
    assert!(reason.contains("first: no file") && reason.contains("second-voice answers"), "{reason}");
    let empty = VoiceChain::new(Vec::new(), vec!["x".into()], Vec::new());
    assert!(matches!(empty.health(), Health::Unavailable(_)));
    assert_eq!(empty.synthesize(ask("x")).expect_err("no voice").kind, ErrorKind::Unavailable);
    let too_long = TtsRequest { text: "가".repeat(501), ..ask("first") };
    let refused = chain(Manner::Speaks, Health::Ready).synthesize(too_long).expect_err("too long");
    assert_eq!(refused.kind, ErrorKind::BadInput);
    let silent = TtsRequest { text: "...".into(), ..ask("first") };
    let nothing = collect(chain(Manner::Speaks, Health::Ready).synthesize(silent).expect("a stream")).await;
    assert!(nothing.expect("no error").is_empty());
}
