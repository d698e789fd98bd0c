//! What functions are called.

use crate::record::FunctionId;
use cranelift_codegen::ir::UserFuncName;
use std::collections::BTreeMap;
use wasmparser::{ExternalKind, KnownCustom, Name, Parser, Payload, TypeRef};
use wasmtime_environ::FuncKey;

/// The functions of a Wasm module.
#[derive(Clone, Debug, Default)]
pub struct ModuleNames {
    /// How many it imports.
    imported: u32,
    /// How many it defines.
    defined: u32,
    /// Those that have names.
    names: BTreeMap<u32, String>,
}

impl ModuleNames {
    /// Read the names of a module, as far as it is one.
    pub fn read(bytes: &[u8]) -> ModuleNames {
        let mut names = ModuleNames::default();
        let mut exports = BTreeMap::new();
        for payload in Parser::new(0).parse_all(bytes) {
            let Ok(payload) = payload else { break };
            names.payload(payload, &mut exports);
        }
        for (index, name) in exports {
            names.names.entry(index).or_insert(name);
        }
        names
    }

    /// How many functions it defines.
    pub fn len(&self) -> u32 {
        self.defined
    }

    fn payload(&mut self, payload: Payload<'_>, exports: &mut BTreeMap<u32, String>) {
        match payload {
            Payload::ImportSection(imports) => {
                let imports = imports.into_imports().map_while(Result::ok);
                let is_func = |ty: TypeRef| matches!(ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
                self.imported += imports.filter(|import| is_func(import.ty)).count() as u32;
            }
            Payload::FunctionSection(functions) => self.defined = functions.count(),
            Payload::ExportSection(section) => {
                for export in section.into_iter().map_while(Result::ok) {
                    if export.kind == ExternalKind::Func {
                        exports
                            .entry(export.index)
                            .or_insert_with(|| export.name.to_string());
                    }
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(subsections) = section.as_known() {
                    for subsection in subsections.into_iter().map_while(Result::ok) {
                        self.name_subsection(subsection);
                    }
                }
            }
            _ => {}
        }
    }

    fn name_subsection(&mut self, subsection: Name<'_>) {
        if let Name::Function(map) = subsection {
            for naming in map.into_iter().map_while(Result::ok) {
                self.names
                    .entry(naming.index)
                    .or_insert_with(|| naming.name.to_string());
            }
        }
    }

    /// The functions that the module defines, with the keys by which they are sorted.
    pub fn defined(&self) -> impl Iterator<Item = (Key, FunctionId)> {
        (0..self.defined).map(|index| self.defined_at(index))
    }

    /// The function that the module defines at this place.
    pub fn defined_at(&self, index: u32) -> (Key, FunctionId) {
        let key = FuncKey::DefinedWasmFunction(
            wasmtime_environ::StaticModuleIndex::from_u32(0),
            wasmtime_environ::DefinedFuncIndex::from_u32(index),
        );
        (key.into_raw_parts(), self.id(key))
    }

    /// The place of the function that the compiler calls `name` among those that the module defines.
    pub fn index_of(&self, name: &UserFuncName) -> Option<u32> {
        let UserFuncName::User(user) = name else {
            return None;
        };
        match FuncKey::from_raw_parts(user.namespace, user.index) {
            FuncKey::DefinedWasmFunction(_, index) => {
                Some(index.as_u32()).filter(|index| *index < self.defined)
            }
            _ => None,
        }
    }

    /// The function that the compiler calls `name`.
    pub fn compiled(&self, name: &UserFuncName) -> (Key, FunctionId) {
        match name {
            UserFuncName::User(user) => {
                let key = (user.namespace, user.index);
                (key, self.id(FuncKey::from_raw_parts(key.0, key.1)))
            }
            UserFuncName::Testcase(_) => ((u32::MAX, 0), unnamed(name.to_string())),
        }
    }

    fn id(&self, key: FuncKey) -> FunctionId {
        match key {
            FuncKey::DefinedWasmFunction(module, defined) => {
                let index = self.imported.saturating_add(defined.as_u32());
                FunctionId {
                    function: format!("wasm[{}]::function[{index}]", module.as_u32()),
                    name: self.names.get(&index).cloned(),
                    index: Some(index),
                    line: None,
                }
            }
            FuncKey::ArrayToWasmTrampoline(module, defined) => {
                let index = self.imported.saturating_add(defined.as_u32());
                unnamed(format!(
                    "wasm[{}]::array_to_wasm_trampoline[{index}]",
                    module.as_u32()
                ))
            }
            FuncKey::WasmToArrayTrampoline(ty) => unnamed(format!(
                "signatures[{}]::wasm_to_array_trampoline",
                ty.as_u32()
            )),
            FuncKey::ModuleStartup(_, module) => {
                unnamed(format!("wasm[{}]::module_startup", module.as_u32()))
            }
            // Which others there are depends on wasmtime's cargo features.
            key => unnamed(format!("{key:?}")),
        }
    }
}

/// How many bytes the body of each function of a module takes.
pub fn sizes(bytes: &[u8]) -> BTreeMap<String, u64> {
    let names = ModuleNames::read(bytes);
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    let bodies = payloads.filter_map(|payload| match payload {
        Payload::CodeSectionEntry(body) => Some(body.range()),
        _ => None,
    });
    let sizes = bodies.zip(names.defined()).map(|(range, (_, id))| {
        let size = super::operators::wide(range.end) - super::operators::wide(range.start);
        (id.function, size)
    });
    sizes.collect()
}

/// Is this function one of those that `patterns` mean? Without any, all are.
pub fn is_one_of(id: &FunctionId, patterns: &[String]) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| is_meant(id, pattern))
}

