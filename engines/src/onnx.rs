//! ONNX Runtime, loaded once for the whole process.
//!
//! The runtime allows one environment a process, so it is the one thing here that is global. Every
//! model gets a session of its own from it, on the engine thread that owns the model.

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    logging::LogLevel,
    session::{Session, builder::GraphOptimizationLevel},
};

use crate::{
    environment::{NO_TELEMETRY, is_set},
    port::{EngineError, ErrorKind},
};

/// What the errors of this module name as the engine.
const ENGINE: &str = "onnxruntime";

/// Empty until the first session; stays empty when the library was missing, so that a later attempt
/// finds it once it has been installed.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// Opens `model` with `threads` CPU threads for one inference, after loading the shared library
/// `runtime` if no session did before. A second, different `runtime` is ignored: a process has one.
pub fn session(runtime: &Path, model: &Path, threads: u16) -> Result<Session, EngineError> {
    if !model.is_file() {
        return Err(missing("model file", model));
    }
    let environment = environment(runtime)?;
    let mut builder = Session::builder(&environment)
        .and_then(|builder| Ok(builder.with_optimization_level(GraphOptimizationLevel::Level3)?))
        .and_then(|builder| Ok(builder.with_intra_threads(usize::from(threads.max(1)))?))
        .and_then(|builder| Ok(builder.with_inter_threads(1)?))
        // Spinning threads would take the CPU from the other models between two inferences.
        .and_then(|builder| Ok(builder.with_intra_op_spinning(false)?))
        .map_err(|error| broken("no session options", &error))?;
    builder.commit_from_file(model).map_err(|error| {
        let file = model.display();
        let message =
            format!("{file} is no usable ONNX model ({error}); fetch it again with `duologue models pull`");
        EngineError::new(ErrorKind::Unavailable, ENGINE, message)
    })
}

/// The error for a failed inference of `engine`.
pub fn run_error(engine: &'static str, error: &ort::Error) -> EngineError {
    EngineError::new(ErrorKind::Broken, engine, format!("inference failed: {error}"))
}

fn environment(runtime: &Path) -> Result<Environment, EngineError> {
    let mut slot = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = slot.as_ref() {
        return Ok(environment.clone());
    }
    if !runtime.is_file() {
        return Err(missing("ONNX Runtime library", runtime));
    }
    if !is_set(NO_TELEMETRY) {
        let (name, value) = NO_TELEMETRY;
        let message = format!("the library would report to its maker; start the program with {name}={value}");
        return Err(EngineError::new(ErrorKind::Unavailable, ENGINE, message));
    }
    let builder = ort::init_from(runtime).map_err(|error| {
        EngineError::new(ErrorKind::Unavailable, ENGINE, format!("the library cannot be used: {error}"))
    })?;
    let environment = builder
        .with_name("duologue")
        .with_telemetry(false)
        .build()
        .map_err(|error| broken("no environment", &error))?;
    // Its warnings (unused initialisers and the like) are about the models, not about this process.
    environment.set_log_level(LogLevel::Error);
    *slot = Some(environment.clone());
    Ok(environment)
}

fn missing(what: &str, path: &Path) -> EngineError {
    let message = format!("{what} {} is missing; run `duologue models pull`", path.display());
    EngineError::new(ErrorKind::Unavailable, ENGINE, message)
}

fn broken(what: &str, error: &dyn std::fmt::Display) -> EngineError {
    EngineError::new(ErrorKind::Broken, ENGINE, format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models_for_tests::{runtime, scratch_file, test_model};

    #[test]
    fn a_missing_or_garbage_file_is_an_error_that_says_what_to_do() {
        let missing = session(&runtime(), Path::new("/nowhere/model.onnx"), 1).expect_err("no such file");
        assert_eq!(missing.kind, ErrorKind::Unavailable);
        assert!(missing.message.contains("/nowhere/model.onnx"), "{missing}");
        assert!(missing.message.contains("models pull"), "{missing}");

        let garbage = scratch_file("garbage.onnx", b"this is no protobuf at all, whatever one reads into it");
        let error = session(&runtime(), garbage.path(), 1).expect_err("garbage");
        assert_eq!(error.kind, ErrorKind::Unavailable);
        assert!(error.message.contains("no usable ONNX model"), "{error}");
    }

    #[test]
    fn one_environment_serves_several_sessions() {
        let model = test_model("silero_vad.onnx");
        let first = session(&runtime(), &model, 1).expect("a session");
        let second = session(Path::new("/nowhere/libonnxruntime.so"), &model, 2).expect("the same library");
        assert_eq!(first.inputs().len(), second.inputs().len());
    }
}
