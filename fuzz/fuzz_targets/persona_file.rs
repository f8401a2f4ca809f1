//! Persona files of any content: either a persona that holds its promises, or an error with a remedy.
//!
//! The module is compiled by itself, so that this target does not drag in the server and its models.
#![no_main]

#[path = "../../src/personas.rs"]
#[expect(dead_code, reason = "the library is not used here, only the parser")]
mod personas;

use duologue_domain::{
    candor::{AiQuestion, denies_being_ai},
    intimacy::Intimacy,
    memory::Memory,
    prompt::{Prompt, PromptInput, Role, Turn},
    turn::TurnId,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Whatever a file says also has to pass through what listens to people.
    let text = String::from_utf8_lossy(bytes);
    let candor = AiQuestion::after(&text, Some(&text));
    let _ = denies_being_ai(&text);
    let mut memory = Memory::default();
    memory.remember(&text, TurnId(1));
    assert!(memory.facts().len() <= 32);

    match personas::parse("seoa.json", bytes) {
        Ok(persona) => {
            assert_eq!(persona.id, "seoa");
            for intimacy in [0, 50, 100] {
                Intimacy::new(intimacy).speech_level(&persona);
                for language in &persona.languages {
                    let history = [Turn::new(Role::User, text.chars().take(200).collect::<String>())];
                    let prompt = Prompt::build(&PromptInput {
                        persona: &persona,
                        language: *language,
                        step: persona.intimacy_step(intimacy),
                        facts: memory.facts(),
                        history: &history,
                        instructions: "",
                        budget_tokens: 1000,
                        candor,
                    });
                    assert_eq!(prompt.messages.last().map(|message| message.role), Some(Role::User));
                    assert_eq!(prompt.messages[..prompt.shared], Prompt::shared_messages(&persona, *language));
                }
            }
        }
        Err(error) => assert!(!error.problem.is_empty() && !error.remedy.is_empty()),
    }
});
