//! Makes modules smaller: bodies, exports and segments are emptied, and what nothing names any more goes.
//!
//! **Strength.** A candidate need not be valid: one that is not is refused by the compiler, and so does not
//! fail in the same way. What is left is for `wasm-shrink`, which knows operators.

use super::sweep::State;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, DataSection, ElementSection, ExportSection, Function, FunctionSection,
    GlobalSection, ImportSection, Instruction, MemorySection, Module, TableSection, TagSection,
    TypeSection,
};
use wasmparser::{
    BinaryReaderError, CodeSectionReader, DataKind, DataSectionReader, ElementItems, ElementKind,
    ElementSectionReader, ExportSectionReader, ExternalKind, FunctionSectionReader,
    GlobalSectionReader, ImportSectionReader, MemorySectionReader, Operator, Parser, Payload,
    TableSectionReader, TagSectionReader, TypeRef, TypeSectionReader,
};
use wasmparser_of_shrink as wasmparser;

type Result<T = ()> = std::result::Result<T, Error<Infallible>>;

/// A module that is made smaller.
#[derive(Clone)]
pub struct Wasm {
    bytes: Arc<Vec<u8>>,
    /// The exports that stay.
    kept: Arc<Vec<String>>,
}

/// A way to make a module smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Take out what has no meaning, such as names.
    Custom,
    /// Make bodies `unreachable`.
    Bodies,
    /// Take out exports.
    Exports,
    /// Empty element segments.
    Elements,
    /// Empty data segments.
    Data,
    /// Take out the start function.
    Start,
    /// Take out what nothing names.
    Collect,
}

/// All, in the order in which they help one another.
pub const PASSES: [Pass; 9] = [
    Pass::Custom,
    Pass::Bodies,
    Pass::Collect,
    Pass::Exports,
    Pass::Elements,
    Pass::Data,
    Pass::Start,
    Pass::Bodies,
    Pass::Collect,
];

impl Wasm {
    /// A module, of which an export with one of these names stays.
    pub fn new(bytes: Vec<u8>, kept: Vec<String>) -> Wasm {
        Wasm {
            bytes: Arc::new(bytes),
            kept: Arc::new(kept),
        }
    }

    fn reencoded(&self, edit: Edit) -> Option<Wasm> {
        let mut module = Module::new();
        let mut editor = Editor {
            edit,
            contents: Contents::of(&self.bytes).ok()?,
            kept: self.kept.clone(),
        };
        editor
            .parse_core_module(&mut module, Parser::new(0), &self.bytes)
            .ok()?;
        let bytes = module.finish();
        (bytes != *self.bytes).then(|| Wasm {
            bytes: Arc::new(bytes),
            kept: self.kept.clone(),
        })
    }
}

impl State for Wasm {
    type Pass = Pass;

    fn bytes(&self) -> Vec<u8> {
        self.bytes.to_vec()
    }

    fn places(&self, pass: Pass) -> usize {
        let Ok(contents) = Contents::of(&self.bytes) else {
            return 0;
        };
        match pass {
            Pass::Custom | Pass::Start | Pass::Collect => 1,
            Pass::Bodies => contents.bodies.len(),
            Pass::Exports => contents.exports,
            Pass::Elements => contents.elements,
            Pass::Data => contents.data,
        }
    }

    fn edited(&self, pass: Pass, from: usize, count: usize) -> Option<Wasm> {
        let range = from..from + count;
        let edit = match pass {
            Pass::Custom => Edit::default(),
            Pass::Start => Edit {
                start: true,
                ..Edit::default()
            },
            Pass::Bodies => {
                let contents = Contents::of(&self.bytes).ok()?;
                Edit {
                    bodies: contents.bodies.get(range)?.iter().copied().collect(),
                    ..Edit::default()
                }
            }
            Pass::Exports => Edit {
                exports: range.collect(),
                ..Edit::default()
            },
            Pass::Elements => Edit {
                elements: range.collect(),
                ..Edit::default()
            },
            Pass::Data => Edit {
                data: range.collect(),
                ..Edit::default()
            },
            Pass::Collect => {
                let live = live(&self.bytes)?;
                Edit {
                    live: Some(live),
                    ..Edit::default()
                }
            }
        };
        self.reencoded(edit)
    }
}

