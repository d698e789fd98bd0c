//! Asks a child process, which may do anything but answer.

use super::cleanup::{self, Ward};
use super::outcome::Outcome;
use super::protocol::{Answer, Request};
use crate::child::{last_words, read_tail, signal};
use crate::worker::probe::Said;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a line of a child's may be.
const MAX_LINE: u64 = 1 << 30;

/// What a child may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a compilation or a run may take.
    pub time: Duration,
    /// How much memory, in bytes.
    pub memory: u64,
    /// How large its compiling thread's stack is, in bytes.
    pub stack: u64,
}

/// A child process that answers one request after the other.
///
/// NB: It has to be used by the thread that asked it first: Linux kills it when that thread ends.
pub struct Child {
    program: Option<PathBuf>,
    limits: Limits,
    running: Option<Running>,
}

/// Ask once.
pub fn once(request: &Request, limits: &Limits) -> Answer {
    Child::new(None, limits.clone()).ask(request)
}

/// Ask another program than this one once, such as one with assertions.
pub fn once_of(program: Option<PathBuf>, request: &Request, limits: &Limits) -> Answer {
    Child::new(program, limits.clone()).ask(request)
}

impl Child {
    /// A child that is started when it is asked first. Without a program it is this one.
    pub fn new(program: Option<PathBuf>, limits: Limits) -> Child {
        Child {
            program,
            limits,
            running: None,
        }
    }

    /// What the child answers, or what became of it.
    pub fn ask(&mut self, request: &Request) -> Answer {
        let running = match self.running.take() {
            Some(running) => Ok(running),
            None => Running::start(self.program.as_ref(), &self.limits),
        };
        let mut running = match running {
            Ok(running) => running,
            Err(error) => {
                return lost(format!("cannot start a child process: {error}"));
            }
        };
        match running.ask(request, self.limits.time) {
            Asked::Answer(answer) => {
                // NB: Code that ran may have left anything behind.
                if request.run.is_none() {
                    self.running = Some(running);
                }
                *answer
            }
            Asked::TimedOut { running } => Answer::of(Outcome::Timeout { running }),
            Asked::Died { is_running } => running.into_death(is_running),
        }
    }
}

fn lost(message: String) -> Answer {
    Answer::of(Outcome::Lost { message })
}

/// How asking ended.
enum Asked {
    Answer(Box<Answer>),
    TimedOut { running: bool },
    Died { is_running: bool },
}

struct Running {
    ward: Ward,
    stdin: ChildStdin,
    said: Receiver<io::Result<Said>>,
    stderr: thread::JoinHandle<String>,
}

impl Running {
    fn start(program: Option<&PathBuf>, limits: &Limits) -> io::Result<Running> {
        let program = match program {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        let number = |n: u64| OsString::from(n.to_string());
        let mut command = Command::new(program);
        command
            .arg("__probe")
            .arg("--memory")
            .arg(number(limits.memory))
            .arg("--stack")
            .arg(number(limits.stack))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut ward = cleanup::spawn(&mut command)?;
        let stdin = ward.child.stdin.take().expect("stdin is piped");
        let stdout = ward.child.stdout.take().expect("stdout is piped");
        let stderr = ward.child.stderr.take().expect("stderr is piped");
        Ok(Running {
            ward,
            stdin,
            said: listen(stdout),
            stderr: thread::spawn(move || read_tail(stderr)),
        })
    }

    fn ask(&mut self, request: &Request, time: Duration) -> Asked {
        let mut line = serde_json::to_vec(request).expect("requests have string keys only");
        line.push(b'\n');
        // NB: A child that died at once is noticed below.
        let _ = self.stdin.write_all(&line);
        let _ = self.stdin.flush();
        let mut is_running = false;
        let mut deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(Ok(Said::Running)) => {
                    is_running = true;
                    deadline = Instant::now() + time;
                }
                Ok(Ok(Said::Answer(answer))) => return Asked::Answer(answer),
                Err(RecvTimeoutError::Timeout) => {
                    return Asked::TimedOut {
                        running: is_running,
                    };
                }
                // NB: What makes no sense was said by code that ran wild.
                Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => {
                    return Asked::Died { is_running };
                }
            }
        }
    }

    /// It said nothing more: why?
    fn into_death(self, running: bool) -> Answer {
        let Running {
            mut ward,
            stdin,
            said,
            stderr,
        } = self;
        drop((stdin, said));
        // NB: It closed its standard output, or made no sense; it need not have ended.
        let deadline = Instant::now() + Duration::from_secs(2);
        let status = loop {
            match ward.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
                _ => break None,
            }
        };
        drop(ward);
        let stderr = stderr.join().unwrap_or_default();
        Answer::of(cause_of_death(status, &stderr, running))
    }
}

fn listen(stdout: impl Read + Send + 'static) -> Receiver<io::Result<Said>> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        loop {
            let mut line = Vec::new();
            match stdout.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
            let said = serde_json::from_slice(&line).map_err(io::Error::from);
            if sender.send(said).is_err() {
                break;
            }
        }
    });
    receiver
}

fn cause_of_death(status: Option<ExitStatus>, stderr: &str, running: bool) -> Outcome {
    if stderr.contains("has overflowed its stack") {
        return Outcome::StackOverflow { running };
    }
    if stderr.contains("memory allocation of") {
        return Outcome::OutOfMemory { running };
    }
    let Some(status) = status else {
        return Outcome::Lost {
            message: "the child process said nothing more".to_string(),
        };
    };
    if let Some((number, name)) = signal(status) {
        let name = name.map_or(format!("signal {number}"), str::to_string);
        return Outcome::Signal { name, running };
    }
    Outcome::Lost {
        message: match last_words(stderr) {
            Some(words) => format!("{status}; its last words: {words}"),
            None => status.to_string(),
        },
    }
}
