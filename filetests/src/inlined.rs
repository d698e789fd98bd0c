//! Inlines calls of functions of the same file.

use cranelift_codegen::inline::{Inline, InlineCommand};
use cranelift_codegen::ir::{ExternalName, FuncRef, Function, Inst, Opcode, Value};
use cranelift_reader::TestFile;
use std::borrow::Cow;

/// Inlines every call of a function of the file by its name, but for calls of itself.
pub(crate) struct InFile<'a>(pub(crate) &'a TestFile<'a>);

impl Inline for InFile<'_> {
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
        let mut functions = self.0.functions.iter().map(|(func, _)| func);
        let is_it = |func: &&Function| func.name.to_string() == name && func.name != caller.name;
        match functions.find(is_it) {
            None => InlineCommand::KeepCall,
            Some(func) => InlineCommand::Inline {
                callee: Cow::Borrowed(func),
                visit_callee: true,
            },
        }
    }
}
