//! MIDI files in the one file of everything: the bytes as they came, the rest as JSON.

use duologue_actors::store::{MidiDocument, MidiRecord, StoreResult};
use sqlx::Row;

use super::{SqliteStore, document, json, said, signed};
use crate::store::{documents::MidiFields, limits, memory::no_midi};

impl SqliteStore {
    pub(super) async fn insert_midi(&self, midi: MidiDocument) -> StoreResult<()> {
        limits::check_midi(&midi)?;
        let MidiDocument { record, analysis, data } = midi;
        sqlx::query(
            "INSERT INTO midi_files (id, user_id, created_at, doc, analysis, data) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(record.id.clone())
        .bind(record.user_id.clone())
        .bind(signed(record.created_at))
        .bind(json(&MidiFields::from(record))?)
        .bind(analysis)
        .bind(data)
        .execute(&self.pool)
        .await
        .map_err(said)?;
        Ok(())
    }

    pub(super) async fn find_midi(&self, id: String) -> StoreResult<MidiDocument> {
        let row = sqlx::query("SELECT doc, analysis, data FROM midi_files WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await;
        let row = row.map_err(said)?.ok_or_else(no_midi)?;
        Ok(MidiDocument {
            record: document::<MidiFields>(&row)?.into_record()?,
            analysis: row.try_get("analysis").map_err(said)?,
            data: row.try_get("data").map_err(said)?,
        })
    }

    pub(super) async fn list_midis(
        &self,
        user_id: Option<String>,
        limit: u32,
        offset: u32,
    ) -> StoreResult<Vec<MidiRecord>> {
        let query = match user_id {
            Some(user_id) => sqlx::query(
                "SELECT doc FROM midi_files WHERE user_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
            )
            .bind(user_id),
            None => sqlx::query("SELECT doc FROM midi_files ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?"),
        };
        let rows = query.bind(limit).bind(offset).fetch_all(&self.pool).await.map_err(said)?;
        rows.iter().map(|row| document::<MidiFields>(row)?.into_record()).collect()
    }

    pub(super) async fn remove_midi(&self, id: String) -> StoreResult<()> {
        let removed = sqlx::query("DELETE FROM midi_files WHERE id = ?").bind(id).execute(&self.pool).await;
        if removed.map_err(said)?.rows_affected() == 0 { Err(no_midi()) } else { Ok(()) }
    }
}
