//! MIDI files as documents of `midi_files`: the bytes as binary, the analysis as its JSON.

use std::future::IntoFuture;

use duologue_actors::store::{MidiDocument, MidiRecord, StoreResult};
use mongodb::bson::{Binary, Bson, Document, doc, spec::BinarySubtype};

use super::{MIDI_FILES, MongoStore, all, call, from_mongo, to_id, to_mongo};
use crate::store::{
    documents::{MidiFields, broken},
    limits,
    memory::no_midi,
};

impl MongoStore {
    pub(super) async fn insert_midi(&self, midi: MidiDocument) -> StoreResult<()> {
        limits::check_midi(&midi)?;
        let mut document = to_mongo(&MidiFields::from(midi.record))?;
        document.insert("analysis", midi.analysis);
        document.insert("data", Binary { subtype: BinarySubtype::Generic, bytes: midi.data });
        call(self.of(MIDI_FILES).insert_one(document).into_future()).await.map(drop)
    }

    pub(super) async fn find_midi(&self, id: String) -> StoreResult<MidiDocument> {
        let found = call(self.of(MIDI_FILES).find_one(doc! { "_id": to_id(&id) }).into_future()).await?;
        let mut found = found.ok_or_else(no_midi)?;
        let (Some(Bson::String(analysis)), Some(Bson::Binary(data))) =
            (found.remove("analysis"), found.remove("data"))
        else {
            return Err(broken("a MIDI file without its bytes"));
        };
        Ok(MidiDocument {
            record: from_mongo::<MidiFields>(found)?.into_record()?,
            analysis,
            data: data.bytes,
        })
    }

    pub(super) async fn list_midis(
        &self,
        user_id: Option<String>,
        limit: u32,
        offset: u32,
    ) -> StoreResult<Vec<MidiRecord>> {
        if limit == 0 {
            // To MongoDB 0 means all.
            return Ok(Vec::new());
        }
        let filter = user_id.map_or_else(Document::new, |user_id| doc! { "user_id": to_id(&user_id) });
        let collection = self.of(MIDI_FILES);
        let query = collection
            .find(filter)
            .sort(doc! { "created_at": -1, "_id": -1 })
            .projection(doc! { "data": 0, "analysis": 0 })
            .skip(u64::from(offset))
            .limit(i64::from(limit));
        let found = all(query.into_future()).await?;
        found.into_iter().map(|document| from_mongo::<MidiFields>(document)?.into_record()).collect()
    }

    pub(super) async fn remove_midi(&self, id: String) -> StoreResult<()> {
        let removed = call(self.of(MIDI_FILES).delete_one(doc! { "_id": to_id(&id) }).into_future()).await?;
        if removed.deleted_count == 0 { Err(no_midi()) } else { Ok(()) }
    }
}
