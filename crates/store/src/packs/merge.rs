//! When is a file of packs written anew? When nothing is added to it any more: small packs become large ones, and all of
//! them as dense as can be found.
//!
//! The new file takes the name of the old one by a rename, so that a crash leaves one or the other. Who reads the old one
//! has it open and goes on.

use std::path::PathBuf;
use std::sync::PoisonError;

use signal::Timestamp;

use super::file::PackFile;
use super::kind::Kind;
use super::pending::{PACK_BYTES, PACK_RECORDS};
use super::{DAY_MILLIS, Packs};
use crate::counters::count;
use crate::{Error, disk};

/// Which files are merged, and which are left alone.
#[derive(Debug, Default)]
pub struct Merging {
    /// Nothing may be added to it.
    pub under_way: Option<PathBuf>,
    /// A pack of theirs cannot be read, so they stay as they are until the next start.
    kept_apart: Vec<PathBuf>,
}

impl<K: Kind> Packs<K> {
    /// Merges the oldest file that is ready for it: a newer one is written to, or its day is over. False if none is.
    /// `go_on` is asked before each pack.
    ///
    /// # Errors
    /// A pack cannot be read or the disk refuses; the file stays as it was. Closed if `go_on` has said no.
    pub fn merge_next(&self, now: Timestamp, go_on: &dyn Fn() -> bool) -> Result<bool, Error> {
        let Some(file) = self.begin_merge(now) else { return Ok(false) };
        let result = file.merged::<K>((PACK_RECORDS, PACK_BYTES as u64), go_on).and_then(|it| self.replace(&file, it));
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        merging.under_way = None;
        if result.as_ref().is_err_and(Error::is_corruption) {
            merging.kept_apart.push(file.path);
        }
        result.map(|()| true)
    }

    fn begin_merge(&self, now: Timestamp) -> Option<PackFile> {
        // Whoever adds to a file now has added before it is chosen, and whoever comes later sees that it is.
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut merging = self.merging.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, today) = (self.files(), now.millis().div_euclid(DAY_MILLIS));
        let n_files = files.len();
        let is_over = |idx: usize, file: &PackFile| idx + 1 < n_files || file.day < today;
        let is_ready = |idx: usize, file: &PackFile| {
            is_over(idx, file) && !file.is_merged && !file.packs.is_empty() && !merging.kept_apart.contains(&file.path)
        };
        let file = files.into_iter().enumerate().find(|(idx, file)| is_ready(*idx, file))?.1;
        merging.under_way = Some(file.path.clone());
        Some(file)
    }

    fn replace(&self, file: &PackFile, merged: PackFile) -> Result<(), Error> {
        let mut files = self.files.write().unwrap_or_else(PoisonError::into_inner);
        match files.iter_mut().find(|it| it.path == file.path) {
            Some(known) => *known = merged.renamed(&self.dir)?,
            // Retention was faster.
            None => disk::remove(&merged.path)?,
        }
        count(&self.counters.pack_files_merged, 1);
        Ok(())
    }
}
