//! What a client may say to a session, and what a session says to its client.
//!
//! These are the events of the realtime protocol as Rust types; the JSON of the wire lives in the server.

use std::{collections::BTreeMap, sync::Arc};

use duologue_domain::{
    coach::{Card, CoachConfig, Tip},
    conversation::{Content, Item},
    endpoint::EndpointConfig,
    face::{Calibration, FaceConfig},
    ladder::Step,
    lang::Language,
    tool::{Tool, ToolChoice},
    turn::{CancelReason, TurnId},
    viseme::VisemeCue,
    waterfall::Report,
};

use crate::{store::Kept, tools::ServerTools};

/// How the end of the person's turn is found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TurnDetection {
    /// Silence alone.
    ServerVad {
        /// Probability above which a frame is speech.
        threshold: f32,
        /// Audio kept from before the speech.
        prefix_padding_ms: u32,
        /// Silence that ends a turn.
        silence_duration_ms: u32,
        /// Says so when nobody spoke for this long after a reply.
        idle_timeout_ms: Option<u32>,
    },
    /// Silence, and whether what was said sounds complete.
    SemanticVad {
        /// How long an incomplete-sounding turn is waited for.
        eagerness: Eagerness,
    },
    /// The client commits.
    Manual,
}

/// How long an incomplete-sounding turn is waited for: at most 8, 4 or 2 s; auto is medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eagerness {
    /// 8 s.
    Low,
    /// 4 s.
    Medium,
    /// 2 s.
    High,
    /// As medium.
    Auto,
}

/// The effective configuration of a session, echoed whole after every change.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionConfig {
    /// Extra instructions by the client, after the persona's own prompt.
    pub instructions: String,
    /// Whether replies are spoken; text only otherwise.
    pub speak: bool,
    /// Rate of the client's audio: 16000, 24000 or 48000 Hz.
    pub input_rate: u32,
    /// Whether nnnoiseless cleans the microphone.
    pub noise_reduction: bool,
    /// Fixed language of the person's speech; `None` detects it.
    pub language: Option<Language>,
    /// Words to expect, besides the persona's own.
    pub transcription_prompt: String,
    /// Whether the person's words are sent to the client.
    pub transcribe: bool,
    /// How turns end.
    pub turn_detection: TurnDetection,
    /// Whether the end of a turn begins a reply.
    pub create_response: bool,
    /// Whether speech stops a reply.
    pub interrupt_response: bool,
    /// Voice id; empty means the persona's own.
    pub voice: String,
    /// 0.25 to 1.5.
    pub speed: f32,
    /// Longest reply in tokens.
    pub max_output_tokens: usize,
    /// Functions of the client.
    pub tools: Arc<[Tool]>,
    /// Whether the model has to call one.
    pub tool_choice: ToolChoice,
    /// Functions of the server, as the operator decided.
    pub server_tools: ServerTools,
    /// What the operator decided about the ends of turns; clients change `turn_detection`.
    pub tuning: EndpointConfig,
    /// Voices that are faster than a persona's own, for when answers come too late: in English and in Korean.
    pub fast_voices: [Option<Arc<str>>; 2],
    /// From the end of speech to the first sound, what the operator wants it to take; `None` never gives anything up.
    pub budget_ms: Option<u64>,
    /// Whether the person lets their face be looked at.
    pub expression_analysis: bool,
    /// What the coach judges by, as the operator decided.
    pub coach: Arc<CoachConfig>,
    /// What the face is judged by; `None` switches it off for the whole server.
    pub face: Option<Arc<FaceConfig>>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            instructions: String::new(),
            speak: true,
            input_rate: 24_000,
            noise_reduction: false,
            language: None,
            transcription_prompt: String::new(),
            transcribe: true,
            turn_detection: TurnDetection::SemanticVad { eagerness: Eagerness::Auto },
            create_response: true,
            interrupt_response: true,
            voice: String::new(),
            speed: 1.0,
            max_output_tokens: 256,
            tools: Arc::default(),
            tool_choice: ToolChoice::default(),
            server_tools: ServerTools::default(),
            tuning: EndpointConfig::default(),
            fast_voices: [None, None],
            budget_ms: Some(1_500),
            expression_analysis: true,
            coach: Arc::default(),
            face: Some(Arc::default()),
        }
    }
}

impl SessionConfig {
    /// The faster voice for a language, if one is configured.
    pub fn fast_voice(&self, language: Language) -> Option<&str> {
        let [english, korean] = &self.fast_voices;
        match language {
            Language::English => english.as_deref(),
            Language::Korean => korean.as_deref(),
        }
    }
}

