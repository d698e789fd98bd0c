//! Makes functions of CLIF smaller.
//!
//! **Claim.** Every candidate is well-formed for Cranelift's own verifier.
//!
//! **Strength.** What is well-formed can still be nonsense: the failure is what is asked about.

use super::sweep::State;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, TrapCode, Type, Value,
    ValueDef, types,
};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::FlagsOrIsa;
use cranelift_reader::{ParseOptions, parse_test};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Functions that are made smaller.
#[derive(Clone)]
pub struct Functions {
    /// What comes before the first function.
    header: String,
    functions: Vec<Function>,
    /// What comes behind the last function: the calls that show the failure, if running does.
    calls: Vec<String>,
    isa: OwnedTargetIsa,
}

/// Do the `; run:` comments stay?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// They show the failure.
    Kept,
    /// They do not.
    Dropped,
}

/// A way to make functions smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Take out functions.
    Functions,
    /// End blocks in a trap, and take out what is not reached any more.
    Traps,
    /// Always take the first way of a branch.
    First,
    /// Always take the last way of a branch.
    Last,
    /// Take out instructions whose results are not used.
    Instructions,
    /// Take an operand for the result.
    Operands,
    /// Take a constant for the result.
    Constants,
    /// Take an operand's own operand in its place.
    Deeper,
    /// Take out block parameters.
    BlockParameters,
    /// Take out parameters of functions.
    Parameters,
    /// Take out what functions return.
    Returns,
    /// Take out entries of stack maps.
    Entries,
    /// Put a block at the end of the only one that goes there.
    Merge,
    /// Take out lines of the preamble, which nothing names.
    Preamble,
    /// Take out facts and flags.
    Annotations,
}

/// All, in the order in which they help one another.
pub const PASSES: [Pass; 15] = [
    Pass::Functions,
    Pass::Traps,
    Pass::First,
    Pass::Last,
    Pass::Merge,
    Pass::Instructions,
    Pass::Operands,
    Pass::Constants,
    Pass::Deeper,
    Pass::BlockParameters,
    Pass::Entries,
    Pass::Parameters,
    Pass::Returns,
    Pass::Annotations,
    Pass::Preamble,
];

/// How many instructions there are in a text of CLIF.
pub fn instructions(text: &str) -> usize {
    let file = parse_test(text, ParseOptions::default());
    let functions = file.map_or(Vec::new(), |file| file.functions);
    functions.iter().map(|(func, _)| insts(func).count()).sum()
}

fn insts(func: &Function) -> impl Iterator<Item = Inst> + '_ {
    func.layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block))
}

impl Functions {
    /// The functions of a file.
    ///
    /// # Errors
    ///
    /// If it is no CLIF.
    pub fn parse(text: &str, isa: OwnedTargetIsa, calls: Calls) -> Result<Functions, String> {
        let file = parse_test(text, ParseOptions::default()).map_err(|error| error.to_string())?;
        let header: Vec<&str> = text
            .lines()
            .take_while(|line| !line.starts_with("function"))
            .filter(|line| !line.trim().is_empty())
            // NB: What was expected need not be found any more.
            .filter(|line| !line.starts_with("; check") && !line.starts_with("; next"))
            .collect();
        let functions = file.functions.into_iter().map(|(func, _)| func).collect();
        Ok(Functions {
            header: header.join("\n"),
            functions,
            calls: match calls {
                Calls::Kept => {
                    let calls = text.lines().filter(|line| line.starts_with("; run:"));
                    calls.map(str::to_owned).collect()
                }
                Calls::Dropped => Vec::new(),
            },
            isa,
        })
    }

    /// The same without the `; run:` comments.
    pub fn without_calls(&self) -> Functions {
        Functions {
            calls: Vec::new(),
            ..self.clone()
        }
    }

    fn calls(&self) -> Calls {
        match self.calls.is_empty() {
            true => Calls::Dropped,
            false => Calls::Kept,
        }
    }

    /// As CLIF.
    pub fn text(&self) -> String {
        let mut text = self.header.clone();
        for func in &self.functions {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(&without_aliases(func));
        }
        text.push('\n');
        for call in &self.calls {
            text.push_str(call);
            text.push('\n');
        }
        text
    }

