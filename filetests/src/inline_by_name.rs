//! Inlining among the functions of a file.

use cranelift_codegen::inline::{Inline, InlineCommand};
use cranelift_codegen::ir::{ExternalName, FuncRef, Function, Inst, Opcode, Value};
use std::borrow::Cow;

/// Inlines calls of the functions that it is given, by name.
pub struct InlineByName<'a>(pub &'a [Function]);

impl Inline for InlineByName<'_> {
    fn inline(
        &mut self,
        caller: &Function,
        _call: Inst,
        _opcode: Opcode,
        callee: FuncRef,
        _arguments: &[Value],
    ) -> InlineCommand<'_> {
        let ExternalName::TestCase(name) = &caller.dfg.ext_funcs[callee].name else {
            return InlineCommand::KeepCall;
        };
        let name = name.to_string();
        match self.0.iter().find(|func| func.name.to_string() == name) {
            None => InlineCommand::KeepCall,
            Some(func) => InlineCommand::Inline {
                callee: Cow::Borrowed(func),
                visit_callee: true,
            },
        }
    }
}
