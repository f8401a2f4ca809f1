//! How many replies are written at once over HTTP, whose they are, and when the next of them is likely to be done.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use duologue_domain::capacity::Drain;
use tokio::time::Instant;

use crate::error::{ApiError, Code};

/// Half of what waits at the language model stays free for scenes.
const MOST: usize = 8;

/// Of one client, from however many addresses it calls: the other half is for others. This machine itself is nobody's.
const MOST_OF_ONE: usize = MOST / 2;

/// Seconds until another try, where nothing tells: fewer than two replies have ended of late.
const UNTOLD: u64 = 2;

/// The replies that are being written. More are refused at the door, with a time.
pub(crate) struct Completions {
    begun: Instant,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    by_client: HashMap<Arc<str>, usize>,
    pace: Drain,
}

/// One reply's place; given back when it is dropped.
pub(super) struct Place {
    completions: Arc<Completions>,
    client: Option<Arc<str>>,
}

impl Default for Completions {
    fn default() -> Self {
        Self { begun: Instant::now(), held: Mutex::default() }
    }
}

impl std::fmt::Debug for Completions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Completions").field("held", &self.lock().all).finish_non_exhaustive()
    }
}

impl Completions {
    /// A place for a reply to `client`.
    ///
    /// # Errors
    /// All are taken, or all that one client may have.
    pub(super) fn take(self: &Arc<Self>, client: Option<Arc<str>>) -> Result<Place, ApiError> {
        let now = self.now();
        let mut held = self.lock();
        let seconds = held.pace.wait_ms(now, 1).map_or(UNTOLD, |ms| ms.div_ceil(1000));
        if held.all >= MOST {
            let message = "too many replies are being written already";
            return Err(ApiError::new(Code::EngineOverloaded, message).retry_after(seconds));
        }
        if let Some(client) = &client {
            let own = held.by_client.entry(client.clone()).or_default();
            if *own >= MOST_OF_ONE {
                let message = "too many replies to this client are being written already";
                return Err(ApiError::new(Code::ClientLimit, message).retry_after(seconds));
            }
            *own += 1;
        }
        held.all += 1;
        Ok(Place { completions: self.clone(), client })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let now = self.completions.now();
        let mut held = self.completions.lock();
        held.all -= 1;
        held.pace.handle_departure(now);
        let Some(client) = &self.client else { return };
        if let Some(own) = held.by_client.get_mut(client) {
            *own -= 1;
            if *own == 0 {
                held.by_client.remove(client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn code(refused: &Result<Place, ApiError>) -> Option<(Code, Option<u64>)> {
        refused.as_ref().err().map(|error| (error.code, error.retry_after))
    }

    #[tokio::test(start_paused = true)]
    async fn a_greedy_client_has_half_and_is_told_when_to_come_back() {
        let completions = Arc::new(Completions::default());
        let take = |client: &str| completions.take(Some(client.into()));
        let mut greedy = (0..20).filter_map(|_| take("greedy").ok()).collect::<Vec<_>>();
        assert_eq!(greedy.len(), MOST_OF_ONE);
        assert_eq!(code(&take("greedy")), Some((Code::ClientLimit, Some(UNTOLD))));
        let modest = take("modest").expect("room for others");
        let here = (0..20).filter_map(|_| completions.take(None).ok()).collect::<Vec<_>>();
        assert_eq!(here.len(), MOST - MOST_OF_ONE - 1, "what is left");
        assert_eq!(code(&take("third")), Some((Code::EngineOverloaded, Some(UNTOLD))));
        // One ends every seven seconds.
        for _ in 0..3 {
            tokio::time::sleep(Duration::from_secs(7)).await;
            greedy.pop();
        }
        let _again = (0..3).map(|_| take("fourth").expect("room")).collect::<Vec<_>>();
        assert_eq!(code(&take("third")), Some((Code::EngineOverloaded, Some(7))));
        drop((greedy, modest, here, _again));
        assert_eq!(completions.lock().all, 0);
        assert!(completions.lock().by_client.is_empty(), "nobody is remembered");
    }
}
