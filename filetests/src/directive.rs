//! What the comments of a file say.

use crate::fault::Fault;
use anyhow::{Context as _, Result, bail};
use cranelift_codegen::ir::entities::AnyEntity;
use cranelift_codegen::ir::{FuncRef, Function, Inst, Value};
use cranelift_reader::{Comment, Details, SourceMap};

/// One directive of a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Directive<'a> {
    Error(&'a str),
    Inconclusive(&'a str),
    NoSubjects,
    Origin(&'a str),
    Nogc(&'a str),
    Declared(&'a str),
    Fault(&'a str),
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
        "origin" => Directive::Origin(rest),
        "nogc" => Directive::Nogc(rest),
        "declared" => Directive::Declared(rest),
        "fault" => Directive::Fault(rest),
        _ => return None,
    })
}

/// What a function is expected to be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected<'a> {
    pub(crate) errors: Vec<(Inst, &'a str)>,
    pub(crate) inconclusive: Vec<&'a str>,
    /// What goes wrong in lowering or emission.
    pub(crate) fault: Option<Fault>,
}

impl<'a> Expected<'a> {
    /// Read the comments of `func`, and tell it what they say of it.
    pub(crate) fn read(func: &mut Function, details: &Details<'a>) -> Result<Self> {
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

    fn read_one(
        &mut self,
        func: &mut Function,
        details: &Details<'a>,
        comment: &Comment<'a>,
        directive: Directive<'a>,
    ) -> Result<()> {
        match directive {
            Directive::Error(text) => self.errors.push((instruction(comment)?, text)),
            Directive::Inconclusive(text) => self.inconclusive.push(text),
            Directive::Fault(name) => self.fault = Some(Fault::parse(name)?),
            Directive::NoSubjects => bail!("`no-subjects` belongs before the first function"),
            Directive::Origin(name) => {
                let origin = value(&details.map, name)?;
                let inst = instruction(comment)?;
                func.dfg.gc_info.set_spill_origin(inst, origin);
            }
            Directive::Nogc(names) => {
                for name in list(names) {
                    func.dfg.gc_info.set_nogc(callee(&details.map, name)?);
                }
            }
            Directive::Declared(names) => {
                for name in list(names) {
                    func.dfg.gc_info.declare(value(&details.map, name)?);
                }
            }
        }
        Ok(())
    }
}

fn list(names: &str) -> impl Iterator<Item = &str> {
    names.split(',').map(str::trim)
}

fn instruction(comment: &Comment) -> Result<Inst> {
    match comment.entity {
        AnyEntity::Inst(inst) => Ok(inst),
        other => bail!("it has to follow an instruction, and follows {other}"),
    }
}

fn value(map: &SourceMap, name: &str) -> Result<Value> {
    match map.lookup_str(name) {
        Some(AnyEntity::Value(value)) => Ok(value),
        _ => bail!("`{name}` is no value of this function"),
    }
}

fn callee(map: &SourceMap, name: &str) -> Result<FuncRef> {
    match map.lookup_str(name) {
        Some(AnyEntity::FuncRef(func)) => Ok(func),
        _ => bail!("`{name}` is no callee of this function"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_directives_in_one_comment() {
        let comment = "; origin: v3; error: GCV04 ; prose: of no meaning; error: v1 or v2";
        let found: Vec<_> = directives(comment).collect();
        assert_eq!(
            found,
            [
                Directive::Origin("v3"),
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
