//! Judges one file in child processes, and survives what they do not.

use crate::child::{last_words, read_tail, signal};
use crate::diagnostic::{Diagnostic, Kind};
use crate::job::{Job, Message, Plan, Unit, UnitOutcome};
use crate::outcome::{Entry, FileOutcome};
use crate::text::thousands;
use crate::triage::cleanup::{self, Ward};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is looked whether the command is to end.
const PATIENCE: Duration = Duration::from_millis(50);

/// Judge the file at `path`, and give up on it after `timeout`. Its functions are written to the
/// directory `emit`, if there is one. `tell` is told how far the work has come.
///
/// When a child process dies over one unit of its work, another one takes up the next unit.
pub fn judge(
    path: &Path,
    emit: Option<&Path>,
    job: &Job,
    timeout: Duration,
    tell: &dyn Fn(String),
) -> FileOutcome {
    let mut progress = Progress::default();
    let deadline = Instant::now() + timeout;
    loop {
        let job = Job {
            first_unit: progress.next_unit,
            ..job.clone()
        };
        let end = match Process::start(path, emit, &job) {
            Ok(process) => process.follow(deadline, &mut progress, tell),
            Err(error) => End::Died(Diagnostic::new(
                Kind::Crash,
                format!("cannot start a child process: {error}"),
            )),
        };
        let (death, is_last) = match end {
            End::Complete => break,
            End::Died(death) => (death, false),
            End::TimedOut => (timed_out(timeout), true),
            End::Interrupted => {
                progress.is_interrupted = true;
                break;
            }
        };
        progress.lose_unit(death);
        if is_last || progress.is_complete() {
            break;
        }
    }
    progress.into_outcome(&job.name)
}

fn timed_out(timeout: Duration) -> Diagnostic {
    Diagnostic::new(
        Kind::Timeout,
        format!("did not end within {} s", timeout.as_secs()),
    )
}

/// What is known of a file.
#[derive(Default)]
struct Progress {
    failure: Option<Diagnostic>,
    plan: Option<Plan>,
    entries: Vec<Entry>,
    next_unit: usize,
    /// Was the work ended by a signal?
    is_interrupted: bool,
}

/// What is said of a file that was not begun when a signal came.
pub const NOT_BEGUN: &str = "interrupted before it was begun";

fn interrupted(what: String) -> Diagnostic {
    Diagnostic::new(Kind::Interrupted, what)
}

/// A file that was not begun when a signal came.
pub fn not_begun(name: String) -> FileOutcome {
    FileOutcome::failed(name, interrupted(NOT_BEGUN.to_string()))
}

impl Progress {
    fn hear(&mut self, message: Message) {
        match message {
            Message::Failed(failure) => self.failure = Some(*failure),
            Message::Plan(plan) => self.set_plan(plan),
            Message::Begin(unit) => self.next_unit = unit,
            Message::Compiled(_) => {}
            Message::End(outcome) => self.end_unit(outcome),
        }
    }

    fn set_plan(&mut self, plan: Plan) {
        if self.plan.is_some() {
            return;
        }
        self.entries = plan.entries.iter().map(Entry::new).collect();
        for unit in &plan.units {
            self.entries[unit.entry]
                .configurations
                .push(unit.configuration.clone());
        }
        for entry in &mut self.entries {
            let mut seen = Vec::new();
            entry.configurations.retain(|configuration| {
                let is_new = !seen.contains(configuration);
                seen.push(configuration.clone());
                is_new
            });
        }
        self.plan = Some(plan);
    }

    /// How far the work has come, in words.
    fn stage(&self, name: &str, compiled: u64) -> Option<String> {
        let units = &self.plan.as_ref()?.units;
        let unit = units.get(self.next_unit)?;
        let configuration = &unit.configuration;
        let place = format!(
            "{name}: {} of {}, {configuration}",
            self.next_unit + 1,
            units.len()
        );
        Some(match (unit.functions, compiled) {
            (_, 0) => place,
            // NB: Functions that Wasmtime adds are not in the number of all.
            (Some(all), compiled) => format!(
                "{place}: {} of {} functions",
                thousands(compiled.min(all)),
                thousands(all)
            ),
            (None, compiled) => format!("{place}: {} functions", thousands(compiled)),
        })
    }

    fn unit(&self) -> Option<&Unit> {
        self.plan.as_ref()?.units.get(self.next_unit)
    }

    fn is_complete(&self) -> bool {
        self.failure.is_some() || (self.plan.is_some() && self.unit().is_none())
    }

    fn end_unit(&mut self, outcome: UnitOutcome) {
        let Some(unit) = self.unit().cloned() else {
            return;
        };
        let UnitOutcome { functions, errors } = outcome;
        let entry = &mut self.entries[unit.entry];
        for function in functions {
            entry.functions.push((unit.configuration.clone(), function));
        }
        for error in errors {
            entry.add_error(Diagnostic {
                function: error.function.or_else(|| unit.function.clone()),
                configurations: vec![unit.configuration.clone()],
                ..error
            });
        }
        self.next_unit += 1;
    }

