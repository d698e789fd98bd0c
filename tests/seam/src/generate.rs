//! Random programs with something to optimize in each line.
//!
//! A program is CLIF text: `%leaf`, `%mid`, which calls it, and `%main`, which calls both. It
//! terminates (loops are counted), initializes its memory, and returns a checksum of what it
//! computed and of what it left in memory. It may trap.
//!
//! Memory keeps to the contract of alias regions: each stack slot is accessed through one region
//! or none, and what arrives as a pointer through none.

use crate::random::Random;
use std::fmt::Write as _;

/// Generate the program of `seed`.
pub fn program(seed: u64) -> String {
    let mut random = Random::new(seed);
    let mut text = String::new();
    for (name, callees) in [
        ("leaf", &[][..]),
        ("mid", &["leaf"][..]),
        ("main", &["leaf", "mid"][..]),
    ] {
        text.push_str(&FunctionGenerator::new(&mut random, callees).function(name));
        text.push('\n');
    }
    text
}

/// The size of each stack slot, in bytes.
const SLOT_SIZE: usize = 32;

/// Stack slots, with the alias region that they are accessed through.
const SLOTS: [&str; 3] = ["region0 ", "region1 ", ""];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    I8,
    I32,
    I64,
}

impl Type {
    const ALL: [Self; 3] = [Self::I8, Self::I32, Self::I64];

    fn name(self) -> &'static str {
        match self {
            Self::I8 => "i8",
            Self::I32 => "i32",
            Self::I64 => "i64",
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::I8 => 1,
            Self::I32 => 4,
            Self::I64 => 8,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Value(usize, Type);

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "v{}", self.0)
    }
}

/// What is in scope at a point.
#[derive(Clone, Default)]
struct Scope {
    values: Vec<Value>,
    /// Right-hand sides of pure instructions, to be written once more.
    expressions: Vec<(String, Type)>,
    /// Instructions without results that may be repeated, such as conditional traps.
    checks: Vec<String>,
    /// Fallible instructions with a result, to be written once more.
    divisions: Vec<(String, Type)>,
}

struct FunctionGenerator<'a> {
    random: &'a mut Random,
    callees: &'a [&'a str],
    text: String,
    next_value: usize,
    next_block: usize,
    scope: Scope,
    /// How many statements there may still be.
    budget: usize,
    /// The block that only traps.
    trap_block: usize,
    /// The pointer that was passed; the main function's points nowhere.
    pointer: Option<Value>,
}

