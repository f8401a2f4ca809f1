//! Online voices: Microsoft Edge's read-aloud service. Off by default, because the text leaves this
//! machine.
//!
//! One WebSocket a clause: a configuration message, the text as SSML, then MP3 in pieces until the turn
//! ends. The clause is decoded when it is whole, which the service, faster than speech, delivers at once.

mod mp3;
mod protocol;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use duologue_domain::{hangul, lang::Language, numbers};
use futures_util::{SinkExt, StreamExt};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::mpsc,
    task::spawn_blocking,
    time::{timeout, timeout_at},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Message, client::IntoClientRequest, http::HeaderValue, protocol::WebSocketConfig},
};

use self::protocol::Incoming;
use super::{
    check, dsp,
    speak::{CHUNKS, Emitter, Finished},
    text::{Piece, is_silent},
};
use crate::port::{
    CancelFlag, EngineError, EngineInfo, EngineStream, ErrorKind, Health, SpeechChunk, TtsEngine, TtsRequest,
    TtsStream, Voice,
};

const ENGINE: &str = "edge";

/// Sound of a clause may stall this long in the middle; then the connection is given up.
const SILENCE: Duration = Duration::from_secs(5);
/// Larger than any frame of sound that the service sends; bounds what a hostile server can make us hold.
const MAX_FRAME: usize = 1 << 20;
/// Seven minutes, in samples: more than any clause, see [`CHUNKS`].
const MAX_SAMPLES: usize = 24_000 * 420;
/// The same in bytes, at the 48 kbit/s that we ask for.
const MAX_MP3: usize = 6_000 * 420;

/// What the browser that this service is made for calls itself.
const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 \
    Safari/537.36 Edg/130.0.0.0";
const ORIGIN: &str = "chrome-extension://jdiccldimpdaibmpdkjnbmckianbfold";

/// The voices that are offered: id, name, language, gender.
const VOICES: [(&str, &str, Language, &str); 6] = [
    ("ko-KR-SunHiNeural", "선히", Language::Korean, "female"),
    ("ko-KR-InJoonNeural", "인준", Language::Korean, "male"),
    ("ko-KR-HyunsuMultilingualNeural", "현수", Language::Korean, "male"),
    ("en-US-AriaNeural", "Aria", Language::English, "female"),
    ("en-US-JennyNeural", "Jenny", Language::English, "female"),
    ("en-US-GuyNeural", "Guy", Language::English, "male"),
];

/// The Edge voices over a configurable address.
#[derive(Clone, Debug)]
pub struct EdgeTts {
    url: String,
    voices: Vec<Voice>,
    last_error: std::sync::Arc<std::sync::Mutex<Option<String>>>,
}

impl EdgeTts {
    /// A client of the service at `url` (`wss://…/edge/v1`).
    pub fn new(url: impl Into<String>) -> Self {
        let voice = |(id, name, language, gender): (&str, &str, Language, &'static str)| Voice {
            id: id.to_owned(),
            name: name.to_owned(),
            languages: vec![language],
            gender,
            engine: ENGINE,
            online: true,
        };
        Self { url: url.into(), voices: VOICES.map(voice).to_vec(), last_error: std::sync::Arc::default() }
    }

    fn note(&self, outcome: &Result<(), EngineError>) {
        let mut last = self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *last = outcome.as_ref().err().map(|error| error.message.clone());
    }
}

impl TtsEngine for EdgeTts {
    fn info(&self) -> EngineInfo {
        EngineInfo { engine: ENGINE, model: "read aloud (online)".into(), languages: Language::ALL.to_vec() }
    }

    /// What became of the last clause: a remote service cannot be asked without using it.
    fn health(&self) -> Health {
        let last = self.last_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        last.as_ref()
            .map_or(Health::Ready, |reason| Health::Degraded(format!("the last clause failed: {reason}")))
    }

    fn warm_up(&self) {}

    fn voices(&self) -> Vec<Voice> {
        self.voices.clone()
    }

