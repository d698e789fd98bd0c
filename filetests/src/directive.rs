//! What the comments of a file say.

use crate::fault::Fault;
use anyhow::{Context as _, Result, bail};
use cranelift_codegen::gc_verifier::Rewrite;
use cranelift_codegen::ir::entities::AnyEntity;
use cranelift_codegen::ir::{Block, Endianness, Function, Inst, Value};
use cranelift_gc_verifier::{Hazard, Hazards, History, Options, Rewrites, Violation};
use cranelift_reader::{Comment, Details, SourceMap};

/// One directive of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive<'a> {
    Error(&'a str),
    Inconclusive(&'a str),
    NoSubjects,
    Guarded(&'a str),
    Rewrite(&'a str),
    Fault(&'a str),
    Record(&'a str),
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
        "rewrite" => Directive::Rewrite(rest),
        "fault" => Directive::Fault(rest),
        "record" => Directive::Record(rest),
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
    /// Rewrites to ask about, as if an optimizer had.
    pub(crate) rewrites: Vec<Rewrite>,
    /// What goes wrong in lowering or emission.
    pub(crate) fault: Option<Fault>,
    /// The records that are emitted for calls.
    pub(crate) records: Vec<(Inst, &'a str)>,
}

impl<'a> Expected<'a> {
    /// What is wrong with the rewrites that the comments of `func` ask about.
    pub(crate) fn judge_rewrites(&self, func: &Function, options: Options) -> Vec<Violation> {
        let rewrites = self.rewrites.iter();
        rewrites
            .filter_map(|&rewrite| {
                // NB: Each for itself: none of them is done.
                let mut judge = Rewrites::of(func, options, Endianness::Little);
                judge.judge(func, rewrite)
            })
            .collect()
    }

    /// Read the comments of `func`.
    pub(crate) fn read(func: &Function, details: &Details<'a>) -> Result<Self> {
        let mut expected = Expected::default();
        for comment in &details.comments {
            for directive in directives(comment.text) {
                expected
                    .read_one(func, details, comment, directive)
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
        func: &Function,
        details: &Details<'a>,
        comment: &Comment<'a>,
        directive: Directive<'a>,
    ) -> Result<()> {
        match directive {
            Directive::Error(text) => self.errors.push((instruction(comment)?, text)),
            Directive::Record(text) => self.records.push((instruction(comment)?, text)),
            Directive::Fault(name) => self.fault = Some(Fault::parse(name)?),
            Directive::Rewrite(text) => {
                let inst = instruction(comment)?;
                let rewrite = rewrite(func, &details.map, inst, text)?;
                self.rewrites.push(rewrite);
            }
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
    let reference = value(map, name)?;
    let mut hazards = Hazards::default();
    for word in words {
        let hazard = Hazard::ALL.into_iter().find(|h| h.as_str() == word);
        hazards.insert(hazard.with_context(|| format!("`{word}` is neither `null` nor `i31`"))?);
    }
    Ok((reference, hazards))
}

/// The rewrite of `inst` that `text` names.
fn rewrite(func: &Function, map: &SourceMap, inst: Inst, text: &str) -> Result<Rewrite> {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let other = || value(map, rest.trim());
    let result = || {
        let results = func.dfg.inst_results(inst);
        let first = results.first().copied();
        first.with_context(|| format!("{inst} has no result"))
    };
    let rule = None;
    Ok(match verb {
        "simplify" => Rewrite::Simplify {
            orig: result()?,
            new: other()?,
            rule,
        },
        "subsume" => Rewrite::Subsume {
            orig: result()?,
            new: other()?,
            rule,
        },
        "gvn" => Rewrite::Gvn {
            orig: result()?,
            kept: other()?,
        },
        "gvn-skeleton" => Rewrite::GvnSkeleton {
            inst,
            kept: match rest.trim() {
                "" => None,
                _ => Some(other()?),
            },
        },
        "remove" => Rewrite::SkeletonRemove { inst, rule },
        "remove-with" => Rewrite::SkeletonRemoveWithVal {
            inst,
            val: other()?,
            rule,
        },
        "condition" => Rewrite::ReplaceBranchCond {
            inst,
            cond: other()?,
            rule,
        },
        "forward" => Rewrite::ForwardLoad {
            load: inst,
            value: other()?,
        },
        "idempotent" => Rewrite::IdempotentStore { store: inst },
        "overwritten-by" => {
            let number = rest.trim().strip_prefix("inst");
            let number = number.and_then(|number| number.parse().ok());
            Rewrite::DeadStore {
                dead: inst,
                overwriter: Inst::from_u32(number.context("the later store is an `instN`")?),
            }
        }
        "constant-phi" => {
            let (param, constant) = rest.split_once('=').context("it is `vN = vM`")?;
            Rewrite::ConstantPhi {
                param: value(map, param.trim())?,
                value: value(map, constant.trim())?,
            }
        }
        "hoist" => {
            let (hoisted, to) = rest.split_once(" to ").context("it is `vN to blockM`")?;
            Rewrite::Hoist {
                value: value(map, hoisted.trim())?,
                from: block_of(func, inst)?,
                to: block(map, to.trim())?,
            }
        }
        "remat" => Rewrite::Remat {
            value: other()?,
            at: inst,
        },
        _ => bail!("unknown rewrite `{verb}`"),
    })
}

fn value(map: &SourceMap, name: &str) -> Result<Value> {
    match map.lookup_str(name) {
        Some(AnyEntity::Value(value)) => Ok(value),
        _ => bail!("`{name}` is no value of this function"),
    }
}

fn block(map: &SourceMap, name: &str) -> Result<Block> {
    match map.lookup_str(name) {
        Some(AnyEntity::Block(block)) => Ok(block),
        _ => bail!("`{name}` is no block of this function"),
    }
}

fn block_of(func: &Function, inst: Inst) -> Result<Block> {
    let block = func.layout.inst_block(inst);
    block.with_context(|| format!("{inst} is in no block"))
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
