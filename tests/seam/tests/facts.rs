//! GC facts as text: what is written is read back, and what is wrong is named with its line.

use cranelift_codegen::ir::{
    FuncRef, Function, GcCollector, GcFact, GcField, GcHeader, GcHeapType, GcKind, GcLoad,
    GcNullability, GcSignature, Inst, Opcode, SigRef, Value,
};
use cranelift_reader::parse_functions;
use seam_tests::generate;
use seam_tests::pipeline::{TARGETS, isa, isa_with, optimize};
use seam_tests::program::Program;
use seam_tests::random::Random;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The only function in `text`.
fn parse(text: &str) -> Function {
    let mut funcs = parse_functions(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(funcs.len(), 1, "{text}");
    funcs.remove(0)
}

/// Everything that is known of `func`, without the numbers of instructions, which text does not
/// have, and without what nothing in the function is about.
fn known(func: &Function) -> String {
    let info = &func.dfg.gc_info;
    let defined: Vec<Value> = (0..func.dfg.num_values())
        .map(|index| Value::from_u32(index as u32))
        .filter(|&value| is_defined(func, value))
        .collect();
    let facts: Vec<_> = defined.iter().map(|&v| (v, info.fact(v))).collect();
    let declared: Vec<_> = defined.iter().filter(|&&v| info.is_declared(v)).collect();
    let new: Vec<_> = defined.iter().map(|&v| info.new_object(v)).collect();
    let of_insts: Vec<_> = insts(func)
        .into_iter()
        .map(|inst| {
            let is_mutable = info.is_gc_mutable_load(inst);
            (
                info.spill_origin(inst),
                info.initializing(inst),
                is_mutable,
                info.load(inst),
            )
        })
        .collect();
    let positions: Vec<_> = insts(func)
        .into_iter()
        .map(|inst| (info.object(inst), info.place(inst)))
        .collect();
    let signatures: Vec<_> = info
        .signatures()
        .map(|(sig, facts)| (sig, trimmed(facts)))
        .collect();
    let own = trimmed(info.own_signature());
    let kinds: Vec<_> = info.kinds().collect();
    let type_ids: Vec<_> = info.type_ids().collect();
    let (type_of, tests) = (info.type_of(), info.subtype_tests());
    let types: Vec<_> = info
        .types()
        .map(|(index, above)| (index, above, info.fields(index)))
        .collect();
    let (nogc, mutable, late) = (info.nogc(), info.gc_mutable(), info.gc_late());
    format!(
        "{:?} {facts:?} {declared:?} {new:?} {of_insts:?} {types:?} {nogc:?} {mutable:?} {late:?} \
         {positions:?} {signatures:?} {own:?} {:?} {kinds:?} {type_ids:?} {type_of:?} {tests:?}",
        info.collector, info.header
    )
}

/// What is said in a signature, without what says nothing at the ends.
fn trimmed(facts: &GcSignature) -> [Vec<Option<GcFact>>; 2] {
    [&facts.params, &facts.returns].map(|facts| {
        let len = facts
            .iter()
            .rposition(Option::is_some)
            .map_or(0, |last| last + 1);
        facts[..len].to_vec()
    })
}

fn insts(func: &Function) -> Vec<Inst> {
    let blocks = func.layout.blocks();
    blocks
        .flat_map(|block| func.layout.block_insts(block))
        .collect()
}

/// Is `value`, which need not be one, in the layout, or an alias of one that is?
fn is_defined(func: &Function, value: Value) -> bool {
    let mut value = value;
    while let Some(dest) = func.dfg.value_alias_dest_for_serialization(value) {
        if dest.as_u32() == u32::MAX {
            return false;
        }
        value = dest;
    }
    let of_layout = |v| {
        let in_params = func
            .layout
            .blocks()
            .any(|b| func.dfg.block_params(b).contains(&v));
        in_params
            || insts(func)
                .iter()
                .any(|&i| func.dfg.inst_results(i).contains(&v))
    };
    of_layout(value)
}

/// Writes `func`, reads it, and asserts that nothing was lost. Returns the text.
fn assert_round_trip(func: &Function) -> String {
    let text = func.to_string();
    let read = parse(&text);
    assert_eq!(known(&read), known(func), "{text}");
    assert_eq!(read.to_string(), text);
    text
}

/// Say arbitrary things of `func`.
fn annotate(func: &mut Function, random: &mut Random) {
    let values: Vec<Value> = func.dfg.values().collect();
    let callees: Vec<FuncRef> = func.dfg.ext_funcs.keys().collect();
    let regions: Vec<u32> = func
        .dfg
        .alias_regions
        .iter()
        .map(|(_, r)| r.user_id)
        .collect();
    let signatures: Vec<(SigRef, GcSignature)> = func
        .dfg
        .signatures
        .iter()
        .map(|(sig, data)| {
            (
                sig,
                signature(data.params.len(), data.returns.len(), random),
            )
        })
        .collect();
    let own = signature(
        func.signature.params.len(),
        func.signature.returns.len(),
        random,
    );
    let insts = insts(func);
    let opcodes: Vec<Opcode> = insts.iter().map(|&i| func.dfg.insts[i].opcode()).collect();
    let info = &mut func.dfg.gc_info;
    info.collector = [None, Some(GcCollector::ALL[random.below(3)])][random.below(2)];
    for (sig, facts) in signatures {
        info.set_signature(sig, facts);
    }
    info.set_own_signature(own);
    info.header = random.percent(50).then(|| GcHeader {
        kind: random.below(1 << 20) as u32,
        type_index: random.below(1 << 20) as u32,
        count: random.percent(50).then(|| random.below(1 << 20) as u32),
    });
    for heap in GcHeapType::ALL {
        if random.percent(20) {
            info.set_kind_bits(heap, random.next_u64() as u32);
        }
    }
    for index in 0..random.below(5) as u32 {
        let supertype = random.percent(50).then(|| random.below(5) as u32);
        info.add_type(index * 3, supertype);
        if random.percent(50) {
            let fields = (0..random.below(3)).map(|_| GcField {
                offset: random.below(1 << 20) as u32,
                size: random.below(17) as u32,
                fact: position(random),
            });
            info.set_fields(index * 3, fields.collect());
        }
    }
    for &value in &values {
        if random.percent(40) {
            info.add_fact(value, fact(&values, random));
        }
        if random.percent(25) {
            info.declare(value);
        }
        if random.percent(20) {
            let words = 0..random.below(4);
            info.set_new_object(value, words.map(|_| random.below(1 << 20) as u32).collect());
        }
    }
    for (inst, opcode) in insts.into_iter().zip(opcodes) {
        if (opcode.can_load() || opcode.can_store()) && random.percent(50) {
            info.set_spill_origin(inst, values[random.below(values.len())]);
        }
        if random.percent(20) {
            info.set_initializing(inst, values[random.below(values.len())]);
        }
        if opcode.can_load() && !opcode.can_store() && random.percent(30) {
            info.set_gc_mutable_load(inst);
        }
        if opcode.can_load() && !opcode.can_store() && random.percent(30) {
            let index = random.below(5) as u32;
            let all = [GcLoad::Late, GcLoad::TypeOf, GcLoad::TypeId(index)];
            info.set_load(inst, all[random.below(all.len())]);
        }
        if opcode.can_load() || opcode.can_store() || opcode.is_call() {
            if random.percent(30) {
                info.set_object(inst, kind(random));
            }
            if let Some(fact) = position(random) {
                info.set_place(inst, fact);
            }
        }
    }
    for callee in callees {
        if random.percent(50) {
            info.set_nogc(callee);
        }
        if random.percent(30) {
            info.set_subtype_test(callee);
        }
    }
    for region in regions {
        match random.below(4) {
            0 | 1 => info.set_gc_mutable(region),
            2 => info.set_gc_late(region),
            _ => {}
        }
        if random.percent(30) {
            info.set_type_id(region, random.next_u64() as u32);
        }
        if random.percent(30) {
            info.set_type_of(region);
        }
    }
}

/// What a position may be said to hold.
fn position(random: &mut Random) -> Option<GcFact> {
    match random.below(4) {
        0 => Some(GcFact::Scalar),
        1 => Some(reference(random)),
        _ => None,
    }
}

fn signature(params: usize, returns: usize, random: &mut Random) -> GcSignature {
    GcSignature {
        params: (0..params).map(|_| position(random)).collect(),
        returns: (0..returns).map(|_| position(random)).collect(),
    }
}

fn kind(random: &mut Random) -> GcKind {
    let heap = GcHeapType::ALL[random.below(GcHeapType::ALL.len())];
    let concrete = (heap.can_be_concrete() && random.percent(50)).then(|| random.next_u64() as u32);
    GcKind { heap, concrete }
}

fn reference(random: &mut Random) -> GcFact {
    let all = [
        GcNullability::Null,
        GcNullability::NonNull,
        GcNullability::Nullable,
    ];
    GcFact::Ref {
        kind: kind(random),
        nullability: all[random.below(all.len())],
        traced: random.percent(50),
    }
}

fn fact(values: &[Value], random: &mut Random) -> GcFact {
    match random.below(6) {
        0 => GcFact::Scalar,
        1 => GcFact::HeapBase,
        2 => GcFact::Derived {
            base: values[random.below(values.len())],
        },
        _ => reference(random),
    }
}

/// How many random programs are written and read.
const PROGRAMS: u64 = 100;

#[test]
fn arbitrary_facts_are_read_back() {
    let mut annotations = 0;
    for seed in 0..PROGRAMS {
        let mut random = Random::new(seed);
        for func in Program::parse(&generate::program(seed)).functions() {
            let mut func = func.clone();
            assert!(!assert_round_trip(&func).contains('!'));
            annotate(&mut func, &mut random);
            annotations += assert_round_trip(&func).matches(" ! ").count();
        }
    }
    assert!(annotations > 10_000, "{annotations}");
}

/// What the optimizer leaves behind has aliases, and names values that were removed.
#[test]
fn facts_of_optimized_functions_are_read_back() {
    let (mut annotations, mut removed) = (0, 0);
    for seed in 0..PROGRAMS {
        let mut random = Random::new(seed);
        for func in Program::parse(&generate::program(seed)).functions() {
            let mut func = func.clone();
            annotate(&mut func, &mut random);
            for target in TARGETS {
                let text = assert_round_trip(&optimize(&func, &*isa(target, "none"), None));
                annotations += text.matches(" ! ").count();
                removed += text.matches("gc_removed").count();
            }
        }
    }
    assert!(annotations > 10_000, "{annotations}");
    assert!(removed > 1_000, "{removed}");
}

/// Every form of annotation, as it is written.
const ALL_FORMS: &str = "\
function %f(i32 ! gcref(any, nullable), i64) -> i32, i32 ! gcref(none, null) fast {
    gc_collector = moving
    gc_header = kind 0, type 4, count 8
    gckind struct = 2952790016
    gctype 1 ()
    gctype 3 <: 1 (16: 8, 24: 4 ! gcref(struct 1, nullable))
    gc_removed v20 ! gcref(struct 3, nonnull) ! needs_stack_map: i32
    gc_removed v21 -> v20
    ss0 = explicit_slot 8
    region0 = 872415236 \"…active_space_end\" ! gc_mutable
    region1 = 7 \"other\" ! gc_late ! gctypeid(3) ! gctypeof
    sig0 = (i32 ! gcref(eq, nonnull)) -> i32, i32 fast
    sig1 = () fast
    fn0 = colocated u0:1 sig0 ! nogc ! gcsubtype
    fn1 = %collects sig1

block0(v0 ! gcref(struct 3, nullable): i32, v1: i64):
    v12 ! gcref(any, nonnull) ! needs_stack_map -> v0
    v2 ! gcheapbase = load.i64 notrap region0 v1 ! gc_mutable ! gctypeid(3)
    v3 = uextend.i64 v0
    v4 ! gcderived(v0) = iadd v2, v3
    v5 ! gcref(any, nonnull) = load.i32 notrap region1 v4 ! gctypeof ! gcobject(struct 3) ! gcholds(gcref(any, nonnull))
    v6 = stack_addr.i64 ss0
    store notrap v5, v6 ! spill v5
    call fn1(), stack_map=[i32 @ ss0+0] ! initializing v21
    v7 ! needs_stack_map ! gcnew(16, 4294967295) = load.i32 notrap v6 ! reload v5 ! initializing v0 ! gc_late
    v8 ! gcscalar, v9 ! gcref(func 4, null, traced) ! needs_stack_map ! gcnew() = call fn0(v12)
    v10 = iconst.i32 0
    v11 ! gcref(extern, nullable, untraced) = iadd v10, v10 ! initializing v0  ; v10 = 0, v10 = 0
    return v8, v11
}
";

