//! Merges defaults, files, environment and flags into one tree, and refuses keys that do not exist.

use std::path::Path;

use figment::{
    Figment, Metadata, Profile, Provider,
    providers::{Format, Toml},
    value::{Dict, Map, Num, Value},
};

use super::{Config, ConfigError, DEFAULTS, Sources, check::nearest, legacy};

const PREFIX: &str = "DUOLOGUE_";

/// The merged tree.
#[derive(Debug)]
pub(super) struct Layers {
    figment: Figment,
    /// What `check-config` says about translated and ignored names.
    pub(super) notes: Vec<String>,
}

impl Layers {
    /// The typed configuration.
    pub(super) fn extract(&self) -> Result<Config, ConfigError> {
        self.figment.extract::<Config>().map_err(|errors| ConfigError {
            problems: errors.into_iter().map(|error| describe(&error)).collect(),
        })
    }

    /// The merged tree, for the report.
    pub(super) fn tree(&self) -> Dict {
        self.figment.extract::<Dict>().unwrap_or_default()
    }
}

/// Reads all layers. Every unknown key of every layer is reported at once.
pub(super) fn merge(sources: &Sources) -> Result<Layers, ConfigError> {
    let defaults = Figment::from(Toml::string(DEFAULTS))
        .extract::<Dict>()
        .map_err(|error| ConfigError::from(format!("the built-in defaults: {}", describe(&error))))?;
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    let mut problems = Vec::new();
    for path in &sources.files {
        match read_file(path) {
            Ok(tree) => {
                let unknown = unknown_keys(&tree, &defaults, "");
                let known = known(&defaults);
                problems.extend(
                    unknown.iter().map(|key| {
                        format!("{}: unknown key {key}{}", path.display(), suggestion(key, &known))
                    }),
                );
                figment = figment.merge(Toml::file_exact(path));
            }
            Err(problem) => problems.push(problem),
        }
    }
    let mut notes = Vec::new();
    // The plain names come first so that the precise DUOLOGUE_ names win over them.
    let plain = legacy::translate(&sources.env, &mut notes, &mut problems);
    let own = own_names(&sources.env, &defaults, &mut problems);
    for (layer, pairs) in [("environment", plain), ("environment", own), ("flags", sources.flags.clone())] {
        let mut tree = Value::from(Dict::new());
        for (path, text) in pairs {
            match typed(&defaults, &path, &text) {
                Ok(value) => set(&mut tree, &path, value),
                Err(problem) => problems.push(format!("{problem} (from the {layer})")),
            }
        }
        figment = figment.merge(Layer { name: layer, tree: tree.into_dict().unwrap_or_default() });
    }
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    let figment = choose_store(figment, sources, &mut notes);
    Ok(Layers { figment, notes })
}

/// An address of a MongoDB says that MongoDB is meant, unless somebody named a kind.
fn choose_store(figment: Figment, sources: &Sources, notes: &mut Vec<String>) -> Figment {
    let has_uri = figment.extract_inner::<String>("store.mongodb_uri").is_ok_and(|uri| !uri.is_empty());
    let kind_named = sources.flags.iter().any(|(path, _)| path == "store.kind")
        || sources.env.iter().any(|(name, _)| name == "DUOLOGUE_STORE__KIND")
        || figment.extract_inner::<String>("store.kind").is_ok_and(|kind| kind != "sqlite");
    if !has_uri || kind_named {
        return figment;
    }
    notes.push("store.mongodb_uri is set, so store.kind is \"mongodb\"".into());
    let mut tree = Value::from(Dict::new());
    set(&mut tree, "store.kind", Value::from("mongodb"));
    figment.merge(Layer { name: "store.mongodb_uri", tree: tree.into_dict().unwrap_or_default() })
}

fn read_file(path: &Path) -> Result<Dict, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    Figment::from(Toml::string(&text))
        .extract::<Dict>()
        .map_err(|error| format!("{} is not valid TOML: {}", path.display(), describe(&error)))
}

/// `DUOLOGUE_SERVER__PORT` as `server.port`; names that lead nowhere are problems.
fn own_names(env: &[(String, String)], defaults: &Dict, problems: &mut Vec<String>) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, text) in env {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let path = rest.to_ascii_lowercase().replace("__", ".");
        if find(defaults, &path).is_some() {
            pairs.push((path, text.clone()));
            continue;
        }
        let names: Vec<String> = leaves(defaults).iter().map(|leaf| env_name(leaf)).collect();
        problems.push(format!("unknown variable {name}{}", suggestion(name, &names)));
    }
    pairs
}

