//! Persona: answers in character.
//! Parent: Session. Children: none. On failure: restarts alone; the Session asks again if nothing was said yet.
//! In: PersonaMsg.  Out: PersonaEvent -> Session: clauses as soon as they stand.
//! Owns: one stream of the language model, cancelled by Drop.  Never: remembers (the Session does), logs words.

use std::sync::Arc;

use duologue_domain::{
    candor::{self, AiQuestion},
    clause::{ClauseConfig, ClauseSplitter},
    lang::Language,
    memory::Fact,
    parrot::Parrot,
    persona::{Persona as PersonaFile, SpeechLevel},
    prompt::{ChatMessage, Prompt, PromptInput, Role, Turn as PromptTurn, estimate_tokens, estimate_tools},
    spoken::SpokenFilter,
    tool::{Tool, ToolCall, ToolChoice},
    turn::TurnId,
};
use duologue_engines::port::{
    EngineError, ErrorKind, Finish, LlmEngine, LlmEvent, LlmRequest, LlmUsage, Sampling, SessionKey,
};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::time::Instant;

use crate::{
    pulse::Pulse,
    session::SessionMsg,
    task::{Alive, OwnedTask},
};

/// The first token must come within this; a cold prompt on two cores takes ten seconds.
const FIRST_TOKEN_DEADLINE: std::time::Duration = std::time::Duration::from_secs(40);

/// The actor.
#[derive(Debug)]
pub struct Persona;

/// What it needs.
pub struct PersonaArgs {
    /// To whom it reports.
    pub parent: ActorRef<SessionMsg>,
    /// Whose replies.
    pub session: SessionKey,
    /// Who it is.
    pub persona: Arc<PersonaFile>,
    /// The model.
    pub llm: Arc<dyn LlmEngine>,
    /// The one for when time is short.
    pub small_llm: Option<Arc<dyn LlmEngine>>,
}

impl std::fmt::Debug for PersonaArgs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PersonaArgs").field("persona", &self.persona.id).finish_non_exhaustive()
    }
}

/// One reply to make: everything it depends on, as it was when it was decided.
#[derive(Clone, Debug)]
pub struct ReplyJob {
    /// Its turn.
    pub turn: TurnId,
    /// In which language.
    pub language: Language,
    /// How close the two are, 0 to 100.
    pub intimacy: u8,
    /// What is remembered.
    pub facts: Vec<Fact>,
    /// What the client adds.
    pub instructions: String,
    /// Longest reply.
    pub max_tokens: usize,
    /// What was said, oldest first.
    pub turns: Vec<PromptTurn>,
    /// The beginning of the reply, when it was said by a predecessor; the rest is asked for.
    pub begun: String,
    /// Whether something was said before: then the first clause has a space before it.
    pub said: bool,
    /// Functions that may be called.
    pub tools: Arc<[Tool]>,
    /// Whether one has to be.
    pub tool_choice: ToolChoice,
    /// How long clauses are.
    pub clauses: ClauseConfig,
    /// Whether the smaller model answers, if there is one.
    pub small: bool,
}

/// What it understands.
#[derive(Debug)]
pub enum PersonaMsg {
    /// Answer; whatever was being answered is dropped.
    Reply(Box<ReplyJob>),
    /// This is likely to be asked soon: let the model read what stands already. Not while it answers.
    ReadAhead(Box<ReplyJob>),
    /// Stop.
    Cancel,
    /// Nobody is there: nothing more is read ahead.
    Rest,
    /// Show that it lives.
    Pulse(Pulse),
}

/// What it says.
#[derive(Debug)]
pub enum PersonaEvent {
    /// The model has begun.
    FirstToken {
        /// Turn.
        turn: TurnId,
        /// When.
        at: Instant,
    },
    /// A clause stands.
    Clause {
        /// Turn.
        turn: TurnId,
        /// Its words, with the space before them.
        text: String,
        /// What language they are in.
        language: Language,
        /// When.
        at: Instant,
    },
    /// A function is to be called when the reply has ended.
    Called {
        /// Turn.
        turn: TurnId,
        /// Which, with what.
        call: ToolCall,
    },
    /// That was all.
    Ended {
        /// Turn.
        turn: TurnId,
        /// Why.
        finish: Finish,
        /// At what cost.
        usage: LlmUsage,
    },
    /// It cannot answer.
    Failed {
        /// Turn.
        turn: TurnId,
        /// Why.
        error: EngineError,
    },
}