    /// The same, as it is when it is read again, if it is well-formed.
    fn checked(self) -> Option<Functions> {
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            Functions::parse(&self.text(), self.isa.clone(), self.calls()).ok()
        }));
        parsed.ok().flatten().filter(Functions::is_well_formed)
    }

    fn is_well_formed(&self) -> bool {
        let flags = FlagsOrIsa::from(&*self.isa);
        let is_well_formed = |func: &Function| {
            let verified = catch_unwind(AssertUnwindSafe(|| {
                cranelift_codegen::verify_function(func, flags).is_ok()
            }));
            verified.unwrap_or(false)
        };
        !self.functions.is_empty() && self.functions.iter().all(is_well_formed)
    }

    /// The places of a pass that counts blocks or instructions.
    fn entities(&self, pass: Pass) -> Vec<(usize, Entity)> {
        let mut all = Vec::new();
        for (index, func) in self.functions.iter().enumerate() {
            let mut add = |entity| all.push((index, entity));
            for block in func.layout.blocks() {
                let is_entry = func.layout.entry_block() == Some(block);
                match pass {
                    Pass::Traps | Pass::First | Pass::Last | Pass::Merge => {
                        add(Entity::Block(block));
                    }
                    Pass::BlockParameters if !is_entry => {
                        let params = func.dfg.block_params(block).iter();
                        params.for_each(|&param| add(Entity::Value(param)));
                    }
                    Pass::Instructions | Pass::Operands | Pass::Constants | Pass::Deeper => {
                        let insts = func.layout.block_insts(block);
                        insts
                            .filter(|&inst| !func.dfg.insts[inst].opcode().is_terminator())
                            .for_each(|inst| add(Entity::Inst(inst)));
                    }
                    _ => {}
                }
            }
            let signature = &func.signature;
            match pass {
                Pass::Parameters => {
                    (0..signature.params.len()).for_each(|param| add(Entity::Index(param)));
                }
                Pass::Returns => {
                    (0..signature.returns.len()).for_each(|index| add(Entity::Index(index)));
                }
                _ => {}
            }
        }
        all
    }
}

/// Where something is done.
#[derive(Clone, Copy)]
enum Entity {
    Block(Block),
    Inst(Inst),
    Value(Value),
    Index(usize),
}

impl State for Functions {
    type Pass = Pass;

    fn bytes(&self) -> Vec<u8> {
        self.text().into_bytes()
    }

    fn places(&self, pass: Pass) -> usize {
        match pass {
            Pass::Functions => self.functions.len(),
            Pass::Preamble => preamble(&self.text()).len(),
            Pass::Annotations => annotations(&self.text()).len(),
            Pass::Entries => entries(&self.text()).len(),
            _ => self.entities(pass).len(),
        }
    }

    fn edited(&self, pass: Pass, from: usize, count: usize) -> Option<Functions> {
        let range = from..from + count;
        let edited = match pass {
            Pass::Functions => {
                let mut edited = self.clone();
                edited.functions.drain(range);
                edited
            }
            Pass::Preamble => return self.without_lines(&preamble(&self.text())[range]),
            Pass::Annotations => return self.without_parts(&annotations(&self.text())[range]),
            Pass::Entries => return self.without_parts(&entries(&self.text())[range]),
            _ => {
                let mut edited = self.clone();
                let entities = self.entities(pass);
                let done = edit(&mut edited.functions, pass, entities.get(range)?);
                done.then_some(edited)?
            }
        };
        self.smaller(edited.checked()?)
    }
}

/// A function as text, in which values go by one name.
fn without_aliases(func: &Function) -> String {
    let mut func = func.clone();
    func.dfg.resolve_all_aliases();
    let text = func.to_string();
    let is_alias = |line: &&str| {
        let mut words = line.split_whitespace();
        let is_value = |word: Option<&str>| word.is_some_and(|word| word.starts_with('v'));
        is_value(words.next()) && words.next() == Some("->")
    };
    let kept: Vec<&str> = text
        .trim_end()
        .lines()
        .filter(|line| !is_alias(line))
        .collect();
    kept.join("\n")
}