impl<'a> FunctionGenerator<'a> {
    fn new(random: &'a mut Random, callees: &'a [&'a str]) -> Self {
        Self {
            random,
            callees,
            text: String::new(),
            next_value: 0,
            next_block: 0,
            scope: Scope::default(),
            budget: 25 + 30 * callees.len(),
            trap_block: 0,
            pointer: None,
        }
    }

    fn function(mut self, name: &str) -> String {
        let pointer = self.value(Type::I64);
        let a = self.value(Type::I32);
        let b = self.value(Type::I32);
        let c = self.value(Type::I64);
        self.pointer = Some(pointer).filter(|_| name != "main");
        self.scope.values = vec![a, b, c];
        let entry = self.block();
        self.trap_block = self.block();
        self.prologue(name, entry);
        while self.budget > 0 {
            self.statement(0);
        }
        self.epilogue();
        self.text
    }

    fn prologue(&mut self, name: &str, entry: usize) {
        let signature = "(i64, i32, i32, i64) -> i64 system_v";
        let text = &mut self.text;
        writeln!(text, "function %{name}{signature} {{").expect("a string takes it all");
        for (i, _) in SLOTS.iter().enumerate() {
            writeln!(text, "    ss{i} = explicit_slot {SLOT_SIZE}, align = 8").expect("as above");
        }
        writeln!(text, "    region0 = 1 \"zero\"\n    region1 = 2 \"one\"").expect("as above");
        writeln!(text, "    sig0 = {signature}").expect("as above");
        for (i, callee) in self.callees.iter().enumerate() {
            writeln!(text, "    fn{i} = %{callee} sig0").expect("as above");
        }
        let trap_block = self.trap_block;
        writeln!(
            text,
            "block{entry}(v0: i64, v1: i32, v2: i32, v3: i64):\n\
             \x20   jump block{}\nblock{trap_block} cold:\n\
             \x20   trap user9\nblock{}:",
            self.next_block, self.next_block
        )
        .expect("as above");
        self.next_block += 1;

        let zero = self.define("iconst.i64 0".into(), Type::I64);
        for (slot, region) in SLOTS.iter().enumerate() {
            let address = self.define(format!("stack_addr.i64 ss{slot}"), Type::I64);
            for offset in (0..SLOT_SIZE).step_by(8) {
                self.line(&format!(
                    "store notrap aligned {region}{zero}, {address}+{offset}"
                ));
            }
        }
    }

    /// Return a checksum of what is in scope, and of what is in memory.
    fn epilogue(&mut self) {
        let mut sum = self.define("iconst.i64 1".into(), Type::I64);
        for value in self.scope.values.clone() {
            let wide = self.widened(value);
            let rotated = self.with_number("rotl", sum, "7", Type::I64);
            sum = self.define(format!("bxor {rotated}, {wide}"), Type::I64);
        }
        for (slot, region) in SLOTS.iter().enumerate() {
            let address = self.define(format!("stack_addr.i64 ss{slot}"), Type::I64);
            for offset in (0..SLOT_SIZE).step_by(8) {
                let load = format!("load.i64 notrap aligned {region}{address}+{offset}");
                let word = self.define(load, Type::I64);
                let rotated = self.with_number("rotl", sum, "5", Type::I64);
                sum = self.define(format!("iadd {rotated}, {word}"), Type::I64);
            }
        }
        self.line(&format!("return {sum}"));
        self.text.push_str("}\n");
    }

    fn value(&mut self, ty: Type) -> Value {
        let value = Value(self.next_value, ty);
        self.next_value += 1;
        value
    }

    fn block(&mut self) -> usize {
        self.next_block += 1;
        self.next_block - 1
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "    {line}").expect("a string takes it all");
    }

    fn begin(&mut self, block: usize, params: &[Value]) {
        let params: Vec<_> = params
            .iter()
            .map(|value| format!("{value}: {}", value.1.name()))
            .collect();
        if params.is_empty() {
            writeln!(self.text, "block{block}:").expect("a string takes it all");
        } else {
            writeln!(self.text, "block{block}({}):", params.join(", "))
                .expect("a string takes it all");
        }
    }

    fn define(&mut self, expression: String, ty: Type) -> Value {
        let value = self.value(ty);
        self.line(&format!("{value} = {expression}"));
        value
    }

    /// [`Self::define`], for others to use.
    fn publish(&mut self, expression: String, ty: Type) -> Value {
        let value = self.define(expression, ty);
        self.scope.values.push(value);
        value
    }

    fn constant(&mut self, ty: Type) -> Value {
        let number = self
            .random
            .pick(&["0", "1", "2", "3", "7", "8", "16", "100", "127", "-1", "-2"]);
        self.define(format!("iconst.{} {number}", ty.name()), ty)
    }

    /// An instruction whose second operand is `number`.
    fn with_number(&mut self, opcode: &str, x: Value, number: &str, ty: Type) -> Value {
        let number = self.define(format!("iconst.{} {number}", x.1.name()), x.1);
        self.define(format!("{opcode} {x}, {number}"), ty)
    }

    fn ty(&mut self) -> Type {
        Type::ALL[self.random.below(Type::ALL.len())]
    }

