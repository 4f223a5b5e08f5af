//! A table's rows for training: from its cache, or from the table and into its cache.

use std::path::Path;

use super::Plan;
use crate::batch::Batch;
use crate::cache::{CacheWriter, Place};
use crate::error::LakeError;
use crate::{Format, Source};

/// The cache of a table, where caches are kept.
pub(super) fn cache_of(plan: &Plan, input: &Path) -> Result<Option<Place>, LakeError> {
    let Some(folder) = &plan.cache else {
        return Ok(None);
    };
    let read_as = u64::from(plan.skip_bad_rows) << 1 | u64::from(plan.format == Format::Parquet);
    Place::new(folder, input, &plan.columns, read_as).map(Some)
}

/// A table's rows, from its cache or into it.
pub(super) struct Feed {
    source: Box<dyn Source>,
    cache: Option<CacheWriter>,
}

impl Feed {
    pub(super) fn open(plan: &Plan, input: &Path) -> Result<Self, LakeError> {
        let place = cache_of(plan, input)?;
        if let Some(cached) = place.as_ref().map(Place::open).transpose()?.flatten() {
            return Ok(Self {
                source: Box::new(cached),
                cache: None,
            });
        }
        Ok(Self {
            source: crate::open(input, plan.format, &plan.columns, plan.wanted())?,
            cache: place.as_ref().map(Place::create).transpose()?,
        })
    }

    pub(super) fn read(&mut self, batch: &mut Batch) -> Result<(), LakeError> {
        self.source.read(batch)?;
        match &mut self.cache {
            Some(cache) => cache.add(batch),
            None => Ok(()),
        }
    }

    pub(super) fn bytes_read(&self) -> u64 {
        self.source.bytes_read()
    }

    pub(super) fn skipped(&self) -> u64 {
        self.source.skipped()
    }

    /// All rows were read: the cache is whole.
    pub(super) fn finish(self) -> Result<(), LakeError> {
        self.cache.map_or(Ok(()), CacheWriter::finish)
    }
}
