//! English statements about oneself.

use super::{FactKind, LONGEST_STATEMENT};

/// What a job's name ends with, as whole words or as the end of one.
const JOBS: &str = "engineer developer programmer designer teacher nurse doctor student lawyer writer artist musician \
                    pianist scientist researcher manager accountant chef cook waiter waitress driver pilot journalist \
                    photographer marketer salesman salesperson architect dentist pharmacist therapist psychologist \
                    librarian farmer firefighter officer soldier carpenter electrician plumber mechanic barista baker \
                    actor actress singer dancer producer editor translator consultant analyst professor lecturer \
                    freelancer founder entrepreneur translator gardener paramedic vet veterinarian cashier clerk \
                    secretary receptionist technician trainer coach banker builder painter composer surgeon";
/// What follows a thing and is no longer part of it.
const ENDS: &str = "but because and so though although when since while as if which that who or too very really \
                    a-lot now these anymore most more right nowadays lately actually honestly for with especially \
                    than unless except until then much also last ago recently yesterday today";
const NOT_THINGS: &str = "it that this you him her them they he she us me those these what how to your my our his \
                          their everything nothing something anything everyone";
const INTENSIFIERS: &str =
    "really also just absolutely truly still so totally quite actually definitely kinda do";

fn within(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|each| each == word)
}

/// The words of a clause: as said, and in lower case with one kind of apostrophe.
struct Clause<'a> {
    said: Vec<&'a str>,
    lower: Vec<String>,
}

impl Clause<'_> {
    /// The place after `pattern`, where it stands.
    fn after(&self, pattern: &[&str]) -> Option<usize> {
        let at = self
            .lower
            .windows(pattern.len())
            .position(|window| window.iter().zip(pattern).all(|(word, wanted)| word == wanted))?;
        Some(at + pattern.len())
    }

    fn word(&self, at: usize) -> &str {
        self.lower.get(at).map_or("", String::as_str)
    }

    /// Up to `most` words from `from` on until one that ends a thing; `None` when there are none or too many.
    fn thing(&self, from: usize, most: usize) -> Option<String> {
        let rest = self.lower.get(from..)?;
        let length = rest.iter().position(|word| within(ENDS, word)).unwrap_or(rest.len());
        let start = from + usize::from(length > 1 && matches!(self.word(from), "a" | "an" | "the"));
        let words = &self.said[start..from + length];
        (!words.is_empty() && words.len() <= most).then(|| words.join(" "))
    }
}

/// The facts of `text`, in the order in which they were said.
pub(super) fn facts(text: &str) -> Vec<(FactKind, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // A full stop inside a word ("3.5", "U.S.") ends nothing.
        let cut = rest.char_indices().find(|(at, character)| {
            let open = rest[at + character.len_utf8()..].starts_with(char::is_alphanumeric);
            matches!(character, '!' | '?' | ';' | '\n' | ',') || (*character == '.' && !open)
        });
        let (piece, asked, next) = match cut {
            Some((at, character)) => (&rest[..at], character == '?', &rest[at + character.len_utf8()..]),
            None => (rest, false, ""),
        };
        rest = next;
        if asked {
            continue;
        }
        let said = piece
            .split_whitespace()
            .map(|word| word.trim_matches(|character: char| !character.is_alphanumeric()))
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>();
        if said.len() > LONGEST_STATEMENT {
            continue;
        }
        let lower = said.iter().map(|word| word.to_lowercase().replace('’', "'")).collect();
        let clause = Clause { said, lower };
        let readers = [name, age, job, home, taste];
        found.extend(readers.iter().find_map(|read| read(&clause)));
    }
    found
}