    /// An operand: something in scope, or a constant.
    fn operand(&mut self, ty: Type) -> Value {
        let values = self.scope.values.iter();
        let values: Vec<_> = values.filter(|value| value.1 == ty).copied().collect();
        if values.is_empty() || self.random.percent(20) {
            return self.constant(ty);
        }
        // The latest are the most interesting.
        let newest = values.len().min(6);
        let i = if self.random.percent(70) {
            values.len() - 1 - self.random.below(newest)
        } else {
            self.random.below(values.len())
        };
        values[i]
    }

    fn widened(&mut self, value: Value) -> Value {
        match value.1 {
            Type::I64 => value,
            Type::I8 | Type::I32 => self.define(format!("uextend.i64 {value}"), Type::I64),
        }
    }

    fn statement(&mut self, depth: usize) {
        self.budget = self.budget.saturating_sub(1);
        match self.random.below(if depth < 3 { 30 } else { 24 }) {
            0..=5 => self.binary(),
            6 | 7 => self.again(),
            8 => self.unary(),
            9 => self.conversion(),
            10 => self.comparison(),
            11 => self.select(),
            12 | 13 => self.load(),
            14 | 15 => self.store(),
            16 => self.stored_twice(),
            17 => self.loaded_and_stored_back(),
            18 => self.loaded_twice(),
            19 => self.check(),
            20 | 21 => self.division(),
            22 => self.overflow_check(),
            23 => self.trap_branch(),
            24 | 25 => self.branch(depth),
            26 | 27 => self.repeat(depth),
            28 => self.switch(depth),
            _ => self.call(),
        }
    }

    fn binary(&mut self) {
        let ty = self.ty();
        let opcode = self.random.pick(&[
            "iadd", "isub", "imul", "band", "bor", "bxor", "ishl", "ushr", "sshr", "rotl", "smin",
            "umax",
        ]);
        let (x, y) = (self.operand(ty), self.operand(ty));
        let expression = format!("{opcode} {x}, {y}");
        self.scope.expressions.push((expression.clone(), ty));
        self.publish(expression, ty);
    }

    /// The same instruction once more.
    fn again(&mut self) {
        if self.scope.expressions.is_empty() {
            return self.binary();
        }
        let i = self.random.below(self.scope.expressions.len());
        let (expression, ty) = self.scope.expressions[i].clone();
        self.publish(expression, ty);
    }

    fn unary(&mut self) {
        let ty = self.ty();
        let opcode = self.random.pick(&["ineg", "bnot", "clz", "ctz", "popcnt"]);
        let x = self.operand(ty);
        let once = self.publish(format!("{opcode} {x}"), ty);
        if self.random.percent(50) {
            self.publish(format!("{opcode} {once}"), ty);
        }
    }

    fn conversion(&mut self) {
        let narrow = self.operand(Type::I32);
        let opcode = self.random.pick(&["uextend", "sextend"]);
        let wide = self.publish(format!("{opcode}.i64 {narrow}"), Type::I64);
        self.publish(format!("ireduce.i32 {wide}"), Type::I32);
        let wide = self.operand(Type::I64);
        self.publish(format!("ireduce.i8 {wide}"), Type::I8);
    }

    fn condition(&mut self) -> Value {
        let ty = self.ty();
        let code = self
            .random
            .pick(&["eq", "ne", "slt", "uge", "ugt", "sle", "ult"]);
        let (x, y) = (self.operand(ty), self.operand(ty));
        let condition = self.define(format!("icmp {code} {x}, {y}"), Type::I8);
        match self.random.below(4) {
            0 => self.define(format!("uextend.i32 {condition}"), Type::I32),
            1 => {
                let zero = self.define("iconst.i8 0".into(), Type::I8);
                self.define(format!("icmp ne {condition}, {zero}"), Type::I8)
            }
            2 if self.random.percent(30) => self.constant(Type::I32),
            _ => condition,
        }
    }

    fn comparison(&mut self) {
        let condition = self.condition();
        self.scope.values.push(condition);
    }