/// A partial change of the configuration: what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfigPatch {
    /// See [`SessionConfig`].
    pub instructions: Option<String>,
    /// See [`SessionConfig`].
    pub speak: Option<bool>,
    /// See [`SessionConfig`].
    pub input_rate: Option<u32>,
    /// See [`SessionConfig`].
    pub noise_reduction: Option<bool>,
    /// See [`SessionConfig`]; `Some(None)` goes back to detecting.
    pub language: Option<Option<Language>>,
    /// See [`SessionConfig`].
    pub transcription_prompt: Option<String>,
    /// See [`SessionConfig`].
    pub transcribe: Option<bool>,
    /// See [`SessionConfig`].
    pub turn_detection: Option<TurnDetection>,
    /// See [`SessionConfig`].
    pub create_response: Option<bool>,
    /// See [`SessionConfig`].
    pub interrupt_response: Option<bool>,
    /// See [`SessionConfig`].
    pub voice: Option<String>,
    /// See [`SessionConfig`].
    pub speed: Option<f32>,
    /// See [`SessionConfig`].
    pub max_output_tokens: Option<usize>,
    /// See [`SessionConfig`].
    pub tools: Option<Arc<[Tool]>>,
    /// See [`SessionConfig`].
    pub tool_choice: Option<ToolChoice>,
    /// See [`SessionConfig`].
    pub expression_analysis: Option<bool>,
}

impl ConfigPatch {
    /// This change, and where it changes nothing the other.
    pub fn or(self, other: Self) -> Self {
        Self {
            instructions: self.instructions.or(other.instructions),
            speak: self.speak.or(other.speak),
            input_rate: self.input_rate.or(other.input_rate),
            noise_reduction: self.noise_reduction.or(other.noise_reduction),
            language: self.language.or(other.language),
            transcription_prompt: self.transcription_prompt.or(other.transcription_prompt),
            transcribe: self.transcribe.or(other.transcribe),
            turn_detection: self.turn_detection.or(other.turn_detection),
            create_response: self.create_response.or(other.create_response),
            interrupt_response: self.interrupt_response.or(other.interrupt_response),
            voice: self.voice.or(other.voice),
            speed: self.speed.or(other.speed),
            max_output_tokens: self.max_output_tokens.or(other.max_output_tokens),
            tools: self.tools.or(other.tools),
            tool_choice: self.tool_choice.or(other.tool_choice),
            expression_analysis: self.expression_analysis.or(other.expression_analysis),
        }
    }

    /// The configuration after this change.
    pub fn applied_to(self, old: &SessionConfig) -> SessionConfig {
        SessionConfig {
            instructions: self.instructions.unwrap_or_else(|| old.instructions.clone()),
            speak: self.speak.unwrap_or(old.speak),
            input_rate: self.input_rate.unwrap_or(old.input_rate),
            noise_reduction: self.noise_reduction.unwrap_or(old.noise_reduction),
            language: self.language.unwrap_or(old.language),
            transcription_prompt: self
                .transcription_prompt
                .unwrap_or_else(|| old.transcription_prompt.clone()),
            transcribe: self.transcribe.unwrap_or(old.transcribe),
            turn_detection: self.turn_detection.unwrap_or(old.turn_detection),
            create_response: self.create_response.unwrap_or(old.create_response),
            interrupt_response: self.interrupt_response.unwrap_or(old.interrupt_response),
            voice: self.voice.unwrap_or_else(|| old.voice.clone()),
            speed: self.speed.unwrap_or(old.speed),
            max_output_tokens: self.max_output_tokens.unwrap_or(old.max_output_tokens),
            tools: self.tools.unwrap_or_else(|| old.tools.clone()),
            tool_choice: self.tool_choice.unwrap_or_else(|| old.tool_choice.clone()),
            server_tools: old.server_tools.clone(),
            tuning: old.tuning,
            fast_voices: old.fast_voices.clone(),
            budget_ms: old.budget_ms,
            expression_analysis: self.expression_analysis.unwrap_or(old.expression_analysis),
            coach: old.coach.clone(),
            face: old.face.clone(),
        }
    }
}

/// What a client may say. Audio does not come this way.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientCommand {
    /// `session.update`.
    Configure(Box<ConfigPatch>),
    /// `input_audio_buffer.commit`.
    CommitAudio,
    /// `input_audio_buffer.clear`.
    ClearAudio,
    /// `conversation.item.create`.
    CreateItem {
        /// The item.
        item: Item,
        /// After which one; `"root"` is the start.
        previous: Option<String>,
    },
    /// `conversation.item.retrieve`.
    RetrieveItem(String),
    /// `conversation.item.delete`.
    DeleteItem(String),
    /// `conversation.item.truncate`.
    TruncateItem {
        /// Which.
        id: String,
        /// How much of its audio was heard.
        audio_end_ms: u64,
    },
    /// `response.create`.
    CreateResponse(ResponseRequest),
    /// `response.cancel`.
    CancelResponse {
        /// Only this one, when given.
        response: Option<String>,
    },
    /// `duologue.playout`: how much of an item's sound has left the client's speaker.
    Playout {
        /// Which.
        item: String,
        /// So much.
        played_ms: u64,
    },
    /// `duologue.calibrate`: the person looks at the camera with a neutral face.
    Calibrate(Calibration),
}

