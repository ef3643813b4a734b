//! A second, naive implementation: recursive, millisecond by millisecond, without any code of the first.