    /// The process died over the unit at hand, or before it said what there is to do.
    fn lose_unit(&mut self, death: Diagnostic) {
        if self.unit().is_some() {
            self.end_unit(UnitOutcome::failed(death));
        } else {
            self.failure = Some(death);
        }
    }

    fn into_outcome(mut self, name: &str) -> FileOutcome {
        if let Some(failure) = self.failure {
            return FileOutcome::failed(name, failure);
        }
        if self.plan.is_none() && self.is_interrupted {
            let error = interrupted("interrupted before anything was compiled".to_string());
            return FileOutcome::failed(name, error);
        }
        let is_interrupted = self.is_interrupted;
        let units = self.plan.map_or(Vec::new(), |plan| plan.units);
        let untried = units.get(self.next_unit..).unwrap_or_default();
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let untried = untried.iter().filter(|unit| unit.entry == index).count();
            if untried > 0 {
                entry.add_error(match is_interrupted {
                    true => {
                        interrupted(format!("interrupted; {untried} compilations were not done"))
                    }
                    false => Diagnostic::new(
                        Kind::Timeout,
                        format!("no time was left for {untried} more compilations"),
                    ),
                });
            }
        }
        FileOutcome {
            entries: self.entries,
        }
    }
}

/// How following a process ended.
enum End {
    /// All is done.
    Complete,
    /// The process died of this.
    Died(Diagnostic),
    /// The time is up.
    TimedOut,
    /// A signal said that the command is to end.
    Interrupted,
}

/// A running child process.
struct Process {
    ward: Ward,
    name: String,
    messages: Receiver<io::Result<Message>>,
    stderr: thread::JoinHandle<String>,
}

impl Process {
    fn start(path: &Path, emit: Option<&Path>, job: &Job) -> io::Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("__worker");
        if let Some(emit) = emit {
            command.arg("--emit-clif").arg(emit);
        }
        command
            .arg("--")
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // NB: It is in a process group of its own, so that ^C reaches this process only.
        let mut ward = cleanup::spawn(&mut command)?;
        let mut stdin = ward.child.stdin.take().expect("stdin is piped");
        let stdout = ward.child.stdout.take().expect("stdout is piped");
        let stderr = ward.child.stderr.take().expect("stderr is piped");
        // NB: A child that died at once is noticed below.
        let _ = serde_json::to_writer(&mut stdin, job);
        let _ = stdin.flush();
        drop(stdin);
        Ok(Process {
            ward,
            name: job.name.clone(),
            messages: read_messages(stdout),
            stderr: thread::spawn(move || read_tail(stderr)),
        })
    }

    fn follow(mut self, deadline: Instant, progress: &mut Progress, tell: &dyn Fn(String)) -> End {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if cleanup::is_interrupted() {
                self.kill();
                return End::Interrupted;
            }
            match self.messages.recv_timeout(left.min(PATIENCE)) {
                Ok(Ok(message)) => {
                    let compiled = match message {
                        Message::Compiled(compiled) => compiled,
                        _ => 0,
                    };
                    progress.hear(message);
                    progress
                        .stage(&self.name, compiled)
                        .into_iter()
                        .for_each(tell);
                }
                Ok(Err(error)) => {
                    self.kill();
                    let what = format!("the child process made no sense: {error}");
                    return End::Died(Diagnostic::new(Kind::Crash, what));
                }
                Err(RecvTimeoutError::Timeout) if left > PATIENCE => {}
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    return End::TimedOut;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = self.ward.child.wait();
        let stderr = self.stderr.join().unwrap_or_default();
        match status {
            Ok(status) if status.success() && progress.is_complete() => End::Complete,
            Ok(status) => End::Died(cause_of_death(status, &stderr)),
            Err(error) => End::Died(Diagnostic::new(Kind::Crash, error.to_string())),
        }
    }

    fn kill(&mut self) {
        // NB: It fails if the child has ended, which is as well.
        let _ = self.ward.child.kill();
        let _ = self.ward.child.wait();
    }
}

fn read_messages(stdout: impl Read + Send + 'static) -> Receiver<io::Result<Message>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines() {
            let message =
                line.and_then(|line| serde_json::from_str(&line).map_err(io::Error::from));
            if sender.send(message).is_err() {
                break;
            }
        }
    });
    receiver
}

fn cause_of_death(status: ExitStatus, stderr: &str) -> Diagnostic {
    let by = killer(status);
    if stderr.contains("has overflowed its stack") {
        return Diagnostic::new(
            Kind::StackOverflow,
            format!("the compiler overflowed its stack ({by})"),
        );
    }
    if stderr.contains("memory allocation of") {
        return Diagnostic::new(
            Kind::OutOfMemory,
            format!("the compiler ran out of memory ({by})"),
        );
    }
    let diagnostic = Diagnostic::new(Kind::Crash, format!("the compiler crashed: {by}"));
    match last_words(stderr) {
        Some(words) => diagnostic.note(format!("its last words: {words}")),
        None => diagnostic,
    }
}

fn killer(status: ExitStatus) -> String {
    match signal(status) {
        Some((number, Some(name))) => format!("killed by signal {number}, {name}"),
        Some((number, None)) => format!("killed by signal {number}"),
        None => status.to_string(),
    }
}
