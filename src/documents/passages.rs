//! Documents in passages: short enough for a prompt, each with the heading that it stands under.

/// Characters of a passage: three of them fit a small model's prompt beside the talk.
const LONGEST: usize = 400;

/// A piece of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Passage {
    file: String,
    heading: String,
    text: String,
}

impl Passage {
    /// Where it stands.
    pub(super) fn place(&self) -> String {
        match self.heading.is_empty() {
            true => self.file.clone(),
            false => format!("{}, {}", self.file, self.heading),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// What it is found by: the name and the heading say what it is about as well.
    pub(super) fn searched(&self) -> String {
        format!("{} {} {}", self.file, self.heading, self.text)
    }
}

/// The passages of one file. Paragraphs stay together while there is room, and are parted between words.
pub(super) fn of(file: &str, text: &str) -> Vec<Passage> {
    let mut cutter = Cutter { file, heading: String::new(), held: String::new(), cut: Vec::new() };
    for line in text.lines().map(str::trim) {
        match line.strip_prefix('#') {
            Some(heading) => {
                cutter.cut();
                cutter.heading = heading.trim_start_matches('#').trim().to_owned();
            }
            None if line.is_empty() && cutter.held.chars().count() > LONGEST / 2 => cutter.cut(),
            None => line.split_whitespace().for_each(|word| cutter.take(word)),
        }
    }
    cutter.cut();
    cutter.cut
}

struct Cutter<'a> {
    file: &'a str,
    heading: String,
    held: String,
    cut: Vec<Passage>,
}

impl Cutter<'_> {
    fn take(&mut self, word: &str) {
        // Not a word of any language; what is left of it says no more.
        let word = word.chars().take(LONGEST).collect::<String>();
        if self.held.chars().count() + 1 + word.chars().count() > LONGEST {
            self.cut();
        }
        if !self.held.is_empty() {
            self.held.push(' ');
        }
        self.held.push_str(&word);
    }

    fn cut(&mut self) {
        let text = std::mem::take(&mut self.held);
        if !text.is_empty() {
            self.cut.push(Passage { file: self.file.to_owned(), heading: self.heading.clone(), text });
        }
    }
}
