//! A document cut down to what a picture can hold: the rest of flows, trunks and leaves becomes one item each.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::document::RiverDocument;
use crate::export::number;
use crate::export::svg::paper::push;

/// Most flows, trunks and leaves that have a place of their own.
const MOST: [usize; 3] = [24, 40, 24];

/// What an item of the river is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Flow,
    Trunk,
    Leaf,
    /// The rest of a kind, grey.
    Rest,
}

/// A box of the picture.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub kind: Kind,
    /// Of a leaf: what kind of node it is.
    pub node_kind: String,
    pub label: String,
    /// The smaller line below.
    pub numbers: String,
    pub neff: f64,
}

/// A band between two items, by their indices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Band {
    pub from: usize,
    pub to: usize,
    pub width: f64,
    pub neff: f64,
    /// True where one end is the rest of something.
    pub is_rest: bool,
}

/// The river as it is drawn: flows first, then trunks, then leaves, each with its rest behind it.
pub(super) struct Folded {
    pub items: Vec<Item>,
    pub bands: Vec<Band>,
}

/// Cuts the document down; items without any band are left out, as are bands to unknown ids and of no width.
pub(super) fn fold(document: &RiverDocument) -> Folded {
    let (mut items, places, rests) = items(document);
    let mut widths: BTreeMap<(usize, usize), (f64, f64)> = BTreeMap::new();
    for band in document.bands.iter().filter(|band| band.width.is_finite() && band.width > 0.0) {
        let place = |id: &Option<String>| match id {
            Some(id) => places.get(id.as_str()).copied(),
            None => Some(rests[1]),
        };
        let (Some(from), Some(to)) = (place(&band.from), place(&band.to)) else { continue };
        let (width, neff) = widths.entry((from, to)).or_default();
        *width += band.width;
        *neff = neff.max(band.neff);
    }
    // What flows from the rest of the trunks to itself is nothing to see.
    widths.retain(|(from, to), _| from != to);
    for rest in rests {
        let sum = |is_end: &dyn Fn(&(usize, usize)) -> bool| -> f64 {
            widths.iter().filter(|(ends, _)| is_end(ends)).map(|(_, (width, _))| width).sum()
        };
        let passes = sum(&|(from, _)| *from == rest).max(sum(&|(_, to)| *to == rest));
        push(&mut items[rest].numbers, format_args!(" · {}", amount(passes)));
    }
    let mut is_used = vec![false; items.len()];
    for (from, to) in widths.keys() {
        (is_used[*from], is_used[*to]) = (true, true);
    }
    let mut new_place = vec![0; items.len()];
    let mut used = 0;
    for (old, is_used) in is_used.iter().enumerate() {
        new_place[old] = used;
        used += usize::from(*is_used);
    }
    let bands = widths.into_iter().map(|((from, to), (width, neff))| Band {
        from: new_place[from],
        to: new_place[to],
        width,
        neff,
        is_rest: [from, to].into_iter().any(|item| items[item].kind == Kind::Rest),
    });
    let bands = bands.collect();
    let mut is_used = is_used.into_iter();
    items.retain(|_| is_used.next().unwrap_or(false));
    Folded { items, bands }
}

/// All items, the place of each id, and the places of the rests of flows, trunks and leaves.
fn items(document: &RiverDocument) -> (Vec<Item>, HashMap<&str, usize>, [usize; 3]) {
    let flow = |flow: &super::RiverFlow| Item {
        kind: Kind::Flow,
        node_kind: String::new(),
        label: flow.label.clone(),
        numbers: format!("{} · n {}", number::rate(flow.rate), number::count(flow.n)),
        neff: 1.0,
    };
    let trunk = |trunk: &super::RiverTrunk| Item {
        kind: Kind::Trunk,
        node_kind: String::new(),
        label: trunk.label.clone(),
        numbers: format!("{} · Neff {:.1} · score {:.2}", flow_words(trunk.flows), trunk.neff, trunk.score),
        neff: trunk.neff,
    };
    let leaf = |leaf: &super::RiverLeaf| Item {
        kind: Kind::Leaf,
        node_kind: leaf.kind.clone(),
        label: leaf.label.clone(),
        numbers: leaf.kind.clone(),
        neff: 0.0,
    };
    let kinds: [Vec<(&str, Item)>; 3] = [
        document.flows.iter().map(|it| (it.id.as_str(), flow(it))).collect(),
        document.trunks.iter().map(|it| (it.id.as_str(), trunk(it))).collect(),
        document.leaves.iter().map(|it| (it.id.as_str(), leaf(it))).collect(),
    ];
    let (mut items, mut places, mut rests) = (Vec::new(), HashMap::new(), [0; 3]);
    for (kind, members) in kinds.into_iter().enumerate() {
        let more = members.len().saturating_sub(MOST[kind]);
        let rest = items.len() + members.len().min(MOST[kind]);
        for (index, (id, item)) in members.into_iter().enumerate() {
            places.insert(id, (items.len()).min(rest));
            if index < MOST[kind] {
                items.push(item);
            }
        }
        rests[kind] = rest;
        items.push(Item {
            kind: Kind::Rest,
            node_kind: String::new(),
            label: "other".to_owned(),
            numbers: rest_words(kind, more),
            neff: 0.0,
        });
    }
    (items, places, rests)
}

fn rest_words(kind: usize, more: usize) -> String {
    let more = number::count(more as u64);
    match (kind, more.as_str()) {
        (0, _) => format!("{more} more flows"),
        (1, "0") => "in no shared segment".to_owned(),
        (1, _) => format!("{more} more segments, and what is not shared"),
        _ => format!("{more} more ends"),
    }
}

fn flow_words(flows: u64) -> String {
    if flows == 1 { "1 flow".to_owned() } else { format!("{} flows", number::count(flows)) }
}

/// Critical time per second, as `820 ms/s` or `12 s/s`.
pub(super) fn amount(width: f64) -> String {
    match width {
        seconds if seconds >= 9.95 => format!("{} s/s", number::count(seconds.round() as u64)),
        seconds if seconds >= 0.9995 => format!("{seconds:.1} s/s"),
        seconds => format!("{}/s", number::millis(seconds * 1_000.0)),
    }
}
