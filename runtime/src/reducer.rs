//! The reducer as its driver sees it, and the thread that it runs on.
//!
//! Guests may use more machine stack than the caller's thread has, so each reducer has
//! a thread of its own, started with its first call.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use synlog_log::fold::{FoldInput, Folded, Halt, Manifest, Projected, Reducer, Routed};
use synlog_log::ids::TopicId;

use crate::call::Batch;
use crate::engine::THREAD_STACK;
use crate::instance::Function;
use crate::module::Module;
use crate::probation::Checks;
use crate::runner::Runner;

/// A module that folds, with what is known of its behaviour so far.
pub struct WasmReducer {
    module: Module,
    checks: Checks,
    batch: Batch,
    worker: Option<Worker>,
}

struct Worker {
    jobs: Option<Sender<(Function, Batch)>>,
    answers: Receiver<(Answer, Batch)>,
    thread: Option<JoinHandle<()>>,
}

enum Answer {
    Route(Result<Vec<Routed>, Halt>),
    Fold(Result<Vec<Folded>, Halt>),
    Project(Result<Vec<Projected>, Halt>),
}

fn gone() -> Halt {
    Halt::Host("the thread of a reducer ended".to_owned())
}

impl Worker {
    fn start(module: Module, checks: Checks) -> Result<Self, Halt> {
        let (jobs, todo) = channel::<(Function, Batch)>();
        let (done, answers) = channel();
        let mut runner = Runner::new(module, checks);
        let thread = std::thread::Builder::new()
            .name("reducer".to_owned())
            .stack_size(THREAD_STACK)
            .spawn(move || {
                while let Ok((function, batch)) = todo.recv() {
                    let answer = match function {
                        Function::Route => Answer::Route(runner.route(&batch)),
                        Function::Fold => Answer::Fold(runner.fold(&batch)),
                        Function::Project => Answer::Project(runner.project(&batch)),
                    };
                    if done.send((answer, batch)).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| Halt::Host(format!("no thread for a reducer: {error}")))?;
        Ok(Self {
            jobs: Some(jobs),
            answers,
            thread: Some(thread),
        })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl WasmReducer {
    pub(crate) fn new(module: Module, checks: Checks) -> Self {
        Self {
            module,
            checks,
            batch: Batch::default(),
            worker: None,
        }
    }

    fn ask(&mut self, function: Function) -> Result<Answer, Halt> {
        let worker = match &mut self.worker {
            Some(worker) => worker,
            none => none.insert(Worker::start(self.module.clone(), self.checks)?),
        };
        let batch = std::mem::take(&mut self.batch);
        let jobs = worker.jobs.as_ref().ok_or_else(gone)?;
        jobs.send((function, batch)).map_err(|_| gone())?;
        let (answer, batch) = worker.answers.recv().map_err(|_| gone())?;
        self.batch = batch;
        Ok(answer)
    }
}

impl Reducer for WasmReducer {
    fn hash(&self) -> [u8; 32] {
        self.module.hash
    }

    fn manifest(&self) -> &Manifest {
        &self.module.manifest
    }

    fn route(&mut self, topic: &TopicId, events: &[&[u8]]) -> Result<Vec<Routed>, Halt> {
        self.batch.clear(topic);
        self.batch.add_aggregate("", None);
        events.iter().for_each(|event| self.batch.add_event(event));
        match self.ask(Function::Route)? {
            Answer::Route(routed) => routed,
            _ => Err(gone()),
        }
    }

    fn fold(&mut self, topic: &TopicId, batch: &[FoldInput<'_>]) -> Result<Vec<Folded>, Halt> {
        self.batch.clear(topic);
        batch.iter().for_each(|input| self.batch.add(input));
        match self.ask(Function::Fold)? {
            Answer::Fold(folded) => folded,
            _ => Err(gone()),
        }
    }

    fn project(
        &mut self,
        topic: &TopicId,
        batch: &[(&str, &[u8])],
    ) -> Result<Vec<Projected>, Halt> {
        self.batch.clear(topic);
        for (key, state) in batch {
            self.batch.add_aggregate(key, Some(state));
        }
        match self.ask(Function::Project)? {
            Answer::Project(rows) => rows,
            _ => Err(gone()),
        }
    }
}