fn env_name(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

fn suggestion(name: &str, known: &[String]) -> String {
    match nearest(name, known) {
        Some(near) => format!(": did you mean {near}?"),
        None => ": `duologue check-config` prints every key".into(),
    }
}

/// The keys of `tree` that the defaults do not have.
fn unknown_keys(tree: &Dict, defaults: &Dict, prefix: &str) -> Vec<String> {
    let mut unknown = Vec::new();
    for (key, value) in tree {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (find(defaults, &path), value.as_dict()) {
            (Some(Value::Dict(..)), Some(inner)) => unknown.extend(unknown_keys(inner, defaults, &path)),
            (Some(_), _) => {}
            (None, _) => unknown.push(path),
        }
    }
    unknown
}

fn known(defaults: &Dict) -> Vec<String> {
    let sections = defaults.iter().filter(|(_, value)| value.as_dict().is_some()).map(|(key, _)| key.clone());
    sections.chain(leaves(defaults)).collect()
}

/// Every key that holds a value, as `section.key`.
pub(super) fn leaves(tree: &Dict) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in tree {
        match value.as_dict() {
            Some(section) => paths.extend(section.keys().map(|inner| format!("{key}.{inner}"))),
            None => paths.push(key.clone()),
        }
    }
    paths
}

fn find<'a>(tree: &'a Dict, path: &str) -> Option<&'a Value> {
    match path.split_once('.') {
        None => tree.get(path),
        Some((section, key)) => tree.get(section)?.as_dict()?.get(key),
    }
}

fn set(tree: &mut Value, path: &str, value: Value) {
    let Value::Dict(_, dict) = tree else { return };
    match path.split_once('.') {
        None => {
            dict.insert(path.into(), value);
        }
        Some((section, key)) => {
            set(dict.entry(section.into()).or_insert_with(|| Dict::new().into()), key, value)
        }
    }
}

/// Reads `text` as the type that `path` has in the defaults, so that a secret of digits stays a text.
fn typed(defaults: &Dict, path: &str, text: &str) -> Result<Value, String> {
    let text = text.trim();
    match find(defaults, path) {
        None => Err(format!("unknown key {path}{}", suggestion(path, &known(defaults)))),
        Some(Value::Dict(..)) => Err(format!(
            "{path} is a section: name a key in it, such as {path}.{}",
            first_key(defaults, path)
        )),
        Some(Value::String(..) | Value::Char(..)) => Ok(Value::from(text)),
        Some(Value::Bool(..)) => {
            flag(text).map(Value::from).ok_or_else(|| format!("{path} must be true or false, not {text:?}"))
        }
        Some(Value::Array(..)) => Ok(Value::from(list(text))),
        Some(Value::Num(_, Num::F32(_) | Num::F64(_))) => {
            text.parse::<f64>().map(Value::from).map_err(|_| format!("{path} must be a number, not {text:?}"))
        }
        Some(_) => text
            .parse::<i64>()
            .map(Value::from)
            .map_err(|_| format!("{path} must be a whole number, not {text:?}")),
    }
}

fn first_key<'a>(defaults: &'a Dict, section: &str) -> &'a str {
    find(defaults, section)
        .and_then(Value::as_dict)
        .and_then(|keys| keys.keys().next())
        .map_or("key", String::as_str)
}

/// What people write for yes and no in environment files.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// `["a", "b"]` as in TOML and JSON, or `a, b` as in the earlier systems.
fn list(text: &str) -> Vec<String> {
    if let Ok(list) = serde_json::from_str::<Vec<String>>(text) {
        return list;
    }
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

/// One error of figment as `section.key: what (in source)`.
fn describe(error: &figment::Error) -> String {
    let path = error.path.join(".");
    let source = error.metadata.as_ref().map(|metadata| {
        match metadata.source.as_ref().and_then(|source| source.file_path()) {
            Some(file) => file.display().to_string(),
            None => metadata.name.to_string(),
        }
    });
    let path = if path.is_empty() { String::new() } else { format!("{path}: ") };
    match source {
        Some(source) => format!("{path}{} (in {source})", error.kind),
        None => format!("{path}{}", error.kind),
    }
}

/// A tree with a name, as figment wants it.
struct Layer {
    name: &'static str,
    tree: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.tree.clone()))
    }
}
