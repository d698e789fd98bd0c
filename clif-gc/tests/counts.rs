//! The stack maps of CLIF, of VCode and of what is emitted are counted, function by function, and the
//! numbers agree, whatever is compiled for whichever target.
//!
//! With `before` the safepoints that have a stack map in the function as it was handed over, or as
//! inlining left it, and `lowered` those of the function that is lowered:
//!
//! * `lowered` = `unreachable` + VCode calls with a map: what no path reaches is not lowered;
//! * VCode calls with a map = emitted records;
//! * the same for entries;
//! * `before` = `lowered` + `folded`: the optimizer removes code that no path reaches once it has
//!   folded a branch, and adds none. It folds none without optimization.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, Emitted, FunctionGuard, GcVerifier, GcVerifierErrors, Lowered, Pass, Rewrite,
    set_gc_verifier,
};
use cranelift_codegen::ir::{Block, Function};
use cranelift_codegen::isa::{TargetIsa, lookup, lookup_by_name};
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_codegen::{CodegenError, Context};
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verifier};
use cranelift_reader::{IsaSpec, ParseOptions, parse_test};
use gc_configurations::{Configuration, TARGETS};
use gc_filetests::find_files;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use wasmtime::{Engine, GcVerifier as Mode};

/// Stack maps, and what is in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Maps {
    maps: usize,
    entries: usize,
}

impl Maps {
    fn of(entries: impl Iterator<Item = usize>) -> Maps {
        // A map without entries says what no map says.
        entries
            .filter(|entries| *entries > 0)
            .fold(Maps::default(), |maps, entries| {
                maps.plus(Maps { maps: 1, entries })
            })
    }

    fn plus(self, other: Maps) -> Maps {
        Maps {
            maps: self.maps + other.maps,
            entries: self.entries + other.entries,
        }
    }

    /// What `self` has and `other` lacks; `None` if that has more.
    fn minus(self, other: Maps) -> Option<Maps> {
        Some(Maps {
            maps: self.maps.checked_sub(other.maps)?,
            entries: self.entries.checked_sub(other.entries)?,
        })
    }
}

fn in_blocks(func: &Function, blocks: impl Iterator<Item = Block>) -> Maps {
    let insts = blocks.flat_map(|block| func.layout.block_insts(block));
    let safepoints = insts.filter(|inst| func.dfg.insts[*inst].opcode().is_safepoint());
    Maps::of(safepoints.map(|inst| {
        let entries = func.dfg.user_stack_map_entries(inst);
        entries.map_or(0, <[_]>::len)
    }))
}

/// The safepoints in blocks that are reached, and in the others, from the edges alone.
fn by_reachability(func: &Function) -> (Maps, Maps) {
    let mut reached = BTreeSet::new();
    let mut todo: Vec<Block> = func.layout.entry_block().into_iter().collect();
    while let Some(block) = todo.pop() {
        if reached.insert(block) {
            todo.extend(func.block_successors(block));
        }
    }
    let is_reached = |block: &Block| reached.contains(block);
    (
        in_blocks(func, func.layout.blocks().filter(is_reached)),
        in_blocks(
            func,
            func.layout.blocks().filter(|block| !is_reached(block)),
        ),
    )
}

/// What was counted in all functions.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    functions: usize,
    before: Maps,
    folded: Maps,
    unreachable: Maps,
    vcode: Maps,
    records: Maps,
}

/// Counts, and lets the verifier count.
#[derive(Default)]
struct Tally {
    sums: Mutex<Sums>,
    /// What is being compiled.
    file: Mutex<String>,
    /// The files and functions in which the optimizer removed some.
    folded: Mutex<BTreeSet<(String, String)>>,
    /// Which records the verifier says that it compared.
    reported: Mutex<Maps>,
}

struct Counter(Arc<Tally>);

impl Sink for Counter {
    fn function(&self, report: FunctionReport) {
        let counts = report.report.counts;
        let mut reported = self.0.reported.lock().expect("no test panics with it");
        *reported = reported.plus(Maps {
            maps: counts.records as usize,
            entries: counts.record_entries as usize,
        });
    }
}

