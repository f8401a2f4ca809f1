//! The client against a server on the loopback that speaks the protocol, well and badly.

use tokio::net::TcpListener;
use tokio_tungstenite::accept_hdr_async;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Manner {
    Good,
    Pcm,
    Damaged,
    NoMp3,
    ClosesEarly,
    Garbage,
    Silent,
    NoSound,
}

/// Serves one connection and hands back what it was asked.
async fn serve(manner: Manner) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}/edge/v1", listener.local_addr().expect("an address"));
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut heard = Vec::new();
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let note = |request: &Request, response: Response| {
            heard.push(request.uri().to_string());
            Ok(response)
        };
        let mut socket = accept_hdr_async(stream, note).await.expect("a handshake");
        for _ in 0..2 {
            let Some(Ok(Message::Text(text))) = socket.next().await else { return heard };
            heard.push(text.to_string());
        }
        answer(&mut socket, manner).await;
        heard.extend(hung_up(&mut socket).await.then(|| HUNG_UP.to_owned()));
        heard
    });
    (url, server)
}

/// What the server notes last when its client has closed the socket.
const HUNG_UP: &str = "hung up";

/// Whether the client ends the connection: with a closing frame, or by letting go of the socket.
async fn hung_up(socket: &mut WebSocketStream<TcpStream>) -> bool {
    let ended = async {
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
        }
    };
    timeout(Duration::from_secs(5), ended).await.is_ok()
}

async fn answer(socket: &mut WebSocketStream<TcpStream>, manner: Manner) {
    let _sent = socket.send(Message::text("X-RequestId:1\r\nPath:turn.start\r\n\r\n{}")).await;
    match manner {
        Manner::Silent => {}
        Manner::Garbage => drop(socket.send(Message::binary(vec![0xff, 0xff, 1, 2])).await),
        Manner::ClosesEarly => drop(socket.close(None).await),
        Manner::NoSound => drop(socket.send(Message::text("Path:turn.end\r\n\r\n{}")).await),
        Manner::Good | Manner::Pcm | Manner::Damaged | Manner::NoMp3 => sing(socket, manner).await,
    }
}

/// A second of sound, in parts that respect no frame of the MP3, then the end of the turn.
async fn sing(socket: &mut WebSocketStream<TcpStream>, manner: Manner) {
    let kind = if manner == Manner::Pcm { "audio/x-wav" } else { "audio/mpeg" };
    let head = format!("X-RequestId:1\r\nContent-Type:{kind}\r\nPath:audio\r\n");
    let mut sound = mp3::TONE.to_vec();
    match manner {
        Manner::Damaged => sound[1_500..1_800].fill(0x55),
        Manner::NoMp3 => sound.fill(0x55),
        _ => {}
    }
    for part in sound.chunks(1_000) {
        let mut frame = (head.len() as u16).to_be_bytes().to_vec();
        frame.extend(head.as_bytes());
        frame.extend(part);
        if socket.send(Message::binary(frame)).await.is_err() {
            return;
        }
    }
    let _sent = socket.send(Message::text("X-RequestId:1\r\nPath:turn.end\r\n\r\n{}")).await;
}

fn request(text: &str) -> TtsRequest {
    TtsRequest {
        session: 1,
        text: text.into(),
        language: Language::Korean,
        voice: "ko-KR-SunHiNeural".into(),
        speed: 0.9,
        first_audio_deadline: Duration::from_millis(800),
    }
}

async fn hear(engine: &EdgeTts, text: &str) -> Result<Vec<SpeechChunk>, EngineError> {
    let mut stream = engine.synthesize(request(text))?;
    let mut chunks = Vec::new();
    while let Some(chunk) = stream.next().await {
        chunks.push(chunk?);
    }
    Ok(chunks)
}

