//! Where an address is, out of an IP database in MaxMind's format; for requests that do not say it themselves.

mod countries;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::Path;

use domain::targeting::place::Point;
use maxminddb::{LookupResult, MaxMindDbError, PathElement, Reader};

/// Largest file that is read into memory, in bytes: city databases have about 100 MB.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// A database, in memory.
pub struct GeoDatabase(Reader<Vec<u8>>);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// More than `1 << 30` bytes.
    #[error("has {bytes} bytes, more than 1 GiB")]
    TooLarge {
        /// Its size.
        bytes: u64,
    },
    /// Not a database.
    #[error("is no MaxMind database: {0}")]
    Format(#[from] MaxMindDbError),
}

impl GeoDatabase {
    /// Reads the file. A newer file is taken with the next start.
    ///
    /// # Errors
    /// See [`GeoError`].
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let bytes = std::fs::metadata(path)?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(GeoError::TooLarge { bytes });
        }
        Self::parse(std::fs::read(path)?)
    }

    /// Takes the file's bytes.
    ///
    /// # Errors
    /// `Format`.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, GeoError> {
        Ok(Self(Reader::from_source(bytes)?))
    }

    /// What is known of an address; a damaged record is an unknown one.
    pub fn find(&self, address: IpAddr) -> Option<Found<'_>> {
        let found = self.0.lookup(address).ok()?;
        found.has_data().then_some(Found(found))
    }
}

impl std::fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GeoDatabase")
            .field("nodes", &self.0.metadata().node_count)
            .finish()
    }
}

/// The record of one address, by the names of MaxMind's city databases. Each part is decoded when asked for.
pub struct Found<'a>(LookupResult<'a, Vec<u8>>);

impl<'a> Found<'a> {
    fn text(&self, path: &[PathElement<'_>]) -> Option<&'a str> {
        self.0.decode_path(path).ok()?
    }

    /// ISO 3166-1 alpha-3.
    pub fn country(&self) -> Option<&'static str> {
        countries::alpha3(self.text(&[PathElement::Key("country"), PathElement::Key("iso_code")])?)
    }

    /// The part of ISO 3166-2 after the country.
    pub fn region(&self) -> Option<&'a str> {
        self.text(&[
            PathElement::Key("subdivisions"),
            PathElement::Index(0),
            PathElement::Key("iso_code"),
        ])
    }

    /// The city in English.
    pub fn city(&self) -> Option<&'a str> {
        self.text(&[
            PathElement::Key("city"),
            PathElement::Key("names"),
            PathElement::Key("en"),
        ])
    }

    /// The postcode.
    pub fn zip(&self) -> Option<&'a str> {
        self.text(&[PathElement::Key("postal"), PathElement::Key("code")])
    }

    /// The metro area's code, which only the USA have.
    pub fn metro(&self) -> Option<u16> {
        let path = [PathElement::Key("location"), PathElement::Key("metro_code")];
        self.0.decode_path(&path).ok()?
    }

    /// About where.
    pub fn point(&self) -> Option<Point> {
        let degrees = |key| {
            let path = [PathElement::Key("location"), PathElement::Key(key)];
            self.0.decode_path::<f64>(&path).ok()?
        };
        Point::new(degrees("latitude")?, degrees("longitude")?)
    }
}
