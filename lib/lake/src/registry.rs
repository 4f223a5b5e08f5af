//! The registry: a folder of the models that were in service, and which one is.
//!
//! `models/00000001.plm` and so on are model files that never change. `history` has a line for each thing that was done, oldest first,
//! and is replaced whole: `promoted VERSION PARENT ROWS CLICKS LOG_LOSS AUC RIG CALIBRATION`, or `rolled-back VERSION` with the version that left
//! service. What serves is the last promoted one that was not rolled back. A model file is written before the history names it,
//! so a crash leaves either the old state or the new one, and at worst a file that nothing names, which the next one
//! overwrites.

use std::fs::File;
use std::path::{Path, PathBuf};

use ctr_model::trained::{Scores, Trained};

use crate::error::LakeError;
use crate::{file, model};

/// Longest history read, in bytes: some 100,000 promotions.
const HISTORY_BYTES_MAX: u64 = 16 << 20;

/// One thing that was done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Deed {
    /// A model went into service.
    Promoted {
        /// Its version.
        version: u64,
        /// The version it came from; 0 is none.
        parent: u64,
        /// Its figures on the rows it was judged by.
        scores: Scores,
    },
    /// A model left service, for the one before.
    RolledBack {
        /// Its version.
        version: u64,
    },
}

/// An open registry; others wait until it is closed.
#[derive(Debug)]
pub struct Registry {
    folder: PathBuf,
    history: Vec<Deed>,
    /// Held until this is dropped.
    _lock: File,
}

impl Registry {
    /// Opens a folder, making it if need be; waits for whoever has it open.
    ///
    /// # Errors
    /// When it cannot be read or written, or its history is damaged.
    pub fn open(folder: &Path) -> Result<Self, LakeError> {
        std::fs::create_dir_all(folder).map_err(LakeError::io(folder, "make the folder"))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(LakeError::io(&path, "create"))?;
        lock.lock().map_err(LakeError::io(&path, "lock"))?;
        let path = folder.join("history");
        let bytes = match path.exists() {
            true => file::read(&path, HISTORY_BYTES_MAX)?,
            false => Vec::new(),
        };
        let text = String::from_utf8_lossy(&bytes);
        let deed = |(at, line): (usize, &str)| {
            let why = || format!("line {} is not one of a history: '{line}'", at + 1);
            parse(line).ok_or_else(|| LakeError::file(&path, why()))
        };
        Ok(Self {
            folder: folder.to_owned(),
            history: text
                .lines()
                .enumerate()
                .map(deed)
                .collect::<Result<_, _>>()?,
            _lock: lock,
        })
    }

    /// All that was done, oldest first.
    pub fn history(&self) -> &[Deed] {
        &self.history
    }

    /// The versions that serve or served and were not rolled back, the serving one last.
    pub fn line(&self) -> Vec<u64> {
        let mut line = Vec::new();
        for deed in &self.history {
            match deed {
                Deed::Promoted { version, .. } => line.push(*version),
                Deed::RolledBack { .. } => {
                    line.pop();
                }
            }
        }
        line
    }

    /// The version in service.
    pub fn serving(&self) -> Option<u64> {
        self.line().pop()
    }

    /// Where a version's file is.
    pub fn path(&self, version: u64) -> PathBuf {
        self.folder.join("models").join(format!("{version:08}.plm"))
    }

    /// Puts a model into service under the next version and returns that.
    ///
    /// # Errors
    /// When the disk refuses; what served goes on.
    pub fn promote(&mut self, mut candidate: Trained, scores: Scores) -> Result<u64, LakeError> {
        let before = self.serving().unwrap_or(0);
        let version = 1 + self
            .history
            .iter()
            .map(|deed| deed.version())
            .max()
            .unwrap_or(0);
        candidate.version = version;
        if candidate.parent == 0 {
            candidate.parent = before;
        }
        model::save(&self.path(version), &candidate)?;
        self.add(Deed::Promoted {
            version,
            parent: candidate.parent,
            scores,
        })?;
        Ok(version)
    }

    /// Puts the model before back into service and returns its version.
    ///
    /// # Errors
    /// When there is none before, its file is not sound any more, or the disk refuses; what served goes on.
    pub fn rollback(&mut self) -> Result<u64, LakeError> {
        let [.., before, serving] = self.line()[..] else {
            let why = format!(
                "{}: there is no model before to go back to",
                self.folder.display()
            );
            return Err(LakeError::Refused { why });
        };
        model::load(&self.path(before))?;
        self.add(Deed::RolledBack { version: serving })?;
        Ok(before)
    }

    fn add(&mut self, deed: Deed) -> Result<(), LakeError> {
        let lines = self.history.iter().chain([&deed]).map(line);
        file::write(
            &self.folder.join("history"),
            lines.collect::<String>().as_bytes(),
        )?;
        self.history.push(deed);
        Ok(())
    }
}

impl Deed {
    fn version(&self) -> u64 {
        match self {
            Self::Promoted { version, .. } | Self::RolledBack { version } => *version,
        }
    }
}

fn line(deed: &Deed) -> String {
    match deed {
        Deed::RolledBack { version } => format!("rolled-back\t{version}\n"),
        Deed::Promoted {
            version,
            parent,
            scores,
        } => {
            let figures = [scores.log_loss, scores.auc, scores.rig, scores.calibration];
            let figures = figures
                .map(|figure| figure.unwrap_or(f64::NAN).to_string())
                .join("\t");
            let (rows, clicks) = (scores.rows, scores.clicks);
            format!("promoted\t{version}\t{parent}\t{rows}\t{clicks}\t{figures}\n")
        }
    }
}

fn parse(line: &str) -> Option<Deed> {
    let mut parts = line.split('\t');
    let kind = parts.next()?;
    let mut whole = || parts.next()?.parse::<u64>().ok();
    let version = whole()?;
    if kind == "rolled-back" {
        return Some(Deed::RolledBack { version });
    }
    let (parent, rows, clicks) = (whole()?, whole()?, whole()?);
    let mut figure = || {
        let number: f64 = parts.next()?.parse().ok()?;
        Some(Some(number).filter(|number| number.is_finite()))
    };
    let scores = Scores {
        rows,
        clicks,
        log_loss: figure()?,
        auc: figure()?,
        rig: figure()?,
        calibration: figure()?,
    };
    (kind == "promoted").then_some(Deed::Promoted {
        version,
        parent,
        scores,
    })
}
