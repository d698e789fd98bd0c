//! A progress bar, on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// How far the work on the files has come. Shows nothing unless standard error is a terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// No file of `files` is done.
    pub fn new(files: usize, quiet: bool) -> Self {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(files as u64), target);
        let style =
            ProgressStyle::with_template("{bar:30} {pos}/{len} files, {elapsed}  {wide_msg}")
                .expect("the template is well-formed");
        bar.set_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Progress(bar)
    }

    /// Work is being done on this.
    pub fn working_on(&self, what: String) {
        self.0.set_message(what);
    }

    /// One more file is done.
    pub fn file_done(&self) {
        self.0.inc(1);
    }

    /// Print something without tearing the bar.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.0.suspend(print)
    }

    /// All is done.
    pub fn finish(self) {
        self.0.finish_and_clear();
    }
}

/// How far a search of unknown length has come. Shows nothing unless standard error is a terminal.
pub struct Steps(ProgressBar);

impl Steps {
    /// Nothing is done yet.
    pub fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {prefix}, {elapsed}  {wide_msg}")
            .expect("the template is well-formed");
        bar.set_style(style);
        bar.set_prefix(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Steps(bar)
    }

    /// This is being done.
    pub fn tell(&self, what: &str) {
        self.0.set_message(what.to_string());
    }

    /// Print something without tearing the line.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.0.suspend(print)
    }

    /// All is done.
    pub fn finish(self) {
        self.0.finish_and_clear();
    }
}
