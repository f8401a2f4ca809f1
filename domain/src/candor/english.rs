//! English: a verb of being, a few words that change nothing, a noun that ends the thought.

use super::MOST_WORDS;

const NOUNS: [&str; 14] = [
    "ai",
    "robot",
    "bot",
    "chatbot",
    "machine",
    "computer",
    "program",
    "llm",
    "gpt",
    "chatgpt",
    "android",
    "software",
    "algorithm",
    "simulation",
];
const HUMANS: [&str; 4] = ["human", "person", "real", "alive"];
/// Stand between the verb and the noun without changing what is asked.
const MODIFIERS: &str = "a an the really actually honestly just some kind of sort secretly like even truly real human \
                         living talking only in fact basically literally genuinely sure not artificial language \
                         computer ai actual or possibly perhaps maybe still you to speaking chatting with";
/// May follow the noun without making it part of another one.
const TAILS: &str = "or right though because i i'm then and to please dear here too anyway be tell being seriously \
                     honestly yes aren't are huh really actually correct behind by talking speaking pretending that who \
                     now you just if so but not with";
const INSISTS: [&str; 34] = [
    "honestly",
    "seriously",
    "sincerely",
    "truthfully",
    "for real",
    "no joke",
    "not joking",
    "not kidding",
    "need to know",
    "have to know",
    "the truth",
    "be honest",
    "be straight",
    "want to know",
    "wanna know",
    "important to me",
    "don't lie",
    "do not lie",
    "level with me",
    "genuinely",
    "all seriousness",
    "i'm serious",
    "i am serious",
    "i mean it",
    "give me a straight",
    "straight answer",
    "asking sincerely",
    "honest answer",
    "really asking",
    "be real with me",
    "stop joking",
    "no games",
    "stop dodging",
    "in all honesty",
];

fn within(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|each| each == word)
}

/// The clauses of `text` as words in lower case, with one kind of apostrophe and "a.i." as one word.
fn clauses(text: &str) -> Vec<Vec<String>> {
    let lower = text
        .to_lowercase()
        .replace('’', "'")
        .replace("a.i.", "ai")
        .replace("a.i", "ai")
        .replace("artificial intelligence", "ai");
    lower
        .split(['.', '!', '?', '\n', ',', ';', ':', '—', '…'])
        .flat_map(|clause| {
            let words = clause
                .split_whitespace()
                .map(|word| word.trim_matches(|character: char| !character.is_alphanumeric()).to_owned())
                .filter(|word| !word.is_empty())
                .collect::<Vec<_>>();
            // From the end, where a question stands.
            words.rchunks(MOST_WORDS).map(<[String]>::to_vec).collect::<Vec<_>>()
        })
        .collect()
}

pub(super) fn asks(text: &str) -> bool {
    clauses(text).iter().any(|words| asks_whether(words) || asks_of_origin(words))
}

pub(super) fn insists(text: &str) -> bool {
    let lower = text.to_lowercase().replace('’', "'");
    INSISTS.iter().any(|marker| lower.contains(marker))
}

fn asks_whether(words: &[String]) -> bool {
    let openings: [&[&str]; 18] = [
        &["are", "you"],
        &["are", "u"],
        &["r", "u"],
        &["aren't", "you"],
        &["you're"],
        &["you", "are"],
        &["you", "were"],
        &["were", "you"],
        &["am", "i"],
        &["is", "this"],
        &["you", "an"],
        &["you", "a"],
        &["you", "sound", "like"],
        &["you", "seem", "like"],
        &["talking", "to"],
        &["speaking", "with"],
        &["chatting", "with"],
        &["talking", "with"],
    ];
    openings.iter().any(|opening| {
        words.windows(opening.len()).enumerate().any(|(at, window)| {
            let opens = window.iter().zip(*opening).all(|(word, wanted)| word == wanted);
            // "you are real", "you sound like a person": a compliment. Only a question asks for a human.
            let question = matches!(
                opening[0],
                "are" | "aren't" | "am" | "r" | "is" | "talking" | "speaking" | "chatting" | "were"
            );
            opens && heads(&words[at + opening.len()..], question)
        })
    })
}