/// What there is in a module.
#[derive(Default)]
struct Contents {
    /// The bodies that are more than `unreachable`.
    bodies: Vec<usize>,
    exports: usize,
    elements: usize,
    data: usize,
    /// How many of each are imported.
    imported: Spaces<u32>,
}

/// Something of each index space.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Spaces<T> {
    types: T,
    functions: T,
    tables: T,
    memories: T,
    globals: T,
    tags: T,
}

impl Contents {
    fn of(bytes: &[u8]) -> std::result::Result<Contents, BinaryReaderError> {
        let mut contents = Contents::default();
        let mut body = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        *contents.imported.of(import?.ty) += 1;
                    }
                }
                Payload::CodeSectionEntry(code) => {
                    let mut operators = code.get_operators_reader()?;
                    let is_short = matches!(operators.read()?, Operator::Unreachable)
                        && matches!(operators.read()?, Operator::End);
                    if !is_short {
                        contents.bodies.push(body);
                    }
                    body += 1;
                }
                Payload::ExportSection(exports) => contents.exports = exports.count() as usize,
                Payload::ElementSection(elements) => contents.elements = elements.count() as usize,
                Payload::DataSection(data) => contents.data = data.count() as usize,
                _ => {}
            }
        }
        Ok(contents)
    }
}

impl<T> Spaces<T> {
    fn of(&mut self, ty: TypeRef) -> &mut T {
        match ty {
            TypeRef::Func(_) | TypeRef::FuncExact(_) => &mut self.functions,
            TypeRef::Table(_) => &mut self.tables,
            TypeRef::Memory(_) => &mut self.memories,
            TypeRef::Global(_) => &mut self.globals,
            TypeRef::Tag(_) => &mut self.tags,
        }
    }
}

/// What is to be done.
#[derive(Default)]
struct Edit {
    bodies: BTreeSet<usize>,
    exports: BTreeSet<usize>,
    elements: BTreeSet<usize>,
    data: BTreeSet<usize>,
    start: bool,
    /// What stays, if not everything does.
    live: Option<Spaces<Vec<u32>>>,
}

/// An index space of those that stay, in order.
type Space = fn(&Spaces<Vec<u32>>) -> &Vec<u32>;

/// Writes a module anew.
struct Editor {
    edit: Edit,
    contents: Contents,
    kept: Arc<Vec<String>>,
}

impl Editor {
    /// Does this one stay?
    fn stays(&self, space: Space, index: u32) -> bool {
        let live = self.edit.live.as_ref();
        live.is_none_or(|live| space(live).binary_search(&index).is_ok())
    }

    /// Its number among those that stay.
    fn index(&self, space: Space, index: u32) -> u32 {
        match &self.edit.live {
            None => index,
            Some(live) => space(live).partition_point(|&other| other < index) as u32,
        }
    }
}

impl Reencode for Editor {
    type Error = Infallible;

