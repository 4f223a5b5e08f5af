//! One segment file: its name, where its records stand, and the scan over them.

use super::fs::DiskFile;
use super::record::{self, HEADER_BYTES, Header};
use crate::Offset;
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};

/// How the files of segments end.
const SUFFIX: &str = ".log";
/// Bytes between two places kept of a segment: a read scans at most so much before its first record.
const PLACES_BYTES: u64 = 64 << 10;
/// Bytes asked of the disk at once.
const CHUNK_BYTES: usize = 64 << 10;

/// A run of records in one file, named by the offset of its first.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base: Offset,
    pub(crate) path: PathBuf,
    places: Mutex<Places>,
}

/// Where some records begin in the file.
#[derive(Debug, Default)]
struct Places {
    /// Rising, about `PLACES_BYTES` apart.
    kept: Vec<(Offset, u64)>,
    /// Where the last reader stopped: those who follow the end find it here.
    last: Option<(Offset, u64)>,
}

impl Segment {
    pub(crate) fn new(folder: &Path, base: Offset) -> Self {
        Self {
            base,
            path: folder.join(format!("{base:020}{SUFFIX}")),
            places: Mutex::default(),
        }
    }

    /// The base in a file's name; `None` for other files.
    pub(crate) fn base_of(name: &str) -> Option<Offset> {
        let digits = name.strip_suffix(SUFFIX)?;
        (digits.len() == 20).then(|| digits.parse().ok())?
    }

    /// The nearest known place at or before `offset`.
    pub(crate) fn place_before(&self, offset: Offset) -> (Offset, u64) {
        let places = self.places.lock();
        let index = places.kept.partition_point(|place| place.0 <= offset);
        let kept = index
            .checked_sub(1)
            .and_then(|index| places.kept.get(index));
        let last = places.last.filter(|place| place.0 <= offset);
        let nearest = kept.copied().into_iter().chain(last).max();
        nearest.unwrap_or((self.base, 0))
    }

    /// Keeps where a reader stopped.
    pub(crate) fn keep_stop(&self, place: (Offset, u64)) {
        self.keep_place(place);
        self.places.lock().last = Some(place);
    }

    /// Keeps that the record `offset` begins, or will begin, at `position`, if the last place kept is far.
    pub(crate) fn keep_place(&self, (offset, position): (Offset, u64)) {
        let mut places = self.places.lock();
        let far = places.kept.last().map_or(0, |place| place.1) + PLACES_BYTES;
        if position >= far {
            places.kept.push((offset, position));
        }
    }
}

/// What a scan does at bytes that are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Ends: a tail that a crash has torn.
    Stop,
    /// Looks for the next whole record, since some are known to follow.
    Skip,
}

/// Goes over the records of one segment.
pub(crate) struct Scan<'a> {
    file: &'a dyn DiskFile,
    damage: Damage,
    buffer: Vec<u8>,
    /// How much of the buffer was read from the file.
    filled: usize,
    /// Where in the buffer the scan stands.
    at: usize,
    /// Where in the file that is.
    position: u64,
    /// The next offset there should be.
    expected: Offset,
    /// Records from here on are not of this segment, or not acknowledged.
    bound: Offset,
    skipped: u64,
}

impl<'a> Scan<'a> {
    /// From a known place on, up to but without `bound`.
    pub(crate) fn new(
        file: &'a dyn DiskFile,
        damage: Damage,
        place: (Offset, u64),
        bound: Offset,
    ) -> Self {
        Self {
            file,
            damage,
            buffer: Vec::new(),
            filled: 0,
            at: 0,
            position: place.1,
            expected: place.0,
            bound,
            skipped: 0,
        }
    }

    /// The next record.
    pub(crate) fn next(&mut self) -> io::Result<Option<(Offset, &[u8])>> {
        if self.expected >= self.bound {
            return Ok(None);
        }
        let mut found = self.header_here()?;
        if found.is_none() && self.damage == Damage::Skip {
            found = self.search()?;
            let next = found.map_or(self.bound, |header| header.offset);
            self.skipped += next - self.expected;
            self.expected = next;
        }
        let Some(header) = found else {
            return Ok(None);
        };
        self.expected = header.offset + 1;
        let start = self.at;
        self.advance(header.size);
        let payload = self.buffer.get(start + HEADER_BYTES..self.at);
        Ok(payload.map(|payload| (header.offset, payload)))
    }

    /// The next offset and where it begins.
    pub(crate) fn place(&self) -> (Offset, u64) {
        (self.expected, self.position)
    }

    /// How many records were damaged or missing.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The header of the whole record that begins here and is the expected one.
    fn header_here(&mut self) -> io::Result<Option<Header>> {
        let header = self.whole_record()?;
        Ok(header.filter(|header| header.offset == self.expected))
    }

    /// Goes on byte by byte until a whole record of this segment begins.
    fn search(&mut self) -> io::Result<Option<Header>> {
        let wanted = self.expected..self.bound;
        while self.fill(HEADER_BYTES)? {
            let header = record::parse_header(self.ahead());
            if header.is_some_and(|header| wanted.contains(&header.offset))
                && let Some(header) = self.whole_record()?
            {
                return Ok(Some(header));
            }
            self.advance(1);
        }
        Ok(None)
    }

    fn whole_record(&mut self) -> io::Result<Option<Header>> {
        if !self.fill(HEADER_BYTES)? {
            return Ok(None);
        }
        let Some(header) = record::parse_header(self.ahead()) else {
            return Ok(None);
        };
        if !self.fill(header.size)? {
            return Ok(None);
        }
        let record = self.ahead().get(..header.size);
        Ok(record.is_some_and(record::is_whole).then_some(header))
    }

    fn advance(&mut self, bytes: usize) {
        self.at += bytes;
        self.position += bytes as u64;
    }

    /// Brings so many bytes into the buffer; false when the file ends before.
    fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        if self.filled - self.at >= wanted {
            return Ok(true);
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.at = 0;
        if self.buffer.len() < wanted.max(CHUNK_BYTES) {
            let mut larger = vec![0; wanted.max(CHUNK_BYTES)];
            if let Some(start) = larger.get_mut(..self.buffer.len()) {
                start.copy_from_slice(&self.buffer);
            }
            self.buffer = larger;
        }
        while self.filled < wanted {
            let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
            let read = self
                .file
                .read_at(room, self.position + self.filled as u64)?;
            self.filled += read;
            if read == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What was read and not gone over yet.
    fn ahead(&self) -> &[u8] {
        self.buffer.get(self.at..self.filled).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
