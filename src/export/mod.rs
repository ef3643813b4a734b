//! Answers to text: a file per format.

pub mod document;
