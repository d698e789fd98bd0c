//! Every rewrite is asked for, and nothing happens that was not.

use cranelift_codegen::gc_verifier::{GcVerifier, Rewrite};
use cranelift_codegen::ir::{Function, Inst, Opcode};
use cranelift_gc_verifier::rule_name;
use gc_filetests::{DEFAULT_BASE, base};
use seam_tests::generate;
use seam_tests::guard::{Chaos, Recorder};
use seam_tests::kind::{Kind, rule};
use seam_tests::pipeline::{InlineByName, context, isa, optimize};
use seam_tests::program::Program;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// A function that makes the optimizer ask for one rewrite.
struct Example {
    kind: Kind,
    /// The file of the rule.
    file: Option<&'static str>,
    clif: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        kind: Kind::Simplify,
        file: Some("src/opts/arithmetic.isle"),
        clif: "function %f(i32) -> i32 {
            block0(v0: i32):
                v1 = iconst.i32 2
                v2 = imul v0, v1
                return v2
        }",
    },
    Example {
        kind: Kind::Subsume,
        file: Some("src/opts/arithmetic.isle"),
        clif: "function %f(i32) -> i32 {
            block0(v0: i32):
                v1 = iconst.i32 0
                v2 = iadd v0, v1
                return v2
        }",
    },
    Example {
        kind: Kind::Gvn,
        file: None,
        clif: "function %f(i32, i32) -> i32, i32 {
            block0(v0: i32, v1: i32):
                v2 = iadd v0, v1
                v3 = iadd v0, v1
                return v2, v3
        }",
    },
    Example {
        kind: Kind::GvnSkeleton,
        file: None,
        clif: "function %f(i32) {
            block0(v0: i32):
                trapz v0, user1
                trapz v0, user1
                return
        }",
    },
    Example {
        kind: Kind::GvnSkeleton,
        file: None,
        clif: "function %f(i32, i32) -> i32, i32 {
            block0(v0: i32, v1: i32):
                v2 = udiv v0, v1
                v3 = udiv v0, v1
                return v2, v3
        }",
    },
    Example {
        kind: Kind::SkeletonRemove,
        file: Some("src/opts/skeleton.isle"),
        clif: "function %f() {
            block0:
                v0 = iconst.i32 1
                trapz v0, user1
                return
        }",
    },
    Example {
        kind: Kind::SkeletonRemoveWithVal,
        file: Some("src/opts/arithmetic.isle"),
        clif: "function %f(i32) -> i32 {
            block0(v0: i32):
                v1 = iconst.i32 8
                v2 = udiv v0, v1
                return v2
        }",
    },
    Example {
        kind: Kind::SkeletonReplace,
        file: Some("src/opts/skeleton.isle"),
        clif: "function %f(i32) -> i32 {
            block0(v0: i32):
                v1 = iconst.i32 1
                brif v1, block1, block2
            block1:
                return v0
            block2:
                return v1
        }",
    },
    Example {
        kind: Kind::ReplaceBranchCond,
        file: Some("src/opts/skeleton.isle"),
        clif: "function %f(i8) -> i8 {
            block0(v0: i8):
                v1 = uextend.i32 v0
                brif v1, block1, block2
            block1:
                return v0
            block2:
                v2 = iconst.i8 7
                return v2
        }",
    },
    Example {
        kind: Kind::ReplaceWithTwo,
        file: Some("src/opts/skeleton.isle"),
        clif: "function %f(i32) -> i32 {
            block0(v0: i32):
                brif v0, block1, block2
            block1:
                trap user1
            block2:
                return v0
        }",
    },
    Example {
        kind: Kind::ForwardLoad,
        file: None,
        clif: "function %f(i64, i32) -> i32 {
            block0(v0: i64, v1: i32):
                store v1, v0
                v2 = load.i32 v0
                return v2
        }",
    },
    Example {
        kind: Kind::IdempotentStore,
        file: None,
        clif: "function %f(i64) {
            block0(v0: i64):
                v1 = load.i32 v0
                store v1, v0
                return
        }",
    },
    Example {
        kind: Kind::DeadStore,
        file: None,
        clif: "function %f(i64, i32, i32) {
            block0(v0: i64, v1: i32, v2: i32):
                store notrap v1, v0
                store notrap v2, v0
                return
        }",
    },
    Example {
        kind: Kind::ConstantPhi,
        file: None,
        clif: "function %f(i32) -> i32 {
            block0(v0: i32):
                brif v0, block1, block2
            block1:
                jump block3(v0)
            block2:
                jump block3(v0)
            block3(v1: i32):
                return v1
        }",
    },
    Example {
        kind: Kind::Hoist,
        file: None,
        clif: "function %f(i32, i32) -> i32 {
            block0(v0: i32, v1: i32):
                jump block1(v0)
            block1(v2: i32):
                v3 = iadd v0, v1
                v4 = isub v2, v3
                brif v4, block1(v4), block2
            block2:
                return v4
        }",
    },
    Example {
        kind: Kind::Remat,
        file: None,
        clif: "function %f(i64, i32) {
            block0(v0: i64, v1: i32):
                v2 = iconst.i32 1234
                store v2, v0
                brif v1, block1, block2
            block1:
                store v2, v0+8
                return
            block2:
                return
        }",
    },
];