fn name(clause: &Clause<'_>) -> Option<(FactKind, String)> {
    let patterns: [&[&str]; 4] =
        [&["my", "name", "is"], &["my", "name's"], &["call", "me"], &["i", "go", "by"]];
    let stated = patterns.iter().find_map(|pattern| clause.after(pattern));
    // "Everybody will call me back" is no name.
    if let Some(from) = stated {
        let at_start = clause.word(0) != "did" && clause.word(0) != "will" && from <= 6;
        let value = clause.thing(from, 3).filter(|value| value.starts_with(char::is_uppercase))?;
        return at_start.then_some((FactKind::Name, value));
    }
    let from = match (clause.word(0), clause.word(1)) {
        ("i'm", _) => 1,
        ("i", "am") => 2,
        _ => return None,
    };
    let words = clause.said.get(from..)?;
    let nationality = |word: &&str| {
        ["ish", "ese", "ean", "can", "ian"].iter().any(|end| word.to_lowercase().ends_with(end))
    };
    let proper = |word: &&str| {
        word.starts_with(char::is_uppercase) && word.chars().skip(1).all(|next| !next.is_uppercase())
    };
    let is_name =
        (1..=2).contains(&words.len()) && words.iter().all(|word| proper(word) && !nationality(word));
    is_name.then(|| (FactKind::Name, words.join(" ")))
}

fn first_person(clause: &Clause<'_>) -> Option<usize> {
    clause.after(&["i'm"]).or_else(|| clause.after(&["i", "am"]))
}

fn age(clause: &Clause<'_>) -> Option<(FactKind, String)> {
    let from = first_person(clause)
        .or_else(|| clause.after(&["i", "turned"]))
        .or_else(|| clause.after(&["i", "just", "turned"]))?;
    let years = clause.word(from).parse::<u8>().ok().filter(|years| (3..=120).contains(years))?;
    let ends = matches!(clause.word(from + 1), "" | "years" | "now" | "and" | "this");
    ends.then(|| (FactKind::Age, years.to_string()))
}

fn job(clause: &Clause<'_>) -> Option<(FactKind, String)> {
    let stated = [&["work", "as"][..], &["my", "job", "is"], &["working", "as"]]
        .iter()
        .find_map(|pattern| clause.after(pattern));
    let mine = clause.lower.iter().any(|word| matches!(word.as_str(), "i" | "i'm" | "my" | "i've"));
    let from = stated
        .filter(|_| mine)
        .or_else(|| first_person(clause).filter(|from| matches!(clause.word(*from), "a" | "an")))?;
    let end = (from..clause.lower.len()).find(|at| {
        matches!(clause.word(*at), "at" | "in" | "from" | "by" | "of" | "but" | "and" | "for" | "who" | "so")
    });
    let mut words = clause.said[from..end.unwrap_or(clause.said.len())].to_vec();
    if words.first().is_some_and(|word| matches!(word.to_lowercase().as_str(), "a" | "an" | "the")) {
        words.remove(0);
    }
    let known = words.last().is_some_and(|word| within(JOBS, &word.to_lowercase()));
    (known && words.len() <= 4).then(|| (FactKind::Job, words.join(" ")))
}

fn home(clause: &Clause<'_>) -> Option<(FactKind, String)> {
    let patterns: [&[&str]; 5] = [
        &["i", "live", "in"],
        &["i", "live", "near"],
        &["i'm", "living", "in"],
        &["i", "moved", "to"],
        &["i", "currently", "live", "in"],
    ];
    let from = patterns.iter().find_map(|pattern| clause.after(pattern))?;
    let value = clause.thing(from, 4)?;
    value.starts_with(char::is_uppercase).then_some((FactKind::Home, value))
}

fn taste(clause: &Clause<'_>) -> Option<(FactKind, String)> {
    let start = clause.lower.iter().position(|word| word == "i")?;
    let mut at = start + 1;
    let mut denied = false;
    loop {
        match clause.word(at) {
            "don't" | "never" => denied = true,
            word if within(INTENSIFIERS, word) => {}
            _ => break,
        }
        at += 1;
    }
    let (kind, from) = match (clause.word(at), clause.word(at + 1)) {
        ("like" | "love" | "enjoy" | "adore", _) if denied => (FactKind::Dislike, at + 1),
        ("like" | "love" | "enjoy" | "adore", _) => (FactKind::Like, at + 1),
        ("hate" | "dislike" | "detest", _) if !denied => (FactKind::Dislike, at + 1),
        ("can't" | "cannot", "stand") => (FactKind::Dislike, at + 2),
        _ => return None,
    };
    if within(NOT_THINGS, clause.word(from)) {
        return None;
    }
    Some((kind, clause.thing(from, 4)?))
}
