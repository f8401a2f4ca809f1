//! Where scenes are kept: one port (`duologue_actors::store::Store`), three keepers with the same documents.
//!
//! `mongo` uses the collections `users`, `chat_sessions`, `chat_messages` and `feedback` of the earlier systems,
//! `sqlite` keeps the same documents as JSON beside the few keys that it searches by, and `memory` forgets.
//! What a call has answered `Ok` to is on disk.

mod documents;
mod limits;
mod memory;
mod mongo;
mod sqlite;

use std::sync::Arc;

use duologue_actors::store::{Store, StoreResult};

pub use self::{documents::iso8601, memory::MemoryStore, mongo::MongoStore, sqlite::SqliteStore};
use crate::config::{StoreConfig, StoreKind};

/// Opens the configured store, with its tables and indexes made.
pub async fn open(config: &StoreConfig) -> StoreResult<Arc<dyn Store>> {
    Ok(match config.kind {
        StoreKind::Sqlite => Arc::new(SqliteStore::open(&config.path, config.max_size_mb).await?),
        StoreKind::Mongodb => Arc::new(MongoStore::open(&config.mongodb_uri, &config.database_name).await?),
        StoreKind::Memory => Arc::new(MemoryStore::default()),
    })
}
