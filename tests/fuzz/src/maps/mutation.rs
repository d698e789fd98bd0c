//! How a stack map becomes wrong.

use super::text::Maps;

/// A way to make a stack map wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutation {
    /// An entry is missing.
    DropEntry,
    /// All entries are missing.
    DropMap,
    /// The map of one safepoint is at another one.
    MoveMap,
    /// Two safepoints have each other's maps.
    SwapMaps,
    /// An entry names another slot, that nothing was stored to.
    WrongSlot,
    /// An entry names another place in its slot, or one behind its end.
    WrongOffset,
    /// An entry is of another type.
    WrongType,
    /// There is one more entry, of a slot that nothing was stored to.
    Uninitialized,
    /// There is one more entry, of a slot that holds a number.
    Number,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::DropEntry,
        Self::DropMap,
        Self::MoveMap,
        Self::SwapMaps,
        Self::WrongSlot,
        Self::WrongOffset,
        Self::WrongType,
        Self::Uninitialized,
        Self::Number,
    ];

    /// Makes a map wrong, which and how is chosen. Returns whether there is one that can be made so.
    pub(super) fn apply(self, maps: &mut Maps, choose: &mut impl FnMut(usize) -> usize) -> bool {
        let indices = maps.indices();
        if indices.is_empty() {
            return false;
        }
        let index = indices[choose(indices.len())];
        let count = maps.map(index).len();
        let entry = choose(count);
        match self {
            Self::DropEntry => drop(maps.map(index).remove(entry)),
            Self::DropMap => maps.map(index).clear(),
            Self::MoveMap => return move_map(maps, &indices, index, choose),
            Self::SwapMaps => return swap_maps(maps, &indices, index, choose),
            Self::WrongSlot => {
                let slot = maps.add_slot();
                // One line was inserted before.
                let entry = &mut maps.map(index + 1)[entry];
                (entry.slot, entry.offset) = (slot, 0);
            }
            Self::WrongOffset => {
                let distance = [1, 2, 4, 8, 16, 1 << 20][choose(6)];
                let map = maps.map(index);
                let (slot, offset) = (map[entry].slot, map[entry].offset + distance);
                // NB: Where another entry is, an entry is missing.
                if map.iter().any(|e| (e.slot, e.offset) == (slot, offset)) {
                    map.remove(entry);
                } else {
                    map[entry].offset = offset;
                }
            }
            Self::WrongType => {
                let ty = ["i8", "i16", "i64", "f32", "i128"][choose(5)];
                maps.map(index)[entry].ty = ty.to_string();
            }
            Self::Uninitialized => add_slot(maps, index, entry, None),
            Self::Number => add_slot(maps, index, entry, Some(choose(1 << 16))),
        }
        true
    }
}

/// Moves a map to a safepoint that has none, or adds it to one that lacks some of it.
fn move_map(
    maps: &mut Maps,
    indices: &[usize],
    from: usize,
    choose: &mut impl FnMut(usize) -> usize,
) -> bool {
    let others: Vec<usize> = indices.iter().copied().filter(|i| *i != from).collect();
    if others.is_empty() {
        return false;
    }
    let to = others[choose(others.len())];
    let map = std::mem::take(maps.map(from));
    for entry in map {
        if !maps.map(to).contains(&entry) {
            maps.map(to).push(entry);
        }
    }
    true
}

/// Exchanges two maps that are not of the same entries.
fn swap_maps(
    maps: &mut Maps,
    indices: &[usize],
    from: usize,
    choose: &mut impl FnMut(usize) -> usize,
) -> bool {
    let map = maps.map(from).clone();
    let mut differs = |other: usize| {
        let other = maps.map(other);
        other.len() != map.len() || other.iter().any(|entry| !map.contains(entry))
    };
    let others: Vec<usize> = indices.iter().copied().filter(|i| differs(*i)).collect();
    if others.is_empty() {
        return false;
    }
    let to = others[choose(others.len())];
    let other = std::mem::replace(maps.map(to), map);
    *maps.map(from) = other;
    true
}

/// Adds an entry for a new slot, which holds that number if there is one.
fn add_slot(maps: &mut Maps, index: usize, entry: usize, number: Option<usize>) {
    let slot = maps.add_slot();
    let index = index + 1;
    let like = maps.map(index)[entry].clone();
    maps.map(index).push(super::text::Entry {
        slot,
        offset: 0,
        ..like
    });
    if let Some(number) = number {
        let (address, value) = (maps.fresh_value(), maps.fresh_value() + 1);
        // Even, and not null: it would be taken for an object.
        let number = 2 * number + 2;
        let lines = [
            format!("    v{value} = iconst.i32 {number}"),
            format!("    v{address} = stack_addr.i64 ss{slot}"),
            format!("    store notrap v{value}, v{address}"),
        ];
        maps.insert(index, &lines);
    }
}
