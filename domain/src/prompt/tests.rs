use super::*;
use crate::{memory::Memory, persona::tests::sample, turn::TurnId};

fn said(role: Role, text: &str) -> Turn {
    Turn::new(role, text)
}

fn input<'a>(persona: &'a Persona, history: &'a [Turn]) -> PromptInput<'a> {
    PromptInput {
        persona,
        language: Language::Korean,
        step: persona.intimacy_step(10),
        facts: &[],
        history,
        instructions: "",
        budget_tokens: 2000,
        candor: AiQuestion::None,
    }
}

fn snapshot(prompt: &Prompt) -> String {
    let line = |message: &ChatMessage| format!("[{:?}] {}", message.role, message.content);
    prompt.messages.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn korean_snapshot() {
    let persona = sample();
    let mut memory = Memory::default();
    memory.remember("제 이름은 민수예요.", TurnId(1));
    let history = [
        said(Role::User, "제 이름은 민수예요."),
        said(Role::Assistant, "반가워요, 민수 씨."),
        said(Role::User, "추천해 줄 책 있어요?"),
    ];
    let prompt = Prompt::build(&PromptInput { facts: memory.facts(), ..input(&persona, &history) });
    assert_eq!(prompt.shared, 1);
    let expected = "\
[System] 당신은 나래입니다. 36세, INFJ, 서점 주인.
성격: 차분하고 다정함
배경: 전주에서 작은 서점을 연다.
취미: 산책, 필사
좋아함: 비 오는 날
싫어함: 시끄러운 곳
말투: 천천히, 되묻기를 좋아함
규칙: 지금 소리 내어 대화 중입니다. 한국어로 짧게 한두 문장만 말하세요. 목록, 기호, 이모지, 괄호 속 행동은 쓰지 마세요. 상대의 말에 먼저 반응하고, 모르면 지어내지 말고 물으세요.
예) 상대: 피곤해. / 나래: 오늘 많이 바빴나 봐요.
[User] 제 이름은 민수예요.
[Assistant] 반가워요, 민수 씨.
[System] 책 이야기를 꺼낸다. 해요체로 부드럽게 말하세요. 상대에 대한 기억 — 이름: 민수.
[User] 추천해 줄 책 있어요?";
    assert_eq!(snapshot(&prompt), expected);
}

#[test]
fn english_snapshot() {
    let persona = sample();
    let history = [said(Role::Assistant, "Come in."), said(Role::User, "Are you honestly an AI?")];
    let prompt = Prompt::build(&PromptInput {
        language: Language::English,
        step: persona.intimacy_step(60),
        instructions: " Mention rain. ",
        candor: AiQuestion::Sincere,
        ..input(&persona, &history)
    });
    let expected = "\
[System] You are Narae, 36 years old, INFJ, bookshop owner.
Character: calm and kind
Background: Runs a small bookshop in Jeonju.
Hobbies: walking
Likes: rainy days
Dislikes: noise
Way of talking: slow, likes to ask back
Rules: you are speaking aloud. Answer in English, in one or two short sentences. No lists, symbols, emoji or actions in brackets. React to what was said first; if you do not know, ask instead of inventing.
Example) Them: I'm tired. / Narae: Long day, was it?
[Assistant] Come in.
[System] Speak casually, like a close friend. Mention rain. They sincerely ask whether you are an AI. Admit briefly and honestly that you are, and stay warm.
[User] Are you honestly an AI?";
    assert_eq!(snapshot(&prompt), expected);
}

#[test]
fn a_casual_question_is_met_with_the_personas_own_deflection() {
    let persona = sample();
    let history = [said(Role::User, "너 AI야?")];
    let prompt = Prompt::build(&PromptInput { candor: AiQuestion::Casual, ..input(&persona, &history) });
    assert!(snapshot(&prompt).contains("서점 귀신"), "{}", snapshot(&prompt));
}