impl GcVerifier for Counter {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let sink = Arc::new(Counter(self.0.clone()));
        Some(Box::new(Watch {
            verifier: Verifier::new(Options::default(), sink).start(func, isa, mode),
            tally: self.0.clone(),
            what: format!("{} for {}", func.name, isa.name()),
            is_optimized: isa.flags().opt_level() != settings::OptLevel::None,
            before: Maps::default(),
        }))
    }
}

/// Counts in one function.
struct Watch {
    verifier: Option<Box<dyn FunctionGuard>>,
    tally: Arc<Tally>,
    what: String,
    is_optimized: bool,
    before: Maps,
}

impl FunctionGuard for Watch {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        match &mut self.verifier {
            Some(verifier) => verifier.rewrite(func, rewrite),
            None => Answer::Accept,
        }
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        cfg: &ControlFlowGraph,
        domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        if let Pass::Input | Pass::Inline = pass {
            (self.before, _) = by_reachability(func);
        }
        match &mut self.verifier {
            Some(verifier) => verifier.pass_end(func, pass, cfg, domtree),
            None => Ok(()),
        }
    }

    fn lowered(&mut self, func: &Function, lowered: &Lowered) -> Result<(), GcVerifierErrors> {
        match &mut self.verifier {
            Some(verifier) => verifier.lowered(func, lowered),
            None => Ok(()),
        }
    }

    fn emitted(
        &mut self,
        func: &Function,
        lowered: &Lowered,
        emitted: &Emitted,
        code: &[u8],
    ) -> Result<(), GcVerifierErrors> {
        self.count(func, lowered, emitted);
        match &mut self.verifier {
            Some(verifier) => verifier.emitted(func, lowered, emitted, code),
            None => Ok(()),
        }
    }
}

impl Watch {
    fn count(&self, func: &Function, lowered: &Lowered, emitted: &Emitted) {
        let what = &self.what;
        let (reached, unreachable) = by_reachability(func);
        let maps = lowered.calls.iter().filter_map(|call| call.map.as_ref());
        let vcode = Maps::of(maps.map(Vec::len));
        let records = Maps::of(emitted.records.iter().map(|record| record.entries.len()));
        assert_eq!(reached, vcode, "CLIF and VCode of {what}");
        assert_eq!(vcode, records, "VCode and records of {what}");
        assert_eq!(records.maps, emitted.records.len(), "{what}");
        let folded = self.before.minus(reached);
        let folded = folded.unwrap_or_else(|| panic!("the optimizer made safepoints in {what}"));
        if !self.is_optimized {
            assert_eq!(folded, Maps::default(), "{what}");
        }
        if folded != Maps::default() {
            let mut named = self.tally.folded.lock().expect("no test panics with it");
            let file = self.tally.file.lock().expect("no test panics with it");
            named.insert((file.clone(), func.name.to_string()));
        }
        let mut sums = self.tally.sums.lock().expect("no test panics with it");
        sums.functions += 1;
        sums.before = sums.before.plus(self.before);
        sums.folded = sums.folded.plus(folded);
        sums.unreachable = sums.unreachable.plus(unreachable);
        sums.vcode = sums.vcode.plus(vcode);
        sums.records = sums.records.plus(records);
    }
}

fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filetests");
    find_files(&root.join(directory), extension).expect("they are there")
}

fn compile_module(wasm: &[u8], configuration: Configuration) {
    let mut config = configuration.config();
    config.cranelift_gc_verifier(Mode::Check);
    let engine = Engine::new(&config).expect("the configuration is valid");
    engine
        .precompile_module(wasm)
        .expect("the program compiles");
}

fn encode(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("the program is text");
    let mut wat = wast::parser::parse::<wast::Wat>(&buffer).expect("the program is valid text");
    wat.encode().expect("the program can be encoded")
}

