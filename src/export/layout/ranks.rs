//! In which column each node stands: longest paths, then the loose ends drawn in.

/// Columns from 0 for nodes 0 to `nodes`; each edge (from, to, length) spans at least so many columns.
/// The edges must make no cycle.
pub(in crate::export) fn ranks(nodes: usize, edges: &[(usize, usize, usize)]) -> Vec<usize> {
    let mut out = vec![Vec::new(); nodes];
    let mut into = vec![0usize; nodes];
    let mut rank = vec![0; nodes];
    for (from, to, length) in edges {
        out[*from].push((*to, *length));
        into[*to] += 1;
    }
    let is_fed: Vec<usize> = into.clone();
    let mut order: Vec<usize> = (0..nodes).filter(|node| into[*node] == 0).collect();
    let mut next = 0;
    while let Some(node) = order.get(next).copied() {
        next += 1;
        for (to, length) in &out[node] {
            rank[*to] = rank[*to].max(rank[node] + length);
            into[*to] -= 1;
            if into[*to] == 0 {
                order.push(*to);
            }
        }
    }
    // A node with more callees than callers stands right before the nearest of them: shorter lines.
    for node in order.into_iter().rev().filter(|node| out[*node].len() > is_fed[*node]) {
        let latest = out[node].iter().map(|(to, length)| rank[*to] - length).min();
        rank[node] = latest.unwrap_or(rank[node]);
    }
    rank
}