#[test]
fn all_forms_are_written_as_they_are_read() {
    assert_eq!(parse(ALL_FORMS).to_string(), ALL_FORMS);
    assert_round_trip(&parse(ALL_FORMS));
}

#[test]
fn all_forms_are_understood() {
    let func = parse(ALL_FORMS);
    let info = &func.dfg.gc_info;
    let value = Value::from_u32;
    assert_eq!(info.collector, Some(GcCollector::Moving));
    let above = GcKind {
        heap: GcHeapType::Struct,
        concrete: Some(1),
    };
    let held = GcFact::reference(above, GcNullability::Nullable);
    let [wide, narrow] = [(16, 8, None), (24, 4, Some(held))].map(|(offset, size, fact)| GcField {
        offset,
        size,
        fact,
    });
    assert_eq!(info.fields(3), Some(&[wide, narrow][..]));
    assert_eq!((info.fields(1), info.fields(2)), (Some(&[][..]), None));
    assert!(info.is_subtype(3, 1) && !info.is_subtype(1, 3));
    assert_eq!(
        (info.gc_mutable(), info.gc_late()),
        (&[872_415_236][..], &[7][..])
    );
    let anything = GcFact::reference(GcHeapType::Any, GcNullability::Nullable);
    assert_eq!(info.own_signature().params, [Some(anything), None]);
    let null = GcFact::reference(GcHeapType::None, GcNullability::Null);
    assert_eq!(info.own_signature().returns, [None, Some(null)]);
    let given = info
        .signature(SigRef::from_u32(0))
        .map(|facts| facts.params.len());
    assert_eq!(
        (given, info.signature(SigRef::from_u32(1))),
        (Some(1), None)
    );
    let header = GcHeader {
        kind: 0,
        type_index: 4,
        count: Some(8),
    };
    assert_eq!(info.header, Some(header));
    assert_eq!(info.kind_bits(GcHeapType::Struct), Some(0xb000_0000));
    assert_eq!((info.type_id(7), info.type_id(8)), (Some(3), None));
    assert!(info.is_type_of(7) && info.is_subtype_test(FuncRef::from_u32(0)));
    assert_eq!((info.objects().count(), info.places().count()), (1, 1));
    assert!(info.is_nogc(FuncRef::from_u32(0)) && !info.is_nogc(FuncRef::from_u32(1)));
    let declared: Vec<u32> = info.declared().iter().map(|v| v.as_u32()).collect();
    assert_eq!(declared, [7, 9, 12, 20]);
    let structure = GcKind {
        heap: GcHeapType::Struct,
        concrete: Some(3),
    };
    let nullable = GcFact::reference(structure, GcNullability::Nullable);
    assert_eq!(info.fact(value(0)), Some(nullable));
    assert_eq!(info.fact(value(1)), None);
    assert_eq!(
        info.fact(value(4)),
        Some(GcFact::Derived { base: value(0) })
    );
    assert!(info.fact(value(9)).is_some_and(GcFact::is_traced));
    assert!(!info.fact(value(11)).is_some_and(GcFact::is_traced));
    assert_eq!(info.new_object(value(7)), Some(&[16, u32::MAX][..]));
    assert_eq!(info.new_object(value(9)), Some(&[][..]));
    assert_eq!(info.new_objects().count(), 2);
    assert_eq!(func.dfg.resolve_aliases(value(21)), value(20));
    let of = |opcode| -> Vec<Inst> {
        let all = insts(&func).into_iter();
        all.filter(|&inst| func.dfg.insts[inst].opcode() == opcode)
            .collect()
    };
    assert_eq!(info.spill_origin(of(Opcode::Store)[0]), Some(value(5)));
    assert_eq!(info.spill_origin(of(Opcode::Load)[2]), Some(value(5)));
    assert_eq!(info.spill_origin(of(Opcode::Load)[1]), None);
    assert_eq!(info.initializing(of(Opcode::Call)[0]), Some(value(21)));
    let is_mutable = |inst: &Inst| info.is_gc_mutable_load(*inst);
    let mutable: Vec<bool> = of(Opcode::Load).iter().map(is_mutable).collect();
    assert_eq!(mutable, [true, false, false]);
    let said: Vec<_> = of(Opcode::Load)
        .iter()
        .map(|inst| info.load(*inst))
        .collect();
    let marks = [GcLoad::TypeId(3), GcLoad::TypeOf, GcLoad::Late];
    assert_eq!(said, marks.map(Some));
    // What a load says itself is believed before what is said of its region.
    let load = of(Opcode::Load)[1];
    assert_eq!(info.read_by(load, Some(7)), Some(GcLoad::TypeOf));
    let other = of(Opcode::Store)[0];
    assert_eq!(info.read_by(other, Some(7)), Some(GcLoad::TypeId(3)));
    assert_eq!(info.read_by(other, Some(8)), None);
}

