//! Search: an index of the catalogue on the disk, for words, filters, counts and lists.
//!
//! Architecture invariant: the only place that names tantivy. Everything in the index can
//! be made again from the store; it says up to which change it knows the catalogue, so what
//! a crash, or a command without a node, has left out is caught up with.

mod collect;
mod query;
mod schema;
mod snapshot;
mod summary;

#[cfg(test)]
mod tests;

pub use query::{BadRank, Rank, Search};
pub use schema::Facet;
pub use snapshot::{Found, RowAt, Snapshot};
pub use summary::{Place, Summary};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::directory::MmapDirectory;
use tantivy::{Index as Tantivy, IndexReader, IndexWriter, ReloadPolicy, TantivyDocument};

use crate::model::ChangeNumber;
use schema::Fields;

/// Memory for entries on their way to the disk, in bytes: the least that tantivy takes.
const WRITER_BYTES: usize = 15_000_000;

/// Blocks of 16 kB of rows that a reader keeps for each segment.
const KEPT_BLOCKS: usize = 8;

/// Why the index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The system.
    #[error("the search index in {}: {source}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The index.
    #[error("the search index: {0}; when it stays so, remove its folder: it is made again")]
    Index(#[from] tantivy::TantivyError),
    /// A row of it.
    #[error("a row of the search index: {0}; remove its folder: it is made again")]
    Row(String),
}

/// An open index. Cloning shares it.
#[derive(Clone)]
pub struct Index {
    tantivy: Tantivy,
    reader: IndexReader,
    fields: Arc<Fields>,
    /// The last change that is in the index.
    seen: Arc<Mutex<ChangeNumber>>,
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index").field("seen", &self.seen).finish_non_exhaustive()
    }
}

impl Index {
    /// Opens the index in a folder. What is damaged, or was made by another version, is
    /// taken away and made anew.
    pub fn open(folder: &Path) -> Result<Index, SearchError> {
        Index::open_as_it_is(folder).or_else(|error| {
            tracing::warn!(%error, "the search index is made anew");
            let io = |source| SearchError::Io { folder: folder.to_owned(), source };
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
                _ => Index::open_as_it_is(folder),
            }
        })
    }

    fn open_as_it_is(folder: &Path) -> Result<Index, SearchError> {
        let io = |source| SearchError::Io { folder: folder.to_owned(), source };
        fs::create_dir_all(folder).map_err(io)?;
        let directory = MmapDirectory::open(folder).map_err(tantivy::TantivyError::from)?;
        let (schema, fields) = schema::schema();
        let mut tantivy = Tantivy::open_or_create(directory, schema)?;
        tantivy.set_tokenizers(schema::analyzers());
        let reader = tantivy
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(KEPT_BLOCKS)
            .try_into()?;
        let payload = tantivy.load_metas()?.payload;
        let seen = payload.and_then(|payload| payload.parse().ok()).unwrap_or_default();
        Ok(Index { tantivy, reader, fields: Arc::new(fields), seen: Arc::new(Mutex::new(seen)) })
    }

    /// The last change of the catalogue that is in the index.
    pub fn seen(&self) -> ChangeNumber {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The index as it is now; it stays so while it is read.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::new(self.reader.searcher(), Arc::clone(&self.fields))
    }

    /// Begins to bring changes into the index.
    ///
    /// # Errors
    /// Also when another update has not ended.
    pub fn update(&self) -> Result<Update, SearchError> {
        let writer = self.tantivy.writer_with_num_threads(1, WRITER_BYTES)?;
        Ok(Update { index: self.clone(), writer })
    }

    /// Empties the index.
    pub fn clear(&self) -> Result<(), SearchError> {
        let update = self.update()?;
        update.writer.delete_all_documents()?;
        update.commit(ChangeNumber::NONE)
    }
}

/// Changes on their way into the index; they are there when they are committed.
pub struct Update {
    index: Index,
    writer: IndexWriter<TantivyDocument>,
}

impl Update {
    /// An entry as it is now, in the place of what was there of the same document.
    pub fn put(&self, entry: &Summary) -> Result<(), SearchError> {
        self.writer.delete_term(query::of_id(&self.index.fields, &entry.content_id));
        self.writer.add_document(self.index.fields.document(entry)?)?;
        Ok(())
    }

    /// Makes it durable: the index knows the catalogue up to this change.
    pub fn commit(mut self, seen: ChangeNumber) -> Result<(), SearchError> {
        let mut commit = self.writer.prepare_commit()?;
        commit.set_payload(&seen.to_string());
        commit.commit()?;
        self.index.reader.reload()?;
        *self.index.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        // Small segments are joined before the next update: they would become many.
        self.writer.wait_merging_threads()?;
        Ok(())
    }
}