/// Is this function the one, or one of those, that `pattern` means: a name, an index, or a glob?
pub fn is_meant(id: &FunctionId, pattern: &str) -> bool {
    let FunctionId {
        function,
        name,
        index,
        line: _,
    } = id;
    if let Ok(number) = pattern.parse::<u32>() {
        return *index == Some(number);
    }
    let bare = function.trim_start_matches('%');
    [Some(function.as_str()), Some(bare), name.as_deref()]
        .into_iter()
        .flatten()
        .any(|name| matches_glob(name, pattern))
}

/// Does `text` match a pattern with `*` and `?`?
///
/// NB: Not the brackets of a shell: functions have some in their names.
fn matches_glob(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) =
        (text.chars().collect(), pattern.chars().collect());
    let (mut t, mut p) = (0, 0);
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(&c) if c == '?' || c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match star {
                None => return false,
                Some((at, from)) => {
                    p = at + 1;
                    t = from + 1;
                    star = Some((at, from + 1));
                }
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// What functions are sorted by.
pub type Key = (u32, u32);

fn unnamed(function: String) -> FunctionId {
    FunctionId {
        function,
        name: None,
        index: None,
        line: None,
    }
}

/// The function of a CLIF file that begins on that line.
pub fn clif(function: String, line: usize) -> FunctionId {
    FunctionId {
        line: Some(line),
        ..unnamed(function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_meant_by_name_index_and_glob() {
        let id = FunctionId {
            function: "wasm[0]::function[3]".to_string(),
            name: Some("walk".to_string()),
            index: Some(3),
            line: None,
        };
        for pattern in [
            "walk",
            "3",
            "w*",
            "*k",
            "wasm[0]::function[3]",
            "wasm*3?",
            "w?lk",
            "*",
        ] {
            assert!(is_meant(&id, pattern), "{pattern}");
        }
        for pattern in ["wal", "4", "w*x", "?", "", "walk?"] {
            assert!(!is_meant(&id, pattern), "{pattern}");
        }
        assert!(is_meant(&unnamed("%f".to_string()), "f"));
    }
}
