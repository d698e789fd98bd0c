//! `clif-gc completions` and `clif-gc man`: what is made of the definition of the command line.

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::exit::Exit;
use crate::render;
use clap::CommandFactory as _;
use std::io::{self, Write as _};

/// Print a completion script.
pub fn completions(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "clif-gc", &mut script);
    print(&script)
}

/// Write the man pages, or print the main one.
pub fn pages(args: &ManArgs) -> Exit {
    match &args.directory {
        None => {
            let mut page = Vec::new();
            match clap_mangen::Man::new(Cli::command()).render(&mut page) {
                Ok(()) => print(&page),
                Err(error) => failed(&error.to_string()),
            }
        }
        Some(directory) => {
            let written = std::fs::create_dir_all(directory)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
            match written {
                Ok(()) => Exit::Verified,
                Err(error) => failed(&format!("cannot write to {}: {error}", directory.display())),
            }
        }
    }
}

/// NB: As it is, for these are no text with colours.
fn print(bytes: &[u8]) -> Exit {
    let mut stdout = io::stdout().lock();
    render::tell(stdout.write_all(bytes).and_then(|()| stdout.flush()));
    Exit::Verified
}

fn failed(message: &str) -> Exit {
    render::to_stderr(&format!("error: {message}\n"));
    Exit::Unusable
}
