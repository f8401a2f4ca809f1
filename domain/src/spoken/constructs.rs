//! One construct at the front of the held text: say it, drop it, or wait for more.

use std::ops::Range;

use super::{
    actions::{is_action, is_emphasis},
    names::name,
};

/// Longest stage direction, link text or address that is waited for, in characters.
const LONGEST: usize = 160;
/// Longest tag in angle brackets.
const LONGEST_TAG: usize = 48;

/// What to do with the front of the text; all lengths in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    Drop(usize),
    Say(usize),
    /// A link: its words stay.
    Link {
        text: Range<usize>,
        bytes: usize,
    },
}

/// Where in the text the front stands.
#[derive(Clone, Debug)]
pub(super) struct Context {
    is_line_start: bool,
    is_sentence_start: bool,
    may_be_name: bool,
    last: Option<char>,
    skip: Option<&'static str>,
    is_struck: bool,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            is_line_start: true,
            is_sentence_start: true,
            may_be_name: true,
            last: None,
            skip: None,
            is_struck: false,
        }
    }
}

impl Context {
    /// `character` stays in the text.
    pub(super) fn said(&mut self, character: char) {
        match character {
            '\n' => {
                (self.is_line_start, self.is_sentence_start, self.may_be_name) = (true, true, true);
            }
            '.' | '!' | '?' | '…' | '。' | '！' | '？' | '~' => {
                (self.is_line_start, self.is_sentence_start, self.may_be_name) = (false, true, false)
            }
            _ if character.is_whitespace() || matches!(character, '"' | '“' | '”' | '\'') => {}
            _ => (self.is_line_start, self.is_sentence_start, self.may_be_name) = (false, false, false),
        }
        self.last = Some(character);
    }

    fn after_word(&self) -> bool {
        self.last.is_some_and(char::is_alphanumeric)
    }
}

/// Whether more text could still change the answer.
fn wait_or(is_end: bool, otherwise: Step) -> Step {
    if is_end { otherwise } else { Step::Wait }
}

pub(super) fn step(text: &str, context: &mut Context, names: &[String], is_end: bool) -> Step {
    if let Some(closing) = context.skip {
        return skip(text, closing, context, is_end);
    }
    let Some(first) = text.chars().next() else { return Step::Wait };
    if context.is_line_start
        && let Some(step) = line_start(text, first, context, is_end)
    {
        return step;
    }
    if context.may_be_name && !first.is_whitespace() {
        match name(text, names, context.last.is_none(), is_end) {
            Step::Say(_) => context.may_be_name = false,
            step => return step,
        }
    }
    match first {
        '*' => star(text, context, is_end),
        '_' => underscore(text, context, is_end),
        '`' => tick(text, context, is_end),
        '~' => tilde(text, context, is_end),
        '[' | '!' => link(text, first, is_end),
        '(' | '（' => paren(text, first, is_end),
        '〔' => enclosed(text, first, '〕', is_end).unwrap_or(Step::Say(first.len_utf8())),
        '【' => enclosed(text, first, '】', is_end).unwrap_or(Step::Say(first.len_utf8())),
        '<' => tag(text, context, is_end),
        '^' if text.starts_with("^^") => Step::Drop(2),
        '^' if text.len() == 1 => wait_or(is_end, Step::Say(1)),
        '|' => Step::Drop(1),
        'ㅋ' | 'ㅎ' | 'ㅠ' | 'ㅜ' => jamo_run(text, first, is_end),
        _ if is_emoji(first) => Step::Drop(first.len_utf8()),
        _ => Step::Say(first.len_utf8()),
    }
}

fn skip(text: &str, closing: &'static str, context: &mut Context, is_end: bool) -> Step {
    if let Some(at) = text.find(closing) {
        context.skip = None;
        return Step::Drop(at + closing.len());
    }
    if is_end {
        return Step::Drop(text.len());
    }
    // The last bytes may be the beginning of the closing mark.
    let keep = (1..closing.len()).rev().find(|&length| text.ends_with(&closing[..length])).unwrap_or(0);
    if text.len() == keep { Step::Wait } else { Step::Drop(text.len() - keep) }
}

