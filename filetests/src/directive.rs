//! What the comments of a file say.

use anyhow::{Context as _, Result, bail};
use cranelift_codegen::ir::entities::AnyEntity;
use cranelift_codegen::ir::{Inst, Value};
use cranelift_gc_verifier::{Hazard, Hazards, History};
use cranelift_reader::{Comment, Details, SourceMap};

/// One directive of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive<'a> {
    Error(&'a str),
    Inconclusive(&'a str),
    NoSubjects,
    Guarded(&'a str),
}

/// The directives of a comment, which are divided by semicolons.
pub(crate) fn directives(comment: &str) -> impl Iterator<Item = Directive<'_>> {
    comment.split(';').filter_map(directive)
}

/// The directive that `text`, a part of a comment without semicolons, is; most are prose.
pub(crate) fn directive(text: &str) -> Option<Directive<'_>> {
    let text = text.trim();
    if text == "no-subjects" {
        return Some(Directive::NoSubjects);
    }
    let (name, rest) = text.split_once(':')?;
    let rest = rest.trim();
    Some(match name {
        "error" => Directive::Error(rest),
        "inconclusive" => Directive::Inconclusive(rest),
        "guarded" => Directive::Guarded(rest),
        _ => return None,
    })
}

/// What a function is expected to be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected<'a> {
    pub(crate) errors: Vec<(Inst, &'a str)>,
    pub(crate) inconclusive: Vec<&'a str>,
    /// What is said to have been guarded before the last pass, and against what.
    pub(crate) guarded: Vec<(Inst, Value, Hazards)>,
}

impl<'a> Expected<'a> {
    /// Read the comments of a function.
    pub(crate) fn read(details: &Details<'a>) -> Result<Self> {
        let mut expected = Expected::default();
        for comment in &details.comments {
            for directive in directives(comment.text) {
                expected
                    .read_one(details, comment, directive)
                    .with_context(|| format!("in the comment `{}`", comment.text))?;
            }
        }
        Ok(expected)
    }

    /// What is known of the function from before.
    pub(crate) fn history(&self) -> History {
        let mut history = History::default();
        for &(inst, reference, hazards) in &self.guarded {
            history.note_guarded(inst, reference, hazards);
        }
        history
    }

    fn read_one(
        &mut self,
        details: &Details<'a>,
        comment: &Comment<'a>,
        directive: Directive<'a>,
    ) -> Result<()> {
        match directive {
            Directive::Error(text) => self.errors.push((instruction(comment)?, text)),
            Directive::Inconclusive(text) => self.inconclusive.push(text),
            Directive::Guarded(text) => {
                let inst = instruction(comment)?;
                let (reference, hazards) = guarded(&details.map, text)?;
                self.guarded.push((inst, reference, hazards));
            }
            Directive::NoSubjects => bail!("`no-subjects` belongs before the first function"),
        }
        Ok(())
    }
}

/// A reference, and what guards exclude of it: `v0 null i31`.
fn guarded(map: &SourceMap, text: &str) -> Result<(Value, Hazards)> {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap_or_default();
    let Some(AnyEntity::Value(reference)) = map.lookup_str(name) else {
        bail!("`{name}` is no value of this function");
    };
    let mut hazards = Hazards::default();
    for word in words {
        let hazard = Hazard::ALL.into_iter().find(|h| h.as_str() == word);
        hazards.insert(hazard.with_context(|| format!("`{word}` is neither `null` nor `i31`"))?);
    }
    Ok((reference, hazards))
}

fn instruction(comment: &Comment) -> Result<Inst> {
    match comment.entity {
        AnyEntity::Inst(inst) => Ok(inst),
        other => bail!("it has to follow an instruction, and follows {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_directives_in_one_comment() {
        let comment =
            "; inconclusive: escapes; error: GCV04 ; prose: of no meaning; error: v1 or v2";
        let found: Vec<_> = directives(comment).collect();
        assert_eq!(
            found,
            [
                Directive::Inconclusive("escapes"),
                Directive::Error("GCV04"),
                Directive::Error("v1 or v2"),
            ]
        );
    }

    #[test]
    fn prose_is_no_directive() {
        for text in [
            "; The reference is stale here.",
            "; an error: of taste",
            ";",
        ] {
            assert_eq!(directives(text).next(), None, "{text}");
        }
    }
}
