//! A document cut down to what a picture can hold: the rest of flows, trunks and leaves becomes one item each.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::document::RiverDocument;
use crate::export::name::visible;
use crate::export::number::{self, RateUnit};
use crate::export::svg::paper::push;

/// Most flows, trunks and leaves that have a place of their own.
const MOST: [usize; 3] = [16, 40, 16];

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
    /// The links of its name, of a trunk its nodes; without hidden characters.
    pub names: Vec<String>,
    /// The smaller line below.
    pub numbers: String,
    pub neff: f64,
}

impl Item {
    /// The whole name in a line.
    pub fn label(&self) -> String {
        self.names.join(" › ")
    }
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
    /// Bands that are too thin to be drawn among so many, and how wide they are together.
    pub thin: (usize, f64),
}

/// Above so many bands the thinner ones are left out, but for the widest from and to each item.
const MOST_BANDS: usize = 100;

/// Cuts the document down; items without any band are left out, as are bands to unknown ids and of no width.
pub(super) fn fold(document: &RiverDocument) -> Folded {
    let (mut items, places, rests) = items(document);
    let mut widths = Widths::new();
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
        push(&mut items[rest].numbers, format_args!(" · {} waiting", waiting(passes)));
    }
    let thin = take_thin(&mut widths, items.len());
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
    Folded { items, bands, thin }
}

type Widths = BTreeMap<(usize, usize), (f64, f64)>;

/// Takes out what is not drawn; gives its number and its width.
fn take_thin(widths: &mut Widths, items: usize) -> (usize, f64) {
    let mut order: Vec<((usize, usize), f64)> =
        widths.iter().map(|(ends, (width, _))| (*ends, *width)).collect();
    order.sort_by(|(a, width), (b, other)| other.total_cmp(width).then(a.cmp(b)));
    let (mut feeds, mut is_fed) = (vec![false; items], vec![false; items]);
    let mut thin = (0, 0.0);
    for (rank, ((from, to), width)) in order.into_iter().enumerate() {
        let is_first = !feeds[from] || !is_fed[to];
        (feeds[from], is_fed[to]) = (true, true);
        if rank >= MOST_BANDS && !is_first {
            widths.remove(&(from, to));
            thin = (thin.0 + 1, thin.1 + width);
        }
    }
    thin
}

/// All items, the place of each id, and the places of the rests of flows, trunks and leaves.
fn items(document: &RiverDocument) -> (Vec<Item>, HashMap<&str, usize>, [usize; 3]) {
    let largest = document.flows.iter().map(|flow| flow.rate).filter(|rate| rate.is_finite());
    let unit = RateUnit::of(largest.fold(0.0, f64::max));
    let flow = |flow: &super::RiverFlow| Item {
        kind: Kind::Flow,
        node_kind: String::new(),
        names: visible(&flow.label).split(" > ").map(str::to_owned).collect(),
        numbers: format!("{} · n {}", unit.rate(flow.rate), number::count(flow.n)),
        neff: 1.0,
    };
    let trunk = |trunk: &super::RiverTrunk| Item {
        kind: Kind::Trunk,
        node_kind: String::new(),
        names: trunk.nodes.iter().map(|name| visible(name).into_owned()).collect(),
        numbers: format!("{} · Neff {:.1} · score {:.2}", flow_words(trunk.flows), trunk.neff, trunk.score),
        neff: trunk.neff,
    };
    let leaf = |leaf: &super::RiverLeaf| Item {
        kind: Kind::Leaf,
        node_kind: leaf.kind.clone(),
        names: vec![visible(&leaf.label).into_owned()],
        numbers: visible(&leaf.kind).into_owned(),
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
            names: vec!["other".to_owned()],
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

/// `1 flow`, `3 flows`.
pub(super) fn flow_words(flows: u64) -> String {
    if flows == 1 { "1 flow".to_owned() } else { format!("{} flows", number::count(flows)) }
}

/// How many wait on average, with two digits where they are few.
pub(super) fn waiting(requests: f64) -> String {
    match requests {
        few if few > 0.0 && few < 0.000_1 => "<0.0001".to_owned(),
        few if few > 0.0 && few < 0.009_95 => format!("{few:.4}").trim_end_matches('0').to_owned(),
        few if few > 0.0 && few < 0.099_5 => format!("{few:.3}").trim_end_matches('0').to_owned(),
        requests => number::decimal(requests),
    }
}
