//! Functions that a model may call: what is offered, what is called, what comes back.
//!
//! JSON is text in these types. What a model has to do with it stands in the modules: [`render`] writes functions, calls
//! and results into prompts, [`CallSplitter`] takes calls out of replies, [`grammar`] holds a model to a schema.

use std::sync::Arc;

pub mod grammar;
pub mod json;
mod read;
pub mod render;
mod split;

pub use read::Refusal;
pub use split::{CallSplitter, Piece};

/// A function that a model may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// 1 to 64 letters, digits, `_` and `-`; unique among the tools of a request.
    pub name: String,
    /// What it does and when to call it, for the model.
    pub description: String,
    /// The JSON schema of its arguments, an object, as text.
    pub parameters: String,
}

/// Whether a model has to call a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// It decides.
    #[default]
    Auto,
    /// It must not.
    None,
    /// It must call one of them.
    Required,
    /// It must call this one.
    Named(String),
    /// It decides, and may call these alone, of those that it is told of.
    Among(Arc<[String]>),
}

/// A model's wish that a function be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolCall {
    /// Names the call, so that its result finds it.
    pub id: String,
    /// Which function.
    pub name: String,
    /// A JSON object as text.
    pub arguments: String,
}