/// What a client wants to be told again with its reply: its own names and values.
pub type Metadata = BTreeMap<String, String>;

/// What a reply answers instead of the conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// An item that is part of nothing else.
    Item(Item),
    /// An item of the conversation.
    Reference(String),
}

/// What a client may ask of one reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseRequest {
    /// Instead of the session's instructions.
    pub instructions: Option<String>,
    /// Spoken or not, instead of the session's setting.
    pub speak: Option<bool>,
    /// Longest reply in tokens.
    pub max_output_tokens: Option<usize>,
    /// Functions of the client, instead of the session's.
    pub tools: Option<Arc<[Tool]>>,
    /// Whether one has to be called, instead of the session's setting.
    pub tool_choice: Option<ToolChoice>,
    /// What is answered, instead of the conversation.
    pub input: Option<Vec<Input>>,
    /// Nobody has said anything for a while: the persona carries the talk on.
    pub after_silence: bool,
    /// Whether it stays out of the conversation: nobody remembers that it was said.
    pub apart: bool,
    /// Told again when it begins and ends.
    pub metadata: Metadata,
}

/// How a reply ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseStatus {
    /// By itself.
    Completed,
    /// Stopped.
    Cancelled(CancelReason),
    /// The longest allowed length was reached.
    Incomplete,
    /// Something broke: stable code and words.
    Failed {
        /// Stable code.
        code: &'static str,
        /// What happened and what to do.
        message: String,
    },
}

/// What a reply cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub input_tokens: usize,
    /// Of these, cached.
    pub cached_tokens: usize,
    /// New tokens.
    pub output_tokens: usize,
}

/// How serious a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeLevel {
    /// For the curious.
    Info,
    /// Something works less well.
    Warning,
    /// Something does not work.
    Error,
}