/// Do it at all of these places at once, if it is possible anywhere.
fn edit(functions: &mut [Function], pass: Pass, entities: &[(usize, Entity)]) -> bool {
    let mut is_done = false;
    let mut removed: Vec<BTreeSet<Inst>> = vec![BTreeSet::new(); functions.len()];
    // NB: From the end, so that what is not used any more comes later.
    for &(index, entity) in entities.iter().rev() {
        let func = &mut functions[index];
        is_done |= match (pass, entity) {
            (Pass::Traps, Entity::Block(block)) => trap(func, block),
            (Pass::First, Entity::Block(block)) => take_branch(func, block, true),
            (Pass::Last, Entity::Block(block)) => take_branch(func, block, false),
            (Pass::Merge, Entity::Block(block)) => merge(func, block),
            (Pass::Instructions, Entity::Inst(inst)) => remove(func, inst, &mut removed[index]),
            (Pass::Operands, Entity::Inst(inst)) => take_operand(func, inst),
            (Pass::Constants, Entity::Inst(inst)) => take_constant(func, inst),
            (Pass::Deeper, Entity::Inst(inst)) => deeper(func, inst),
            (Pass::BlockParameters, Entity::Value(param)) => remove_param(func, param),
            (Pass::Parameters, Entity::Index(param)) => remove_parameter(func, param),
            (Pass::Returns, Entity::Index(index)) => remove_return(func, index),
            _ => false,
        };
    }
    if is_done {
        functions.iter_mut().for_each(remove_unreachable);
    }
    is_done
}

fn remove_unreachable(func: &mut Function) {
    let cfg = ControlFlowGraph::with_function(func);
    let domtree = DominatorTree::with_function(func, &cfg);
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        if !domtree.is_reachable(block) {
            func.layout.remove_block_and_insts(block);
        }
    }
}

fn terminator(func: &Function, block: Block) -> Option<Inst> {
    func.layout.last_inst(block)
}

fn trap(func: &mut Function, block: Block) -> bool {
    let Some(last) = terminator(func, block) else {
        return false;
    };
    if func.dfg.insts[last].opcode() == Opcode::Trap {
        return false;
    }
    func.dfg.clear_results(last);
    func.replace(last).trap(TrapCode::unwrap_user(1));
    true
}

/// Make a branch a jump to its first, or its last, way.
fn take_branch(func: &mut Function, block: Block, first: bool) -> bool {
    let Some(last) = terminator(func, block) else {
        return false;
    };
    let destinations: Vec<(Block, Vec<BlockArg>)> = match func.dfg.insts[last] {
        InstructionData::Brif { .. } | InstructionData::BranchTable { .. } => {
            let dfg = &func.dfg;
            dfg.insts[last]
                .branch_destination(&dfg.jump_tables, &dfg.exception_tables)
                .iter()
                .map(|call| {
                    let block = call.block(&dfg.value_lists);
                    (block, call.args(&dfg.value_lists).collect())
                })
                .collect()
        }
        _ => return false,
    };
    let taken = match first {
        true => destinations.first(),
        false => destinations.last(),
    };
    let Some((block, args)) = taken.cloned() else {
        return false;
    };
    func.replace(last).jump(block, &args);
    true
}

/// Put the only successor of a block, whose only predecessor it is, behind it.
fn merge(func: &mut Function, block: Block) -> bool {
    let Some(last) = terminator(func, block) else {
        return false;
    };
    let InstructionData::Jump { destination, .. } = func.dfg.insts[last] else {
        return false;
    };
    let next = destination.block(&func.dfg.value_lists);
    let cfg = ControlFlowGraph::with_function(func);
    let is_only = cfg.pred_iter(next).count() == 1;
    if next == block || !is_only || func.layout.entry_block() == Some(next) {
        return false;
    }
    let args: Vec<Option<Value>> = destination
        .args(&func.dfg.value_lists)
        .map(|arg| arg.as_value())
        .collect();
    let params = func.dfg.detach_block_params(next);
    let params: Vec<Value> = params.as_slice(&func.dfg.value_lists).to_vec();
    for (param, arg) in params.into_iter().zip(args) {
        match arg {
            Some(arg) if func.dfg.resolve_aliases(arg) != param => {
                func.dfg.change_to_alias(param, arg);
            }
            _ => return false,
        }
    }
    func.layout.remove_inst(last);
    while let Some(inst) = func.layout.first_inst(next) {
        func.layout.remove_inst(inst);
        func.layout.append_inst(inst, block);
    }
    func.layout.remove_block(next);
    true
}