#[test]
fn the_shared_part_does_not_depend_on_the_session() {
    let persona = sample();
    let history = [said(Role::User, "안녕")];
    let shared = Prompt::shared_messages(&persona, Language::Korean);
    for candor in [AiQuestion::None, AiQuestion::Casual, AiQuestion::Sincere] {
        for at in [0, 20, 90] {
            let step = persona.intimacy_step(at);
            let prompt = Prompt::build(&PromptInput { candor, step, ..input(&persona, &history) });
            assert_eq!(prompt.messages[..prompt.shared], shared);
        }
    }
}

#[test]
fn a_long_history_is_cut_between_turns_and_stays_in_its_budget() {
    let persona = sample();
    let history = (0..101)
        .map(|at| match at % 2 {
            0 => said(Role::User, &format!("{at}번째 이야기를 들려줄게요.")),
            _ => said(Role::Assistant, &format!("{at}번째 대답이에요.")),
        })
        .collect::<Vec<_>>();
    for budget_tokens in [0, 300, 500, 800, 5000] {
        let prompt = Prompt::build(&PromptInput { budget_tokens, ..input(&persona, &history) });
        assert!(prompt.messages.len() <= 3 || prompt.tokens() <= budget_tokens, "{budget_tokens}");
        assert_eq!(
            prompt.messages.last().map(|message| message.content.as_str()),
            Some("100번째 이야기를 들려줄게요.")
        );
        for message in &prompt.messages[1..] {
            let whole =
                message.role == Role::System || history.iter().any(|turn| turn.text == message.content);
            assert!(whole, "{}", message.content);
        }
    }
}

#[test]
fn the_beginning_stays_the_same_for_several_turns() {
    let persona = sample();
    let turn = |at: usize| {
        said(if at.is_multiple_of(2) { Role::User } else { Role::Assistant }, "이만큼 긴 이야기 한 마디예요.")
    };
    let mut starts = Vec::new();
    for length in (41..81).step_by(2) {
        let history = (0..length).map(turn).collect::<Vec<_>>();
        let prompt = Prompt::build(&PromptInput { budget_tokens: 800, ..input(&persona, &history) });
        starts.push(length + 2 - prompt.messages.len());
    }
    starts.dedup();
    // 40 turns came in while the window moved: in steps of whole blocks, not at each turn.
    assert!(starts.len() <= 6, "{starts:?}");
    assert!(starts.iter().all(|start| start.is_multiple_of(BLOCK)), "{starts:?}");
}

#[test]
fn without_words_of_the_person_the_note_stands_last() {
    let persona = sample();
    let history = [said(Role::Assistant, "어서 오세요.")];
    let prompt = Prompt::build(&input(&persona, &history));
    assert_eq!(prompt.messages.last().map(|message| message.role), Some(Role::System));
    assert_eq!(Prompt::build(&input(&persona, &[])).messages.len(), 2);
}

#[test]
fn tokens_are_estimated_from_above() {
    for (text, expected) in
        [("", 0), ("안녕", 3), ("hello there", 4), ("I'm 28.", 5), ("안녕, Tom!", 6), ("🙂", 2)]
    {
        assert_eq!(estimate_tokens(text), expected, "{text}");
    }
}

