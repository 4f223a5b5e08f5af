//! Columns of a table as features: which they are, and how a cell becomes a token.
//!
//! Whole tokens ([`crate::engine::column`]) are kept, not places in a table: one of any size can be trained on them.

use domain::random::mix;

use crate::engine::FIELDS_MAX;
use crate::engine::column::Salt;

/// Most feature columns of a table.
pub const COLUMNS_MAX: usize = FIELDS_MAX;
/// Longest column name, in bytes.
pub const COLUMN_NAME_BYTES_MAX: usize = 128;

/// Raised when hashing or bucketing changes, so that older models and caches are refused.
const HASHING: u64 = 1;

/// Why a choice of columns cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// Nothing to learn from.
    #[error("no feature columns: name some with --numeric or --categorical")]
    None,
    /// More than the engine takes.
    #[error("{found} feature columns, at most {COLUMNS_MAX} are taken")]
    TooMany {
        /// How many were named.
        found: usize,
    },
    /// Named more than once, also as label and feature.
    #[error("column '{name}' is named twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// Not a name.
    #[error("column name '{name}' must have 1 to {COLUMN_NAME_BYTES_MAX} bytes")]
    Name {
        /// What was given, cut.
        name: String,
    },
}

/// Which columns of a table are the label and the features; the numeric features come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    label: String,
    names: Vec<String>,
    numeric: usize,
    salt: u64,
}

impl Columns {
    /// Features in the order of fields: the numeric columns, then the categorical ones.
    ///
    /// # Errors
    /// When there are none or too many, or a name is empty, too long or repeated.
    pub fn new(
        label: &str,
        numeric: &[String],
        categorical: &[String],
        salt: u64,
    ) -> Result<Self, ColumnsError> {
        let names: Vec<String> = numeric.iter().chain(categorical).cloned().collect();
        match names.len() {
            0 => return Err(ColumnsError::None),
            found if found > COLUMNS_MAX => return Err(ColumnsError::TooMany { found }),
            _ => {}
        }
        let mut sorted: Vec<&str> = names.iter().map(String::as_str).chain([label]).collect();
        if let Some(name) = sorted.iter().find(|name| !is_name(name)) {
            let name = name.chars().take(COLUMN_NAME_BYTES_MAX).collect();
            return Err(ColumnsError::Name { name });
        }
        sorted.sort_unstable();
        if let Some([name, _]) = sorted.as_slice().windows(2).find(|pair| pair[0] == pair[1]) {
            let name = (*name).to_owned();
            return Err(ColumnsError::Twice { name });
        }
        Ok(Self {
            label: label.to_owned(),
            names,
            numeric: numeric.len(),
            salt,
        })
    }

    /// The label's column: 1 for a click, 0 for none.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The feature columns in the order of fields.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many of them, from the first, are numeric.
    pub fn numeric(&self) -> usize {
        self.numeric
    }

    /// What all hashes are salted with beside the names.
    pub fn salt(&self) -> u64 {
        self.salt
    }

    /// The hash of all that decides tokens: rows hashed under one value fit models of the same value.
    pub fn hash(&self) -> u64 {
        let start = mix(HASHING ^ mix(self.salt) ^ ((self.numeric as u64) << 32));
        let bytes = self.names.iter().flat_map(|name| name.bytes().chain([0]));
        bytes.fold(start, |hash, byte| {
            mix(hash.rotate_left(5) ^ u64::from(byte))
        })
    }
}

fn is_name(name: &str) -> bool {
    (1..=COLUMN_NAME_BYTES_MAX).contains(&name.len())
}

/// Turns cells into tokens.
#[derive(Debug, Clone)]
pub struct Hasher {
    salts: Vec<Salt>,
    numeric: usize,
}

impl Hasher {
    /// For these columns.
    pub fn new(columns: &Columns) -> Self {
        let salt = |name: &String| Salt::new(name, columns.salt);
        Self {
            salts: columns.names.iter().map(salt).collect(),
            numeric: columns.numeric,
        }
    }

    /// The number of fields.
    pub fn fields(&self) -> usize {
        self.salts.len()
    }

    /// The token of a cell in a field's column. An empty cell is missing and has a token of its own; a numeric cell that
    /// is no number is a name. 0 for a field that is not there.
    pub fn token(&self, field: usize, cell: &[u8]) -> u32 {
        let Some(salt) = self.salts.get(field) else {
            return 0;
        };
        let number = || whole_number(cell).or_else(|| decimal(cell));
        match Some(())
            .filter(|()| field < self.numeric)
            .and_then(|()| number())
        {
            Some(number) => salt.number(number),
            None => salt.category(cell),
        }
    }

    /// As [`Self::token`], for a column that is stored as numbers; NaN is missing. In a categorical column a number is
    /// its decimal digits, as it would be in a text file.
    pub fn number_token(&self, field: usize, number: f64) -> u32 {
        match self.salts.get(field) {
            None => 0,
            Some(salt) if number.is_nan() => salt.missing(),
            Some(salt) if field < self.numeric => salt.number(number),
            Some(salt) => salt.category(number.to_string().as_bytes()),
        }
    }
}

/// Decimal digits with an optional sign, up to 15 of them: exact as a float.
fn whole_number(cell: &[u8]) -> Option<f64> {
    let (negative, digits) = match cell {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || digits.len() > 15 {
        return None;
    }
    let mut number = 0_i64;
    for digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number * 10 + i64::from(value);
    }
    Some(if negative { -number } else { number } as f64)
}

fn decimal(cell: &[u8]) -> Option<f64> {
    let number: f64 = std::str::from_utf8(cell).ok()?.trim().parse().ok()?;
    Some(number).filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests;