/// Take an instruction out, unless its results are used by what stays.
fn remove(func: &mut Function, inst: Inst, removed: &mut BTreeSet<Inst>) -> bool {
    let results: Vec<Value> = func.dfg.inst_results(inst).to_vec();
    if results.iter().any(|&result| is_used(func, result)) {
        return false;
    }
    func.layout.remove_inst(inst);
    removed.insert(inst)
}

fn is_used(func: &Function, value: Value) -> bool {
    insts(func).any(|inst| {
        let mut values = func.dfg.inst_values(inst);
        values.any(|used| func.dfg.resolve_aliases(used) == value)
    })
}

/// Take the first operand of the same type for the only result.
fn take_operand(func: &mut Function, inst: Inst) -> bool {
    let &[result] = func.dfg.inst_results(inst) else {
        return false;
    };
    let ty = func.dfg.value_type(result);
    let operand = func
        .dfg
        .inst_args(inst)
        .iter()
        .copied()
        .find(|&operand| func.dfg.value_type(operand) == ty);
    let Some(operand) = operand.map(|operand| func.dfg.resolve_aliases(operand)) else {
        return false;
    };
    if operand == result {
        return false;
    }
    func.dfg.clear_results(inst);
    func.dfg.change_to_alias(result, operand);
    func.layout.remove_inst(inst);
    true
}

/// Take zero for the only result.
fn take_constant(func: &mut Function, inst: Inst) -> bool {
    let &[result] = func.dfg.inst_results(inst) else {
        return false;
    };
    let is_constant = matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Iconst | Opcode::F32const | Opcode::F64const
    );
    if is_constant {
        return shrink_constant(func, inst);
    }
    // NB: An address of nothing would be shorter, and tell less.
    if func.dfg.insts[inst].opcode() == Opcode::StackAddr {
        return false;
    }
    let ty = func.dfg.value_type(result);
    // NB: The stack map of a call is not that of a constant.
    func.dfg.clear_results(inst);
    let mut cursor = FuncCursor::new(func).at_inst(inst);
    let Some(zero) = zero(&mut cursor, ty) else {
        return false;
    };
    func.dfg.change_to_alias(result, zero);
    func.layout.remove_inst(inst);
    true
}

fn shrink_constant(func: &mut Function, inst: Inst) -> bool {
    let InstructionData::UnaryImm { imm, .. } = func.dfg.insts[inst] else {
        return false;
    };
    let ty = func.dfg.ctrl_typevar(inst);
    // NB: A measure has to fall: zero is the end.
    if imm.bits() == 0 {
        return false;
    }
    func.replace(inst).iconst(ty, 0);
    true
}

fn zero(cursor: &mut FuncCursor<'_>, ty: Type) -> Option<Value> {
    Some(match ty {
        types::F32 => cursor.ins().f32const(0.0),
        types::F64 => cursor.ins().f64const(0.0),
        ty if ty.is_int() && ty.bits() <= 64 => cursor.ins().iconst(ty, 0),
        _ => return None,
    })
}

/// Take an operand's own operand in its place, for the first operand where that is possible.
fn deeper(func: &mut Function, inst: Inst) -> bool {
    let operands: Vec<Value> = func.dfg.inst_args(inst).to_vec();
    for (index, operand) in operands.into_iter().enumerate() {
        let operand = func.dfg.resolve_aliases(operand);
        let ValueDef::Result(maker, _) = func.dfg.value_def(operand) else {
            continue;
        };
        if func.dfg.insts[maker].opcode().is_call() {
            continue;
        }
        let ty = func.dfg.value_type(operand);
        let inner = func
            .dfg
            .inst_args(maker)
            .iter()
            .map(|&inner| func.dfg.resolve_aliases(inner))
            .find(|&inner| func.dfg.value_type(inner) == ty);
        if let Some(inner) = inner {
            func.dfg.inst_args_mut(inst)[index] = inner;
            return true;
        }
    }
    false
}

