//! Makes generated code live, and its references live longer.
//!
//! `wasm-smith` is as likely to end a block with a branch, a tail call or a throw as to do
//! anything else, and what follows is never compiled. Nor does it use what it drops. So here what
//! leaves a block does so under a condition that no compiler knows, what is dropped goes to a
//! global, and there are allocations, hence safepoints, between any two instructions.

use std::ops::Range;
use wasmparser::{
    BinaryReader, FuncValidator, FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader,
    Parser, Payload, RefType, SectionLimited, TypeRef, ValType, ValidPayload, Validator,
    ValidatorResources, WasmFeatures, WasmModuleResources,
};

use super::Random;

const IF: u8 = 0x04;
const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const BR_IF: u8 = 0x0d;
const CALL: u8 = 0x10;
const CALL_INDIRECT: u8 = 0x11;
const CALL_REF: u8 = 0x14;
const DROP: u8 = 0x1a;
const GLOBAL_GET: u8 = 0x23;
const GLOBAL_SET: u8 = 0x24;
const STRUCT_NEW_DEFAULT: [u8; 2] = [0xfb, 1];
const ANY_CONVERT_EXTERN: [u8; 2] = [0xfb, 0x1a];

/// The length of what comes before the first section.
const HEADER: usize = 8;

/// `(struct (field (mut anyref)))`.
const STRUCTURE: &[u8] = &[0x5f, 1, 0x6e, 1];
/// `(func (param exnref))`.
const THROWS: &[u8] = &[0x60, 1, 0x69, 0];
/// `(global (mut i32) (i32.const 0))`.
const CONDITION: &[u8] = &[0x7f, 1, 0x41, 0, END];
/// `(global (mut anyref) (ref.null any))`.
const SINK: &[u8] = &[0x6e, 1, 0xd0, 0x6e, END];

/// What is added to a module, and what must be known of it.
struct Module {
    /// The index of the first type that is added.
    types: u32,
    /// The index of the first global that is added.
    globals: u32,
    /// The index of the type of each tag.
    tags: Vec<u32>,
    /// One of so many instructions gets an allocation before it; 0 is for none.
    allocate: usize,
}

/// The module, reshaped. It must have a section of types and one of globals.
pub fn reshape(wasm: &[u8], random: &mut Random) -> Vec<u8> {
    let mut module = Module {
        types: 0,
        globals: 0,
        tags: Vec::new(),
        allocate: [0, 3, 8, 20][random.between(0, 3)],
    };
    let wasm = &module.add(wasm);
    let mut validator =
        Validator::new_with_features(WasmFeatures::WASM3 | WasmFeatures::WIDE_ARITHMETIC);
    let mut allocations = FuncValidatorAllocations::default();
    let mut out = wasm[..HEADER].to_vec();
    let mut code = Vec::new();
    let mut bodies = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("wasm-smith makes a well-formed module");
        let valid = validator
            .payload(&payload)
            .expect("wasm-smith makes a valid module");
        if let ValidPayload::Func(function, body) = valid {
            let mut function = function.into_validator(std::mem::take(&mut allocations));
            let body = module.body(wasm, &body, &mut function, random);
            allocations = function.into_allocations();
            leb(&mut code, body.len());
            code.extend(body);
            bodies -= 1;
            if bodies == 0 {
                section(&mut out, 10, &code);
            }
        } else if let Payload::CodeSectionStart { count, .. } = payload {
            bodies = count;
            leb(&mut code, bodies as usize);
        } else if let Some((id, range)) = payload.as_section() {
            section(&mut out, id, bytes(wasm, range));
        }
    }
    out
}