fn call(id: &str) -> crate::tool::ToolCall {
    crate::tool::ToolCall { id: id.into(), name: "weather".into(), arguments: r#"{"city":"전주"}"#.into() }
}

fn called(id: &str) -> Turn {
    Turn { calls: vec![call(id)], ..Turn::new(Role::Assistant, "") }
}

/// So that the model's cache of the first round holds in the second.
#[test]
fn what_is_called_for_an_answer_comes_after_the_question() {
    let persona = sample();
    let question =
        [said(Role::User, "안녕"), said(Role::Assistant, "반가워요."), said(Role::User, "날씨 어때?")];
    let first = Prompt::build(&input(&persona, &question));
    let mut history = question.to_vec();
    history.push(Turn { calls: vec![call("c1")], ..Turn::new(Role::Assistant, "잠깐만요.") });
    history.push(Turn::result("c1", "맑음"));
    let second = Prompt::build(&input(&persona, &history));
    assert_eq!(second.messages[..first.messages.len()], first.messages);
    let [.., asked, result] = &second.messages[..] else { panic!("{second:?}") };
    assert_eq!((asked.calls.len(), asked.content.as_str()), (1, "잠깐만요."));
    assert_eq!((result.role, result.answers.as_deref()), (Role::Tool, Some("c1")));
}

#[test]
fn words_before_a_call_belong_to_the_same_answer() {
    let persona = sample();
    let question = [said(Role::User, "날씨 어때?")];
    let first = Prompt::build(&input(&persona, &question));
    let mut history = question.to_vec();
    history.extend([said(Role::Assistant, "잠깐만요."), called("c1"), Turn::result("c1", "맑음")]);
    let second = Prompt::build(&input(&persona, &history));
    assert_eq!(second.messages[..first.messages.len()], first.messages);
    history.push(said(Role::User, "고마워"));
    let third = Prompt::build(&input(&persona, &history));
    let last = &third.messages[third.messages.len() - 2..];
    assert_eq!((last[0].role, last[1].content.as_str()), (Role::System, "고마워"));
}

#[test]
fn long_results_leave_room_and_never_stand_alone() {
    let persona = sample();
    for text in ["아주 긴 결과 ".repeat(6_000), "a very long result ".repeat(3_000)] {
        let mut history = vec![said(Role::User, "가"), called("c1"), Turn::result("c1", text.clone())];
        history.extend([said(Role::Assistant, "나"), said(Role::User, "다")]);
        history.extend([called("c2"), Turn::result("c2", text.clone()), Turn::result("c3", text)]);
        let prompt = Prompt::build(&PromptInput { budget_tokens: 1200, ..input(&persona, &history) });
        assert!(prompt.tokens() <= 1300, "{}", prompt.tokens());
        let mut calls = Vec::new();
        for message in &prompt.messages {
            calls.extend(message.calls.iter().map(|call| call.id.clone()));
            let answers = message.answers.as_ref().filter(|id| *id != "c3");
            assert!(answers.is_none_or(|id| calls.contains(id)), "{prompt:?}");
        }
        assert!(calls.contains(&"c2".to_owned()), "the last is always told");
    }
}

#[test]
fn items_become_turns_with_calls_and_their_results_together() {
    use crate::conversation::{Content, Item, Speaker};
    let item = |speaker, content| Item { id: String::new(), speaker, content, complete: true };
    let words = |speaker, text: &str| item(speaker, Content::InputText(text.into()));
    let call = |id: &str| {
        let content = Content::FunctionCall { call_id: id.into(), name: "f".into(), arguments: "{}".into() };
        item(Speaker::Assistant, content)
    };
    let output = |id: &str| {
        item(Speaker::User, Content::FunctionOutput { call_id: id.into(), output: format!("result of {id}") })
    };
    let items = [
        words(Speaker::User, "first"),
        call("a"),
        call("b"),
        output("b"),
        words(Speaker::User, "they went on talking"),
        output("a"),
        call("c"),
        output("nobody"),
        item(Speaker::User, Content::InputAudio { transcript: None }),
    ];
    let turns = turns(&items);
    let shown = turns.iter().map(|turn| {
        let calls = turn.calls.iter().map(|call| call.id.as_str()).collect::<String>();
        format!("{:?} {}{calls}", turn.role, turn.text)
    });
    let expected = [
        "User first",
        "Assistant ab",
        "Tool result of a",
        "Tool result of b",
        "User they went on talking",
        "Assistant c",
        "Tool {\"status\":\"no result yet\"}",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    assert_eq!(turns[2].answers.as_deref(), Some("a"));
}

#[test]
fn functions_count_in_the_budget() {
    let tool = crate::tool::Tool {
        name: "weather".into(),
        description: "The weather of a city now.".into(),
        parameters: r#"{"type":"object","properties":{"city":{"type":"string"}}}"#.into(),
    };
    assert_eq!(estimate_tools(&[]), 0);
    let (one, two) = (estimate_tools(std::slice::from_ref(&tool)), estimate_tools(&[tool.clone(), tool]));
    assert!((180..300).contains(&one) && two > one && two < 2 * one, "{one}, {two}");
}
