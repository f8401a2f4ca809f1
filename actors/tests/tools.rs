//! Functions that a reply calls: the client's, the persona's own, other programs'; and everything that can come in
//! between.

mod common;

use std::{sync::Arc, time::Duration};

use duologue_actors::{
    event::{
        ClientCommand, ConfigPatch, Input, Metadata, ResponseRequest, ResponseStatus, SessionConfig,
        SessionEvent,
    },
    outbox::Outgoing,
    policy::Role,
    session::SessionSpec,
    sessions::{SessionLimits, SessionsArgs, SessionsHandle},
    speaker::AHEAD,
    store::Store,
    tools::{MOST_ROUNDS, ServerTools, ToolSource, of_persona},
};
use duologue_domain::{
    ability::{Ability, STYLES},
    conversation::{Content, Item, Speaker},
    lang::Language,
    persona::Persona,
    prompt::Role as PromptRole,
    tool::{Tool, ToolChoice},
    turn::CancelReason,
};
use duologue_engines::{port::LlmRequest, registry::Engines};
use duologue_music::improv::Style;
use duologue_testkit::{
    FakeLlm, FakeStt, FakeTools, FakeTts, FakeTurn, FakeVad, MemoryStore, Trouble, engines, persona, record,
    silence, speech, tool,
};

use tokio::time::Instant;

use self::common::{Heard, RATE, Stage};

/// What a scene is made of here.
struct Plan {
    llm: FakeLlm,
    stt: FakeStt,
    tools: Vec<Tool>,
    source: FakeTools,
    /// How complete pauses sound.
    complete: f32,
}

impl Plan {
    fn saying(lines: &[&str]) -> Self {
        Self {
            llm: FakeLlm::saying(lines),
            stt: FakeStt::hearing(&["how is the weather", "stop", "and now?"]),
            tools: vec![tool("weather")],
            source: FakeTools::returning(&["news_today"], "nothing new"),
            complete: 0.9,
        }
    }

    async fn begin(self) -> Stage {
        let (tts, vad) = (FakeTts::default(), FakeVad::default());
        let (stt, llm) = (self.stt, self.llm);
        let turn = Arc::new(FakeTurn { complete: self.complete });
        let engines = Arc::new(Engines { turn, ..Engines::clone(&engines(&stt, &llm, &tts, &vad)) });
        let store = MemoryStore::default();
        let args = SessionsArgs { engines, store: Arc::new(store.clone()), limits: SessionLimits::default() };
        let sessions = SessionsHandle::start(args).await.unwrap();
        let source: Arc<dyn ToolSource> = Arc::new(self.source);
        let server_tools = ServerTools { sources: Arc::new([source]), ..ServerTools::default() };
        let spec = SessionSpec {
            record: record("s1"),
            persona: Arc::new(Persona { tools: vec!["*".into()], ..Persona::clone(&persona()) }),
            config: SessionConfig { tools: self.tools.into(), server_tools, ..SessionConfig::default() },
            history: Vec::new(),
            facts: Vec::new(),
            likability: None,
        };
        let scene = sessions.open(spec).await.unwrap();
        let attachment = scene.attach();
        Stage { stt, llm, tts, vad, store, sessions, scene, attachment }
    }
}

fn output(call_id: &str, output: &str) -> ClientCommand {
    let content = Content::FunctionOutput { call_id: call_id.into(), output: output.into() };
    let item = Item { id: String::new(), speaker: Speaker::User, content, complete: true };
    ClientCommand::CreateItem { item, previous: None }
}

fn respond() -> ClientCommand {
    ClientCommand::CreateResponse(ResponseRequest::default())
}

/// The calls that a client was told, with their places in their replies.
fn called(heard: &Heard) -> Vec<(String, String, usize)> {
    let calls = heard.events.iter().filter_map(|event| match event {
        SessionEvent::FunctionCalled { item, index, .. } => match &item.content {
            Content::FunctionCall { call_id, name, .. } => Some((call_id.clone(), name.clone(), *index)),
            other => panic!("{other:?}"),
        },
        _ => None,
    });
    calls.collect()
}

/// The server's functions that ended, each with what went wrong.
fn ran(heard: &Heard) -> Vec<(String, Option<&'static str>)> {
    let ended = heard.events.iter().filter_map(|event| match event {
        SessionEvent::ToolDone { name, error, .. } => Some((name.clone(), *error)),
        _ => None,
    });
    ended.collect()
}

fn requests(stage: &Stage) -> Vec<LlmRequest> {
    stage.llm.requests.lock().unwrap().clone()
}

