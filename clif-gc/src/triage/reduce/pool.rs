//! Child processes that are asked at once, with results that do not depend on how many there are.

use super::super::ask::{Child, Limits};
use super::super::failure::{Failure, is_expected};
use super::super::protocol::Request;
use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Children that tell whether candidates fail in the same way.
pub struct Pool {
    shared: Arc<Shared>,
    results: Receiver<(usize, bool)>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    work: Mutex<Work>,
    changed: Condvar,
}

#[derive(Default)]
struct Work {
    waiting: VecDeque<(usize, Vec<u8>)>,
    is_over: bool,
}

/// What is asked of a candidate.
#[derive(Clone)]
pub struct Question {
    /// The request, but for the file.
    pub request: Request,
    /// The failure that is to stay.
    pub failure: Failure,
    /// The same, compiled so that it does what is expected, if that is what shows that the failure is the
    /// optimizer's.
    pub reference: Option<Request>,
}

impl Question {
    /// Does the file at `path` fail in the same way?
    fn is_answered(&self, child: &mut Child, path: &OsStr) -> bool {
        let at_path = |request: &Request| Request {
            path: path.to_os_string(),
            ..request.clone()
        };
        let answer = child.ask(&at_path(&self.request));
        let fails = match &self.failure {
            // NB: While it is made smaller, a third thing is another failure.
            Failure::Run { found, .. } => answer.outcome.is_like(found),
            failure => failure.is_in(&answer, true) == Some(true),
        };
        match (&self.failure, &self.reference) {
            (Failure::Run { expected, .. }, Some(reference)) if fails => {
                let answer = child.ask(&at_path(reference));
                is_expected(&answer.outcome, expected)
            }
            _ => fails,
        }
    }
}

impl Pool {
    /// Children that ask `question` of files with that extension in that directory.
    ///
    /// NB: A child lives no longer than the thread that asks it, so that the threads stay.
    pub fn new(
        jobs: usize,
        question: &Question,
        (directory, extension): (PathBuf, &'static str),
        limits: &Limits,
    ) -> Pool {
        let shared = Arc::new(Shared {
            work: Mutex::default(),
            changed: Condvar::new(),
        });
        let (sender, results) = mpsc::channel();
        let threads = (0..jobs.max(1)).map(|job| {
            let (shared, sender) = (shared.clone(), sender.clone());
            let (question, limits) = (question.clone(), limits.clone());
            let path = directory.join(format!("candidate-{job}.{extension}"));
            std::thread::spawn(move || work(&shared, &sender, question, path, limits))
        });
        Pool {
            threads: threads.collect(),
            shared,
            results,
        }
    }

    /// How many candidates are asked about at once.
    pub fn width(&self) -> usize {
        self.threads.len()
    }

    /// The first of the candidates that fails in the same way.
    pub fn first(&self, candidates: &[Vec<u8>]) -> Option<usize> {
        {
            let mut work = lock(&self.shared.work);
            work.waiting.extend(candidates.iter().cloned().enumerate());
        }
        self.shared.changed.notify_all();
        let results = self.results.iter().take(candidates.len());
        results
            .filter_map(|(index, fails)| fails.then_some(index))
            .min()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Pool {
    fn drop(&mut self) {
        lock(&self.shared.work).is_over = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // NB: A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

fn work(
    shared: &Shared,
    results: &Sender<(usize, bool)>,
    question: Question,
    path: PathBuf,
    limits: Limits,
) {
    let mut child = Child::new(None, limits);
    loop {
        let (index, bytes) = {
            let mut work = lock(&shared.work);
            loop {
                if work.is_over {
                    return;
                }
                match work.waiting.pop_front() {
                    Some(item) => break item,
                    None => {
                        work = shared
                            .changed
                            .wait(work)
                            .unwrap_or_else(PoisonError::into_inner);
                    }
                }
            }
        };
        let fails = match std::fs::write(&path, bytes) {
            Ok(()) => question.is_answered(&mut child, path.as_os_str()),
            Err(_) => false,
        };
        if results.send((index, fails)).is_err() {
            return;
        }
    }
}
