//! Prints the effective configuration as TOML that could be used again, secrets hidden.

use figment::value::{Dict, Num, Value};

use super::{Config, layers::Layers};

/// Keys whose values are never printed.
const SECRETS: [&str; 5] = ["auth.api_keys", "auth.jwt_secret", "store.mongodb_uri", "llm.api_key", "mcp"];

/// The merged tree, with what [`super::check::resolve`] filled in.
pub(super) fn effective(layers: &Layers, config: &Config) -> String {
    let mut tree = layers.tree();
    tree.insert("home".into(), Value::from(config.home.to_string_lossy().as_ref()));
    if let Some(Value::Dict(_, store)) = tree.get_mut("store") {
        store.insert("path".into(), Value::from(config.store.path.to_string_lossy().as_ref()));
        let journal = config.store.journal_path.to_string_lossy();
        store.insert("journal_path".into(), Value::from(journal.as_ref()));
    }
    let mut text = String::new();
    for (key, value) in tree.iter().filter(|(_, value)| value.as_dict().is_none()) {
        text.push_str(&line(key, key, value));
    }
    for (section, values) in tree.iter().filter_map(|(key, value)| Some((key, value.as_dict()?))) {
        text.push_str(&format!("\n[{section}]\n"));
        text.push_str(&section_lines(section, values));
    }
    text
}

fn section_lines(section: &str, values: &Dict) -> String {
    values.iter().map(|(key, value)| line(&format!("{section}.{key}"), key, value)).collect()
}

fn line(path: &str, key: &str, value: &Value) -> String {
    if SECRETS.contains(&path) && !is_empty(value) {
        return format!("# {key} is set, and not shown\n");
    }
    format!("{key} = {}\n", literal(value))
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(_, text) => text.is_empty(),
        Value::Array(_, items) => items.is_empty(),
        _ => false,
    }
}

fn literal(value: &Value) -> String {
    match value {
        Value::String(_, text) => toml::Value::from(text.as_str()).to_string(),
        Value::Char(_, character) => toml::Value::from(character.to_string()).to_string(),
        Value::Bool(_, flag) => flag.to_string(),
        Value::Num(_, number) => number_literal(*number),
        Value::Array(_, items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Empty(..) | Value::Dict(..) => "\"\"".into(),
    }
}

fn number_literal(number: Num) -> String {
    match (number.to_i128(), number.to_u128(), number.to_f64()) {
        (Some(whole), _, _) => whole.to_string(),
        (_, Some(whole), _) => whole.to_string(),
        (_, _, Some(real)) => toml::Value::from(real).to_string(),
        _ => "0".into(),
    }
}