fn remove_param(func: &mut Function, param: Value) -> bool {
    let ValueDef::Param(block, index) = func.dfg.value_def(param) else {
        return false;
    };
    let cfg = ControlFlowGraph::with_function(func);
    let branches: Vec<Inst> = cfg.pred_iter(block).map(|pred| pred.inst).collect();
    for branch in branches {
        if func.dfg.insts[branch].exception_table().is_some() {
            return false;
        }
        let dfg = &mut func.dfg;
        let calls = dfg.insts[branch]
            .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        for call in calls {
            if call.block(&dfg.value_lists) == block {
                call.remove(index, &mut dfg.value_lists);
            }
        }
    }
    let ty = func.dfg.value_type(param);
    func.dfg.remove_block_param(param);
    let Some(first) = func.layout.first_inst(block) else {
        return false;
    };
    let mut cursor = FuncCursor::new(func).at_inst(first);
    let Some(zero) = zero(&mut cursor, ty) else {
        return false;
    };
    func.dfg.change_to_alias(param, zero);
    true
}

fn remove_parameter(func: &mut Function, index: usize) -> bool {
    let Some(entry) = func.layout.entry_block() else {
        return false;
    };
    let Some(&param) = func.dfg.block_params(entry).get(index) else {
        return false;
    };
    let ty = func.dfg.value_type(param);
    func.signature.params.remove(index);
    func.dfg.remove_block_param(param);
    let Some(first) = func.layout.first_inst(entry) else {
        return false;
    };
    let mut cursor = FuncCursor::new(func).at_inst(first);
    let Some(zero) = zero(&mut cursor, ty) else {
        return false;
    };
    func.dfg.change_to_alias(param, zero);
    true
}

fn remove_return(func: &mut Function, index: usize) -> bool {
    let returns: Vec<Inst> = insts(func)
        .filter(|&inst| func.dfg.insts[inst].opcode().is_return())
        .collect();
    func.signature.returns.remove(index);
    for inst in returns {
        if func.dfg.insts[inst].opcode() != Opcode::Return {
            return false;
        }
        let mut values: Vec<Value> = func.dfg.inst_args(inst).to_vec();
        if index >= values.len() {
            return false;
        }
        values.remove(index);
        func.replace(inst).return_(&values);
    }
    true
}

impl Functions {
    fn without_lines(&self, lines: &[usize]) -> Option<Functions> {
        let text = self.text();
        let kept = text
            .lines()
            .enumerate()
            .filter(|(index, _)| !lines.contains(index))
            .map(|(_, line)| line);
        let kept: Vec<&str> = kept.collect();
        self.reread(&kept.join("\n"))
    }

    fn without_parts(&self, parts: &[std::ops::Range<usize>]) -> Option<Functions> {
        let text = self.text();
        let mut kept = String::with_capacity(text.len());
        let mut at = 0;
        for part in parts {
            kept.push_str(text.get(at..part.start)?);
            at = part.end;
        }
        kept.push_str(text.get(at..)?);
        self.reread(&kept)
    }

    fn reread(&self, text: &str) -> Option<Functions> {
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            Functions::parse(text, self.isa.clone(), self.calls()).ok()
        }));
        let parsed = parsed.ok().flatten();
        self.smaller(parsed.filter(Functions::is_well_formed)?)
    }

    /// `edited`, if it differs.
    ///
    /// NB: What is taken out of a text may come back when it is read: a slot that is missing among others
    /// is made up.
    fn smaller(&self, edited: Functions) -> Option<Functions> {
        (edited.text() != self.text()).then_some(edited)
    }
}

/// The lines of entities that are declared before a function's first block.
fn preamble(text: &str) -> Vec<usize> {
    let mut lines = Vec::new();
    let mut is_preamble = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("function") {
            is_preamble = true;
        } else if line.trim_start().starts_with("block") || line.starts_with('}') {
            is_preamble = false;
        } else if is_preamble && !line.trim().is_empty() {
            lines.push(index);
        }
    }
    lines
}

/// The places of the entries of stack maps; the last one of a map goes with the map.
fn entries(text: &str) -> Vec<std::ops::Range<usize>> {
    const MAP: &str = ", stack_map=[";
    let mut parts = Vec::new();
    for (start, _) in text.match_indices(MAP) {
        let first = start + MAP.len();
        let Some(len) = text[first..].find(']') else {
            continue;
        };
        let map = &text[first..first + len];
        if !map.contains(", ") {
            parts.push(start..first + len + 1);
            continue;
        }
        let mut at = first;
        for entry in map.split(", ") {
            // NB: With the comma behind it, or before it if it is the last.
            let end = at + entry.len();
            match end == first + len {
                true => parts.push(at - 2..end),
                false => parts.push(at..end + 2),
            }
            at = end + 2;
        }
    }
    // NB: Where two stand side by side, the comma between them is in one part only.
    for index in 1..parts.len() {
        parts[index].start = parts[index].start.max(parts[index - 1].end);
    }
    parts
}