#[tokio::test]
async fn a_clause_is_asked_for_and_heard() {
    let (url, server) = serve(Manner::Good).await;
    let engine = EdgeTts::new(url);
    let chunks = hear(&engine, "안녕 <b> & 'you'").await.expect("speech");
    let samples: usize = chunks.iter().map(|chunk| chunk.audio.len()).sum();
    assert!(samples.abs_diff(24_000) < 3_600, "{samples}");
    let audio: Vec<f32> = chunks.iter().flat_map(|chunk| chunk.audio.iter().copied()).collect();
    let rms = dsp::active_rms(&audio);
    assert!((0.08..0.12).contains(&rms), "{rms}");
    // 440 Hz cross zero 440 times in half a second.
    let crossings = audio[6_000..18_000].windows(2).filter(|two| (two[0] < 0.0) != (two[1] < 0.0)).count();
    assert!(crossings.abs_diff(440) < 5, "{crossings}");
    assert!(!chunks[0].visemes.is_empty());
    let heard = server.await.expect("no panic");
    assert!(heard[0].contains("TrustedClientToken=") && heard[0].contains("Sec-MS-GEC="), "{}", heard[0]);
    assert!(heard[1].contains("Path:speech.config") && heard[1].contains("audio-24khz-48kbitrate-mono-mp3"));
    assert!(
        heard[2].contains("<voice name='ko-KR-SunHiNeural'>") && heard[2].contains("rate='-10%'"),
        "{}",
        heard[2]
    );
    assert!(heard[2].contains("안녕 &lt;b&gt; &amp; &apos;you&apos;"), "{}", heard[2]);
    assert_eq!(engine.health(), Health::Ready);
}

#[tokio::test]
async fn every_bad_manner_is_an_error_of_its_kind() {
    let cases = [
        (Manner::Pcm, ErrorKind::Unavailable, "audio/x-wav"),
        (Manner::NoMp3, ErrorKind::Broken, "cannot be played"),
        (Manner::ClosesEarly, ErrorKind::Broken, "closed"),
        (Manner::Garbage, ErrorKind::Broken, "frame"),
        (Manner::NoSound, ErrorKind::Broken, "no sound"),
        (Manner::Silent, ErrorKind::Timeout, "silent"),
    ];
    for (manner, kind, words) in cases {
        let (url, server) = serve(manner).await;
        let engine = EdgeTts::new(url);
        let error = hear(&engine, "안녕").await.expect_err("bad manners");
        assert_eq!(error.kind, kind, "{manner:?}: {error}");
        assert!(error.message.contains(words), "{manner:?}: {error}");
        assert!(matches!(engine.health(), Health::Degraded(_)), "{manner:?}");
        server.abort();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let error = hear(&EdgeTts::new("ws://127.0.0.1:9/edge"), "안녕").await.expect_err("nobody there");
    assert_eq!(error.kind, ErrorKind::Unavailable);
    let error = hear(&EdgeTts::new("not an address"), "안녕").await.expect_err("no address");
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_damaged_clause_is_heard_without_what_was_damaged() {
    let (url, server) = serve(Manner::Damaged).await;
    let engine = EdgeTts::new(url);
    let chunks = hear(&engine, "안녕").await.expect("speech");
    let samples: usize = chunks.iter().map(|chunk| chunk.audio.len()).sum();
    assert!((12_000..26_000).contains(&samples), "{samples}");
    assert_eq!(engine.health(), Health::Ready);
    assert_eq!(server.await.expect("no panic").last().map(String::as_str), Some(HUNG_UP));
}

#[tokio::test]
async fn dropping_the_stream_hangs_up() {
    let (url, server) = serve(Manner::Silent).await;
    // The server has read both messages of the clause when it is asked to wait for the end; dropping the
    // stream earlier would prove less.
    let asked = TtsRequest { first_audio_deadline: Duration::from_secs(60), ..request("안녕") };
    let stream = EdgeTts::new(url).synthesize(asked).expect("a stream");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!server.is_finished(), "the client waits for its sound");
    drop(stream);
    let heard = server.await.expect("no panic");
    assert_eq!(heard.len(), 4, "the address, two messages, the end: {heard:?}");
    assert_eq!(heard[3], HUNG_UP);
}

#[test]
fn the_security_token_is_that_of_its_five_minutes() {
    let token = protocol::security_token(1_732_147_200);
    assert_eq!(token, "D72168119B18ABD4AD75BAAEC77832885EBB22E434724838B8FC0D69AB5AC0DF");
    assert_eq!(token, protocol::security_token(1_732_147_200 + 299));
    assert_ne!(token, protocol::security_token(1_732_147_200 + 300));
}