fn rewrites(func: &Function) -> Vec<Rewrite> {
    let recorder = Recorder::default();
    optimize(
        func,
        &*isa("x86_64", "check"),
        Some(Arc::new(recorder.clone())),
    );
    recorder.take_rewrites()
}

fn accepting() -> Option<Arc<dyn GcVerifier>> {
    Some(Arc::new(Recorder::default()))
}

fn refusing() -> Option<Arc<dyn GcVerifier>> {
    Some(Arc::new(Chaos::new(0, 100)))
}

#[test]
fn each_kind_is_asked_for() {
    let mut kinds = BTreeSet::from([Kind::Inline]);
    for Example { kind, file, clif } in EXAMPLES {
        let program = Program::parse(clif);
        let asked = rewrites(program.main());
        let rewrite = asked.iter().find(|rewrite| Kind::of(rewrite) == *kind);
        let rewrite = rewrite.unwrap_or_else(|| panic!("no {kind} among {asked:?}\n{clif}"));
        assert_eq!(rule(rewrite).is_some(), kind.has_rule(), "{rewrite:?}");
        assert_eq!(
            rule(rewrite).and_then(|rule| rule.split(" line ").next()),
            *file,
            "{rewrite:?}"
        );
        kinds.insert(*kind);
    }
    let unused: Vec<_> = Kind::ALL
        .iter()
        .filter(|kind| !kinds.contains(kind))
        .collect();
    assert_eq!(unused, Kind::UNUSED.iter().collect::<Vec<_>>());
}

#[test]
fn inlining_is_asked_for() {
    let program = Program::parse(
        "function %callee(i32) -> i32 {
            block0(v0: i32):
                return v0
        }
        function %caller(i32) -> i32 {
            fn0 = %callee(i32) -> i32
            block0(v0: i32):
                v1 = call fn0(v0)
                return v1
        }",
    );
    let isa = isa("x86_64", "check");
    let inline = |verifier| {
        let mut context = context(program.main(), verifier);
        context.start_gc_verifier(&*isa).unwrap();
        let inlined = context.inline(InlineByName(program.functions())).unwrap();
        (inlined, context.func)
    };

    let recorder = Recorder::default();
    let call = program
        .main()
        .layout
        .first_inst(program.main().layout.entry_block().unwrap());
    assert!(inline(Some(Arc::new(recorder.clone()))).0);
    assert!(matches!(
        recorder.take_rewrites()[..],
        [Rewrite::Inline { call: asked, .. }] if Some(asked) == call
    ));

    let (inlined, func) = inline(refusing());
    assert!(!inlined);
    assert_eq!(func.to_string(), program.main().to_string());
}

/// The rule is that of the value, also where several rules match, and where the right-hand side
/// is made of values that get simplified themselves.
#[test]
fn rules_belong_to_their_values() {
    let program = Program::parse(
        "function %f(i32, i32) -> i32, i32, i32, i32 {
            block0(v0: i32, v1: i32):
                v2 = iconst.i32 0
                v3 = iconst.i32 6
                v4 = iconst.i32 7
                v5 = imul v3, v4
                v6 = isub v2, v0
                v7 = iadd v1, v6
                v8 = bxor v7, v7
                v9 = bor v8, v0
                return v5, v6, v7, v9
        }",
    );
    let recorder = Recorder::default();
    let optimized = optimize(
        program.main(),
        &*isa("x86_64", "check"),
        Some(Arc::new(recorder.clone())),
    );
    let mut checked = 0;
    for rewrite in recorder.take_rewrites() {
        let (Rewrite::Simplify { new, rule, .. } | Rewrite::Subsume { new, rule, .. }) = rewrite
        else {
            continue;
        };
        let Some(inst) = optimized.dfg.value_def(new).inst() else {
            continue;
        };
        // Constants are made by constant propagation, and by the rules that cancel operands.
        if optimized.dfg.insts[inst].opcode() == Opcode::Iconst {
            let file = rule.unwrap().split(" line ").next().unwrap();
            assert!(
                [
                    "src/opts/cprop.isle",
                    "src/opts/arithmetic.isle",
                    "src/opts/bitops.isle"
                ]
                .contains(&file),
                "{rewrite:?}"
            );
            checked += 1;
        }
    }
    assert!(checked >= 2);
}