/// What a session says.
#[derive(Clone, Debug, PartialEq)]
pub enum SessionEvent {
    /// A client has come: the session and its conversation.
    Created,
    /// A client has come back, and has what it missed.
    Resumed {
        /// The last number that it knew.
        after: u64,
    },
    /// A message is kept, whatever crashes (or, by a store that forgets, until the process ends).
    Kept {
        /// Which.
        item: String,
        /// Where.
        kept: Kept,
    },
    /// The configuration changed.
    Updated(Box<SessionConfig>),
    /// An item is part of the conversation (`done` when it is complete).
    ItemAdded {
        /// The item.
        item: Item,
        /// The one before it.
        previous: Option<String>,
    },
    /// An item is complete.
    ItemDone {
        /// The item.
        item: Item,
        /// The one before it.
        previous: Option<String>,
    },
    /// Answer to a retrieval.
    ItemRetrieved(Item),
    /// An item is gone.
    ItemDeleted(String),
    /// An item holds only what was heard.
    ItemTruncated {
        /// Which.
        id: String,
        /// How much was heard.
        audio_end_ms: u64,
    },
    /// The person began to speak.
    SpeechStarted {
        /// Under which item their words will come.
        item: String,
        /// On the session's audio clock, prefix included.
        at_ms: u64,
    },
    /// The person stopped.
    SpeechStopped {
        /// Which item.
        item: String,
        /// On the session's audio clock.
        at_ms: u64,
    },
    /// Audio became an item.
    Committed {
        /// Which.
        item: String,
        /// The one before it.
        previous: Option<String>,
    },
    /// Waiting audio was dropped on request.
    Cleared,
    /// Nobody spoke for the configured time.
    IdleTimeout {
        /// The item of the quiet.
        item: String,
        /// Where it began, on the session's audio clock.
        from_ms: u64,
        /// Where it has come to.
        to_ms: u64,
    },
    /// Words so far.
    HeardPartial {
        /// Which item.
        item: String,
        /// What is new if the text only grew; else empty.
        delta: String,
        /// The whole text so far.
        text: String,
    },
    /// Final words.
    Heard {
        /// Which item.
        item: String,
        /// The words; empty for noise.
        text: String,
        /// Seconds of audio.
        seconds: f32,
    },
    /// They could not be found out.
    HeardFailed {
        /// Which item.
        item: String,
        /// Stable code.
        code: &'static str,
        /// What happened and what to do.
        message: String,
    },
    /// A reply begins.
    ResponseCreated {
        /// Its id.
        response: String,
        /// Its turn.
        turn: TurnId,
        /// What the client wanted to be told again.
        metadata: Metadata,
    },
    /// The reply's item and its one part begin.
    OutputStarted {
        /// Reply.
        response: String,
        /// The item, empty so far.
        item: Item,
        /// The one before it.
        previous: Option<String>,
        /// Its turn.
        turn: TurnId,
        /// Whether it is no part of the conversation.
        apart: bool,
    },
    /// The reply calls a function of the client's: from its beginning to its end.
    FunctionCalled {
        /// Reply.
        response: String,
        /// The call.
        item: Item,
        /// The item before it.
        previous: Option<String>,
        /// Its place in the reply.
        index: usize,
        /// Whether it is no part of the conversation.
        apart: bool,
    },
    /// The server runs a function for the reply.
    ToolStarted {
        /// Reply.
        response: String,
        /// Which function.
        name: String,
        /// Which call.
        call_id: String,
    },
    /// It has ended.
    ToolDone {
        /// Reply.
        response: String,
        /// Which function.
        name: String,
        /// Which call.
        call_id: String,
        /// How long it took.
        ms: u64,
        /// Stable code of what went wrong, if anything did.
        error: Option<&'static str>,
    },
    /// The persona wishes that the person sees something.
    Show {
        /// `score` or `duet`.
        what: &'static str,
        /// Which score; none is all.
        name: Option<&'static str>,
    },
    /// More of the reply's words: a clause.
    OutputText {
        /// Reply.
        response: String,
        /// Item.
        item: String,
        /// The clause with its leading space, if any.
        delta: String,
        /// Whether it is spoken.
        spoken: bool,
    },
    /// Mouth shapes on the item's audio clock.
    Visemes {
        /// Reply.
        response: String,
        /// Item.
        item: String,
        /// Turn.
        turn: TurnId,
        /// Cues.
        cues: Vec<VisemeCue>,
    },
    /// The reply is over: its part, its item and itself.
    ResponseDone {
        /// Reply.
        response: String,
        /// The item in its final form, if one was begun.
        item: Option<Item>,
        /// Functions of the client's that it called, in order.
        calls: Vec<Item>,
        /// Whether it is no part of the conversation.
        apart: bool,
        /// What the client wanted to be told again.
        metadata: Metadata,
        /// Whether it was spoken.
        spoken: bool,
        /// How it ended.
        status: ResponseStatus,
        /// What it cost.
        usage: Usage,
    },
    /// The person may be interrupting: play more quietly.
    Duck {
        /// Turn of what is played.
        turn: TurnId,
        /// Reply.
        response: String,
        /// Factor for its amplitude.
        gain: f32,
    },
    /// They go on: pause the play, so that it can go on from the same sample.
    Hold {
        /// Turn.
        turn: TurnId,
    },
    /// They did not mean to interrupt: go on as before.
    Restore {
        /// Turn.
        turn: TurnId,
    },
    /// What they said instead: a word of agreement, or nothing.
    Backchannel {
        /// The words, if they were understood.
        text: String,
    },
    /// Where the time of a turn went.
    Latency {
        /// Turn.
        turn: TurnId,
        /// Reply.
        response: String,
        /// Stage by stage.
        report: Report,
        /// Whether the reply was begun before the turn had ended.
        speculative: bool,
        /// What it should have taken in milliseconds, and what is given up to get there.
        budget: Option<(u64, Step)>,
    },
    /// How close the two are now.
    Intimacy {
        /// 0 to 100.
        value: u8,
        /// Name of the speech level.
        level: &'static str,
    },
    /// How the person comes across now.
    Scores(Arc<Card>),
    /// A short line that may help.
    Tip(Tip),
    /// Something degraded, recovered, or is slow.
    Notice {
        /// How serious.
        level: NoticeLevel,
        /// Stable code.
        code: &'static str,
        /// What happened and what to do.
        message: String,
        /// Which part of the session.
        part: Option<&'static str>,
    },
    /// The client said something impossible.
    Error {
        /// Stable code.
        code: &'static str,
        /// What is wrong and what to do.
        message: String,
        /// Which field.
        param: Option<&'static str>,
        /// The client's own id of the event that was wrong, when it had one.
        client_event: Option<String>,
    },
    /// The session is over.
    Ended {
        /// Stable code.
        code: &'static str,
        /// Why.
        message: String,
    },
}

/// The words of an item with nothing in it yet.
pub(crate) fn empty_output(speak: bool) -> Content {
    if speak {
        Content::OutputAudio { transcript: String::new() }
    } else {
        Content::OutputText(String::new())
    }
}