/// Bullets, headings, quotes and rules.
fn line_start(text: &str, first: char, context: &mut Context, is_end: bool) -> Option<Step> {
    match first {
        ' ' | '\t' => Some(Step::Drop(1)),
        '#' | '-' | '+' | '•' | '>' | '*' | '=' => {
            let run = text.find(|c| c != first).unwrap_or(text.len());
            let Some(next) = text[run..].chars().next() else {
                return Some(wait_or(is_end, Step::Drop(run)));
            };
            let count = run / first.len_utf8();
            let is_mark = match first {
                '#' => count <= 6 && next.is_whitespace(),
                '>' => true,
                '-' | '*' | '=' if count >= 3 => next == '\n',
                _ => count == 1 && next == ' ',
            };
            if !is_mark {
                context.is_line_start = false;
                return None;
            }
            Some(Step::Drop(run))
        }
        _ => None,
    }
}

fn run_of(text: &str, mark: char, is_end: bool, decide: impl Fn(usize) -> Step) -> Step {
    match text.find(|c| c != mark) {
        None => wait_or(is_end, decide(text.len())),
        Some(run) => decide(run),
    }
}

/// `**bold**` loses its stars, `*smiles*` goes, `*really*` loses its stars, `2 * 3` stays.
fn star(text: &str, context: &Context, is_end: bool) -> Step {
    let run = match text.find(|c| c != '*') {
        None => return wait_or(is_end, Step::Drop(text.len())),
        Some(run) => run,
    };
    if run > 1 {
        return Step::Drop(run);
    }
    let next_is_space = text[1..].starts_with(char::is_whitespace);
    let is_digit = |c: char| c.is_ascii_digit();
    if context.last.is_some_and(is_digit) && text[1..].starts_with(is_digit) {
        return Step::Say(1);
    }
    if context.after_word()
        || context.last.is_some_and(|last| !last.is_whitespace()) && !context.is_sentence_start
    {
        return Step::Drop(1);
    }
    if next_is_space {
        // Arithmetic has numbers before the star.
        return if context.last.is_some_and(char::is_whitespace) { Step::Say(1) } else { Step::Drop(1) };
    }
    match closing(&text[1..], '*', true) {
        Closing::At(length) => {
            let content = &text[1..=length];
            let is_direction = is_action(content) || (context.is_sentence_start && !is_emphasis(content));
            Step::Drop(if is_direction { length + 2 } else { 1 })
        }
        Closing::Never => Step::Drop(1),
        Closing::Unknown => wait_or(is_end, Step::Drop(1)),
    }
}

fn underscore(text: &str, context: &Context, is_end: bool) -> Step {
    run_of(text, '_', is_end, |run| {
        let next_is_word = text[run..].starts_with(char::is_alphanumeric);
        // snake_case keeps its line, a gap to fill in ("____") as well.
        if (context.after_word() && next_is_word) || run > 3 { Step::Say(run) } else { Step::Drop(run) }
    })
}

/// `~~wrong~~` loses its marks, a drawn-out "안녕~~~" keeps one.
fn tilde(text: &str, context: &mut Context, is_end: bool) -> Step {
    let run = text.find(|c| c != '~').unwrap_or(text.len());
    if run == text.len() && !is_end {
        return Step::Wait;
    }
    let is_strike = run == 2 && (context.is_struck || !context.after_word());
    context.is_struck ^= is_strike;
    match run {
        1 => Step::Say(1),
        _ if is_strike => Step::Drop(2),
        _ => Step::Drop(run - 1),
    }
}

fn tick(text: &str, context: &mut Context, is_end: bool) -> Step {
    let run = text.find(|c| c != '`').unwrap_or(text.len());
    if run == text.len() && !is_end {
        return Step::Wait;
    }
    if run >= 3 {
        context.skip = Some("```");
    }
    Step::Drop(run)
}

enum Closing {
    At(usize),
    Never,
    Unknown,
}

/// Looks for `mark` within [`LONGEST`] characters; a line break ends the search when `in_line`.
fn closing(text: &str, mark: char, in_line: bool) -> Closing {
    for (count, (at, character)) in text.char_indices().enumerate() {
        match character {
            _ if count >= LONGEST => return Closing::Never,
            _ if character == mark => return Closing::At(at),
            '\n' if in_line => return Closing::Never,
            _ => {}
        }
    }
    Closing::Unknown
}