    fn select(&mut self) {
        let ty = self.ty();
        let condition = self.condition();
        let x = self.operand(ty);
        let y = if self.random.percent(25) {
            x
        } else {
            self.operand(ty)
        };
        self.publish(format!("select {condition}, {x}, {y}"), ty);
    }

    /// A memory flag list with address, of something that a value of type `ty` fits in.
    fn place(&mut self, ty: Type) -> (String, String) {
        let slot = self.random.below(SLOTS.len());
        let offset =
            self.random.below(SLOT_SIZE / 8) * 8 + self.random.below(8 / ty.bytes()) * ty.bytes();
        let flags = self
            .random
            .pick(&["notrap aligned ", "notrap ", "", "user3 "]);
        if let Some(pointer) = self.pointer
            && self.random.percent(15)
        {
            return (flags.into(), format!("{pointer}+{offset}"));
        }
        let address = if self.random.percent(50) {
            let address = self.define(format!("stack_addr.i64 ss{slot}"), Type::I64);
            format!("{address}+{offset}")
        } else {
            let address = self.define(format!("stack_addr.i64 ss{slot}+{offset}"), Type::I64);
            format!("{address}")
        };
        (format!("{flags}{}", SLOTS[slot]), address)
    }

    fn load(&mut self) {
        let ty = self.ty();
        let (flags, address) = self.place(ty);
        if ty == Type::I8 && self.random.percent(50) {
            let opcode = self.random.pick(&["uload8", "sload8"]);
            self.publish(format!("{opcode}.i32 {flags}{address}"), Type::I32);
        } else {
            self.publish(format!("load.{} {flags}{address}", ty.name()), ty);
        }
    }

    fn store(&mut self) {
        let ty = self.ty();
        let (flags, address) = self.place(ty);
        if ty == Type::I8 && self.random.percent(50) {
            let x = self.operand(Type::I32);
            self.line(&format!("istore8 {flags}{x}, {address}"));
        } else {
            let x = self.operand(ty);
            self.line(&format!("store {flags}{x}, {address}"));
        }
    }

    /// A store that is dead or idempotent, for there is another to the same place.
    fn stored_twice(&mut self) {
        let ty = self.ty();
        let (flags, address) = self.place(ty);
        let x = self.operand(ty);
        let y = if self.random.percent(40) {
            x
        } else {
            self.operand(ty)
        };
        self.line(&format!("store {flags}{x}, {address}"));
        if self.random.percent(30) {
            self.publish(format!("load.{} {flags}{address}", ty.name()), ty);
        }
        if self.random.percent(30) {
            self.binary();
        }
        self.line(&format!("store {flags}{y}, {address}"));
        if self.random.percent(50) {
            self.publish(format!("load.{} {flags}{address}", ty.name()), ty);
        }
    }

    /// A chain as in `alias_analysis.rs`: once the dead store is gone, the next is idempotent.
    fn loaded_and_stored_back(&mut self) {
        let ty = self.ty();
        let (flags, address) = self.place(ty);
        let x = self.publish(format!("load.{} {flags}{address}", ty.name()), ty);
        if self.random.percent(60) {
            let y = self.operand(ty);
            self.line(&format!("store {flags}{y}, {address}"));
        }
        self.line(&format!("store {flags}{x}, {address}"));
    }

    fn loaded_twice(&mut self) {
        let ty = self.ty();
        let (flags, address) = self.place(ty);
        for _ in 0..2 {
            self.publish(format!("load.{} {flags}{address}", ty.name()), ty);
            if self.random.percent(20) {
                self.store();
            }
        }
    }