    fn synthesize(&self, request: TtsRequest) -> Result<TtsStream, EngineError> {
        check(ENGINE, &self.voices, &request)?;
        let runtime = Handle::try_current().map_err(|_| {
            EngineError::new(ErrorKind::Unavailable, ENGINE, "it needs a tokio runtime around it")
        })?;
        let (sender, cancel, stream) = EngineStream::channel(CHUNKS);
        if is_silent(&request.text) {
            return Ok(stream);
        }
        let client = self.clone();
        runtime.spawn(async move {
            let outcome = tokio::select! {
                () = sender.closed() => return,
                outcome = client.speak(&request, &sender, &cancel) => outcome,
            };
            client.note(&outcome);
            if let Err(error) = outcome {
                let _gone = sender.try_send(Err(error));
            }
        });
        Ok(stream)
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Sender = mpsc::Sender<Result<SpeechChunk, EngineError>>;

impl EdgeTts {
    async fn speak(
        &self,
        request: &TtsRequest,
        sender: &Sender,
        cancel: &CancelFlag,
    ) -> Result<(), EngineError> {
        let began = Instant::now();
        let deadline = tokio::time::Instant::now() + request.first_audio_deadline;
        let late = |_| EngineError::new(ErrorKind::Timeout, ENGINE, "no sound came before the deadline");
        let mut socket = timeout_at(deadline, self.connect()).await.map_err(late)??;
        let mp3 = timeout_at(deadline + SILENCE, converse(&mut socket, request, deadline))
            .await
            .map_err(late)??;
        let _closing = timeout(Duration::from_millis(200), socket.close(None)).await;
        // Away from the sessions' threads: it is work, and if the decoder panics on it, that ends here.
        let decoded = spawn_blocking(|| mp3::decode(mp3, MAX_SAMPLES)).await;
        let samples = decoded
            .unwrap_or_else(|_| Err("the decoder failed".into()))
            .map_err(|why| broken(format!("the service sent MP3 that cannot be played: {why}")))?;
        let piece = Piece { phonemes: letters(request), ..Piece::default() };
        // Each clause levels itself: clauses of several sessions come in any order here.
        let finished = Finished::new(samples, &piece, &mut dsp::Leveller::default(), None);
        Emitter { name: ENGINE, sender, cancel, queued: Duration::ZERO, sent: 0 }
            .emit(finished, began.elapsed())
    }

    async fn connect(&self) -> Result<Socket, EngineError> {
        let unreachable = |why: String| EngineError::new(ErrorKind::Unavailable, ENGINE, why);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let url = protocol::address(&self.url, seconds, &protocol::fresh_id());
        let mut request = url
            .into_client_request()
            .map_err(|error| unreachable(format!("tts.edge_url is no address: {error}")))?;
        let headers = request.headers_mut();
        headers.insert("Origin", HeaderValue::from_static(ORIGIN));
        headers.insert("User-Agent", HeaderValue::from_static(AGENT));
        headers.insert("Pragma", HeaderValue::from_static("no-cache"));
        headers.insert("Cache-Control", HeaderValue::from_static("no-cache"));
        let config =
            WebSocketConfig::default().max_frame_size(Some(MAX_FRAME)).max_message_size(Some(MAX_FRAME));
        match connect_async_with_config(request, Some(config), true).await {
            Ok((socket, _)) => Ok(socket),
            Err(error) => Err(unreachable(format!("the service cannot be reached: {error}"))),
        }
    }
}

/// Asks, and collects the sound until the service says that the turn ended.
async fn converse(
    socket: &mut Socket,
    request: &TtsRequest,
    deadline: tokio::time::Instant,
) -> Result<Vec<u8>, EngineError> {
    let id = protocol::fresh_id();
    for text in [protocol::configuration(), protocol::speech(&id, request)] {
        socket
            .send(Message::text(text))
            .await
            .map_err(|error| broken(format!("the connection broke: {error}")))?;
    }
    let mut mp3 = Vec::new();
    loop {
        let until = if mp3.is_empty() { deadline } else { tokio::time::Instant::now() + SILENCE };
        let message = timeout_at(until, socket.next())
            .await
            .map_err(|_| EngineError::new(ErrorKind::Timeout, ENGINE, "the service fell silent"))?;
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return Err(broken(format!("the connection broke: {error}"))),
            None => return Err(broken("the service closed before the end".into())),
        };
        match protocol::read(&message) {
            Incoming::Sound(sound) => mp3.extend_from_slice(sound),
            Incoming::End if mp3.is_empty() => return Err(broken("the service sent no sound".into())),
            Incoming::End => return Ok(mp3),
            Incoming::Encoded(kind) => {
                let message =
                    format!("the service sends {kind}, and only MP3 can be played; use a local voice");
                return Err(EngineError::new(ErrorKind::Unavailable, ENGINE, message));
            }
            Incoming::Closed(reason) => return Err(broken(format!("the service closed: {reason}"))),
            Incoming::Malformed => return Err(broken("the service sent a frame that is none".into())),
            Incoming::Other => {}
        }
        if mp3.len() > MAX_MP3 {
            return Err(broken("the speech of one clause has no end".into()));
        }
    }
}

/// Letters for the mouth. English ones stand for themselves: the service tells no phonemes.
fn letters(request: &TtsRequest) -> String {
    match request.language {
        Language::Korean => hangul::to_ipa(&numbers::korean(&request.text)),
        Language::English => request.text.to_lowercase(),
    }
}

fn broken(message: String) -> EngineError {
    EngineError::new(ErrorKind::Broken, ENGINE, message)
}