/// Replaces the first of each pair by the second, and reads what comes of it.
#[test]
fn mistakes_are_named_with_their_line() {
    let mistakes = [
        (
            "struct 3, nullable",
            "strukt, nullable",
            17,
            "unknown kind of reference 'strukt': there are any,",
        ),
        (
            "(struct 3, nullable)",
            "(any 3, nullable)",
            17,
            "no concrete type is of the kind 'any'",
        ),
        (
            "(struct 3, nullable)",
            "(struct -3, nullable)",
            17,
            "expected the index of a concrete type",
        ),
        (
            "nullable):",
            "perhaps):",
            17,
            "expected 'null', 'nonnull' or 'nullable'",
        ),
        (
            "gcscalar",
            "gcskalar",
            27,
            "unknown annotation 'gcskalar' of the value: there are gcref,",
        ),
        (
            "! gcscalar,",
            "!,",
            27,
            "expected an annotation of the value after '!'",
        ),
        (
            "! gcscalar",
            "! gcscalar ! gcheapbase",
            27,
            "duplicate fact of v8: it has 'gcscalar' already",
        ),
        (
            "gcnew(16,",
            "gcnew 16,",
            26,
            "expected a list in parentheses",
        ),
        (
            "gcnew(16,",
            "gcnew(v16,",
            26,
            "expected the offset of a word in bytes",
        ),
        (
            "gcnew(16,",
            "gcnew(16 ",
            26,
            "expected ',' or ')' in a list",
        ),
        ("4294967295)", "4294967296)", 26, "out of range"),
        (
            "gcnew(16,",
            "gcnew() ! gcnew(16,",
            26,
            "duplicate gcnew of v7",
        ),
        (
            "v7 ! needs_stack_map",
            "v7 ! needs_stack_map ! needs_stack_map",
            26,
            "duplicate needs_stack_map of v7",
        ),
        (
            "gcderived(v0)",
            "gcderived(v99)",
            21,
            "undefined value v99 in an annotation; if it was removed, 'gc_removed v99: type' says so",
        ),
        (
            "gcderived(v0)",
            "gcderived",
            21,
            "expected '(' after gcderived",
        ),
        (
            "gcderived(v0)",
            "gcderived(0)",
            21,
            "expected a value after gcderived",
        ),
        ("! spill v5", "! spill v98", 24, "undefined value v98"),
        ("! spill v5", "! spill", 25, "expected a value after spill"),
        (
            "! spill v5",
            "! reload v5",
            24,
            "store is no reload: only a load is one",
        ),
        (
            "! reload v5",
            "! spill v5",
            26,
            "load is no spill: it stores nothing",
        ),
        (
            "! reload v5",
            "! reload v5 ! reload v5",
            26,
            "duplicate annotation 'reload'",
        ),
        (
            "! initializing v21",
            "! initialising v21",
            25,
            "unknown annotation 'initialising' of the instruction: there are spill, reload, initializing, gc_mutable, gc_late, gctypeof, gctypeid, gcobject and gcholds",
        ),
        (
            "! spill v5",
            "! gctypeid(3)",
            24,
            "store does not load what gctypeid says",
        ),
        (
            "v4 ! gctypeof",
            "v4 ! gctypeof ! gctypeid(3)",
            22,
            "duplicate annotation 'gctypeid'",
        ),
        (
            "region0 v1 ! gc_mutable",
            "region0 v1 ! gc_mutable ! gc_mutable",
            19,
            "duplicate annotation 'gc_mutable'",
        ),
        (
            "! spill v5",
            "! gc_mutable",
            24,
            "store is not rewritten: only a load reads what is",
        ),
        (
            "! gc_mutable",
            "! gc_mutabel",
            10,
            "unknown annotation 'gc_mutabel' of the alias region: there are gc_mutable, gc_late, gctypeof and gctypeid",
        ),
        (
            "! gc_mutable",
            "! gc_mutable ! gc_mutable",
            10,
            "duplicate or contradictory gc_mutable",
        ),
        (
            "(16: 8,",
            "(16 8,",
            6,
            "expected ':' after the offset of a field",
        ),
        (
            "(16: 8,",
            "(: 8,",
            6,
            "expected the offset of a field in bytes",
        ),
        (
            "(16: 8,",
            "(16: ,",
            6,
            "expected the size of a field in bytes",
        ),
        ("(16: 8,", "(16: 8", 6, "expected ',' or ')' in a list"),
        (
            "! nogc",
            "! nocg",
            14,
            "unknown annotation 'nocg' of the callee: there are nogc, nomove and gcsubtype",
        ),
        (
            "! nogc",
            "! nogc ! nogc",
            14,
            "duplicate or contradictory nogc of fn0",
        ),
        (
            "= moving",
            "= mowing",
            2,
            "unknown collector 'mowing': there are moving, nonmoving and null",
        ),
        (
            "gctype 1 ()\n",
            "gc_collector = null\n",
            5,
            "duplicate gc_collector",
        ),
        ("gctype 3 <: 1", "gctype 1 <: 3", 6, "duplicate gctype 1"),
        (
            "gctype 3 <: 1",
            "gctype 3 < 1",
            6,
            "expected '<:' before a supertype",
        ),
        (
            "gctype 3 <: 1",
            "gctype 3 <: any",
            6,
            "expected the index of a supertype",
        ),
        (
            "! gcobject(struct 3)",
            "! gcobject struct 3",
            22,
            "expected '(' after gcobject or gcholds",
        ),
        (
            "! gcholds(gcref",
            "! gcholds(gcderived",
            22,
            "unknown annotation 'gcderived' of the position: there are gcref and gcscalar",
        ),
        (
            "kind 0, type 4",
            "kind 0, typ 4",
            3,
            "expected 'type' and an offset in bytes",
        ),
        (
            "gckind struct =",
            "gckind struct 3 =",
            4,
            "duplicate or concrete gckind struct 3",
        ),
        (
            "gctypeid(3)",
            "gctypeid(v3)",
            11,
            "expected the index of a concrete type",
        ),
        ("(i32 ! gcref(eq, nonnull))", "(i32 ! nogc)", 12, "expected"),
        (
            "! gcsubtype",
            "! gcsubtype ! gcsubtype",
            14,
            "duplicate gcsubtype of fn0",
        ),
        ("v21 -> v20", "v21 -> v22", 8, "undefined value v22"),
        ("v21 -> v20", "v21 -> v21", 8, "alias cycle involving v21"),
        (
            "gc_removed v21 -> v20",
            "gc_removed v0: i32",
            17,
            "duplicate entity: v0",
        ),
        (
            "return v8, v11",
            "return v8, v11 !",
            31,
            "expected an annotation of the instruction after '!'",
        ),
    ];
    for (from, to, line, expected) in mistakes {
        assert!(ALL_FORMS.contains(from), "{from}");
        let text = ALL_FORMS.replacen(from, to, 1);
        let error = parse_functions(&text).expect_err(&text);
        let found = (error.location.line_number, error.message.as_str());
        assert_eq!(found.0, line, "{to}: {error}");
        assert!(found.1.contains(expected), "{to}: {error}");
    }
}

