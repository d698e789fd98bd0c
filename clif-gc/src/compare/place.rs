//! Which function of a result is meant.
//!
//! NB: `cargo xtask review` is compiled with this file as well, because it reads what `clif-gc compare` writes.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A function, compiled in some configuration; or a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file.
    pub path: String,
    /// How CLIF calls the function.
    pub function: Option<String>,
    /// How the module calls it.
    pub name: Option<String>,
    /// What it was compiled for.
    pub configuration: Option<String>,
    /// Which of several of that name.
    #[serde(skip)]
    pub nth: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(function) = &self.function {
            write!(f, " {function}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " \"{name}\"")?;
        }
        match &self.configuration {
            Some(configuration) => write!(f, " ({configuration})"),
            None => Ok(()),
        }
    }
}