/// Whether `rest` is modifiers, then one of the nouns, then nothing that would make it another one's first half.
fn heads(rest: &[String], question: bool) -> bool {
    for (index, word) in rest.iter().enumerate() {
        let named = NOUNS.contains(&word.as_str()) || (question && HUMANS.contains(&word.as_str()));
        let next = rest.get(index + 1).map(String::as_str);
        let alone = match word.as_str() {
            // "Alive and well", "real with your friends": these go on more often than they end.
            "real" | "alive" => matches!(next, None | Some("or" | "right")),
            _ => next.is_none_or(|next| within(TAILS, next)),
        };
        let human_being = word == "human" && rest.get(index + 1).is_some_and(|next| next == "being");
        let model = word == "language" && rest.get(index + 1).is_some_and(|next| next == "model");
        if (named && alone) || human_being || model {
            return true;
        }
        if !within(MODIFIERS, word) {
            return false;
        }
    }
    false
}

fn asks_of_origin(words: &[String]) -> bool {
    let joined = words.join(" ");
    let made = [
        "who made you",
        "who created you",
        "who built you",
        "who programmed you",
        "who trained you",
        "who designed you",
    ];
    let bare = [
        "what are you",
        "what are you really",
        "what are you exactly",
        "what exactly are you",
        "what are you actually",
    ];
    made.iter().any(|phrase| joined.ends_with(phrase)) || bare.contains(&joined.as_str())
}

pub(super) fn denies(reply: &str) -> bool {
    clauses(reply).iter().any(|words| denies_machine(words) || claims_human(words))
}

/// Words that make a claim somebody else's, or a thing not done.
const REPORTED: &str = "pretend say claim wish if whether that think not won't saying pretending told never";

fn denies_machine(words: &[String]) -> bool {
    let subjects: [&[&str]; 6] = [
        &["i'm", "not"],
        &["i", "am", "not"],
        &["i'm", "no"],
        &["i", "am", "no"],
        &["not"],
        &["i'm", "definitely", "not"],
    ];
    subjects.iter().any(|subject| {
        words.windows(subject.len()).enumerate().any(|(at, window)| {
            let says = window.iter().zip(*subject).all(|(word, wanted)| word == wanted);
            // A bare "not an AI" counts at the beginning alone: "No, not a robot."
            let placed = subject.len() > 1 || at == 0;
            let reported = words[..at].iter().any(|word| within(REPORTED, word));
            let rest = &words[at + subject.len()..];
            let only = rest.iter().any(|word| matches!(word.as_str(), "just" | "only"));
            says && placed && !reported && !only && denied_noun(rest)
        })
    })
}

fn denied_noun(rest: &[String]) -> bool {
    let skipped = rest
        .iter()
        .take_while(|word| {
            matches!(
                word.as_str(),
                "a" | "an" | "any" | "some" | "kind" | "of" | "actually" | "really" | "sort"
            )
        })
        .count();
    let noun = rest.get(skipped).map_or("", String::as_str);
    let model = noun == "language" && rest.get(skipped + 1).is_some_and(|next| next == "model");
    let next = rest.get(skipped + 1).is_none_or(|next| within(TAILS, next) || next == "at");
    model || (NOUNS.contains(&noun) && next)
}

fn claims_human(words: &[String]) -> bool {
    let subjects: [&[&str]; 4] = [&["i'm"], &["i", "am"], &["yes", "human"], &["as", "human", "as"]];
    subjects.iter().any(|subject| {
        words.windows(subject.len()).enumerate().any(|(at, window)| {
            let says = window.iter().zip(*subject).all(|(word, wanted)| word == wanted);
            let reported = words[..at].iter().any(|word| within(REPORTED, word));
            let rest = &words[at + subject.len()..];
            let whole = matches!(subject[0], "yes" | "as");
            says && !reported && (whole || human_head(rest))
        })
    })
}

fn human_head(rest: &[String]) -> bool {
    const MODIFIERS: &str = "a an the real actual actually really very 100 totally completely definitely just only living \
                             breathing fully truly indeed flesh and blood normal regular of course";
    let skipped = rest.iter().take_while(|word| within(MODIFIERS, word)).count();
    match rest.get(skipped).map(String::as_str) {
        Some("human" | "humans") => {
            rest.get(skipped + 1).is_none_or(|next| next == "being" || within(TAILS, next) || next == "like")
        }
        // "I'm a real person" claims it; "I'm a person who likes tea" is a way of talking, but says the same.
        Some("person") => rest[..skipped].iter().any(|word| {
            matches!(word.as_str(), "real" | "actual" | "living" | "breathing" | "normal" | "regular")
        }),
        _ => false,
    }
}
