//! A list of values in one piece of memory, shared by its copies.

use std::sync::Arc;

/// What stands between two values in memory; no value holds one.
const BETWEEN: char = '\n';

/// Values of one dimension: 100,000 of them cost their bytes and one each, and a copy costs nothing.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Values(Option<Arc<str>>);

impl Values {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// In the order they were given.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|text| text.split(BETWEEN))
    }

    /// Whether one of them is this.
    pub fn contains(&self, value: &str) -> bool {
        self.iter().any(|one| one == value)
    }
}

/// Line breaks and empty values fall out.
impl<T: AsRef<str>> FromIterator<T> for Values {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut text = String::new();
        for value in values {
            for part in value
                .as_ref()
                .split(BETWEEN)
                .filter(|part| !part.is_empty())
            {
                if !text.is_empty() {
                    text.push(BETWEEN);
                }
                text.push_str(part);
            }
        }
        Self((!text.is_empty()).then(|| text.into()))
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
