//! Opening a partition after a crash: find its segments, cut the torn tail of the newest.

use super::append::Appender;
use super::fs::{Disk, DiskFile};
use super::partition::{Shelf, folder_of};
use super::segment::{Damage, Scan, Segment};
use super::storage_error;
use crate::{LogError, Offset, Partition};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A newest segment that can be written on.
struct Recovered {
    file: Arc<dyn DiskFile>,
    end: Offset,
    /// Bytes of whole records.
    position: u64,
    /// Whether there was a torn tail.
    torn: bool,
}

/// Opens one partition for reading and writing.
pub(crate) fn open_partition(
    disk: &Arc<dyn Disk>,
    log: &Path,
    partition: Partition,
    segment_bytes: u64,
) -> Result<(Arc<Shelf>, Appender), LogError> {
    let folder = folder_of(log, partition);
    disk.create_folder(&folder)
        .map_err(|error| storage_error("creation of", &folder, &error))?;
    // What was created just before a crash may be listed and yet not be durable.
    disk.sync_folder(&folder)
        .map_err(|error| storage_error("sync of", &folder, &error))?;
    let segments = list(disk.as_ref(), &folder)?;
    let newest = match segments.last() {
        None => None,
        Some(segment) => {
            let recovered = cut_tail(disk.as_ref(), segment, segment_bytes)
                .map_err(|error| storage_error("recovery of", &segment.path, &error))?;
            if recovered.torn {
                tracing::warn!(topic = %partition.topic, partition = partition.index, offset = recovered.end, "log tail cut");
            }
            Some((Arc::clone(segment), recovered))
        }
    };
    let end = newest.as_ref().map_or(0, |(_, recovered)| recovered.end);
    let shelf = Arc::new(Shelf::new(partition, folder, segments, end));
    let active = newest.map(|(segment, recovered)| (segment, recovered.file, recovered.position));
    let appender = Appender::new(Arc::clone(disk), Arc::clone(&shelf), segment_bytes, active);
    Ok((shelf, appender))
}

/// The segments in a folder by rising base.
pub(crate) fn list(disk: &dyn Disk, folder: &Path) -> Result<Vec<Arc<Segment>>, LogError> {
    let names = disk
        .names(folder)
        .map_err(|error| storage_error("list of", folder, &error))?;
    let bases = names.iter().filter_map(|name| Segment::base_of(name));
    Ok(bases
        .map(|base| Arc::new(Segment::new(folder, base)))
        .collect())
}

/// Keeps the whole records up to the first that is not, and makes them durable.
///
/// They are written once more although they are there: after a failed sync the operating system may show bytes
/// that never reached the disk and that it will not write again. Were they believed and built upon,
/// a power cut would take them and with them all that was acknowledged behind them.
fn cut_tail(disk: &dyn Disk, segment: &Segment, segment_bytes: u64) -> io::Result<Recovered> {
    let file = disk.open_writable(&segment.path)?;
    let place = (segment.base, 0);
    let mut scan = Scan::new(file.as_ref(), Damage::Stop, place, Offset::MAX);
    while scan.next()?.is_some() {
        segment.keep_place(scan.place());
    }
    let (end, position) = scan.place();
    let whole = read_span(file.as_ref(), 0, position)?;
    let torn = !is_zero_from(file.as_ref(), position)?;
    if torn {
        file.set_size(position)?;
    }
    file.set_size(segment_bytes.max(position))?;
    file.write_all_at(&whole, 0)?;
    file.sync()?;
    Ok(Recovered {
        file,
        end,
        position,
        torn,
    })
}

fn read_span(file: &dyn DiskFile, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(to - from).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let mut have = 0;
    while let Some(rest) = bytes.get_mut(have..).filter(|rest| !rest.is_empty()) {
        let read = file.read_at(rest, from + have as u64)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        have += read;
    }
    Ok(bytes)
}

/// Whether nothing was ever written from here on.
fn is_zero_from(file: &dyn DiskFile, mut position: u64) -> io::Result<bool> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = file.read_at(&mut chunk, position)?;
        if read == 0 {
            return Ok(true);
        }
        let bytes = chunk.get(..read).unwrap_or_default();
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        position += read as u64;
    }
}