    /// A conditional trap, or one that was there before.
    fn check(&mut self) {
        let checks = self.scope.checks.len();
        if checks > 0 && self.random.percent(50) {
            let i = self.random.below(checks);
            return self.line(&self.scope.checks[i].clone());
        }
        let check = match self.random.below(4) {
            0 => {
                let condition = self.condition();
                let never = self.define(format!("uextend.i64 {condition}"), Type::I64);
                let never = self.with_number("bor", never, "2", Type::I64);
                format!("trapz {never}, user1")
            }
            1 => {
                let one = self.define("iconst.i32 1".into(), Type::I32);
                format!("trapz {one}, user2")
            }
            2 => {
                let zero = self.define("iconst.i8 0".into(), Type::I8);
                format!("trapnz {zero}, user3")
            }
            _ => {
                let x = self.operand(Type::I32);
                let limit = self.define("iconst.i32 0x7ffffff0".into(), Type::I32);
                let condition = self.define(format!("icmp ugt {x}, {limit}"), Type::I8);
                let wide = self.define(format!("uextend.i32 {condition}"), Type::I32);
                if self.random.percent(80) {
                    let not = self.with_number("icmp eq", wide, "7", Type::I8);
                    format!("trapnz {not}, user4")
                } else {
                    format!("trapnz {wide}, user5")
                }
            }
        };
        self.line(&check);
        self.scope.checks.push(check);
    }

    fn division(&mut self) {
        let divisions = self.scope.divisions.len();
        if divisions > 0 && self.random.percent(30) {
            let i = self.random.below(divisions);
            let (expression, ty) = self.scope.divisions[i].clone();
            self.publish(expression, ty);
            return;
        }
        let ty = [Type::I32, Type::I64][self.random.below(2)];
        let opcode = self.random.pick(&["udiv", "urem", "sdiv", "srem"]);
        let x = self.operand(ty);
        let y = match self.random.below(4) {
            0 | 1 => {
                let divisor = self.random.pick(&["1", "2", "3", "8", "10", "64"]);
                self.define(format!("iconst.{} {divisor}", ty.name()), ty)
            }
            // NB: `srem` of the least integer by -1 is 0, and a trap to the interpreter.
            2 if opcode != "srem" && self.random.percent(20) => self.operand(ty),
            _ => {
                let y = self.operand(ty);
                let y = self.with_number("bor", y, "1", ty);
                self.with_number("band", y, "0xffff", ty)
            }
        };
        let expression = format!("{opcode} {x}, {y}");
        self.scope.divisions.push((expression.clone(), ty));
        self.publish(expression, ty);
    }

    fn overflow_check(&mut self) {
        let (x, y) = (self.operand(Type::I32), self.operand(Type::I32));
        let (x, y) = (self.widened(x), self.widened(y));
        let expression = format!("uadd_overflow_trap {x}, {y}, user6");
        self.scope.divisions.push((expression.clone(), Type::I64));
        self.publish(expression, Type::I64);
    }

    /// A branch to a block that only traps.
    fn trap_branch(&mut self) {
        let x = self.operand(Type::I32);
        let condition = self.with_number("icmp eq", x, "0x1234567", Type::I8);
        let (next, trap) = (self.block(), self.trap_block);
        if self.random.percent(50) {
            self.line(&format!("brif {condition}, block{trap}, block{next}"));
        } else {
            let not = self.with_number("bxor", condition, "1", Type::I8);
            self.line(&format!("brif {not}, block{next}, block{trap}"));
        }
        self.begin(next, &[]);
    }

    /// Statements in a scope of their own.
    fn nested(&mut self, depth: usize) {
        for _ in 0..=self.random.below(5) {
            if self.budget > 0 {
                self.statement(depth + 1);
            }
        }
    }

    /// Parameters of a block, some of which get the same argument from everywhere.
    fn params(&mut self) -> (Vec<Value>, Vec<Option<Value>>) {
        let (mut params, mut constants) = (Vec::new(), Vec::new());
        for _ in 0..=self.random.below(3) {
            let ty = self.ty();
            let constant = if self.random.percent(40) {
                Some(self.operand(ty))
            } else {
                None
            };
            params.push(self.value(ty));
            constants.push(constant);
        }
        (params, constants)
    }

