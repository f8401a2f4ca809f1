//! Where scenes are kept: one port (`duologue_actors::store::Store`), three keepers with the same documents.
//!
//! `mongo` uses the collections `users`, `chat_sessions`, `chat_messages` and `feedback` of the earlier systems,
//! `sqlite` keeps the same documents as JSON beside the few keys that it searches by, and `memory` forgets.
//! What a call has answered `Ok` to is on disk. `journal` wraps the other two: while the store is away, what is
//! written waits on this machine's disk.

mod documents;
mod journal;
mod limits;
mod memory;
mod mongo;
mod sqlite;

use std::sync::Arc;

use duologue_actors::store::{Store, StoreResult};

pub use self::{
    documents::iso8601,
    journal::{JournalPlace, Journaled},
    memory::MemoryStore,
    mongo::MongoStore,
    sqlite::SqliteStore,
};
use sha2::{Digest, Sha256};

use crate::config::{StoreConfig, StoreKind};

/// Opens the configured store, with its tables and indexes made, and its journal.
pub async fn open(config: &StoreConfig) -> StoreResult<Arc<dyn Store>> {
    let store: Arc<dyn Store> = match config.kind {
        StoreKind::Sqlite => Arc::new(SqliteStore::open(&config.path, config.max_size_mb).await?),
        StoreKind::Mongodb => Arc::new(MongoStore::open(&config.mongodb_uri, &config.database_name).await?),
        StoreKind::Memory => return Ok(Arc::new(MemoryStore::default())),
    };
    let place = JournalPlace {
        folder: config.journal_path.clone(),
        store: name_of(config),
        largest: u64::from(config.journal_max_mb) * 1024 * 1024,
    };
    match Journaled::open(store.clone(), place).await {
        Ok(journaled) => Ok(Arc::new(journaled)),
        Err(error) => {
            // Scenes go on without it: what is said while the store is away then waits in memory, unacknowledged.
            tracing::error!(%error, "the journal cannot be opened; the server goes on without one");
            Ok(store)
        }
    }
}

/// A name for the store that differs wherever the stored sessions differ; the address may hold a password.
fn name_of(config: &StoreConfig) -> String {
    let (kind, place) = match config.kind {
        StoreKind::Sqlite => ("sqlite", config.path.display().to_string()),
        StoreKind::Mongodb => ("mongodb", format!("{}\0{}", config.mongodb_uri, config.database_name)),
        StoreKind::Memory => ("memory", String::new()),
    };
    let digest = Sha256::digest(place);
    let short = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{kind}-{short}")
}