impl PersonaEvent {
    /// Which turn it is about.
    pub fn turn(&self) -> TurnId {
        match self {
            Self::FirstToken { turn, .. }
            | Self::Clause { turn, .. }
            | Self::Called { turn, .. }
            | Self::Ended { turn, .. }
            | Self::Failed { turn, .. } => *turn,
        }
    }
}

/// Its memory: the reply in the making.
#[derive(Debug)]
pub struct State {
    _alive: Alive,
    myself: ActorCell,
    args: PersonaArgs,
    reply: Option<OwnedTask>,
    ahead: Option<OwnedTask>,
}

impl Actor for Persona {
    type Msg = PersonaMsg;
    type State = State;
    type Arguments = PersonaArgs;

    async fn pre_start(
        &self,
        myself: ActorRef<PersonaMsg>,
        args: PersonaArgs,
    ) -> Result<State, ActorProcessingErr> {
        Ok(State { _alive: Alive::new("persona"), myself: myself.get_cell(), args, reply: None, ahead: None })
    }

    async fn handle(
        &self,
        _: ActorRef<PersonaMsg>,
        message: PersonaMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PersonaMsg::Reply(job) => state.reply(*job),
            PersonaMsg::ReadAhead(job) => state.read_ahead(&job),
            PersonaMsg::Cancel => state.reply = None,
            PersonaMsg::Rest => state.ahead = None,
            PersonaMsg::Pulse(pulse) => pulse.beat().await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<PersonaMsg>,
        _: SupervisionEvent,
        _: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

impl State {
    fn reply(&mut self, job: ReplyJob) {
        // The old streams are dropped first, so that the engine's slot is free for the new one.
        self.reply = None;
        self.ahead = None;
        let question = candor_of(&job.turns);
        let level =
            self.args.persona.intimacy_step(job.intimacy).map_or(SpeechLevel::Polite, |step| step.level);
        let request = self.request(&job, question);
        let voice = Voice {
            parent: self.args.parent.clone(),
            turn: job.turn,
            language: job.language,
            filter: SpokenFilter::named(self.args.persona.names()),
            splitter: ClauseSplitter::new(job.clauses),
            instead_of_denial: match question {
                AiQuestion::None => None,
                AiQuestion::Casual => self.args.persona.profile(job.language).deflections.first().cloned(),
                AiQuestion::Sincere => Some(candor::admission(job.language, level).to_owned()),
            },
            parrot: Parrot::new(&Prompt::direction(
                job.language,
                self.args.persona.intimacy_step(job.intimacy),
            )),
            repeated: false,
            said: job.said,
        };
        let llm = self.llm(&job).clone();
        self.reply =
            Some(OwnedTask::spawn(self.myself.clone(), async move { voice.speak(llm, request).await }));
    }

    fn llm(&self, job: &ReplyJob) -> &Arc<dyn LlmEngine> {
        self.args.small_llm.as_ref().filter(|_| job.small).unwrap_or(&self.args.llm)
    }

    /// Whatever was being read ahead is a beginning of this, so it is not lost.
    fn read_ahead(&mut self, job: &ReplyJob) {
        self.ahead = None;
        let request = self.request(job, candor_of(&job.turns));
        let Some(mut stream) = self.llm(job).read_ahead(request) else { return };
        let reading = async move { while stream.next().await.is_some() {} };
        self.ahead = Some(OwnedTask::spawn(self.myself.clone(), reading));
    }

    fn request(&self, job: &ReplyJob, question: AiQuestion) -> LlmRequest {
        let persona = &self.args.persona;
        let llm = self.llm(job);
        let tools = if llm.has_tools() { estimate_tools(&job.tools) } else { 0 };
        let context = llm.context_tokens().saturating_sub(tools);
        let mut prompt = Prompt::build(&PromptInput {
            persona,
            language: job.language,
            step: persona.intimacy_step(job.intimacy),
            facts: &job.facts,
            history: &job.turns,
            instructions: &job.instructions,
            candor: question,
            budget_tokens: context.saturating_sub(job.max_tokens.min(context / 2)),
        });
        let mut max_tokens = job.max_tokens;
        if !job.begun.is_empty() {
            let said = ChatMessage::new(Role::Assistant, job.begun.clone());
            max_tokens = max_tokens.saturating_sub(estimate_tokens(&job.begun)).max(1);
            prompt.messages.push(said);
        }
        LlmRequest {
            session: self.args.session,
            messages: prompt.messages,
            shared: prompt.shared,
            max_tokens,
            sampling: Sampling {
                temperature: persona.sampling.temperature,
                top_p: persona.sampling.top_p,
                repeat_penalty: persona.sampling.repeat_penalty,
                seed: None,
            },
            stop: Vec::new(),
            first_token_deadline: FIRST_TOKEN_DEADLINE,
            tools: job.tools.clone(),
            tool_choice: job.tool_choice.clone(),
            ..LlmRequest::default()
        }
    }
}

/// Whether the person's last words ask about being an AI; insisting after a playful answer counts as sincere.
fn candor_of(turns: &[PromptTurn]) -> AiQuestion {
    let mut said = turns.iter().rev().filter(|turn| turn.role == Role::User).map(|turn| turn.text.as_str());
    said.next().map_or(AiQuestion::None, |last| AiQuestion::after(last, said.next()))
}

/// Turns the model's tokens into clauses that can be spoken.
struct Voice {
    parent: ActorRef<SessionMsg>,
    turn: TurnId,
    language: Language,
    filter: SpokenFilter,
    splitter: ClauseSplitter,
    /// The person asked whether this is an AI: a denial must not pass, and this is said instead.
    instead_of_denial: Option<String>,
    /// Small models say their directions to the person.
    parrot: Parrot,
    /// Whether that was all they had to say so far.
    repeated: bool,
    /// Whether a clause was said.
    said: bool,
}

impl Voice {
    fn tell(&self, event: PersonaEvent) {
        // Without a parent there is nobody to answer, and this task is about to be aborted.
        let _ = self.parent.cast(SessionMsg::Persona(event));
    }

    async fn speak(mut self, llm: Arc<dyn LlmEngine>, request: LlmRequest) {
        let turn = self.turn;
        match self.stream(llm, request).await {
            Ok((finish, usage)) => self.tell(PersonaEvent::Ended { turn, finish, usage }),
            Err(error) => self.tell(PersonaEvent::Failed { turn, error }),
        }
    }

    async fn stream(
        &mut self,
        llm: Arc<dyn LlmEngine>,
        request: LlmRequest,
    ) -> Result<(Finish, LlmUsage), EngineError> {
        let mut stream = llm.generate(request)?;
        let (mut begun, mut called) = (false, false);
        while let Some(event) = stream.next().await {
            match event? {
                LlmEvent::Delta(delta) => {
                    if !std::mem::replace(&mut begun, true) {
                        self.tell(PersonaEvent::FirstToken { turn: self.turn, at: Instant::now() });
                    }
                    let spoken = self.filter.push(&delta);
                    for clause in self.splitter.push(&spoken) {
                        self.clause(clause);
                    }
                }
                LlmEvent::ToolCall(call) => {
                    called = true;
                    self.tell(PersonaEvent::Called { turn: self.turn, call });
                }
                LlmEvent::Done { finish, usage } => {
                    self.rest();
                    if self.repeated && !self.said && !called {
                        return Err(EngineError::new(
                            ErrorKind::Broken,
                            "llm",
                            "the reply was its own directions",
                        ));
                    }
                    return Ok((finish, usage));
                }
            }
        }
        Err(EngineError::new(ErrorKind::Broken, "llm", "the reply ended without an end"))
    }

    fn rest(&mut self) {
        let spoken = self.filter.finish();
        for clause in self.splitter.push(&spoken) {
            self.clause(clause);
        }
        if let Some(clause) = self.splitter.finish() {
            self.clause(clause);
        }
    }

    fn clause(&mut self, mut text: String) {
        if text.trim().is_empty() {
            return;
        }
        if self.parrot.repeats(&text) {
            metrics::counter!("persona_directions_dropped_total").increment(1);
            self.repeated = true;
            return;
        }
        if let Some(instead) = &self.instead_of_denial
            && candor::denies_being_ai(&text)
        {
            metrics::counter!("persona_denials_replaced_total").increment(1);
            text = instead.clone();
        }
        // The splitter trims; the words between two clauses are still words apart.
        if std::mem::replace(&mut self.said, true) {
            text.insert(0, ' ');
        }
        let language = Language::of_text(&text).unwrap_or(self.language);
        self.tell(PersonaEvent::Clause { turn: self.turn, text, language, at: Instant::now() });
    }
}
