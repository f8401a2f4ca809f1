//! `/openapi.json` (OpenAPI 3.1) and `/docs` (Swagger UI, served from here).

use axum::Router;
use utoipa::{
    Modify, OpenApi,
    openapi::{
        Components,
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_swagger_ui::SwaggerUi;

use crate::{
    auth::{KEY_HEADER, SECRET_HEADER},
    http::{
        analyze, chat, duet, health, midi,
        openai::{
            audio::{speech, transcribe},
            chat as completions, client_secrets, embeddings, models, responses,
        },
        personas, picture, voice,
    },
    rtc::signal,
    state::AppState,
};

/// The description of the whole interface.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Duologue",
        description = "Live scenes between a person and an AI partner.\n\n\
            WebSockets, which this document cannot describe: `/v1/realtime?model=<persona>` and \
            `/ws/voice/{session_id}` speak the events of OpenAI's Realtime interface. Create a session with \
            `POST /chat/sessions`, then connect with the subprotocols `realtime` and `duologue-secret.<secret>`."
    ),
    paths(
        health::health, health::earlier_health, health::metrics,
        personas::list, personas::show, personas::activate,
        chat::chat, chat::create, chat::list, chat::show, chat::messages, chat::remove,
        chat::feedback::show_feedback, chat::feedback::show_report,
        duet::recording_mid, duet::recording_wav, voice::voices, voice::speak,
        signal::call_in, signal::trickle, signal::hang_up, signal::whip, client_secrets::create,
        transcribe::transcriptions, transcribe::translations, speech::speak, models::list, models::show,
        completions::complete, responses::respond, embeddings::embed,
        analyze::analyze, analyze::upload, picture::upload,
        midi::upload, midi::list, midi::show, midi::file, midi::remove, midi::generate::generate,
        midi::sound::render, midi::sound::soundfont,
    ),
    tags(
        (name = "chat", description = "Sessions, and what was said in them"),
        (name = "personas", description = "Who can answer"),
        (name = "voice", description = "Speech"),
        (name = "openai", description = "What OpenAI's clients call"),
        (name = "duet", description = "Live duets"),
        (name = "midi", description = "MIDI files: what is in them, what can be made of them, how they sound"),
        (name = "health", description = "What works, and what does not"),
    ),
    modifiers(&Security)
)]
pub struct ApiDoc;

/// How to authenticate, where the server asks for it.
struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_with(Components::default);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("An API key or a token"))
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let header = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
        components.add_security_scheme("api_key", header(KEY_HEADER));
        components.add_security_scheme("session_secret", header(SECRET_HEADER));
    }
}

/// The routes.
pub(crate) fn router() -> Router<AppState> {
    SwaggerUi::new("/docs").url("/openapi.json", ApiDoc::openapi()).into()
}
