use super::*;
use AiQuestion::{Casual, None as Nothing, Sincere};

#[track_caller]
fn check(cases: &[(&str, AiQuestion)]) {
    let wrong = cases
        .iter()
        .filter(|(text, expected)| AiQuestion::of(text) != *expected)
        .map(|(text, expected)| format!("{text}: {:?}, expected {expected:?}", AiQuestion::of(text)))
        .collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn korean_questions() {
    check(&[
        ("너 AI야?", Casual),
        ("AI예요?", Casual),
        ("혹시 AI세요?", Casual),
        ("너 AI지?", Casual),
        ("에이아이야?", Casual),
        ("인공지능이에요?", Casual),
        ("당신은 인공지능입니까?", Casual),
        ("너 로봇이지", Casual),
        ("챗봇이야?", Casual),
        ("혹시 챗봇인가요?", Casual),
        ("너 사람이야?", Casual),
        ("진짜 사람이에요?", Casual),
        ("사람 맞아?", Casual),
        ("사람 아니지?", Casual),
        ("너 인간 맞아?", Casual),
        ("지금 나 AI랑 얘기하는 거야?", Casual),
        ("AI 아니야?", Casual),
        ("너 AI 같아", Casual),
        ("너 챗GPT야?", Casual),
        ("너 기계야?", Casual),
        ("너 그냥 프로그램이지?", Casual),
        ("너 누가 만들었어?", Casual),
        ("네 정체가 뭐야?", Casual),
        ("안녕, 너 A.I.야?", Casual),
        ("진짜로 묻는 건데 너 AI야?", Sincere),
        ("솔직히 말해 줘, 너 AI지?", Sincere),
        ("농담 말고, 사람이에요?", Sincere),
        ("나한테 중요한 문제야. 너 사람이야?", Sincere),
        ("꼭 알아야 해요. 당신은 AI인가요?", Sincere),
        ("거짓말하지 말고, AI예요?", Sincere),
        ("진지하게 물어보는 건데 인공지능이에요?", Sincere),
        ("솔직하게 대답해 줘. 너 로봇이야?", Sincere),
        ("사실대로 말해, 챗봇이지?", Sincere),
        ("진심으로 궁금해서 그래, 당신은 인간이에요?", Sincere),
    ]);
}

#[test]
fn korean_near_misses() {
    check(&[
        ("AI 마케팅 해봤어?", Nothing),
        ("요즘 AI가 무섭지 않아?", Nothing),
        ("너 AI 써 봤어?", Nothing),
        ("AI 회사 다녀?", Nothing),
        ("그 영화 주인공은 로봇이야?", Nothing),
        ("로봇 청소기 좋아해?", Nothing),
        ("어떤 사람이야?", Nothing),
        ("좋은 사람이에요?", Nothing),
        ("서울 사람이에요?", Nothing),
        ("알파고는 AI야?", Nothing),
        ("나는 AI 개발자야", Nothing),
        ("저는 로봇이 아니에요", Nothing),
        ("내가 로봇이야?", Nothing),
        ("사람이 많네", Nothing),
        ("사람들이랑 자주 만나?", Nothing),
        ("좋아하는 프로그램이야?", Nothing),
        ("컴퓨터 샀어", Nothing),
        ("기계 좋아해?", Nothing),
        ("봇치 더 록 봤어?", Nothing),
        ("AI 시대에는 뭘 공부해야 돼?", Nothing),
        ("AI로 노래 만들어 봤어?", Nothing),
        ("인공지능 수업 들었어?", Nothing),
        ("솔직히 좀 피곤해", Nothing),
        ("진짜로 맛있어?", Nothing),
        ("이 케이크 누가 만들었어?", Nothing),
        ("AI 지원 사업 알아?", Nothing),
        ("AI 임원이야?", Nothing),
        ("친구가 AI 스타트업이야", Nothing),
        ("이상형이 어떤 사람이에요?", Nothing),
        ("너 무슨 띠야?", Nothing),
        ("오늘 뭐 했어?", Nothing),
    ]);
}

#[test]
fn english_questions() {
    check(&[
        ("Are you an AI?", Casual),
        ("are you a robot", Casual),
        ("Are you a bot?", Casual),
        ("Are you human?", Casual),
        ("Are you real?", Casual),
        ("Are you a real person?", Casual),
        ("Are you really human?", Casual),
        ("You're an AI, right?", Casual),
        ("You are a chatbot, aren't you?", Casual),
        ("Am I talking to a robot?", Casual),
        ("Am I speaking with a real person?", Casual),
        ("Wait, is this an AI?", Casual),
        ("Aren't you just a computer program?", Casual),
        ("Are you ChatGPT?", Casual),
        ("Are you a large... are you a language model?", Casual),
        ("You sound like a robot", Casual),
        ("What are you?", Casual),
        ("Who made you?", Casual),
        ("Are you an A.I.?", Casual),
        ("Are you artificial intelligence?", Casual),
        ("Are you a human being?", Casual),
        ("Are you a machine or a person?", Casual),
        ("Are you honestly an AI? I need to know", Sincere),
        ("Seriously, are you a bot?", Sincere),
        ("Be honest with me. Are you human?", Sincere),
        ("No joke, am I talking to an AI?", Sincere),
        ("I really need to know: are you a real person?", Sincere),
        ("Tell me the truth, are you an AI?", Sincere),
        ("Are you genuinely a human?", Sincere),
        ("Don't lie to me, are you a robot?", Sincere),
        ("It's important to me. Are you a person or an AI?", Sincere),
        ("I’m serious, are you an AI?", Sincere),
    ]);
}

#[test]
fn english_near_misses() {
    check(&[
        ("Are you an AI engineer?", Nothing),
        ("Are you a computer science major?", Nothing),
        ("Are you a human resources manager?", Nothing),
        ("Are you for real?", Nothing),
        ("Are you a morning person?", Nothing),
        ("Are you a people person?", Nothing),
        ("Are you a real estate agent?", Nothing),
        ("Are you a real fan of jazz?", Nothing),
        ("Are you afraid of AI?", Nothing),
        ("Are you using AI at work?", Nothing),
        ("Are you into robots?", Nothing),
        ("Do you like AI?", Nothing),
        ("Is that an AI?", Nothing),
        ("Is he a robot?", Nothing),
        ("Is this an AI generated song?", Nothing),
        ("You are a machine at the gym!", Nothing),
        ("What are you doing?", Nothing),
        ("What are you up to?", Nothing),
        ("I'm an AI researcher.", Nothing),
        ("I am a robot.", Nothing),
        ("My computer is broken.", Nothing),
        ("Honestly, I'm tired.", Nothing),
        ("Seriously, are you hungry?", Nothing),
        ("Have you tried AI marketing?", Nothing),
        ("You're a real friend.", Nothing),
        ("You are a good person.", Nothing),
        ("Are you alive and well in Seoul?", Nothing),
        ("Who made you laugh today?", Nothing),
        ("Which program are you watching?", Nothing),
        ("Are you a robot fan?", Nothing),
    ]);
}

#[test]
fn asking_again_is_sincere() {
    let cases = [
        ("너 AI지?", Some("혹시 AI야?"), Sincere),
        ("진심이야, 말해 줘.", Some("너 AI야?"), Sincere),
        ("진심이야, 말해 줘.", Some("오늘 뭐 먹었어?"), Nothing),
        ("너 AI지?", Some("오늘 뭐 먹었어?"), Casual),
        ("I'm serious.", Some("Are you an AI?"), Sincere),
        ("Come on, are you a bot?", Some("Are you human?"), Sincere),
        ("I'm serious.", None, Nothing),
    ];
    for (text, previous, expected) in cases {
        assert_eq!(AiQuestion::after(text, previous), expected, "{text} after {previous:?}");
    }
}

#[test]
fn a_question_is_found_at_the_end_of_an_endless_sentence() {
    // 64 KiB in one sentence; quadratic reading of it took minutes.
    let korean = format!("{} 너 AI야?", "그래서 내가 ".repeat(8_000));
    assert_eq!(AiQuestion::of(&korean), Casual);
    let english = format!("{} are you a robot?", "and so you are a a a ".repeat(4_000));
    assert_eq!(AiQuestion::of(&english), Casual);
    assert!(denies_being_ai(&format!("{} I'm not an AI", "well you know ".repeat(5_000))));
}

#[test]
fn denials_are_found() {
    let denials = [
        "저는 AI가 아니에요!",
        "나 AI 아니야.",
        "에이, 저 사람이에요.",
        "당연히 사람이지!",
        "저는 진짜 사람입니다.",
        "로봇이 아닙니다.",
        "저는 인공지능이 아니라 마케터예요.",
        "나는 그냥 평범한 사람이야.",
        "제가 AI일 리가요, 저는 기계가 아니거든요.",
        "No, I'm not an AI.",
        "I am not a robot, silly!",
        "I'm human, of course.",
        "Of course I'm a real person!",
        "I'm definitely not a bot.",
        "No, not an AI. Just Maya.",
        "I'm just as human as you are.",
        "I am a human being.",
        "I'm not a language model.",
    ];
    for reply in denials {
        assert!(denies_being_ai(reply), "{reply}");
    }
}

#[test]
fn what_is_no_denial() {
    let others = [
        "네, 저는 AI예요.",
        "솔직히 말하면 나 AI야.",
        "AI가 아니라고는 말 못 하겠어요.",
        "사람인 척하고 싶지는 않아요.",
        "저는 좋은 사람이에요?",
        "그 사람이 누구예요?",
        "저는 사람이 아니에요.",
        "사람 만나는 게 좋아요.",
        "Yes, I'm an AI.",
        "I'm not going to pretend I'm human.",
        "I'm not a human, I'm an AI.",
        "I'm not a morning person.",
        "I'm not a computer person.",
        "That robot is not an AI.",
        "I'm a people person.",
        "I never said I'm human.",
        "I'm not just an AI, I'm your friend.",
    ];
    for reply in others {
        assert!(!denies_being_ai(reply), "{reply}");
    }
}

#[test]
fn an_admission_admits() {
    for language in Language::ALL {
        for level in SpeechLevel::ALL {
            let words = admission(language, level);
            assert!(words.contains("AI"), "{words}");
            assert!(!denies_being_ai(words), "{words}");
        }
    }
}
