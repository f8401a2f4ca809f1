//! Conversations behind responses, for `previous_response_id`.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use duologue_engines::port::ChatMessage;

/// How long a response is kept: as long as somebody may think about an answer.
const KEPT_FOR: Duration = Duration::from_secs(3600);
/// How many, and how many bytes of words in all; when there would be more, the oldest of whoever has the most bytes is
/// forgotten, so that nobody can make the server forget what others need.
const MAX_KEPT: usize = 2000;
const MAX_BYTES: usize = 64 << 20;

/// What is kept of responses, in memory.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    responses: HashMap<String, Response>,
    /// The oldest first.
    order: VecDeque<String>,
    bytes: usize,
}

#[derive(Debug)]
struct Response {
    owner: String,
    said: Vec<ChatMessage>,
    bytes: usize,
    since: Instant,
}

impl Kept {
    /// Keeps the conversation up to and with the response `id`.
    pub(super) fn keep(&self, id: &str, owner: &str, said: Vec<ChatMessage>) {
        self.keep_at(id, owner, said, Instant::now());
    }

    /// The conversation up to and with the response `id` of this owner.
    pub(super) fn find(&self, id: &str, owner: &str) -> Option<Vec<ChatMessage>> {
        self.find_at(id, owner, Instant::now())
    }

    #[expect(clippy::too_many_arguments, reason = "`keep` and the time, for tests")]
    fn keep_at(&self, id: &str, owner: &str, said: Vec<ChatMessage>, now: Instant) {
        let bytes = said.iter().map(size).sum();
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.responses.insert(id.to_owned(), Response { owner: owner.to_owned(), said, bytes, since: now });
        shelf.order.push_back(id.to_owned());
        shelf.bytes += bytes;
        shelf.make_room(now);
    }

    fn find_at(&self, id: &str, owner: &str, now: Instant) -> Option<Vec<ChatMessage>> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.make_room(now);
        shelf
            .responses
            .get(id)
            .filter(|response| response.owner == owner)
            .map(|response| response.said.clone())
    }
}

impl Shelf {
    fn make_room(&mut self, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let is_kept = |response: &Response| now.saturating_duration_since(response.since) <= KEPT_FOR;
            if self.responses.get(oldest).is_some_and(is_kept) {
                break;
            }
            self.forget(0);
        }
        while self.order.len() > MAX_KEPT || self.bytes > MAX_BYTES {
            let at = self.oldest_of_the_greediest();
            self.forget(at);
        }
    }

    /// Where in the order. Who comes last makes room himself when he alone is too large.
    fn oldest_of_the_greediest(&self) -> usize {
        let mut held: HashMap<&str, usize> = HashMap::new();
        for response in self.responses.values() {
            *held.entry(&response.owner).or_default() += response.bytes;
        }
        let greediest = held.into_iter().max_by_key(|(_, bytes)| *bytes).map(|(owner, _)| owner);
        let is_theirs =
            |id: &String| self.responses.get(id).map(|response| response.owner.as_str()) == greediest;
        self.order.iter().position(is_theirs).unwrap_or(0)
    }

    fn forget(&mut self, at: usize) {
        if let Some(gone) = self.order.remove(at).and_then(|id| self.responses.remove(&id)) {
            self.bytes -= gone.bytes;
        }
    }
}

fn size(message: &ChatMessage) -> usize {
    let calls = message.calls.iter().map(|call| call.name.len() + call.arguments.len());
    // A message takes a little even without words.
    64 + message.content.len() + calls.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use duologue_engines::port::Role;

    use super::*;

    fn said(words: &str) -> Vec<ChatMessage> {
        vec![ChatMessage::new(Role::User, words)]
    }

    #[test]
    fn responses_are_found_by_their_owners_for_an_hour() {
        let (kept, now) = (Kept::default(), Instant::now());
        kept.keep_at("resp_1", "a", said("안녕"), now);
        assert_eq!(kept.find_at("resp_1", "a", now), Some(said("안녕")));
        assert_eq!(kept.find_at("resp_1", "b", now), None, "of somebody else");
        assert_eq!(kept.find_at("resp_2", "a", now), None);
        assert!(kept.find_at("resp_1", "a", now + KEPT_FOR).is_some());
        assert!(kept.find_at("resp_1", "a", now + KEPT_FOR + Duration::from_secs(1)).is_none());
        assert_eq!(kept.0.lock().expect("whole").bytes, 0);
    }

    #[test]
    fn memory_is_bounded_by_number_and_by_bytes() {
        let (kept, now) = (Kept::default(), Instant::now());
        for number in 0..MAX_KEPT + 5 {
            kept.keep_at(&format!("resp_{number}"), "a", said("x"), now);
        }
        assert!(kept.find_at("resp_4", "a", now).is_none());
        assert!(kept.find_at("resp_5", "a", now).is_some());
        kept.keep_at("large", "a", said(&"x".repeat(MAX_BYTES - 200)), now);
        kept.keep_at("last", "a", said("y"), now);
        let shelf = kept.0.lock().expect("whole");
        assert!(shelf.bytes <= MAX_BYTES && shelf.responses.len() <= 3, "{}", shelf.responses.len());
        assert!(shelf.responses.contains_key("last"));
        assert_eq!(shelf.order.len(), shelf.responses.len());
    }

    #[test]
    fn a_greedy_owner_forgets_his_own() {
        let (kept, now) = (Kept::default(), Instant::now());
        kept.keep_at("mine", "modest", said("안녕"), now);
        for number in 0..MAX_KEPT + 5 {
            kept.keep_at(&format!("resp_{number}"), "greedy", said("x"), now);
        }
        assert!(kept.find_at("mine", "modest", now).is_some());
        assert!(kept.find_at("resp_5", "greedy", now).is_none());
        assert!(kept.find_at("resp_6", "greedy", now).is_some());
    }
}
