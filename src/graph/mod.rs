//! Facts to the live graph: minute buckets of integers, merged in any order.