/// How many of the functions the target cannot do.
fn compile_functions(text: &str, target: &str, opt_level: &str) -> usize {
    let mut flags = settings::builder();
    for (name, value) in [
        ("gc_verifier", "check"),
        ("opt_level", opt_level),
        ("preserve_frame_pointers", "true"),
        ("enable_multi_ret_implicit_sret", "true"),
    ] {
        flags.set(name, value).expect("is a setting");
    }
    let parsed = parse_test(text, ParseOptions::default()).expect("is CLIF");
    // What can only be compiled for one target names it.
    let isa = match &parsed.isa_spec {
        IsaSpec::Some(isas) => lookup(isas[0].triple().clone()),
        IsaSpec::None(_) => lookup_by_name(target),
    };
    let isa = isa.expect("is a target").finish(Flags::new(flags));
    let isa = isa.expect("is a target");
    let mut unsupported = 0;
    for (func, _) in parsed.functions {
        let mut context = Context::for_function(func);
        let compiled = context.compile(&*isa, &mut ControlPlane::default());
        match compiled.map_err(|error| error.inner) {
            Ok(_) => {}
            Err(CodegenError::Unsupported(_)) => unsupported += 1,
            Err(error) => panic!("{error}"),
        }
    }
    unsupported
}

/// Programs that copy with vectors, which the baseline of riscv64 lacks.
const WITH_VECTORS: [&str; 2] = ["array-segments.wat", "arrays-of-references.wat"];

#[test]
fn safepoints_entries_and_records_agree() {
    let tally = Arc::new(Tally::default());
    set_gc_verifier(Arc::new(Counter(tally.clone()))).expect("no other is installed");
    let mut programs = files("wasm", "wat");
    programs.extend(files("replay", "wat"));
    let functions = files("replay", "clif");
    assert!(programs.len() >= 45, "{} programs", programs.len());
    for target in TARGETS {
        let name = target.name;
        let begin = |path: &Path| {
            let file = path.file_name().expect("it has a name");
            *tally.file.lock().expect("no test panics with it") = file.display().to_string();
        };
        for path in &programs {
            begin(path);
            let text = std::fs::read_to_string(path).expect("the program can be read");
            if name == "riscv64" && WITH_VECTORS.iter().any(|file| path.ends_with(file)) {
                continue;
            }
            let wasm = encode(&text);
            for configuration in Configuration::all_for(target) {
                compile_module(&wasm, configuration);
            }
        }
        let mut unsupported = 0;
        for path in &functions {
            begin(path);
            let text = std::fs::read_to_string(path).expect("the file can be read");
            for opt_level in ["none", "speed"] {
                unsupported += compile_functions(&text, name, opt_level);
            }
        }
        // Pulley has no atomic operations, and no words of 128 bits.
        let expected = if name == "pulley64" { 8 } else { 0 };
        assert_eq!(unsupported, expected, "{name}");
        let sums = core::mem::take(&mut *tally.sums.lock().expect("no test panics with it"));
        let reported =
            core::mem::take(&mut *tally.reported.lock().expect("no test panics with it"));
        let folded = core::mem::take(&mut *tally.folded.lock().expect("no test panics with it"));
        println!("{name}: {sums:?} {folded:?}");
        assert_eq!(reported, sums.records, "{name}: what the verifier says");
        // `$toplevel` and `$of-global` read a global on an arm that a constant excludes, and the read may call.
        let folding = [
            ("arrays-of-references.wat".to_owned(), "u0:6".to_owned()),
            ("choices-and-casts.wat".to_owned(), "u0:4".to_owned()),
            ("constant-propagation.wat".to_owned(), "u0:6".to_owned()),
        ];
        let mut folding = BTreeSet::from(folding);
        folding.retain(|(file, _)| name != "riscv64" || !WITH_VECTORS.contains(&file.as_str()));
        assert_eq!(folded, folding, "{name}");
        assert_eq!(sums.before, sums.folded.plus(sums.records), "{name}");
        assert!(sums.functions > 5_000, "{name}: {sums:?}");
        assert!(sums.records.maps > 8_000, "{name}: {sums:?}");
        assert!(sums.records.entries > sums.records.maps, "{name}: {sums:?}");
    }
}
