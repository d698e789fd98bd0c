//! What the triage commands print alike.

use super::outcome::Outcome;
use crate::configuration::Configuration;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::outcome::Entry;
use crate::render;
use crate::render::style::{ERROR, STRONG, paint};
use crate::text::printable;
use serde::Serialize;

/// Changes when a consumer has to.
const SCHEMA_VERSION: u32 = 1;

/// What every document begins with.
#[derive(Serialize)]
pub struct Head<'a> {
    schema_version: u32,
    tool: Tool,
    command: &'static str,
    path: &'a str,
    exit_code: u8,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

impl<'a> Head<'a> {
    /// The head of what `command` prints of the file at `path`.
    pub fn new(command: &'static str, path: &'a str, exit: Exit) -> Self {
        Head {
            schema_version: SCHEMA_VERSION,
            tool: Tool {
                name: env!("CARGO_PKG_NAME"),
                version: env!("CARGO_PKG_VERSION"),
            },
            command,
            path,
            exit_code: exit.code(),
        }
    }
}

/// One JSON object.
pub fn document(head: Head<'_>, body: &impl Serialize) -> String {
    #[derive(Serialize)]
    struct Document<'a, B: Serialize> {
        #[serde(flatten)]
        head: Head<'a>,
        #[serde(flatten)]
        body: &'a B,
    }
    let document = Document { head, body };
    let mut json = serde_json::to_string_pretty(&document).expect("all keys are strings");
    json.push('\n');
    json
}

/// Why there is nothing to tell, for standard error.
pub fn outcome_line(
    name: &str,
    configuration: Option<&Configuration>,
    outcome: &Outcome,
    errors: &[Diagnostic],
) -> String {
    if !errors.is_empty() {
        let mut entry = Entry::new(name);
        entry.errors = errors.to_vec();
        return render::diagnostics(&entry);
    }
    let configuration = configuration.map_or(String::new(), |c| format!(", {c}"));
    let title = paint(ERROR, "error");
    let message = paint(STRONG, format_args!(": {}", printable(&outcome.short())));
    format!(
        "{title}{message}\n  --> {}{configuration}\n\n",
        printable(name)
    )
}
