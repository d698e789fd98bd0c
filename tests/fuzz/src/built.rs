//! Functions that are built from choices, and sound by construction.
//!
//! **Claim.** Whatever the choices are, the text is a function that Cranelift's own verifier accepts and in which
//! every invariant holds: a rejection is a false alarm. Each entry of each stack map is needed where
//! that is asked for: what it names is reloaded, and the reload is stored somewhere, so that without the entry the
//! function is broken under a collector that moves objects.
//!
//! **How.** The builder knows the references that are fresh. Before a safepoint some are spilled, after it
//! those are reloaded, and the others are forgotten. Blocks have what dominates them, as long as no safepoint
//! came between. A dereference is guarded, unless a guard dominates it or the type excludes what it guards
//! against.

mod control;
mod safepoints;
mod steps;
mod text;

use arbitrary::Unstructured;
use text::Text;

/// So many instructions are enough.
const MOST: usize = 600;

/// A reference that is fresh.
#[derive(Clone, Copy, Debug)]
struct Ref {
    value: usize,
    kind: Kind,
    /// It is known not to be null.
    nonnull: bool,
    /// It is known to be no i31.
    object: bool,
}

/// What a reference's type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Any,
    Eq,
    Struct,
    Concrete(u32),
    Array,
    Extern,
    /// Nothing says what it is.
    Unknown,
}

impl Kind {
    const ALL: [Kind; 8] = [
        Kind::Any,
        Kind::Eq,
        Kind::Struct,
        Kind::Concrete(0),
        Kind::Concrete(1),
        Kind::Array,
        Kind::Extern,
        Kind::Unknown,
    ];

    /// Can it be an i31?
    fn has_i31(self) -> bool {
        match self {
            Kind::Any | Kind::Eq | Kind::Extern | Kind::Unknown => true,
            Kind::Struct | Kind::Concrete(_) | Kind::Array => false,
        }
    }

    /// What a fact calls it.
    fn name(self) -> Option<String> {
        Some(match self {
            Kind::Any => "any".to_string(),
            Kind::Eq => "eq".to_string(),
            Kind::Struct => "struct".to_string(),
            Kind::Concrete(index) => format!("struct {index}"),
            Kind::Array => "array".to_string(),
            Kind::Extern => "extern".to_string(),
            Kind::Unknown => return None,
        })
    }
}

/// What can be used at a point.
#[derive(Clone, Debug, Default)]
struct Scope {
    refs: Vec<Ref>,
    ints: Vec<usize>,
    /// Addresses in objects that are there.
    addresses: Vec<usize>,
    /// The base of the heap, if it can move and was loaded.
    base: Option<usize>,
}

/// Builds one function.
struct Builder<'a, 'b> {
    choices: &'a mut Unstructured<'b>,
    text: Text,
    scope: Scope,
    /// The value of the base of a heap that does not move, and of other memory.
    base: usize,
    memory: usize,
    role: Role,
    style: Style,
    /// Whether the heap can move.
    moving_heap: bool,
    /// Whether spills and reloads say what they are.
    marks: bool,
    depth: usize,
    /// How many numbers were loaded that nothing is known of.
    free_ints: usize,
}

/// What the functions of a text have in common.
#[derive(Clone, Copy, Debug)]
struct Style {
    collector: &'static str,
    /// Whether accesses of objects name a region.
    regions: bool,
}

/// What a function is to the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It is the only one, every safepoint can be reached, and asks for its map.
    Needed,
    /// It is called, takes a reference and a number, and returns a number.
    Callee,
    /// It calls that.
    Caller,
}

/// The text of the function of these choices, of which all maps are needed.
pub fn function(choices: &[u8]) -> String {
    let mut choices = Unstructured::new(choices);
    let style = Style {
        collector: "moving",
        regions: choose(&mut choices, 2) == 0,
    };
    build(&mut choices, style, Role::Needed)
}

/// The text of two functions of these choices, the first of which the second may call.
pub fn pair(choices: &[u8]) -> String {
    let (head, tail) = choices.split_at(choices.len() / 3);
    let mut choices = Unstructured::new(tail);
    let style = Style {
        collector: ["moving", "nonmoving", "moving", "null"][choose(&mut choices, 4)],
        regions: choose(&mut choices, 2) == 0,
    };
    let callee = build(&mut Unstructured::new(head), style, Role::Callee);
    let caller = build(&mut choices, style, Role::Caller);
    format!("{callee}\n{caller}")
}