    fn arguments(&mut self, params: &[Value], constants: &[Option<Value>]) -> String {
        let mut arguments = Vec::new();
        for (param, constant) in params.iter().zip(constants) {
            let argument = match constant {
                Some(constant) => *constant,
                None => self.operand(param.1),
            };
            arguments.push(argument.to_string());
        }
        arguments.join(", ")
    }

    fn branch(&mut self, depth: usize) {
        let condition = self.condition();
        let (consequent, alternative, join) = (self.block(), self.block(), self.block());
        let (params, constants) = self.params();
        self.line(&format!(
            "brif {condition}, block{consequent}, block{alternative}"
        ));
        let scope = self.scope.clone();
        for block in [consequent, alternative] {
            self.scope = scope.clone();
            self.begin(block, &[]);
            self.nested(depth);
            let arguments = self.arguments(&params, &constants);
            self.line(&format!("jump block{join}({arguments})"));
        }
        self.scope = scope;
        self.begin(join, &params);
        self.scope.values.extend(params);
    }

    fn repeat(&mut self, depth: usize) {
        let (header, body, exit) = (self.block(), self.block(), self.block());
        let count = self.value(Type::I32);
        let (params, constants) = self.params();
        let start = self.define("iconst.i32 0".into(), Type::I32);
        let arguments = self.arguments(&params, &constants);
        self.line(&format!("jump block{header}({start}, {arguments})"));

        let mut all = vec![count];
        all.extend(&params);
        self.begin(header, &all);
        self.scope.values.extend(&all);
        let scope = self.scope.clone();
        let trips = 1 + self.random.below(4);
        let condition = self.with_number("icmp ult", count, &trips.to_string(), Type::I8);
        // The order of the successors decides which is optimized first.
        if self.random.percent(50) {
            self.line(&format!("brif {condition}, block{body}, block{exit}"));
        } else {
            let done = self.with_number("bxor", condition, "1", Type::I8);
            self.line(&format!("brif {done}, block{exit}, block{body}"));
        }

        self.begin(body, &[]);
        self.nested(depth);
        let next = self.with_number("iadd", count, "1", Type::I32);
        // A parameter that is passed around the loop unchanged is constant, too.
        let constants: Vec<_> = params
            .iter()
            .zip(constants)
            .map(|(param, constant)| {
                constant
                    .and(Some(*param))
                    .filter(|_| self.random.percent(50))
                    .or(constant)
            })
            .collect();
        let arguments = self.arguments(&params, &constants);
        self.line(&format!("jump block{header}({next}, {arguments})"));

        self.scope = scope;
        self.begin(exit, &[]);
    }

    fn switch(&mut self, depth: usize) {
        let index = if self.random.percent(20) {
            self.constant(Type::I32)
        } else {
            let index = self.operand(Type::I32);
            self.with_number("band", index, "3", Type::I32)
        };
        let cases = [self.block(), self.block(), self.block()];
        let join = self.block();
        let (params, constants) = self.params();
        let [default, one, two] = cases;
        self.line(&format!(
            "br_table {index}, block{default}, [block{one}, block{two}, block{one}]"
        ));
        let scope = self.scope.clone();
        for block in cases {
            self.scope = scope.clone();
            self.begin(block, &[]);
            self.nested(depth);
            let arguments = self.arguments(&params, &constants);
            self.line(&format!("jump block{join}({arguments})"));
        }
        self.scope = scope;
        self.begin(join, &params);
        self.scope.values.extend(params);
    }

    fn call(&mut self) {
        if self.callees.is_empty() {
            return self.binary();
        }
        let callee = self.random.below(self.callees.len());
        let slot = self.random.below(SLOTS.len());
        let pointer = self.define(format!("stack_addr.i64 ss{slot}"), Type::I64);
        let (a, b) = (self.operand(Type::I32), self.operand(Type::I32));
        let c = self.operand(Type::I64);
        self.publish(
            format!("call fn{callee}({pointer}, {a}, {b}, {c})"),
            Type::I64,
        );
    }
}
