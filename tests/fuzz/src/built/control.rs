//! Branches, loops and switches.

use super::{Builder, Ref, Role, Scope};

/// So deep are they nested.
const DEEPEST: usize = 4;

/// What a block takes of those that branch to it.
struct Parameters {
    refs: Vec<Ref>,
    ints: Vec<usize>,
}

impl Builder<'_, '_> {
    pub(super) fn control(&mut self) {
        if self.depth == DEEPEST {
            return;
        }
        self.depth += 1;
        match self.below(3) {
            0 => self.branch(),
            1 => self.repeat(),
            _ => self.switch(),
        }
        self.depth -= 1;
    }

    /// Two arms that meet again; one may leave the function.
    fn branch(&mut self) {
        let parameters = self.parameters();
        let condition = match self.role {
            Role::Needed => self.free_int(),
            Role::Callee | Role::Caller => self.condition(),
        };
        let arms = [self.text.block(), self.text.block()];
        self.text.line(&format!(
            "brif v{condition}, block{}, block{}",
            arms[0], arms[1]
        ));
        self.arms(&arms, &parameters, 8);
    }

    /// A number that is any: what is known of it, or of the one before, would make arms unreachable.
    fn free_int(&mut self) -> usize {
        let place = 1024 + 4 * self.free_ints;
        self.free_ints += 1;
        let memory = self.memory;
        self.text
            .result(&format!("load.i32 notrap region1 v{memory}+{place}"))
    }

    fn switch(&mut self) {
        let parameters = self.parameters();
        let mut int = self.any_int();
        if self.role == Role::Needed {
            int = self.free_int();
        }
        let count = 2 + self.below(4);
        let arms: Vec<usize> = (0..count).map(|_| self.text.block()).collect();
        let names: Vec<String> = arms.iter().map(|arm| format!("block{arm}")).collect();
        self.text.line(&format!(
            "br_table v{int}, {}, [{}]",
            names[0],
            names[1..].join(", ")
        ));
        self.arms(&arms, &parameters, 4);
    }

    /// Arms, all but the first of which may leave the function, and the block where they meet.
    fn arms(&mut self, arms: &[usize], parameters: &Parameters, most: usize) {
        let join = self.text.block();
        let before = self.scope.clone();
        for (index, arm) in arms.iter().enumerate() {
            self.scope = before.clone();
            self.text.begin(*arm, &[]);
            self.steps(most);
            if index > 0 && self.one_in(5) {
                self.leave();
            } else {
                let arguments = self.arguments(parameters);
                self.text.line(&format!("jump block{join}{arguments}"));
            }
        }
        // NB: What dominates is still there, but a safepoint may have come between.
        let ints = before.ints;
        self.enter(join, parameters, ints);
    }

    /// A loop that runs until a counter is zero.
    fn repeat(&mut self) {
        let parameters = self.parameters();
        let (head, after) = (self.text.block(), self.text.block());
        let outside = self.scope.ints.clone();
        let count = 1 + self.below(100);
        let count = self.text.result(&format!("iconst.i32 {count}"));
        let arguments = self.arguments_with(&parameters, count);
        self.text.line(&format!("jump block{head}{arguments}"));
        let counter = self.text.value();
        let inside = self.new_parameters(&parameters);
        let mut list = self.declared(&inside);
        list.push(format!("v{counter}: i32"));
        self.text.begin(head, &list);
        self.scope = Scope {
            refs: inside.refs.clone(),
            ints: [outside.clone(), inside.ints.clone()].concat(),
            ..Scope::default()
        };
        self.steps(8);
        let one = self.text.result("iconst.i32 1");
        let next = self.text.result(&format!("isub v{counter}, v{one}"));
        let again = self.arguments_with(&inside, next);
        let end = self.arguments(&inside);
        self.text.line(&format!(
            "brif v{next}, block{head}{again}, block{after}{end}"
        ));
        self.enter(after, &inside, outside);
    }

    /// Some of what is there, for a block to take.
    fn parameters(&mut self) -> Parameters {
        let mut refs = Vec::new();
        for _ in 0..1 + self.below(3) {
            let reference = self.any_ref();
            // What comes from elsewhere may be null, and an i31 if the type allows one.
            refs.push(Ref {
                nonnull: false,
                object: !reference.kind.has_i31(),
                ..reference
            });
        }
        let ints = (0..self.below(3)).map(|_| self.any_int()).collect();
        Parameters { refs, ints }
    }

    fn new_parameters(&mut self, like: &Parameters) -> Parameters {
        let refs = like.refs.iter().map(|reference| Ref {
            value: self.text.value(),
            ..*reference
        });
        let refs = refs.collect();
        let ints = like.ints.iter().map(|_| self.text.value()).collect();
        Parameters { refs, ints }
    }

    fn declared(&mut self, parameters: &Parameters) -> Vec<String> {
        let mut list = Vec::new();
        for reference in &parameters.refs {
            list.push(format!("{}: i32", self.annotated(*reference)));
        }
        list.extend(parameters.ints.iter().map(|int| format!("v{int}: i32")));
        list
    }

    /// Begins `block`, with these parameters as new values and `ints` from before.
    fn enter(&mut self, block: usize, like: &Parameters, mut ints: Vec<usize>) {
        let parameters = self.new_parameters(like);
        let list = self.declared(&parameters);
        self.text.begin(block, &list);
        ints.extend(&parameters.ints);
        self.scope = Scope {
            refs: parameters.refs,
            ints,
            ..Scope::default()
        };
    }

    /// What is fresh, for these parameters.
    fn arguments(&mut self, parameters: &Parameters) -> String {
        let list = self.argument_list(parameters);
        match list.is_empty() {
            true => String::new(),
            false => format!("({})", list.join(", ")),
        }
    }

    fn arguments_with(&mut self, parameters: &Parameters, last: usize) -> String {
        let mut list = self.argument_list(parameters);
        list.push(format!("v{last}"));
        format!("({})", list.join(", "))
    }

    fn argument_list(&mut self, parameters: &Parameters) -> Vec<String> {
        let mut list = Vec::new();
        for parameter in &parameters.refs {
            let reference = self.ref_of(*parameter);
            list.push(format!("v{}", reference.value));
        }
        for _ in &parameters.ints {
            list.push(format!("v{}", self.any_int()));
        }
        list
    }

    /// A fresh reference of that type.
    fn ref_of(&mut self, like: Ref) -> Ref {
        let fits: Vec<Ref> = self
            .scope
            .refs
            .iter()
            .copied()
            .filter(|r| r.kind == like.kind)
            .collect();
        if fits.is_empty() {
            // Null is of every type.
            let value = self.text.result("iconst.i32 0");
            return Ref { value, ..like };
        }
        fits[self.below(fits.len())]
    }
}