fn count(heard: &Heard, name: &str) -> usize {
    heard.names().iter().filter(|other| **other == name).count()
}

fn last_output(request: &LlmRequest) -> Option<String> {
    let result = request.messages.iter().rfind(|message| message.role == PromptRole::Tool)?;
    Some(result.content.clone())
}

#[tokio::test(start_paused = true)]
async fn a_client_runs_its_function_and_asks_for_the_answer() {
    for (before, after) in [("잠깐만요. ", "서울은 맑아요."), ("One moment. ", "It is sunny in Seoul.")]
    {
        let call = format!(r#"{before}<call weather {{"city":"Seoul"}}>"#);
        let stage = Plan::saying(&[&call, after]).begin().await;
        stage.write("날씨 어때요?");
        let first = stage.reply().await;
        assert_eq!((first.text(), first.done().1), (before.trim(), &ResponseStatus::Completed));
        let [(call_id, name, 1)] = &called(&first)[..] else { panic!("{:?}", called(&first)) };
        assert_eq!(name, "weather");
        let told = first.events.iter().find_map(|event| match event {
            SessionEvent::ResponseDone { calls, .. } => Some(calls.len()),
            _ => None,
        });
        assert_eq!(told, Some(1));
        stage.scene.command(output(call_id, r#"{"sky":"clear"}"#));
        stage.scene.command(respond());
        let second = stage.reply().await;
        assert_eq!(second.text(), after);
        let asked = requests(&stage);
        assert_eq!(last_output(&asked[1]).as_deref(), Some(r#"{"sky":"clear"}"#));
        let named = asked[1].messages.iter().flat_map(|message| &message.calls).collect::<Vec<_>>();
        assert_eq!((named.len(), named[0].arguments.as_str()), (1, r#"{"city":"Seoul"}"#));
        assert_eq!(stage.tts.said.lock().unwrap().len(), 2, "the words before the call are spoken");
    }
}

/// Stock clients return the result while the words before the call are still being said.
#[tokio::test(start_paused = true)]
async fn a_result_that_comes_at_once_is_told_after_the_words() {
    let said = "Let me look that up for you, it will only take a moment. ";
    let stage = Plan::saying(&[&format!("{said}<call weather {{}}>"), "Sunny."]).begin().await;
    stage.write("how is the weather?");
    let first = stage.until(|event| matches!(event, SessionEvent::FunctionCalled { .. })).await;
    stage.scene.command(output(&called(&first)[0].0, "sunny"));
    stage.scene.command(respond());
    let rest = stage.reply().await;
    assert_eq!(rest.text(), said.trim(), "it is said to its end");
    let second = stage.reply().await;
    assert_eq!(second.text(), "Sunny.");
    let errors = [&first, &rest, &second]
        .map(|heard| heard.events.iter().filter(|event| matches!(event, SessionEvent::Error { .. })).count());
    assert_eq!(errors, [0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn calls_without_words_come_in_their_order() {
    let two = r#"<call weather {"n":1}><call weather {"n":2}>"#;
    let stage = Plan::saying(&[two, "Both are fine."]).begin().await;
    stage.write("weather here and there?");
    let first = stage.reply().await;
    assert!(first.done().0.is_none() && first.audio.is_empty());
    let calls = called(&first);
    assert_eq!(calls.iter().map(|(_, _, index)| *index).collect::<Vec<_>>(), [0, 1]);
    assert_ne!(calls[0].0, calls[1].0);
    // Only one has come: the model is told so.
    stage.scene.command(output(&calls[1].0, "second"));
    stage.scene.command(respond());
    assert_eq!(stage.reply().await.text(), "Both are fine.");
    let asked = requests(&stage).pop().unwrap();
    let results = asked.messages.iter().filter(|message| message.role == PromptRole::Tool);
    let results = results.map(|message| message.content.as_str()).collect::<Vec<_>>();
    assert_eq!(results, [r#"{"status":"no result yet"}"#, "second"]);
}

#[tokio::test(start_paused = true)]
async fn results_of_nothing_are_refused() {
    let stage = Plan::saying(&["<call weather {}>", "Fine."]).begin().await;
    stage.write("weather?");
    let call_id = called(&stage.reply().await)[0].0.clone();
    let refused = async |command| {
        stage.scene.command(command);
        let heard = stage.until(|event| matches!(event, SessionEvent::Error { .. })).await;
        match heard.events.last() {
            Some(SessionEvent::Error { code, .. }) => *code,
            _ => "",
        }
    };
    assert_eq!(refused(output("call_of_nobody", "x")).await, "tool_call_not_found");
    stage.scene.command(output(&call_id, "sunny"));
    assert_eq!(refused(output(&call_id, "rain")).await, "tool_call_answered");
    let patch = ConfigPatch { tool_choice: Some(ToolChoice::Named("tea".into())), ..ConfigPatch::default() };
    assert_eq!(refused(ClientCommand::Configure(Box::new(patch))).await, "invalid_value");
    let input = Some(vec![Input::Reference("item_of_nobody".into())]);
    let request = ResponseRequest { input, ..ResponseRequest::default() };
    assert_eq!(refused(ClientCommand::CreateResponse(request)).await, "item_not_found");
}

#[tokio::test(start_paused = true)]
async fn the_server_runs_its_functions_and_the_reply_goes_on() {
    for (before, after) in [("잠깐만요. ", "새 소식은 없어요."), ("One moment. ", "There is nothing new.")]
    {
        let plan = Plan::saying(&[&format!("{before}<call news_today {{}}>"), after]);
        let source = plan.source.clone();
        let stage = plan.begin().await;
        stage.write("무슨 소식 있어요?");
        let heard = stage.reply().await;
        assert_eq!(heard.text(), format!("{}{after}", before), "one item, one reply");
        assert_eq!(*heard.done().1, ResponseStatus::Completed);
        assert_eq!((count(&heard, "response_created"), count(&heard, "output_started")), (1, 1));
        assert_eq!(ran(&heard), [("news_today".to_owned(), None)]);
        assert!(called(&heard).is_empty(), "the client has nothing to do");
        assert_eq!(source.count(), 1);
        let asked = requests(&stage);
        assert_eq!(last_output(&asked[1]).as_deref(), Some("nothing new"));
        let begun = asked[1].messages.iter().find(|message| !message.calls.is_empty()).unwrap();
        assert_eq!(begun.content, before.trim());
        assert_eq!(asked[1].messages[..asked[0].messages.len()], asked[0].messages, "the cache holds");
        // Later the model still knows what it was told, and the client was never told of the call.
        stage.write("고마워요");
        stage.reply().await;
        assert_eq!(last_output(&requests(&stage)[2]).as_deref(), Some("nothing new"));
        stage.scene.command(output("call_1", "forged"));
        stage.until(|event| matches!(event, SessionEvent::Error { code: "tool_call_not_found", .. })).await;
    }
}

/// A function takes longer than what was said before it sounds: what comes after is as little ahead as ever, and none of
/// it counts as heard before it was sent.
#[tokio::test(start_paused = true)]
async fn what_is_said_after_a_silence_is_no_further_ahead() {
    for (before, after) in [
        (
            "잠깐만요. ",
            "새 소식이 아주 많이 있어요. 하나씩 차례로 말해 줄게요. 오늘은 비가 와요. 내일은 맑아요. \
             주말에는 바람이 많이 불어요. 다음 주에는 축제가 있어요. 거기서 노래를 부를 거예요.",
        ),
        (
            "One moment. ",
            "There is a lot of news today. I will tell all of it. It rains today. Tomorrow it is sunny. \
             There is a lot of wind at the weekend. Next week there is a festival.",
        ),
    ] {
        let mut plan = Plan::saying(&[&format!("{before}<call news_today {{}}>"), after]);
        plan.source.per_call = Duration::from_millis(4_500);
        let stage = plan.begin().await;
        stage.write("무슨 소식 있어요?");
        let (mut frames, mut cut) = (Vec::new(), None);
        let ended = loop {
            match stage.attachment.next().await.expect("the scene is alive") {
                Outgoing::Audio(frame) => frames.push((Instant::now(), frame)),
                Outgoing::Event(event) => match *event {
                    SessionEvent::ResponseDone { item, .. } => break item.expect("words"),
                    _ => continue,
                },
            }
            // Somebody stops it in the middle of what came after the silence.
            let silences = frames.windows(2).filter(|pair| pair[1].0 - pair[0].0 > Duration::from_secs(2));
            if cut.is_none() && silences.count() == 1 && frames.len() > 100 {
                cut = frames.last().map(|(at, _)| *at);
                stage.scene.command(ClientCommand::CancelResponse { response: None });
            }
        };
        let gap = frames.windows(2).position(|pair| pair[1].0 - pair[0].0 > Duration::from_secs(2));
        let anew = &frames[gap.expect("a silence") + 1..];
        let (since, first) = (anew[0].0, anew[0].1.offset);
        for (at, frame) in anew {
            let ahead = Duration::from_millis((frame.offset - first) / 24).saturating_sub(*at - since);
            assert!(ahead <= AHEAD, "{ahead:?} ahead");
        }
        let sounded = cut.expect("it was stopped") - since + Duration::from_millis(first / 24);
        let kept = Duration::from_millis(50 * ended.content.text().chars().count() as u64);
        assert!(kept <= sounded + Duration::from_millis(500), "{kept:?} of {sounded:?}: {ended:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn four_run_at_once_and_every_failure_is_told_to_the_model() {
    let six = "<call news_today {}>".repeat(6);
    let plan = Plan::saying(&[&format!("Wait. {six}"), "That is all."]);
    let source = FakeTools { per_call: Duration::from_secs(1), ..plan.source.clone() };
    let stage = Plan { source: source.clone(), ..plan }.begin().await;
    stage.write("news, news, news");
    stage.until(|event| matches!(event, SessionEvent::ToolStarted { .. })).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(source.count(), 4);
    let heard = stage.reply().await;
    assert_eq!((source.count(), ran(&heard).len()), (6, 6));
    for (trouble, code) in [
        (Trouble::Refuse, "tool_unavailable"),
        (Trouble::Panic, "tool_broken"),
        (Trouble::Hang, "tool_timeout"),
    ] {
        let plan = Plan::saying(&["Wait. <call news_today {}>", "I could not find out."]);
        let source = plan.source.clone();
        let stage = plan.begin().await;
        source.gate.trouble(trouble, 1);
        stage.write("news?");
        let heard = stage.reply().await;
        assert_eq!(ran(&heard), [("news_today".to_owned(), Some(code))]);
        assert_eq!(heard.text(), "Wait. I could not find out.");
        assert!(last_output(&requests(&stage)[1]).is_some_and(|output| output.contains(code)));
    }
}

#[tokio::test(start_paused = true)]
async fn after_four_rounds_it_has_to_speak() {
    let stage = Plan::saying(&["<call news_today {}>"]).begin().await;
    stage.write("news?");
    let heard = stage.reply().await;
    let ResponseStatus::Failed { code, .. } = heard.done().1 else { panic!("{:?}", heard.done()) };
    assert_eq!(*code, "tools_without_words");
    let asked = requests(&stage);
    assert_eq!(asked.len(), MOST_ROUNDS + 1);
    let choices = asked.iter().map(|request| request.tool_choice.clone()).collect::<Vec<_>>();
    assert_eq!(choices[MOST_ROUNDS], ToolChoice::None);
    assert!(choices[..MOST_ROUNDS].iter().all(|choice| *choice == ToolChoice::Auto));
    // Words that were said are not taken back.
    let stage = Plan::saying(&["Well, <call news_today {}>"]).begin().await;
    stage.write("news?");
    let heard = stage.reply().await;
    assert_eq!((heard.done().1, heard.text().starts_with("Well,")), (&ResponseStatus::Completed, true));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_function_is_an_answer_to_the_model_and_not_to_the_client() {
    let plan = Plan { tools: Vec::new(), ..Plan::saying(&["<call news_today []>", "Hm."]) };
    let stage = plan.begin().await;
    stage.write("news?");
    assert_eq!(stage.reply().await.text(), "Hm.");
    let stage = Plan::saying(&["<call remember {\"fact\":7}>", "Hm."]).begin().await;
    stage.write("remember that");
    let heard = stage.reply().await;
    assert_eq!(ran(&heard), [("remember".to_owned(), Some("tool_bad_arguments"))]);
}

/// Nothing that a function does may be done for somebody who is still speaking.
#[tokio::test(start_paused = true)]
async fn a_draft_calls_nothing() {
    let plan = Plan::saying(&["<call news_today {}>", "Never mind."]);
    let plan = Plan { complete: 0.1, stt: FakeStt::hearing(&["so I said", "so I said no"]), ..plan };
    let source = plan.source.clone();
    let stage = plan.begin().await;
    let scene = async {
        stage.feed(&speech(1_000, RATE)).await;
        stage.feed(&silence(1_000, RATE)).await;
        let (asked, began) = (stage.llm.gate.uses(), source.count());
        stage.feed(&speech(1_000, RATE)).await;
        stage.feed(&silence(9_000, RATE)).await;
        (asked, began)
    };
    let ((asked, began), heard) = tokio::join!(scene, stage.reply());
    assert_eq!((asked, began), (1, 0), "it was drafted, and nothing was called");
    assert_eq!((heard.text(), source.count()), ("Never mind.", 0));
    // What is drafted and turns out to be wanted is called then.
    let plan = Plan::saying(&["<call news_today {}>", "Nothing new."]);
    let plan = Plan { complete: 0.1, stt: FakeStt::hearing(&["any news"]), ..plan };
    let source = plan.source.clone();
    let stage = plan.begin().await;
    let scene = async {
        stage.feed(&speech(1_000, RATE)).await;
        stage.feed(&silence(9_000, RATE)).await;
    };
    let (_, heard) = tokio::join!(scene, stage.reply());
    assert_eq!((heard.text(), source.count()), ("Nothing new.", 1));
    assert_eq!(stage.llm.gate.uses(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_interruption_ends_what_runs_and_the_next_turn_is_answered() {
    let said = "I will look at everything that happened today and tell you about it. ";
    let plan = Plan::saying(&[&format!("{said}<call news_today {{}}>"), "Yes?"]);
    let source = FakeTools { per_call: Duration::from_secs(4), ..plan.source.clone() };
    let stage = Plan { source: source.clone(), ..plan }.begin().await;
    let scene = async {
        stage.speak(1_200).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        stage.speak(1_600).await;
    };
    let (_, heard) = tokio::join!(scene, stage.reply());
    assert_eq!(*heard.done().1, ResponseStatus::Cancelled(CancelReason::TurnDetected));
    assert_eq!(ran(&heard), [("news_today".to_owned(), Some("interrupted"))]);
    let next = stage.reply().await;
    assert_eq!(next.text(), "Yes?");
    assert_eq!(source.count(), 1, "it is not called again");
    assert_eq!(last_output(&requests(&stage)[1]).as_deref(), Some(r#"{"error":"interrupted"}"#));
}

/// Somebody coughs while the result is on its way: the result is told all the same.
#[tokio::test(start_paused = true)]
async fn a_result_that_is_owed_survives_noise() {
    let said = "Let me look that up for you, it will only take a moment or two or three. ";
    let plan = Plan::saying(&[&format!("{said}<call weather {{}}>"), "Sunny."]);
    let stage = Plan { stt: FakeStt::hearing(&["how is the weather", ""]), ..plan }.begin().await;
    let scene = async {
        stage.speak(1_200).await;
        let first = stage.until(|event| matches!(event, SessionEvent::FunctionCalled { .. })).await;
        stage.scene.command(output(&called(&first)[0].0, "sunny"));
        stage.scene.command(respond());
        stage.speak(1_600).await;
        stage.feed(&silence(6_000, RATE)).await;
    };
    scene.await;
    let first = stage.reply().await;
    assert!(first.text().starts_with("Let me"), "{:?}", first.text());
    assert_eq!(stage.reply().await.text(), "Sunny.");
}

#[tokio::test(start_paused = true)]
async fn who_dies_with_a_call_pending_comes_back_to_it() {
    // While the function runs, and while its result is being answered.
    for wait in [500, 4_500] {
        let plan = Plan::saying(&["Wait. <call news_today {}>", "Nothing new at all, I am afraid."]);
        let source = FakeTools { per_call: Duration::from_secs(4), ..plan.source.clone() };
        let stage = Plan { source: source.clone(), ..plan }.begin().await;
        stage.write("news?");
        stage.until(|event| matches!(event, SessionEvent::ToolStarted { .. })).await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        stage.child(Role::Persona).await.expect("it is there").kill();
        let heard = stage.reply().await;
        assert_eq!((heard.text(), source.count()), ("Wait. Nothing new at all, I am afraid.", 1), "{wait}");
    }
    // Before it has ended: what it wished then, it wishes again, once.
    let plan = Plan::saying(&["One two three four. <call news_today {}>", "Nothing new."]);
    let (source, llm) = (plan.source.clone(), plan.llm.clone());
    llm.gate.trouble(Trouble::Starve(Duration::from_millis(300)), 5);
    let stage = plan.begin().await;
    stage.write("news?");
    tokio::time::sleep(Duration::from_millis(900)).await;
    stage.child(Role::Persona).await.expect("it is there").kill();
    let heard = stage.reply().await;
    assert_eq!((*heard.done().1 == ResponseStatus::Completed, source.count() <= 1), (true, true));
}

#[tokio::test(start_paused = true)]
async fn what_stays_apart_leaves_no_trace() {
    let stage = Plan::saying(&["A greeting.", "Hello again."]).begin().await;
    let words = Content::InputText("Classify: good morning".into());
    let asked = Item { id: String::new(), speaker: Speaker::User, content: words, complete: true };
    let metadata = Metadata::from([("topic".to_owned(), "kind".to_owned())]);
    let request = ResponseRequest {
        input: Some(vec![Input::Item(asked)]),
        apart: true,
        speak: Some(false),
        metadata: metadata.clone(),
        ..ResponseRequest::default()
    };
    stage.scene.command(ClientCommand::CreateResponse(request));
    let heard = stage.reply().await;
    assert_eq!(heard.text(), "A greeting.");
    let echoed = heard.events.iter().filter(|event| match event {
        SessionEvent::ResponseCreated { metadata: told, .. } => *told == metadata,
        SessionEvent::ResponseDone { metadata: told, apart, .. } => *told == metadata && *apart,
        _ => false,
    });
    assert_eq!(echoed.count(), 2);
    let id = heard.done().0.as_ref().unwrap().id.clone();
    stage.scene.command(ClientCommand::RetrieveItem(id));
    stage.until(|event| matches!(event, SessionEvent::Error { code: "item_not_found", .. })).await;
    assert!(stage.store.all_messages().is_empty());
    stage.write("good morning");
    stage.reply().await;
    let told = requests(&stage).pop().unwrap().messages;
    assert!(told.iter().all(|message| !message.content.contains("greeting")), "{told:?}");
    let offered = requests(&stage).remove(0).tools;
    assert_eq!(offered.len(), 1, "the client's alone: {offered:?}");
}

#[tokio::test(start_paused = true)]
async fn abilities_do_what_they_say() {
    let lines = [
        r#"<call remember {"fact":"금요일 세 시에 면접이 있다"}>"#,
        "기억할게요.",
        r#"<call forget {"fact":"면접"}>"#,
        "잊었어요.",
        r#"<call show_score {"name":"tone"}>"#,
        "여기요.",
        r#"<call play_duet {"style":"bossa"}>"#,
        "듀엣 페이지를 열어 주세요.",
    ];
    let stage = Plan::saying(&lines).begin().await;
    let mut shown = Vec::new();
    for (question, remembered) in [("기억해 줘", 1), ("잊어 줘", 0), ("점수 보여 줘", 0), ("쳐 줘", 0)]
    {
        stage.write(question);
        let heard = stage.reply().await;
        assert_eq!(ran(&heard).iter().filter_map(|(_, error)| *error).count(), 0);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(stage.store.facts("s1").await.unwrap().len(), remembered, "{question}");
        shown.extend(heard.events.iter().filter_map(|event| match event {
            SessionEvent::Show { what, name } => Some((*what, *name)),
            _ => None,
        }));
    }
    assert_eq!(shown, [("score", Some("tone")), ("duet", None)]);
    assert!(last_output(requests(&stage).last().unwrap()).unwrap().contains("open the Duet page"));
}

#[tokio::test(start_paused = true)]
async fn a_duet_is_begun_changed_and_stopped() {
    let lines = [
        r#"<call play_duet {"style":"bossa","tempo":"140","key":"사장조"}>"#,
        "갈게요.",
        r#"<call set_duet {"tempo":80,"complexity":"simple"}>"#,
        "느리게요.",
        r#"<call set_duet {"style":"polka"}>"#,
        "모르는 스타일이에요.",
        "<call stop_duet {}>",
        "멈췄어요.",
    ];
    let stage = Plan::saying(&lines).begin().await;
    let duet = stage.scene.open_duet().await.unwrap();
    let _seat = duet.join("Minsu").expect("a place");
    let mut playing = Vec::new();
    for (question, error) in
        [("보사노바", None), ("느리게", None), ("폴카", Some("tool_bad_arguments")), ("그만", None)]
    {
        stage.write(question);
        let heard = stage.reply().await;
        assert_eq!(ran(&heard)[0].1, error, "{question}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        let settings = duet.settings();
        playing.push((duet.is_playing(), settings.style, settings.tempo.bpm() as u32));
    }
    let bossa = Style::Bossa;
    assert_eq!(playing, [(true, bossa, 140), (true, bossa, 80), (true, bossa, 80), (false, bossa, 80)]);
    assert_eq!(Style::ALL.map(Style::code), STYLES, "the persona is told of every style");
}

#[tokio::test(start_paused = true)]
async fn what_is_offered_stays_the_same_and_follows_the_persona() {
    let stage = Plan::saying(&["Hello."]).begin().await;
    for question in ["hello", "안녕하세요"] {
        stage.write(question);
        stage.reply().await;
    }
    let asked = requests(&stage);
    let names = asked[0].tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>();
    let expected =
        ["play_duet", "stop_duet", "set_duet", "show_score", "remember", "forget", "news_today", "weather"];
    assert_eq!(names, expected, "no documents, so nothing to look up in them");
    assert_eq!(asked[0].tools, asked[1].tools, "a model that reads them first has read them");
    assert!(
        Ability::ALL.iter().all(|ability| ability.name() == "look_up" || names.contains(&ability.name()))
    );
    let required = ConfigPatch { tool_choice: Some(ToolChoice::Required), ..ConfigPatch::default() };
    stage.scene.command(ClientCommand::Configure(Box::new(required)));
    stage.write("weather?");
    stage.reply().await;
    let asked = requests(&stage).pop().unwrap();
    assert_eq!((asked.tools.len(), asked.tool_choice), (1, ToolChoice::Required), "one of theirs");
}

/// What may happen at any moment.
#[derive(Clone, Copy, Debug)]
enum Happening {
    PersonSpeaks,
    Coughs,
    Writes,
    ClientAnswers,
    ClientAsks,
    ClientCancels,
    PersonaDies,
    SpeakerDies,
    Waits,
}

const HAPPENINGS: [Happening; 9] = [
    Happening::PersonSpeaks,
    Happening::Coughs,
    Happening::Writes,
    Happening::ClientAnswers,
    Happening::ClientAsks,
    Happening::ClientCancels,
    Happening::PersonaDies,
    Happening::SpeakerDies,
    Happening::Waits,
];

/// Drawn without a library: splitmix64.
fn draw(seed: &mut u64, below: u64) -> u64 {
    *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)) % below
}

/// Whatever comes between a call and its result, a scene is never frozen, two replies never run at once, every reply and
/// every function that was begun is ended, once, and no function is called that the model did not wish for.
#[tokio::test(start_paused = true)]
async fn no_interleaving_freezes_a_scene() {
    for seed in 0..60 {
        interleave(seed).await;
    }
}

async fn interleave(seed: u64) {
    let lines = [
        "Let me look at that for a while. <call weather {}>",
        "One moment, please. <call news_today {}>",
        "It is sunny and there is nothing new.",
        "<call news_today {}><call weather {}>",
        "Well, as I said. <call remember {\"fact\":\"likes tea\"}>",
        "Good.",
    ];
    let lines = lines.iter().cycle().take(60).copied().collect::<Vec<_>>();
    let mut dice = seed;
    let words = ["tell me more about it", "", "what about tomorrow", "and the news please"];
    let words = words.iter().cycle().take(60).copied().collect::<Vec<_>>();
    let plan = Plan { stt: FakeStt::hearing(&words), ..Plan::saying(&lines) };
    let source = FakeTools { per_call: Duration::from_millis(draw(&mut dice, 3_000)), ..plan.source.clone() };
    let stage = Plan { source: source.clone(), ..plan }.begin().await;
    let acting = async {
        stage.write("how is the weather?");
        for _ in 0..8 {
            tokio::time::sleep(Duration::from_millis(draw(&mut dice, 2_500))).await;
            let happening = HAPPENINGS[draw(&mut dice, HAPPENINGS.len() as u64) as usize];
            act(&stage, happening).await;
        }
        // Everything comes to rest, and then the scene still answers.
        stage.feed(&silence(20_000, RATE)).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        stage.write("the last question");
        tokio::time::sleep(Duration::from_secs(60)).await;
        stage.scene.end("session_closed", "over");
    };
    let watching = async {
        let mut events = Vec::new();
        while let Ok(outgoing) = stage.attachment.next().await {
            let Outgoing::Event(event) = outgoing else { continue };
            let is_last = matches!(*event, SessionEvent::Ended { .. });
            events.push(*event);
            if is_last {
                break;
            }
        }
        events
    };
    let ((), events) = tokio::join!(acting, watching);
    check(seed, &events);
}

async fn act(stage: &Stage, happening: Happening) {
    match happening {
        Happening::PersonSpeaks => stage.speak(1_400).await,
        Happening::Coughs => stage.speak(250).await,
        Happening::Writes => stage.write("one more thing"),
        Happening::ClientAnswers => {
            // Whatever was called last, or something that was never called.
            let asked = requests(stage);
            let calls = asked.iter().flat_map(|request| &request.messages).flat_map(|message| &message.calls);
            let id = calls.last().map_or_else(|| "call_1".to_owned(), |call| call.id.clone());
            stage.scene.command(output(&id, "sunny"));
            stage.scene.command(respond());
        }
        Happening::ClientAsks => stage.scene.command(respond()),
        Happening::ClientCancels => stage.scene.command(ClientCommand::CancelResponse { response: None }),
        Happening::PersonaDies | Happening::SpeakerDies => {
            let role =
                if matches!(happening, Happening::PersonaDies) { Role::Persona } else { Role::Speaker };
            if let Some(child) = stage.child(role).await {
                child.kill();
            }
        }
        Happening::Waits => {}
    }
}

fn check(seed: u64, events: &[SessionEvent]) {
    let mut live: Option<String> = None;
    let mut running: Vec<String> = Vec::new();
    let mut last_question = false;
    let mut answered = false;
    for event in events {
        match event {
            SessionEvent::ResponseCreated { response, .. } => {
                assert_eq!(live, None, "seed {seed}: two replies at once");
                live = Some(response.clone());
            }
            SessionEvent::ResponseDone { response, .. } => {
                assert_eq!(live.take().as_ref(), Some(response), "seed {seed}");
                assert_eq!(running, Vec::<String>::new(), "seed {seed}: a function outlives its reply");
                answered |= last_question;
            }
            SessionEvent::ToolStarted { call_id, response, .. } => {
                assert_eq!(live.as_ref(), Some(response), "seed {seed}");
                running.push(call_id.clone());
            }
            SessionEvent::ToolDone { call_id, .. } => {
                let place = running.iter().position(|other| other == call_id);
                running.remove(place.unwrap_or_else(|| panic!("seed {seed}: it never began")));
            }
            SessionEvent::FunctionCalled { response, .. } => assert_eq!(live.as_ref(), Some(response)),
            SessionEvent::ItemAdded { item, .. } => {
                last_question |= item.content.text() == "the last question";
                assert_ne!(item.speaker, Speaker::Server, "seed {seed}");
            }
            _ => {}
        }
    }
    assert!(last_question && answered && live.is_none(), "seed {seed}: frozen: {events:#?}");
}

#[test]
fn another_programs_function_is_never_taken_for_an_ability_or_for_anothers() {
    let sources: [Arc<dyn ToolSource>; 2] = [
        Arc::new(FakeTools::returning(&["play_duet", "news_today"], "first")),
        Arc::new(FakeTools::returning(&["news_today", "weather"], "second")),
    ];
    let everything = Persona { tools: vec!["*".into()], ..Persona::clone(&persona()) };
    for abilities in [true, false] {
        let server = ServerTools { sources: Arc::new(sources.clone()), abilities, ..ServerTools::default() };
        for language in Language::ALL {
            let offered = of_persona(&everything, language, &server);
            let names = offered.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>();
            let count = |name: &str| names.iter().filter(|other| **other == name).count();
            assert_eq!((count("news_today"), count("weather")), (1, 1), "{names:?}");
            assert_eq!(count("play_duet"), usize::from(abilities), "the persona's own or none: {names:?}");
        }
    }
}

fn among(names: &[&str]) -> ToolChoice {
    ToolChoice::Among(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Small models call something whatever is said; they may only when the words ask for it.
#[tokio::test(start_paused = true)]
async fn a_model_that_calls_unasked_is_held_back_where_nothing_is_asked() {
    let scenes = [
        ("I had a long day.", ToolChoice::None),
        ("오늘 회사에서 힘들었어.", ToolChoice::None),
        ("Let's play a duet!", among(&["play_duet"])),
        ("같이 피아노 연주하자.", among(&["play_duet"])),
        ("Play it slower, and show me my score.", among(&["play_duet", "set_duet", "show_score"])),
        ("내 점수 기억해 줘.", among(&["show_score", "remember"])),
    ];
    for (words, choice) in scenes {
        for calls_unasked in [true, false] {
            let mut llm = FakeLlm::saying(&["Well."]);
            llm.calls_unasked = calls_unasked;
            let source = FakeTools::returning(&[], "");
            let stage = Plan { llm, source, tools: Vec::new(), ..Plan::saying(&[]) }.begin().await;
            stage.write(words);
            stage.reply().await;
            let expected = if calls_unasked { choice.clone() } else { ToolChoice::Auto };
            assert_eq!(requests(&stage)[0].tool_choice, expected, "{words}");
        }
    }
}

/// Functions of others may be asked for in any words.
#[tokio::test(start_paused = true)]
async fn functions_of_others_are_open_to_any_words() {
    let mut llm = FakeLlm::saying(&["Well."]);
    llm.calls_unasked = true;
    let stage = Plan { llm, ..Plan::saying(&[]) }.begin().await;
    stage.write("I had a long day.");
    stage.reply().await;
    assert_eq!(requests(&stage)[0].tool_choice, among(&["news_today", "weather"]));
}
