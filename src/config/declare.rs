//! Turns the declarations of `sections.rs` into structs, defaults and the table of all knobs.
//!
//! A declaration reads
//! `/// what it does and why this default` `facts NAME: TYPE as NOTATION = DEFAULT, RULE, …;`.
//! `as NOTATION` is left out where the type has only one; `facts` marks a knob that changes what is sealed, `process`
//! one that only changes how this process runs.

use super::sections::Config;

/// One knob, as declared.
pub(super) struct Knob {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    /// What it does and why this default, a line each as written.
    pub(super) doc: &'static str,
    /// True where another value gives other sealed facts.
    pub(super) affects_facts: bool,
    /// True where the knob is a table of entries, each with an origin of its own.
    pub(super) is_map: bool,
    /// How a value is written, in words.
    pub(super) kind: fn() -> String,
    /// What must hold for a value, in words.
    pub(super) rules: fn() -> Vec<String>,
    /// The value as TOML, secrets masked.
    pub(super) show: fn(&Config) -> toml::Value,
    /// Reads, checks and sets a value; of a map, the entries given.
    pub(super) assign: fn(&mut Config, &toml::Value) -> Result<(), String>,
}

impl Knob {
    /// `section.name`.
    pub(super) fn key(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }
}

/// Declares all sections; see the header of this file.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $scope:ident $name:ident: $type:ty $(as $notation:ty)? = $default:expr $(, $rule:expr)*;
            )+
        }
    )+) => {
        /// The whole configuration.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Config {
            $($(#[doc = $about])+ pub $section: $Section,)+
        }

        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $($(#[doc = $doc])+ pub $name: $type,)+
            }

            impl Default for $Section {
                fn default() -> Self {
                    $Section { $($name: $default,)+ }
                }
            }
        )+

        /// Name and description of each section, in order.
        pub(super) static SECTIONS: &[(&str, &str)] =
            &[$((stringify!($section), concat!($($about, "\n"),+)),)+];

        /// All knobs, section by section.
        pub(super) static KNOBS: &[$crate::config::declare::Knob] = &[$($(
            $crate::config::declare::Knob {
                section: stringify!($section),
                name: stringify!($name),
                doc: concat!($($doc, "\n"),+),
                affects_facts: $crate::config::declare::affects_facts!($scope),
                is_map: <$crate::config::declare::notation!($type $(as $notation)?) as Notation>::IS_MAP,
                kind: <$crate::config::declare::notation!($type $(as $notation)?) as Notation>::kind,
                rules: || {
                    let rules: Vec<Rule<$type>> = vec![$($rule),*];
                    rules.into_iter().map(|rule| rule.text).collect()
                },
                show: |config| {
                    <$crate::config::declare::notation!($type $(as $notation)?) as Notation>::write(
                        &config.$section.$name,
                    )
                },
                assign: |config, value| {
                    let mut new = config.$section.$name.clone();
                    <$crate::config::declare::notation!($type $(as $notation)?) as Notation>::update(
                        &mut new, value,
                    )?;
                    let rules: Vec<Rule<$type>> = vec![$($rule),*];
                    rules.iter().try_for_each(|rule| (rule.check)(&new))?;
                    config.$section.$name = new;
                    Ok(())
                },
            },
        )+)+];
    };
}

/// The notation of a declared type: the one named, else the type's own.
macro_rules! notation {
    ($type:ty) => {
        $type
    };
    ($type:ty as $notation:ty) => {
        $notation
    };
}

/// The scope of a knob as a truth value.
macro_rules! affects_facts {
    (facts) => {
        true
    };
    (process) => {
        false
    };
}

/// Declares an enum whose variants are written as the texts given.
macro_rules! choice {
    (
        $(#[doc = $about:literal])+
        $Choice:ident { $($(#[doc = $doc:literal])+ $Variant:ident = $text:literal,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Choice {
            $($(#[doc = $doc])+ $Variant,)+
        }

        impl $Choice {
            /// How it is written.
            pub fn name(self) -> &'static str {
                match self {
                    $($Choice::$Variant => $text,)+
                }
            }
        }

        impl Notation for $Choice {
            type Value = $Choice;

            fn kind() -> String {
                format!("one of {}", [$(concat!("`", $text, "`"),)+].join(", "))
            }

            fn read(value: &toml::Value) -> Result<$Choice, String> {
                match value.as_str() {
                    $(Some($text) => Ok($Choice::$Variant),)+
                    _ => Err(format!("must be {}", Self::kind())),
                }
            }

            fn write(value: &$Choice) -> toml::Value {
                value.name().into()
            }
        }
    };
}

pub(super) use {affects_facts, choice, notation, sections};