/// Rule locations are what the compiler's sources have, whatever the machine, and a rule's name says the line that it begins on.
#[test]
fn rules_are_relative_positions() {
    let tree = match base() {
        DEFAULT_BASE => "../../upstream".to_owned(),
        other => format!("../../upstream-{other}"),
    };
    let codegen = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(tree)
        .join("cranelift/codegen");
    let mut names = BTreeSet::new();
    for seed in 0..20 {
        for func in Program::parse(&generate::program(seed)).functions() {
            for rewrite in rewrites(func) {
                let Some(rule) = rule(&rewrite) else {
                    assert!(!Kind::of(&rewrite).has_rule(), "{rewrite:?}");
                    continue;
                };
                let (file, line) = rule.split_once(" line ").expect("as documented");
                assert!(file.starts_with("src/opts/"), "{rule}");
                assert!(file.ends_with(".isle"), "{rule}");
                assert!(line.parse::<u32>().is_ok(), "{rule}");
                names.insert(rule_name(rule));
            }
        }
    }
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let (file, line) = name.split_once(':').expect("as documented");
        let text = std::fs::read_to_string(codegen.join(file)).expect("it is a file");
        let line: usize = line.parse().expect("it is a number");
        let begin = text.lines().nth(line - 1);
        assert!(
            begin.is_some_and(|text| text.starts_with("(rule")),
            "{name}: {begin:?}"
        );
    }
}

/// The same function asks the same questions in the same order.
#[test]
fn questions_are_deterministic() {
    for seed in 0..20 {
        for func in Program::parse(&generate::program(seed)).functions() {
            assert_eq!(rewrites(func), rewrites(func));
        }
    }
}

/// The examples have no dead code and nothing that could be placed elsewhere; so they are what
/// they were, to the last value number.
#[test]
fn a_refused_example_stays_as_it_is() {
    let isa = isa("x86_64", "enforce");
    for Example { kind, clif, .. } in EXAMPLES {
        let program = Program::parse(clif);
        let refused = optimize(program.main(), &*isa, refusing());
        assert_eq!(refused.to_string(), program.main().to_string(), "{kind}");
        let accepted = optimize(program.main(), &*isa, accepting());
        assert_ne!(accepted.to_string(), program.main().to_string(), "{kind}");
    }
}

/// What the skeleton of a block does: everything that is not pure.
fn skeleton(func: &Function, reachable: &BTreeSet<cranelift_codegen::ir::Block>) -> String {
    let mut text = String::new();
    for block in func
        .layout
        .blocks()
        .filter(|block| reachable.contains(block))
    {
        text.push_str(&format!("{block}{:?}\n", func.dfg.block_params(block)));
        for inst in func.layout.block_insts(block) {
            let opcode = func.dfg.insts[inst].opcode();
            if is_skeleton(func, inst) {
                text.push_str(&format!("    {opcode} {:?}\n", func.dfg.inst_results(inst)));
            }
        }
    }
    text
}

fn is_skeleton(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    opcode.can_load()
        || opcode.can_store()
        || opcode.can_trap()
        || opcode.is_call()
        || opcode.is_terminator()
        || opcode.is_branch()
        || opcode.other_side_effects()
}

/// The instructions of `func` that are pure, as text without their results and operands' names.
fn pure_instructions(func: &Function) -> BTreeSet<String> {
    let insts = func
        .layout
        .blocks()
        .flat_map(|block| func.layout.block_insts(block))
        .filter(|inst| !is_skeleton(func, *inst));
    insts
        .map(|inst| {
            let text = func.dfg.display_inst(inst).to_string();
            let text = text
                .split_once(" = ")
                .map_or(text.as_str(), |(_, text)| text);
            let words = text.split([' ', ',']).filter(|word| {
                let number = word.strip_prefix('v').map(str::parse::<u32>);
                !word.is_empty() && !matches!(number, Some(Ok(_)))
            });
            words.collect::<Vec<_>>().join(" ")
        })
        .collect()
}

/// Each instruction that was there before uses what it used, or a copy of it.
///
/// Copies are made where a value is needed in blocks none of which dominates the others.
fn assert_operands_kept(optimized: &Function, func: &Function) {
    let insts = optimized
        .layout
        .blocks()
        .flat_map(|block| optimized.layout.block_insts(block));
    for inst in insts.filter(|inst| (inst.as_u32() as usize) < func.dfg.num_insts()) {
        let operands = func
            .dfg
            .inst_values(inst)
            .zip(optimized.dfg.inst_values(inst));
        for (before, after) in operands {
            assert!(
                before == after || !func.dfg.value_is_valid(after),
                "{inst} used {before} and uses {after}\n{optimized}"
            );
        }
    }
}

/// Nothing is rewritten where everything is refused: each effect is where it was, and each value
/// is computed as it was.
#[test]
fn nothing_happens_that_is_refused() {
    let isa = isa("x86_64", "enforce");
    let mut texts: Vec<String> = EXAMPLES.iter().map(|e| e.clif.to_string()).collect();
    texts.extend((0..60).map(generate::program));
    for text in texts {
        for func in Program::parse(&text).functions() {
            let optimized = optimize(func, &*isa, refusing());
            let reachable = optimized.layout.blocks().collect();
            assert_eq!(skeleton(&optimized, &reachable), skeleton(func, &reachable));
            assert_operands_kept(&optimized, func);
            let (before, after) = (pure_instructions(func), pure_instructions(&optimized));
            let made: Vec<_> = after.difference(&before).collect();
            assert!(made.is_empty(), "{made:?}\n{optimized}");
        }
    }
}
