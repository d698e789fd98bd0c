//! Exit codes.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything was verified.
    Verified,
    /// Some function mistreats a GC reference.
    Rejected,
    /// The command line is wrong, or some input could not be judged.
    Unusable,
    /// Some check could not be made, or too little was checked.
    Inconclusive,
}

impl Exit {
    /// How two things end together: as the first of rejected, unusable, inconclusive that one of them is.
    pub fn or(self, other: Exit) -> Exit {
        let rank = |exit| match exit {
            Exit::Rejected => 3,
            Exit::Unusable => 2,
            Exit::Inconclusive => 1,
            Exit::Verified => 0,
        };
        match rank(other) > rank(self) {
            true => other,
            false => self,
        }
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Exit::Verified => 0,
            Exit::Rejected => 1,
            Exit::Unusable => 2,
            Exit::Inconclusive => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
