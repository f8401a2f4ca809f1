//! What a model meant by a piece of JSON: which functions it calls, with what.

use super::json::Json;

/// Keys under which models put a function's name.
const NAMES: [&str; 5] = ["name", "function", "tool", "function_name", "tool_name"];

/// Keys under which they put its arguments.
const ARGUMENTS: [&str; 5] = ["arguments", "parameters", "args", "input", "params"];

/// Keys that say nothing: they are no arguments when arguments stand beside the name.
const EMPTY: [&str; 3] = ["type", "id", "index"];

/// Why something that looked like a call is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No function of this name was offered.
    UnknownName,
    /// It is not JSON, or not in the shape of a call.
    Broken,
    /// The reply ended in the middle of it.
    Unfinished,
    /// It is longer than any call.
    TooLong,
    /// More calls than one reply may make.
    TooMany,
}

impl Refusal {
    /// A stable word for metrics.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownName => "unknown_name",
            Self::Broken => "broken",
            Self::Unfinished => "unfinished",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
        }
    }
}

/// A call as it was read: name and arguments, the latter a JSON object.
pub(super) type Read = Result<(String, Json), Refusal>;

/// The calls in `value`; `None` when it is something else, such as data that the model wrote out.
pub(super) fn calls(value: &Json, names: &[String]) -> Option<Vec<Read>> {
    match value {
        Json::List(values) => {
            let each: Option<Vec<_>> = values.iter().map(|value| call(value, names)).collect();
            each.filter(|calls| !calls.is_empty())
        }
        one => call(one, names).map(|call| vec![call]),
    }
}

fn call(value: &Json, names: &[String]) -> Option<Read> {
    let members = value.members()?;
    for wrapper in ["function", "tool_call", "function_call", "tool"] {
        if let Some(inner @ Json::Object(_)) = value.get(wrapper) {
            return call(inner, names);
        }
    }
    if let [(name, arguments @ Json::Object(_))] = members
        && let Some(name) = known(name, names)
    {
        return Some(Ok((name, arguments.clone())));
    }
    let name_key = NAMES.into_iter().find(|key| value.get(key).and_then(Json::text).is_some())?;
    let name = known(value.get(name_key)?.text()?, names);
    let arguments = ARGUMENTS.into_iter().find_map(|key| value.get(key));
    match (name, arguments) {
        (Some(name), Some(arguments)) => {
            Some(object(arguments).map(|arguments| (name, arguments)).ok_or(Refusal::Broken))
        }
        // The arguments stand beside the name.
        (Some(name), None) => {
            let rest = members.iter().filter(|(key, _)| key != name_key && !EMPTY.contains(&key.as_str()));
            Some(Ok((name, Json::Object(rest.cloned().collect()))))
        }
        (None, Some(_)) => Some(Err(Refusal::UnknownName)),
        (None, None) => None,
    }
}

/// Arguments as an object; some models write them as a string that holds one, or leave them out by `null`.
fn object(arguments: &Json) -> Option<Json> {
    match arguments {
        Json::Object(_) => Some(arguments.clone()),
        Json::Null => Some(Json::Object(Vec::new())),
        Json::Text(text) if text.trim().is_empty() => Some(Json::Object(Vec::new())),
        Json::Text(text) => Json::parse_forgiving(text).ok().filter(|inner| inner.members().is_some()),
        _ => None,
    }
}

/// The offered name that the model meant.
fn known(name: &str, names: &[String]) -> Option<String> {
    let bare = name.trim().rsplit(['.', '/']).next().unwrap_or_default();
    let plain = |name: &str| name.to_lowercase().replace(['-', ' '], "_");
    let exact = names.iter().find(|known| *known == name.trim());
    exact.or_else(|| names.iter().find(|known| plain(known) == plain(bare))).cloned()
}
