//! One question, one answer: the two ends that most jobs of an engine thread need.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::Instant};

use super::{Escape, Payload, timeout};
use crate::{
    fair::{Haste, Urgency},
    port::{CancelFlag, CancelOnDrop, EngineError, ErrorKind},
};

/// How much later than the deadline the requester itself gives up: the thread notices a passed
/// deadline only between jobs, and its own refusal should win when both happen together.
const GRACE: Duration = Duration::from_millis(20);

/// A question to `engine` and where its answer will arrive. The requester gives up when the work has
/// not begun within `deadline`, and when it has not ended within `patience` after that: a hung model
/// must not hang a session.
pub fn ask<Q, A>(
    engine: &'static str,
    asked: Q,
    deadline: Duration,
    patience: Duration,
) -> (Question<Q, A>, Answer<A>) {
    let (sender, receiver) = oneshot::channel();
    let begun = Arc::new(AtomicBool::new(false));
    let cancel = CancelFlag::default();
    let sender = Arc::new(Mutex::new(Some(sender)));
    let reply = Reply { sender, begun: Arc::clone(&begun), cancel: cancel.clone() };
    let deadline = Instant::now() + deadline;
    let answer = Answer { engine, receiver, begun, deadline, patience, _cancel: CancelOnDrop(cancel) };
    (Question { asked, reply, haste: None }, answer)
}

/// A payload for [`EngineThread`](super::EngineThread): what is asked, and the worker's end of the reply.
#[derive(Debug)]
pub struct Question<Q, A> {
    /// What is asked.
    pub asked: Q,
    /// Where the answer goes.
    pub reply: Reply<A>,
    /// How soon it is wanted; `None` is now.
    haste: Option<Haste>,
}

impl<Q, A> Question<Q, A> {
    /// The same, wanted as soon as `haste` says. What is wanted merely [`Urgency::Soon`] gives way to the urgent.
    pub fn with(self, haste: Haste) -> Self {
        Self { haste: Some(haste), ..self }
    }
}

impl<Q: Send + 'static, A: Send + 'static> Payload for Question<Q, A> {
    fn refuse(mut self, error: EngineError) {
        self.reply.send(Err(error));
    }

    fn escape(&self) -> Escape {
        let (sender, cancel) = (Arc::clone(&self.reply.sender), self.reply.cancel.clone());
        Box::new(move |error| {
            // The call need not go on when it comes back to life.
            cancel.cancel();
            answer_once(&sender, Err(error));
        })
    }

    fn abandoned(&self) -> bool {
        self.reply.cancel().is_cancelled()
    }

    fn urgency(&self) -> Urgency {
        self.haste.as_ref().map_or(Urgency::Now, Haste::urgency)
    }

    fn gives_way(&self) -> Option<CancelFlag> {
        (self.urgency() == Urgency::Soon).then(|| self.reply.cancel().clone())
    }
}

/// The only answer: whoever takes the sender first gives it.
type Sender<T> = Arc<Mutex<Option<oneshot::Sender<Result<T, EngineError>>>>>;

fn answer_once<T>(sender: &Sender<T>, answer: Result<T, EngineError>) {
    if let Some(sender) = sender.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _gone = sender.send(answer);
    }
}

/// The worker's end.
#[derive(Debug)]
pub struct Reply<T> {
    sender: Sender<T>,
    begun: Arc<AtomicBool>,
    cancel: CancelFlag,
}

impl<T> Reply<T> {
    /// Says that the work began: from here on the deadline no longer applies.
    pub fn begin(&self) {
        self.begun.store(true, Ordering::Release);
    }

    /// Answers. Only the first answer counts; a requester that has gone is no error.
    pub fn send(&mut self, answer: Result<T, EngineError>) {
        answer_once(&self.sender, answer);
    }

    /// The flag that is raised when the requester drops its end.
    pub fn cancel(&self) -> &CancelFlag {
        &self.cancel
    }
}

/// The requester's end. Dropping it cancels.
#[derive(Debug)]
pub struct Answer<T> {
    engine: &'static str,
    receiver: oneshot::Receiver<Result<T, EngineError>>,
    begun: Arc<AtomicBool>,
    deadline: Instant,
    patience: Duration,
    _cancel: CancelOnDrop,
}

impl<T> Answer<T> {
    /// Waits for the answer.
    pub async fn wait(mut self) -> Result<T, EngineError> {
        let early = tokio::time::timeout_at(self.deadline + GRACE, &mut self.receiver).await;
        let answer = match early {
            Ok(answer) => answer,
            Err(_) if !self.begun.load(Ordering::Acquire) => return Err(timeout(self.engine)),
            Err(_) => match tokio::time::timeout(self.patience, &mut self.receiver).await {
                Ok(answer) => answer,
                Err(_) => {
                    let message = format!("no answer {} s after the work began", self.patience.as_secs());
                    return Err(EngineError::new(ErrorKind::Broken, self.engine, message));
                }
            },
        };
        answer.unwrap_or_else(|_| {
            Err(EngineError::new(ErrorKind::Broken, self.engine, "the worker ended without an answer"))
        })
    }
}
