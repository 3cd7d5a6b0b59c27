//! The path to a value in a JSON document.

use std::fmt;

/// The path to a value in a JSON document, such as `Statement[0].Effect`; empty for the document itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JsonPath(Vec<Part>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// The field of an object.
    Field(String),
    /// The item of a list, counted from 0.
    Item(usize),
}

impl JsonPath {
    /// The path to the document itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The path to a field of the object at this path.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.with(Part::Field(name.to_owned()))
    }

    /// The path to an item of the list at this path, counted from 0.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.with(Part::Item(index))
    }

    /// The path that begins at the value of this path.
    #[must_use]
    pub fn join(&self, path: &Self) -> Self {
        Self(self.0.iter().chain(&path.0).cloned().collect())
    }

    /// Whether it is the path to the document itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }

    fn with(&self, part: Part) -> Self {
        Self(self.0.iter().cloned().chain([part]).collect())
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, part) in self.0.iter().enumerate() {
            match part {
                Part::Field(name) if number == 0 => f.write_str(name)?,
                Part::Field(name) => write!(f, ".{name}")?,
                Part::Item(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