/// What is known is part of what a compilation cache is asked with, as the setting is.
#[test]
fn a_cache_tells_facts_and_settings_apart() {
    fn hash(value: &impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        hasher.finish()
    }
    let stencil = |text: &str| hash(&parse(text).stencil);
    let original = stencil(ALL_FORMS);
    assert_eq!(stencil(ALL_FORMS), original);
    for annotation in [
        "    gc_collector = moving\n",
        "    gctype 1 ()\n",
        " (16: 8, 24: 4 ! gcref(struct 1, nullable))",
        " ! gcref(eq, nonnull)",
        ", count 8",
        "    gckind struct = 2952790016\n",
        " ! gcobject(struct 3)",
        " ! gcholds(gcref(any, nonnull))",
        " ! gctypeid(3)",
        " ! gctypeof",
        " ! gcsubtype",
        " ! gcnew(16, 4294967295)",
        " ! nogc",
        " ! gc_mutable",
        " ! gcheapbase",
        " ! needs_stack_map -> v0",
        " ! spill v5",
        " ! initializing v21",
        "v1 ! gc_mutable",
    ] {
        let replacement = if annotation.contains("->") {
            " -> v0"
        } else if annotation == "v1 ! gc_mutable" {
            "v1"
        } else {
            ""
        };
        assert!(ALL_FORMS.contains(annotation), "{annotation}");
        let without = ALL_FORMS.replacen(annotation, replacement, 1);
        assert_ne!(stencil(&without), original, "{annotation}");
    }
    let flags = |mode| hash(isa_with("x86_64", &[("gc_verifier", mode)]).flags());
    assert_ne!(flags("none"), flags("check"));
    assert_ne!(flags("check"), flags("enforce"));
}