    fn type_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.index(|live| &live.types, index))
    }

    fn function_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.index(|live| &live.functions, index))
    }

    fn table_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.index(|live| &live.tables, index))
    }

    fn memory_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.index(|live| &live.memories, index))
    }

    fn global_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.index(|live| &live.globals, index))
    }

    fn tag_index(&mut self, index: u32) -> Result<u32> {
        Ok(self.index(|live| &live.tags, index))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: TypeSectionReader<'_>,
    ) -> Result {
        let mut next = 0;
        for group in section {
            let group = group?;
            let count = group.types().count() as u32;
            // NB: A group stays as a whole.
            if (next..next + count).any(|index| self.stays(|live| &live.types, index)) {
                self.parse_recursive_type_group(types.ty(), group)?;
            }
            next += count;
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result {
        let mut next = Spaces::<u32>::default();
        for import in section.into_imports() {
            let import = import?;
            let index = *next.of(import.ty);
            *next.of(import.ty) += 1;
            let stays = match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                    self.stays(|live| &live.functions, index)
                }
                TypeRef::Table(_) => self.stays(|live| &live.tables, index),
                TypeRef::Memory(_) => self.stays(|live| &live.memories, index),
                TypeRef::Global(_) => self.stays(|live| &live.globals, index),
                TypeRef::Tag(_) => self.stays(|live| &live.tags, index),
            };
            if stays {
                self.parse_import(imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result {
        let first = self.contents.imported.functions;
        for (index, ty) in (first..).zip(section) {
            let ty = ty?;
            if self.stays(|live| &live.functions, index) {
                functions.function(self.type_index(ty)?);
            }
        }
        Ok(())
    }

    fn parse_table_section(
        &mut self,
        tables: &mut TableSection,
        section: TableSectionReader<'_>,
    ) -> Result {
        let first = self.contents.imported.tables;
        for (index, table) in (first..).zip(section) {
            let table = table?;
            if self.stays(|live| &live.tables, index) {
                self.parse_table(tables, table)?;
            }
        }
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: MemorySectionReader<'_>,
    ) -> Result {
        let first = self.contents.imported.memories;
        for (index, memory) in (first..).zip(section) {
            let memory = memory?;
            if self.stays(|live| &live.memories, index) {
                memories.memory(self.memory_type(memory)?);
            }
        }
        Ok(())
    }

    fn parse_tag_section(
        &mut self,
        tags: &mut TagSection,
        section: TagSectionReader<'_>,
    ) -> Result {
        let first = self.contents.imported.tags;
        for (index, tag) in (first..).zip(section) {
            let tag = tag?;
            if self.stays(|live| &live.tags, index) {
                tags.tag(self.tag_type(tag)?);
            }
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result {
        let first = self.contents.imported.globals;
        for (index, global) in (first..).zip(section) {
            let global = global?;
            if self.stays(|live| &live.globals, index) {
                self.parse_global(globals, global)?;
            }
        }
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result {
        for (index, export) in section.into_iter().enumerate() {
            let export = export?;
            let stays = self.kept.iter().any(|kept| kept == export.name);
            if stays || !self.edit.exports.contains(&index) {
                self.parse_export(exports, export)?;
            }
        }
        Ok(())
    }

    fn parse_element_section(
        &mut self,
        elements: &mut ElementSection,
        section: ElementSectionReader<'_>,
    ) -> Result {
        for (index, element) in section.into_iter().enumerate() {
            let mut element = element?;
            if self.edit.elements.contains(&index) {
                element.items = match element.items {
                    ElementItems::Functions(_) => {
                        ElementItems::Functions(wasmparser::SectionLimited::new(empty())?)
                    }
                    ElementItems::Expressions(ty, _) => {
                        ElementItems::Expressions(ty, wasmparser::SectionLimited::new(empty())?)
                    }
                };
            }
            self.parse_element(elements, element)?;
        }
        Ok(())
    }

    fn parse_data_section(
        &mut self,
        data: &mut DataSection,
        section: DataSectionReader<'_>,
    ) -> Result {
        for (index, datum) in section.into_iter().enumerate() {
            let mut datum = datum?;
            if self.edit.data.contains(&index) {
                datum.data = &[];
            }
            self.parse_data(data, datum)?;
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: CodeSectionReader<'_>,
    ) -> Result {
        let first = self.contents.imported.functions;
        for (index, body) in section.into_iter().enumerate() {
            let body = body?;
            if !self.stays(|live| &live.functions, first + index as u32) {
                continue;
            }
            if self.edit.bodies.contains(&index) {
                let mut function = Function::new([]);
                function.instruction(&Instruction::Unreachable);
                function.instruction(&Instruction::End);
                code.function(&function);
            } else {
                self.parse_function_body(code, body)?;
            }
        }
        Ok(())
    }

    fn start_section(&mut self, start: u32) -> Result<u32> {
        self.function_index(start)
    }

    fn parse_custom_section(
        &mut self,
        _module: &mut Module,
        _section: wasmparser::CustomSectionReader<'_>,
    ) -> Result {
        Ok(())
    }

    fn parse_core_module(&mut self, module: &mut Module, parser: Parser, data: &[u8]) -> Result {
        if !self.edit.start {
            return utils::parse_core_module(self, module, parser, data);
        }
        let mut without = Vec::new();
        let mut at = 8;
        without.extend_from_slice(data.get(..8).unwrap_or_default());
        for payload in Parser::new(0).parse_all(data) {
            let payload = payload?;
            let Some((_, range)) = payload.as_section() else {
                continue;
            };
            let (range, is_start) = (range, matches!(payload, Payload::StartSection { .. }));
            // NB: A section begins with its number and its length.
            if !is_start {
                without.extend_from_slice(data.get(at..range.end as usize).unwrap_or_default());
            }
            at = range.end as usize;
        }
        utils::parse_core_module(self, module, parser, &without)
    }
}

/// A section with nothing in it.
fn empty() -> wasmparser::BinaryReader<'static> {
    wasmparser::BinaryReader::new(&[0], 0)
}

/// What exports, the start function and segments name, and what that names in turn.
///
/// NB: A body that is left is compiled, whether anything calls it or not.
fn live(bytes: &[u8]) -> Option<Spaces<Vec<u32>>> {
    let module = Parsed::of(bytes).ok()?;
    let contents = Contents::of(bytes).ok()?;
    let mut marker = Marker::default();
    module.mark_roots(&mut marker).ok()?;
    for body in contents.bodies {
        marker
            .function_index(contents.imported.functions + body as u32)
            .ok()?;
    }
    while let Some(item) = marker.pending.pop() {
        module.mark(&mut marker, item).ok()?;
    }
    let Spaces {
        types,
        functions,
        tables,
        memories,
        globals,
        tags,
    } = marker.live;
    let sorted = |set: BTreeSet<u32>| set.into_iter().collect();
    Some(Spaces {
        types: sorted(types),
        functions: sorted(functions),
        tables: sorted(tables),
        memories: sorted(memories),
        globals: sorted(globals),
        tags: sorted(tags),
    })
}

/// An item of an index space.
#[derive(Clone, Copy, Debug)]
enum Item {
    Type(u32),
    Function(u32),
    Table(u32),
    Global(u32),
    Tag(u32),
}

/// Marks what is named.
#[derive(Default)]
struct Marker {
    live: Spaces<BTreeSet<u32>>,
    pending: Vec<Item>,
}

macro_rules! marks {
    ($($method:ident $space:ident $item:ident),*) => {
        $(fn $method(&mut self, index: u32) -> Result<u32> {
            if self.live.$space.insert(index) {
                self.pending.push(Item::$item(index));
            }
            Ok(index)
        })*
    };
}

impl Reencode for Marker {
    type Error = Infallible;

    marks! {
        type_index types Type,
        function_index functions Function,
        table_index tables Table,
        global_index globals Global,
        tag_index tags Tag
    }

    fn memory_index(&mut self, index: u32) -> Result<u32> {
        // NB: A memory names nothing.
        self.live.memories.insert(index);
        Ok(index)
    }
}

/// A module in parts.
#[derive(Default)]
struct Parsed<'a> {
    /// The groups, with the number of their first type.
    groups: Vec<(u32, wasmparser::RecGroup)>,
    imports: Spaces<Vec<TypeRef>>,
    functions: Vec<u32>,
    bodies: Vec<wasmparser::FunctionBody<'a>>,
    tables: Vec<wasmparser::Table<'a>>,
    globals: Vec<wasmparser::Global<'a>>,
    tags: Vec<wasmparser::TagType>,
    exports: Vec<wasmparser::Export<'a>>,
    elements: Vec<wasmparser::Element<'a>>,
    data: Vec<wasmparser::Data<'a>>,
    start: Option<u32>,
}

impl<'a> Parsed<'a> {
    fn of(bytes: &'a [u8]) -> std::result::Result<Self, BinaryReaderError> {
        let mut module = Parsed::default();
        let mut next_type = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(types) => {
                    for group in types {
                        let group = group?;
                        let count = group.types().count() as u32;
                        module.groups.push((next_type, group));
                        next_type += count;
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        let ty = import?.ty;
                        module.imports.of(ty).push(ty);
                    }
                }
                Payload::FunctionSection(functions) => {
                    module.functions = functions
                        .into_iter()
                        .collect::<std::result::Result<_, _>>()?;
                }
                Payload::CodeSectionEntry(body) => module.bodies.push(body),
                Payload::TableSection(tables) => {
                    module.tables = tables.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::GlobalSection(globals) => {
                    module.globals = globals.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::TagSection(tags) => {
                    module.tags = tags.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::ExportSection(exports) => {
                    module.exports = exports.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::ElementSection(elements) => {
                    module.elements = elements
                        .into_iter()
                        .collect::<std::result::Result<_, _>>()?;
                }
                Payload::DataSection(data) => {
                    module.data = data.into_iter().collect::<std::result::Result<_, _>>()?;
                }
                Payload::StartSection { func, .. } => module.start = Some(func),
                _ => {}
            }
        }
        Ok(module)
    }

    fn mark_roots(&self, marker: &mut Marker) -> Result {
        for export in &self.exports {
            match export.kind {
                ExternalKind::Func | ExternalKind::FuncExact => {
                    marker.function_index(export.index)?
                }
                ExternalKind::Table => marker.table_index(export.index)?,
                ExternalKind::Memory => marker.memory_index(export.index)?,
                ExternalKind::Global => marker.global_index(export.index)?,
                ExternalKind::Tag => marker.tag_index(export.index)?,
            };
        }
        if let Some(start) = self.start {
            marker.function_index(start)?;
        }
        let mut unused = ElementSection::new();
        for element in &self.elements {
            if let ElementKind::Active { table_index, .. } = &element.kind {
                marker.table_index(table_index.unwrap_or(0))?;
            }
            marker.parse_element(&mut unused, element.clone())?;
        }
        let mut unused = DataSection::new();
        for data in &self.data {
            if let DataKind::Active { memory_index, .. } = &data.kind {
                marker.memory_index(*memory_index)?;
            }
            marker.parse_data(&mut unused, data.clone())?;
        }
        Ok(())
    }

    /// Mark what an item names.
    fn mark(&self, marker: &mut Marker, item: Item) -> Result {
        let of_import = |imports: &[TypeRef], index: u32| imports.get(index as usize).copied();
        let defined = |imports: &[TypeRef], index: u32| index as usize - imports.len();
        match item {
            Item::Type(index) => {
                let after = self.groups.partition_point(|(first, _)| *first <= index);
                let Some((first, group)) = after.checked_sub(1).map(|at| &self.groups[at]) else {
                    return Ok(());
                };
                let count = group.types().count() as u32;
                for index in *first..first + count {
                    marker.type_index(index)?;
                }
                let mut unused = TypeSection::new();
                marker.parse_recursive_type_group(unused.ty(), group.clone())?;
            }
            Item::Function(index) => match of_import(&self.imports.functions, index) {
                Some(ty) => {
                    marker.entity_type(ty)?;
                }
                None => {
                    let defined = defined(&self.imports.functions, index);
                    if let Some(&ty) = self.functions.get(defined) {
                        marker.type_index(ty)?;
                    }
                    if let Some(body) = self.bodies.get(defined) {
                        marker.parse_function_body(&mut CodeSection::new(), body.clone())?;
                    }
                }
            },
            Item::Table(index) => match of_import(&self.imports.tables, index) {
                Some(ty) => {
                    marker.entity_type(ty)?;
                }
                None => {
                    if let Some(table) = self.tables.get(defined(&self.imports.tables, index)) {
                        marker.parse_table(&mut TableSection::new(), table.clone())?;
                    }
                }
            },
            Item::Global(index) => match of_import(&self.imports.globals, index) {
                Some(ty) => {
                    marker.entity_type(ty)?;
                }
                None => {
                    if let Some(global) = self.globals.get(defined(&self.imports.globals, index)) {
                        marker.parse_global(&mut GlobalSection::new(), global.clone())?;
                    }
                }
            },
            Item::Tag(index) => match of_import(&self.imports.tags, index) {
                Some(ty) => {
                    marker.entity_type(ty)?;
                }
                None => {
                    if let Some(&tag) = self.tags.get(defined(&self.imports.tags, index)) {
                        marker.tag_type(tag)?;
                    }
                }
            },
        }
        Ok(())
    }
}