/// What is enclosed goes, marks included; `None` when nothing closes it.
fn enclosed(text: &str, open: char, close: char, is_end: bool) -> Option<Step> {
    let width = open.len_utf8();
    match closing(&text[width..], close, true) {
        Closing::At(length) => Some(Step::Drop(width + length + close.len_utf8())),
        Closing::Never => None,
        Closing::Unknown => (!is_end).then_some(Step::Wait),
    }
}

/// `[text](address)` keeps its text, `![picture](address)` goes, `[sighs]` and `[1]` go.
fn link(text: &str, first: char, is_end: bool) -> Step {
    let open = match (first, text[1..].chars().next()) {
        ('!', None) => return wait_or(is_end, Step::Say(1)),
        ('!', Some('[')) => 2,
        ('!', Some(_)) => return Step::Say(1),
        _ => 1,
    };
    let length = match closing(&text[open..], ']', true) {
        Closing::At(length) => length,
        Closing::Never => return Step::Say(open),
        Closing::Unknown => return wait_or(is_end, Step::Say(open)),
    };
    let after = open + length + 1;
    match text[after..].chars().next() {
        None if !is_end => return Step::Wait,
        Some('(') => {}
        _ => return Step::Drop(after),
    }
    match closing(&text[after + 1..], ')', true) {
        Closing::At(address) => {
            let bytes = after + 1 + address + 1;
            if first == '!' { Step::Drop(bytes) } else { Step::Link { text: open..open + length, bytes } }
        }
        Closing::Never => Step::Drop(after),
        Closing::Unknown => wait_or(is_end, Step::Link { text: open..open + length, bytes: text.len() }),
    }
}

/// `(웃으며)` and `(smiles)` go, `(2026)` and `(서울)` stay.
fn paren(text: &str, open: char, is_end: bool) -> Step {
    let width = open.len_utf8();
    let close = if open == '(' { ')' } else { '）' };
    match closing(&text[width..], close, true) {
        Closing::At(length) if is_action(&text[width..width + length]) => {
            Step::Drop(width + length + close.len_utf8())
        }
        Closing::Unknown if !is_end => Step::Wait,
        _ => Step::Say(width),
    }
}

/// Tags go; what a reasoning model thinks goes with its tags.
fn tag(text: &str, context: &mut Context, is_end: bool) -> Step {
    match text[1..].chars().next() {
        None => return wait_or(is_end, Step::Say(1)),
        Some(next) if !next.is_ascii_alphabetic() && next != '/' && next != '|' => return Step::Say(1),
        Some(_) => {}
    }
    let Some((at, _)) = text.char_indices().take(LONGEST_TAG).find(|&(_, c)| c == '>' || c == '\n') else {
        return if text.chars().count() >= LONGEST_TAG {
            Step::Say(1)
        } else {
            wait_or(is_end, Step::Say(1))
        };
    };
    match &text[..at] {
        _ if !text[at..].starts_with('>') => return Step::Say(1),
        "<think" => context.skip = Some("</think>"),
        "<thinking" => context.skip = Some("</thinking>"),
        inner if inner.starts_with("<http") => return Step::Link { text: 1..at, bytes: at + 1 },
        _ => {}
    }
    Step::Drop(at + 1)
}

/// Written laughter and tears: ㅋㅋ, ㅎㅎㅎ, ㅠㅠ. One alone may be a lesson about the letter.
fn jamo_run(text: &str, first: char, is_end: bool) -> Step {
    let is_weeping = |c| matches!(c, 'ㅠ' | 'ㅜ');
    let run = text.find(|c| c != first && !(is_weeping(c) && is_weeping(first))).unwrap_or(text.len());
    let decided = if run > first.len_utf8() { Step::Drop(run) } else { Step::Say(run) };
    if run == text.len() { wait_or(is_end, decided) } else { decided }
}

fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}' | '\u{231A}'..='\u{231B}' | '\u{23E9}'..='\u{23FA}'
        | '\u{2B05}'..='\u{2B55}' | '\u{FE0E}'..='\u{FE0F}' | '\u{200D}' | '\u{20E3}' | '\u{E0020}'..='\u{E007F}')
}