impl Module {
    /// The module, with what is added to its types and globals.
    fn add(&mut self, wasm: &[u8]) -> Vec<u8> {
        let mut out = wasm[..HEADER].to_vec();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.expect("wasm-smith makes a well-formed module");
            let Some((id, range)) = payload.as_section() else {
                continue;
            };
            let mut contents = bytes(wasm, range).to_vec();
            match payload {
                Payload::TypeSection(reader) => {
                    contents = append(wasm, &reader, &[STRUCTURE, THROWS]);
                    for group in reader {
                        let types = group.expect("a valid group").into_types().count();
                        self.types += u32::try_from(types).expect("there are few");
                    }
                }
                Payload::ImportSection(reader) => {
                    for import in reader.into_imports() {
                        match import.expect("a valid import").ty {
                            TypeRef::Tag(tag) => self.tags.push(tag.func_type_idx),
                            TypeRef::Global(_) => self.globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::TagSection(reader) => {
                    for tag in reader {
                        self.tags.push(tag.expect("a valid tag").func_type_idx);
                    }
                }
                Payload::GlobalSection(reader) => {
                    self.globals += reader.count();
                    contents = append(wasm, &reader, &[CONDITION, SINK]);
                }
                _ => {}
            }
            section(&mut out, id, &contents);
        }
        out
    }

    /// The body of a function, rewritten. Types are looked up in what is written, because there
    /// more of it can be reached.
    fn body(
        &self,
        wasm: &[u8],
        body: &FunctionBody<'_>,
        function: &mut FuncValidator<ValidatorResources>,
        random: &mut Random,
    ) -> Vec<u8> {
        let mut reader = body.get_binary_reader();
        let start = reader.original_position();
        function.read_locals(&mut reader).expect("valid locals");
        let mut out = bytes(wasm, start..reader.original_position()).to_vec();
        let mut reader = OperatorsReader::new(reader);
        while !reader.eof() {
            let start = reader.original_position();
            let operator = reader.read().expect("a well-formed operator");
            let raw = bytes(wasm, start..reader.original_position());
            let written = out.len();
            self.rewrite(&operator, raw, function, random, &mut out);
            let mut written = BinaryReader::new(&out[written..], start);
            while !written.eof() {
                written
                    .visit_operator(&mut function.visitor(start))
                    .expect("a well-formed operator")
                    .expect("a valid operator");
            }
        }
        out
    }

    /// Write what is to be there instead of an operator.
    fn rewrite(
        &self,
        operator: &Operator<'_>,
        raw: &[u8],
        function: &FuncValidator<ValidatorResources>,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) {
        if self.allocate > 0 && random.one_in(self.allocate) {
            out.extend(STRUCT_NEW_DEFAULT);
            leb(out, self.types as usize);
            if random.one_in(2) {
                out.push(DROP);
            } else {
                self.sink(out);
            }
        }
        let operands = || {
            let (operands, _) = operator.operator_arity(function).expect("it is valid");
            operands as usize
        };
        match *operator {
            // `wasm-smith` takes what a branch and a throw take off the stack and goes on with
            // the rest; and with the results of a tail call.
            Operator::Br { relative_depth } => {
                self.condition(out);
                self.branch(relative_depth, operands(), out);
            }
            Operator::BrTable { ref targets } if !random.one_in(4) => {
                self.branch(targets.default(), operands() - 1, out);
            }
            Operator::Return => {
                self.condition(out);
                self.branch(function.control_stack_height() - 1, operands(), out);
            }
            Operator::Throw { tag_index } => {
                let ty = self.tags[tag_index as usize];
                self.leave(ty, raw, &vec![DROP; operands()], out);
            }
            Operator::ThrowRef => self.leave(self.types + 1, raw, &[DROP], out),
            Operator::ReturnCall { function_index } => {
                let ty = function
                    .resources()
                    .type_index_of_function(function_index)
                    .expect("there is such a function");
                let call = [&[CALL], &raw[1..]].concat();
                self.leave(ty, raw, &call, out);
            }
            Operator::ReturnCallIndirect { .. } if !random.one_in(8) => {
                out.push(CALL_INDIRECT);
                out.extend(&raw[1..]);
            }
            Operator::ReturnCallRef { .. } if !random.one_in(8) => {
                out.push(CALL_REF);
                out.extend(&raw[1..]);
            }
            Operator::Drop => {
                // The validator does not stop at the bottom of a block that cannot be reached.
                let frame = function.get_control_frame(0).expect("there is a block");
                let operand = if function.operand_stack_height() as usize > frame.height {
                    function.get_operand_type(0).flatten()
                } else {
                    None
                };
                let is = |ty| {
                    let top = ValType::Ref(ty);
                    operand.is_some_and(|ty| function.resources().is_subtype(ty, top))
                };
                if is(RefType::ANYREF) {
                    self.sink(out);
                } else if is(RefType::EXTERNREF) {
                    out.extend(ANY_CONVERT_EXTERN);
                    self.sink(out);
                } else {
                    out.extend(raw);
                }
            }
            _ => out.extend(raw),
        }
    }

    /// Push what decides whether to leave.
    fn condition(&self, out: &mut Vec<u8>) {
        out.push(GLOBAL_GET);
        leb(out, self.globals as usize);
    }

    /// Pop a reference and keep it.
    fn sink(&self, out: &mut Vec<u8>) {
        out.push(GLOBAL_SET);
        leb(out, self.globals as usize + 1);
    }

    /// Pop a condition and branch, or pop the operands.
    fn branch(&self, depth: u32, operands: usize, out: &mut Vec<u8>) {
        out.push(BR_IF);
        leb(out, depth as usize);
        out.extend(vec![DROP; operands]);
    }

    /// Either this, of that type, or what stays.
    fn leave(&self, ty: u32, leave: &[u8], stay: &[u8], out: &mut Vec<u8>) {
        self.condition(out);
        out.push(IF);
        signed_leb(out, ty);
        out.extend(leave);
        out.push(ELSE);
        out.extend(stay);
        out.push(END);
    }
}

/// The contents of a section with these items after its own.
fn append<T>(wasm: &[u8], section: &SectionLimited<'_, T>, items: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    leb(&mut out, section.count() as usize + items.len());
    let contents = bytes(wasm, section.range());
    let count = contents.iter().position(|byte| byte & 0x80 == 0);
    out.extend(&contents[count.expect("a section starts with a count") + 1..]);
    out.extend(items.concat());
    out
}

/// A part of the module. Offsets have another type in other releases of wasmparser.
fn bytes<T: TryInto<usize>>(wasm: &[u8], range: Range<T>) -> &[u8] {
    let [start, end] = [range.start, range.end].map(|offset| offset.try_into().ok());
    let range = start.zip(end).map(|(start, end)| start..end);
    &wasm[range.expect("the module is in memory")]
}

fn section(out: &mut Vec<u8>, id: u8, contents: &[u8]) {
    out.push(id);
    leb(out, contents.len());
    out.extend(contents);
}

fn leb(out: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// As `leb`, of a signed number that is not negative.
fn signed_leb(out: &mut Vec<u8>, value: u32) {
    let mut value = value as usize;
    while value >= 0x40 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
