//! How well a Korean voice is understood: sentences are spoken, read back by whisper with the language
//! fixed, and the share of wrong characters is told, with the time to the first sound.
//!
//! `cargo run --release -p duologue-engines --example readback -- ~/.local/share/duologue kokoro-nezumi espeak-ko`
//!
//! Reading back is a proxy: what whisper misses a person often understands, and the other way round.

use std::{
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use duologue_domain::lang::Language;
use duologue_engines::{
    port::{SttEngine, SttRequest, TtsEngine, TtsRequest},
    stt::WhisperStt,
    tts::{Neural, VoiceChain, dsp, espeak, kokoro},
};

/// Nobody waits for these figures.
const PATIENT: Duration = Duration::from_secs(600);

/// What a persona says on an ordinary day. The first six were there before the voice was tuned, the next
/// twenty were looked at while tuning it, the last twenty were not.
const SENTENCES: [&str; 46] = [
    "안녕하세요, 오늘 기분이 어때요?",
    "주말에 뭐 하고 지냈어요?",
    "요즘 재미있는 영화 있으면 추천해 주세요.",
    "저는 커피보다 차를 더 좋아해요.",
    "내일 저녁에 같이 밥 먹을래요?",
    "우리 회사는 강남역 근처에 있어요.",
    "오늘 하루는 어떻게 보내셨어요?",
    "저는 요즘 아침마다 공원에서 산책을 해요.",
    "비가 많이 와서 집에서 책을 읽었어요.",
    "그 얘기를 들으니까 저도 기분이 좋네요.",
    "어제 친구를 만나서 맛있는 저녁을 먹었어요.",
    "혹시 여행 가는 거 좋아하세요?",
    "걱정하지 마세요, 다 잘될 거예요.",
    "저도 그 노래 정말 좋아해요.",
    "회사 일이 많아서 조금 피곤했겠네요.",
    "그럼 다음에는 같이 가 볼까요?",
    "날씨가 추우니까 따뜻하게 입고 나가세요.",
    "제가 제일 좋아하는 계절은 가을이에요.",
    "처음 만나서 반가워요, 이름이 뭐예요?",
    "잠깐만요, 다시 한번 말해 줄래요?",
    "강아지가 너무 귀여워서 계속 웃었어요.",
    "시험 준비는 잘되고 있어요?",
    "음식은 매운 것보다 단 것을 더 좋아해요.",
    "늦었으니까 오늘은 일찍 주무세요.",
    "버스를 놓쳐서 택시를 타고 왔어요.",
    "부모님은 부산에 살고 계세요.",
    "그동안 잘 지내셨어요?",
    "저는 대학교에서 심리학을 공부했어요.",
    "쉬는 날에는 보통 집에서 요리를 해요.",
    "정말요? 그런 일이 있었는지 몰랐어요.",
    "지금 무슨 생각을 하고 있어요?",
    "운동을 시작한 지 세 달쯤 됐어요.",
    "오랜만에 바다를 보니까 마음이 편해졌어요.",
    "괜찮아요, 누구나 실수할 수 있어요.",
    "우리 동네에 새로운 빵집이 생겼어요.",
    "그 영화는 마지막 장면이 아주 슬펐어요.",
    "배가 고프면 먼저 먹어도 돼요.",
    "동생이 결혼해서 온 가족이 모였어요.",
    "한국어를 배운 지 얼마나 됐어요?",
    "사진 찍는 걸 좋아해서 카메라를 샀어요.",
    "오늘 회의는 세 시에 시작해요.",
    "고마워요, 덕분에 힘이 났어요.",
    "저는 밤에 음악을 들으면서 글을 써요.",
    "그 사람은 항상 친절하고 재미있어요.",
    "길이 막혀서 조금 늦을 것 같아요.",
    "무슨 일이 있으면 언제든지 이야기해 주세요.",
];

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "this program's purpose is to print figures")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(home) = arguments.next() else {
        println!("usage: readback FOLDER VOICE…   (FOLDER holds models/ and lib/)");
        return ExitCode::FAILURE;
    };
    let home = Path::new(&home);
    let models = home.join("models");
    let runtime = home.join("lib/libonnxruntime.so");
    let neural = Neural { runtime, models: models.clone(), threads: 2, cores: Arc::default() };
    let korean = kokoro::start(&neural);
    let voices: Vec<Arc<dyn TtsEngine>> = vec![Arc::new(korean), Arc::new(espeak::start("espeak-ng".into()))];
    let tts = VoiceChain::new(voices, Vec::new(), Vec::new());
    let stt = WhisperStt::new(models.join("whisper-base-q8_0.bin"), 2);
    for voice in arguments {
        match measure(&tts, &stt, &voice).await {
            Ok(figures) => println!("{voice}: {figures}"),
            Err(why) => {
                println!("{voice}: {why}");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Every sentence spoken and read back.
async fn measure(tts: &VoiceChain, stt: &WhisperStt, voice: &str) -> Result<String, String> {
    // The first request loads the models.
    let _warm = speak(tts, voice, (0, "네, 안녕하세요.")).await?;
    let (mut wrong, mut all, mut firsts, mut groups) = (0, 0, Vec::new(), [(0, 0); 3]);
    for (index, sentence) in SENTENCES.into_iter().enumerate() {
        // A session of its own for each: nobody of them has sound to listen to while waiting.
        let (audio, first) = speak(tts, voice, (index as u64 + 1, sentence)).await?;
        firsts.push(first);
        let request = SttRequest {
            session: 1,
            // The voices' 24 kHz taken for 36 and brought to 24 are 16.
            audio: dsp::resample(&audio, 36_000).into(),
            language: Some(Language::Korean),
            prompt: None,
            partial: false,
            deadline: PATIENT,
            ..SttRequest::default()
        };
        let heard = stt.transcribe(request).await.map_err(|error| error.to_string())?.text;
        let (said, heard) = (bare(sentence), bare(&heard));
        let group = &mut groups[if index < 6 { 0 } else { 1 + (index - 6) / 20 }];
        let distance = distance(&said, &heard);
        *group = (group.0 + distance, group.1 + said.len());
        (wrong, all) = (wrong + distance, all + said.len());
    }
    firsts.sort();
    let percent = |(wrong, all): (usize, usize)| 100.0 * wrong as f32 / all as f32;
    let [early, tuned, held_out] = groups.map(percent);
    Ok(format!(
        "{:.1} % of {all} characters wrong (the early six {early:.1}, tuned {tuned:.1}, held out {held_out:.1}); \
         first sound p50 {} ms, p95 {} ms",
        percent((wrong, all)),
        firsts[firsts.len() / 2].as_millis(),
        firsts[firsts.len() * 95 / 100].as_millis()
    ))
}

/// The sound of one sentence, and how long its first part took.
async fn speak(tts: &VoiceChain, voice: &str, asked: (u64, &str)) -> Result<(Vec<f32>, Duration), String> {
    let began = Instant::now();
    let (session, text) = asked;
    let request = TtsRequest {
        session,
        text: text.to_owned(),
        language: Language::Korean,
        voice: voice.to_owned(),
        speed: 1.0,
        first_audio_deadline: PATIENT,
    };
    let mut stream = tts.synthesize(request).map_err(|error| error.to_string())?;
    let (mut audio, mut first) = (Vec::new(), None);
    while let Some(chunk) = stream.next().await {
        first.get_or_insert_with(|| began.elapsed());
        audio.extend(chunk.map_err(|error| error.to_string())?.audio);
    }
    Ok((audio, first.ok_or("no sound came")?))
}

/// Syllables, letters and digits alone: spaces and marks are not heard.
fn bare(text: &str) -> Vec<char> {
    text.to_lowercase().chars().filter(|character| character.is_alphanumeric()).collect()
}

/// Characters to insert, remove or replace between two texts.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, left) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (column, right) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}
