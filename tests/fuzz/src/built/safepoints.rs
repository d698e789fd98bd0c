//! Calls that may collect.

use super::text::Place;
use super::{Builder, Kind, Ref, Role};

/// So many references are kept over one call.
const MOST_KEPT: usize = 8;

impl Builder<'_, '_> {
    pub(super) fn collect(&mut self) {
        match self.below(4) {
            0 => self.collect_or_throw(),
            1 => {
                let memory = self.memory;
                let callee = self
                    .text
                    .result(&format!("load.i64 notrap region1 v{memory}+600"));
                self.safepoint(None, &format!("call_indirect sig0, v{callee}()"));
            }
            2 if self.role == Role::Caller => self.call_callee(),
            _ => self.safepoint(None, "call fn0()"),
        }
    }

    /// A new object.
    pub(super) fn allocated(&mut self) -> Ref {
        let int = self.any_int();
        let new = self.new_ref();
        let reference = Ref {
            nonnull: new.kind != Kind::Unknown,
            ..new
        };
        let defined = self.annotated(reference);
        let call = format!("{defined} = call fn1(v{int}, v{int})");
        self.safepoint(Some(reference), &call);
        reference
    }

    /// A call that may be inlined.
    fn call_callee(&mut self) {
        let (base, memory) = (self.base, self.memory);
        let (reference, int) = (self.any_ref().value, self.any_int());
        let value = self.text.value();
        self.safepoint(
            None,
            &format!("v{value} = call fn5(v{base}, v{memory}, v{reference}, v{int})"),
        );
        self.scope.ints.push(value);
    }

    /// A call that may collect, with what is kept over it spilled before and reloaded after. What it
    /// returns, if it does, is a reference, and fresh.
    fn safepoint(&mut self, returns: Option<Ref>, call: &str) {
        let kept = self.spill();
        self.text.line(&format!("{call}{}", map(&kept)));
        self.scope.refs.extend(returns);
        self.reload(&kept);
    }

    /// The same with two ways out, one of which leaves the function.
    fn collect_or_throw(&mut self) {
        let kept = self.spill();
        let (next, caught) = (self.text.block(), self.text.block());
        self.text.line(&format!(
            "try_call fn3(), sig3, block{next}, [ default: block{caught}(exn0) ]{}",
            map(&kept)
        ));
        let after = self.scope.clone();
        let exception = self.text.value();
        self.text.begin(caught, &[format!("v{exception}: i64")]);
        self.reload(&kept);
        self.leave();
        self.scope = after;
        self.text.begin(next, &[]);
        self.reload(&kept);
    }

    /// Spills some of what is fresh, and forgets all that a collection makes stale.
    fn spill(&mut self) -> Vec<(Ref, Place)> {
        let refs = std::mem::take(&mut self.scope.refs);
        self.scope.addresses.clear();
        self.scope.base = None;
        let mut kept: Vec<(Ref, Place)> = Vec::new();
        let first = self.below(4);
        for reference in refs {
            let twice = kept.iter().any(|(r, _)| r.value == reference.value);
            if !twice && kept.len() < MOST_KEPT && !self.one_in(4) {
                let place = self.text.place(first + kept.len());
                kept.push((reference, place));
            }
        }
        for (reference, place) in &kept {
            let mark = self.mark("spill", *reference);
            let address = self.address(place);
            self.text.line(&format!(
                "store notrap v{}, {address}{mark}",
                reference.value
            ));
        }
        kept
    }

    /// Reloads it, and relies on it.
    fn reload(&mut self, kept: &[(Ref, Place)]) {
        for &(reference, place) in kept {
            let reload = Ref {
                value: self.text.value(),
                ..reference
            };
            let address = self.address(&place);
            // A type says what the reference's did, not what was proved since.
            let typed = Ref {
                nonnull: false,
                ..reload
            };
            let defined = self.annotated(typed);
            let mark = self.mark("reload", reference);
            self.text
                .line(&format!("{defined} = load.i32 notrap {address}{mark}"));
            self.store_away(reload);
            self.scope.refs.push(reload);
        }
    }

    fn mark(&self, what: &str, reference: Ref) -> String {
        match self.marks {
            true => format!(" ! {what} v{}", reference.value),
            false => String::new(),
        }
    }

    /// The address of a place, as an operand.
    pub(super) fn address(&mut self, place: &Place) -> String {
        let (slot, offset) = (place.slot, place.offset);
        if self.one_in(2) {
            let address = self.text.result(&format!("stack_addr.i64 ss{slot}"));
            format!("v{address}+{offset}")
        } else {
            let address = self
                .text
                .result(&format!("stack_addr.i64 ss{slot}+{offset}"));
            format!("v{address}")
        }
    }
}

/// The stack map of what is kept.
fn map(kept: &[(Ref, Place)]) -> String {
    let entry = |(_, place): &(Ref, Place)| format!("i32 @ ss{}+{}", place.slot, place.offset);
    let entries: Vec<String> = kept.iter().map(entry).collect();
    match entries.is_empty() {
        true => String::new(),
        false => format!(", stack_map=[{}]", entries.join(", ")),
    }
}
