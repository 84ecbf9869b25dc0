//! Questions for rows, answered one after the other by one thread: those that come together
//! are answered in one use of the store, and none of them waits for a thread to wake up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use serde_json::Value as Json;
use tokio::sync::oneshot;
use tracing::Span;
use tracing::span::EnteredSpan;

use crate::backend::{Backend, Questions, Rows};
use crate::problem::Problem;

/// Questions that wait; beyond them whoever asks is told to come later.
const WAITING_MAX: usize = 4_096;
/// Questions that are taken up together.
const TOGETHER_MAX: usize = 64;

type Told = Result<Json, Problem>;

/// A question, and who waits for its answer.
struct Asked {
    rows: Rows,
    answer: oneshot::Sender<Told>,
    /// What is logged belongs to the request.
    span: Span,
}

/// Where questions are put.
pub(crate) struct Reader(SyncSender<Asked>);

fn broken() -> Problem {
    Problem::new(500, "system", "the node broke off")
}

impl Reader {
    /// A thread that answers, until the reader is gone.
    pub(crate) fn start(backend: Arc<dyn Backend>) -> Self {
        let (asks, asked) = sync_channel(WAITING_MAX);
        let builder = std::thread::Builder::new().name("web-rows".to_owned());
        // without it whoever asks is told that the node broke off
        let _ = builder.spawn(move || answer_all(&*backend, &asked));
        Self(asks)
    }

    /// Answers a question.
    pub(crate) async fn ask(&self, rows: Rows) -> Told {
        let (answer, told) = oneshot::channel();
        let span = Span::current();
        let asked = Asked { rows, answer, span };
        match self.0.try_send(asked) {
            Ok(()) => told.await.map_err(|_| broken())?,
            Err(TrySendError::Full(_)) => {
                Err(
                    Problem::new(503, "too_busy", "too many questions wait for an answer")
                        .hint("ask again in a moment"),
                )
            }
            Err(TrySendError::Disconnected(_)) => Err(broken()),
        }
    }
}

/// Those that are taken up together.
struct Together {
    waiting: std::vec::IntoIter<Asked>,
    now: Option<(oneshot::Sender<Told>, EnteredSpan)>,
}

impl Questions for Together {
    fn next(&mut self) -> Option<Rows> {
        let asked = self.waiting.next()?;
        self.now = Some((asked.answer, asked.span.entered()));
        Some(asked.rows)
    }

    fn tell(&mut self, told: Told) {
        if let Some((answer, _span)) = self.now.take() {
            // it may have gone meanwhile
            let _ = answer.send(told);
        }
    }
}

fn answer_all(backend: &dyn Backend, asked: &Receiver<Asked>) {
    while let Ok(first) = asked.recv() {
        let mut together = vec![first];
        together.extend(asked.try_iter().take(TOGETHER_MAX - 1));
        // who went away is not answered
        together.retain(|asked| !asked.answer.is_closed());
        let mut together = Together {
            waiting: together.into_iter(),
            now: None,
        };
        // whoever is left without an answer learns it; the next ones are answered
        let _ = catch_unwind(AssertUnwindSafe(|| backend.read(&mut together)));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::tests::{Fake, runtime};

    #[test]
    fn each_question_has_its_answer_whatever_becomes_of_others() {
        runtime().block_on(async {
            let reader = Reader::start(Arc::new(Fake::default()));
            let of = |view: &str| Rows {
                view: view.to_owned(),
                ..Rows::default()
            };
            let views: Vec<String> = (0..200).map(|number| format!("view {number}")).collect();
            let asked = views.iter().map(|view| reader.ask(of(view)));
            let told = futures_util::future::join_all(asked).await;
            for (view, told) in views.iter().zip(told) {
                assert!(told.unwrap()["asked"].as_str().unwrap().contains(view));
            }
            // who goes away without waiting takes nobody else's answer
            drop(reader.ask(of("gone")));
            let broken = reader.ask(of("panic")).await.unwrap_err();
            assert_eq!(broken.status, 500);
            let after = reader.ask(of("after")).await.unwrap();
            assert!(after["asked"].as_str().unwrap().contains("after"));
        });
    }
}