fn build(choices: &mut Unstructured, style: Style, role: Role) -> String {
    let mut builder = Builder {
        choices,
        text: Text::default(),
        scope: Scope::default(),
        base: 0,
        memory: 0,
        role,
        style,
        moving_heap: false,
        marks: false,
        depth: 0,
        free_ints: 0,
    };
    builder.moving_heap = builder.one_in(2);
    builder.marks = !builder.one_in(3);
    builder.entry();
    builder.steps(40);
    builder.leave();
    builder.text.finish(style.collector, role)
}

/// A choice; 0 when there are no more.
fn choose(choices: &mut Unstructured, of: usize) -> usize {
    choices.int_in_range(0..=of - 1).unwrap_or(0)
}

impl Builder<'_, '_> {
    fn below(&mut self, bound: usize) -> usize {
        choose(self.choices, bound)
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == count - 1
    }

    fn is_done(&self) -> bool {
        self.choices.is_empty() || self.text.insts >= MOST
    }

    fn entry(&mut self) {
        let block = self.text.block();
        let mut parameters = Vec::new();
        self.base = self.text.value();
        self.memory = self.text.value();
        parameters.push(format!("v{}: i64", self.base));
        parameters.push(format!("v{}: i64", self.memory));
        let is_callee = self.role == Role::Callee;
        let (refs, ints) = match is_callee {
            true => (1, 1),
            false => (1 + self.below(3), 1 + self.below(2)),
        };
        for _ in 0..refs {
            let mut reference = self.new_ref();
            if is_callee {
                reference.kind = Kind::Any;
                reference.nonnull = false;
                reference.object = false;
            }
            parameters.push(format!("{}: i32", self.annotated(reference)));
            self.scope.refs.push(reference);
        }
        for _ in 0..ints {
            let int = self.text.value();
            parameters.push(format!("v{int}: i32"));
            self.scope.ints.push(int);
        }
        self.text.begin(block, &parameters);
    }

    /// Up to so many steps.
    fn steps(&mut self, most: usize) {
        for _ in 0..most {
            if self.is_done() {
                break;
            }
            self.step();
        }
    }

    /// The end of a path through the function.
    fn leave(&mut self) {
        let reference = self.any_ref();
        self.store_away(reference);
        let int = self.any_int();
        let line = match self.below(4) {
            // What it returns is no reference to its caller.
            2 | 3 if self.role == Role::Callee => format!("return v{int}"),
            0 => format!("return v{int}"),
            1 => format!("return_call fn4(v{}, v{int})", reference.value),
            _ => format!("return v{}", reference.value),
        };
        self.text.line(&line);
    }

    /// A reference of a type that is chosen, of a new value that is not defined yet.
    fn new_ref(&mut self) -> Ref {
        // NB: That maps are needed is claimed of what is known to be a reference.
        let kinds = Kind::ALL.len() - usize::from(self.role == Role::Needed);
        let kind = Kind::ALL[self.below(kinds)];
        Ref {
            value: self.text.value(),
            kind,
            nonnull: kind != Kind::Unknown && self.one_in(3),
            object: !kind.has_i31(),
        }
    }

    /// How a reference is written where it is defined.
    fn annotated(&mut self, reference: Ref) -> String {
        // NB: What was proved of a reference is not what its type says.
        let declared = if self.one_in(3) {
            " ! needs_stack_map"
        } else {
            ""
        };
        let nullability = match reference.nonnull {
            true => "nonnull",
            false => "nullable",
        };
        let value = reference.value;
        match reference.kind.name() {
            Some(kind) => format!("v{value} ! gcref({kind}, {nullability}){declared}"),
            None => format!("v{value}{declared}"),
        }
    }

    /// A fresh reference; there is always one.
    fn any_ref(&mut self) -> Ref {
        if self.scope.refs.is_empty() {
            return self.allocated();
        }
        let index = self.below(self.scope.refs.len());
        self.scope.refs[index]
    }

    fn any_int(&mut self) -> usize {
        if self.scope.ints.is_empty() {
            let number = self.below(1 << 16);
            return self.int(&format!("iconst.i32 {number}"));
        }
        let index = self.below(self.scope.ints.len());
        self.scope.ints[index]
    }

    /// A new integer that is the result of this.
    fn int(&mut self, what: &str) -> usize {
        let value = self.text.result(what);
        self.scope.ints.push(value);
        value
    }

    /// Relies on a reference: it is stored where nobody looks.
    fn store_away(&mut self, reference: Ref) {
        let memory = self.memory;
        let place = 8 * self.below(16);
        self.text.line(&format!(
            "store notrap v{}, v{memory}+{place}",
            reference.value
        ));
    }
}