/// The places of facts, and of flags of accesses, which a function can do without.
fn annotations(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut parts = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with("    ") || line.starts_with("block") {
            for sign in [" ! ", " aligned", " readonly", " can_move", " little"] {
                for (at, _) in line.match_indices(sign) {
                    let len = match sign {
                        " ! " => fact_len(&line[at + sign.len()..]) + sign.len(),
                        sign => sign.len(),
                    };
                    parts.push(offset + at..offset + at + len);
                }
            }
        }
        offset += line.len();
    }
    parts.sort_by_key(|part| part.start);
    parts.dedup_by(|b, a| b.start < a.end);
    parts
}

/// How long a fact is: to the end of the line, the next colon, comma or parenthesis outside of its own.
fn fact_len(text: &str) -> usize {
    let mut open = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => open += 1,
            ')' if open == 0 => return at,
            ')' => open -= 1,
            ':' | ',' | '\n' | '=' | ';' if open == 0 => {
                return text[..at].trim_end().len();
            }
            _ => {}
        }
    }
    text.trim_end().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::settings;

    fn functions(text: &str) -> Functions {
        let isa = cranelift_codegen::isa::lookup_by_name("x86_64")
            .expect("it is built in")
            .finish(settings::Flags::new(settings::builder()))
            .expect("the defaults are right");
        Functions::parse(text, isa, Calls::Dropped).expect("it is CLIF")
    }

    const TEXT: &str = "test gc-verify

function %f(i32, i32) -> i32 {
    ss0 = explicit_slot 4
    ss1 = explicit_slot 4
    sig0 = ()
    fn0 = %g sig0

block0(v0 ! gcref(any, nonnull): i32, v1: i32):
    v2 = stack_addr.i64 ss0
    store notrap aligned v0, v2
    call fn0(), stack_map=[i32 @ ss0+0]
    v3 = iadd v0, v1
    brif v1, block1(v3), block2

block1(v4: i32):
    return v4

block2:
    jump block3

block3:
    return v3
}
";

    #[test]
    fn every_edit_is_well_formed_and_ends() {
        let start = functions(TEXT);
        assert!(start.is_well_formed());
        let mut edits = 0;
        for pass in PASSES {
            let mut state = start.clone();
            let mut rounds = 0;
            // NB: Everything that is possible is done, until nothing is.
            while let Some(edited) =
                (0..state.places(pass)).find_map(|at| state.edited(pass, at, 1))
            {
                assert!(edited.is_well_formed(), "{pass:?}:\n{}", edited.text());
                assert_ne!(edited.text(), state.text(), "{pass:?}");
                state = edited;
                edits += 1;
                rounds += 1;
                assert!(rounds < 200, "{pass:?} does not end:\n{}", state.text());
            }
        }
        assert!(edits > 10, "{edits}");
    }

    #[test]
    fn facts_are_found() {
        let text = functions(TEXT).text();
        let parts: Vec<&str> = annotations(&text)
            .into_iter()
            .map(|part| &text[part])
            .collect();
        assert_eq!(parts, [" ! gcref(any, nonnull)", " aligned"]);
    }

    #[test]
    fn entries_of_stack_maps_are_found() {
        let text = "call fn0(), stack_map=[i32 @ ss0+0, i32 @ ss1+0] x\n  call fn0(), stack_map=[i32 @ ss0+0]";
        let parts = entries(text);
        let found: Vec<&str> = parts.iter().map(|part| &text[part.clone()]).collect();
        assert_eq!(
            found,
            ["i32 @ ss0+0, ", "i32 @ ss1+0", ", stack_map=[i32 @ ss0+0]"]
        );
    }

    #[test]
    fn a_preamble_is_found() {
        let text = functions(TEXT).text();
        assert_eq!(preamble(&text).len(), 4);
    }
}
