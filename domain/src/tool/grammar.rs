//! From JSON schemas to grammars of llama.cpp (GBNF), so that a model can write nothing else.
//!
//! Understood: `type` (also several), `properties` with `required`, `enum`, `const`, `items` with `minItems` and
//! `maxItems`, `anyOf`, `oneOf`, an `allOf` of one, `$ref` within the document. Properties come in the schema's order.
//! Whatever else a schema says is left to whoever reads the value, and a part that is not understood, too deep or too
//! large is any JSON. A grammar made here is always one that llama.cpp accepts.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt::Write};

use super::{
    Tool, ToolChoice,
    json::{Json, quote},
};

/// Deeper schemas are any JSON from there on; also what ends a `$ref` to itself.
const DEEPEST: usize = 8;

/// Rules of one grammar; the sampler looks at all that may come next with every token.
const MOST_RULES: usize = 400;

/// Alternatives, properties or elements of one schema.
const MOST_PARTS: usize = 64;

/// Functions of one request, as in the protocol.
const MOST_TOOLS: usize = 128;

/// `minItems` and `maxItems` above this are not counted.
const MOST_ITEMS: u32 = 32;

/// What several rules need. Numbers and strings are what JSON calls so; white space is at most what a model was taught
/// to write, since small ones that may write more never stop.
const COMMON: &str = concat!(
    "ws ::= \" \"?\n",
    "char ::= [^\"\\\\\\x00-\\x1F\\x7F] | \"\\\\\" ([\"\\\\/bfnrt] | \"u\" [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F] [0-9a-fA-F])\n",
    "string ::= \"\\\"\" char* \"\\\"\"\n",
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n",
    "number ::= integer (\".\" [0-9]{1,15})? ([eE] [-+]? [0-9]{1,3})?\n",
    "boolean ::= \"true\" | \"false\"\n",
    "null ::= \"null\"\n",
    "value ::= object | array | string | number | boolean | null\n",
    "member ::= string \":\" ws value\n",
    "object ::= \"{\" ws (member (\",\" ws member)*)? ws \"}\"\n",
    "array ::= \"[\" ws (value (\",\" ws value)*)? ws \"]\"\n",
);

/// A reply that follows `schema`, a JSON schema as text, and nothing else. Any JSON where it is no JSON itself.
pub fn of_schema(schema: &str) -> String {
    let schema = Json::parse(schema).unwrap_or(Json::Null);
    let mut rules = Rules::new(&schema);
    let root = rules.schema(&schema, 0);
    rules.finish(&root)
}

/// What follows `<tool_call>`: one call, or several where the choice leaves it open, up to the last `</tool_call>`.
/// After [`forced`] it is the rest of what that began. `None` when there is nothing to call.
pub fn of_calls(tools: &[Tool], choice: &ToolChoice) -> Option<String> {
    let nothing = Json::Null;
    let mut rules = Rules::new(&nothing);
    let end = "\"}\\n</tool_call>\"";
    if let ToolChoice::Named(name) = choice {
        let tool = tools.iter().find(|tool| tool.name == *name)?;
        let arguments = rules.arguments(tool);
        return Some(rules.finish(&format!("\" \"? {arguments} {end}")));
    }
    let may_call = |tool: &&Tool| match choice {
        ToolChoice::Among(names) => names.contains(&tool.name),
        _ => true,
    };
    let mut calls = Vec::new();
    for tool in tools.iter().filter(may_call).take(MOST_TOOLS) {
        let arguments = rules.arguments(tool);
        let mut name = String::new();
        quote(&tool.name, &mut name);
        calls.push(format!("{} {arguments}", literal(&format!("{{\"name\": {name}, \"arguments\": "))));
    }
    if calls.is_empty() {
        return None;
    }
    let call = rules.add(&format!("({}) {end}", calls.join(" | ")));
    let more = rules.add(&format!("\"\\n<tool_call>\\n\" {call}"));
    Some(rules.finish(&format!("\"\\n\"? {call} {more}{{0,3}}")))
}

/// How a reply begins that has to be a call; the model goes on from there.
pub fn forced(choice: &ToolChoice) -> Option<String> {
    match choice {
        ToolChoice::Auto | ToolChoice::Among(_) | ToolChoice::None => None,
        ToolChoice::Required => Some("<tool_call>\n".to_owned()),
        ToolChoice::Named(name) => {
            let mut quoted = String::new();
            quote(name, &mut quoted);
            Some(format!("<tool_call>\n{{\"name\": {quoted}, \"arguments\":"))
        }
    }
}

/// Rules so far. The name of a rule is what stands for it in others.
struct Rules<'a> {
    document: &'a Json,
    text: String,
    count: usize,
}

impl<'a> Rules<'a> {
    fn new(document: &'a Json) -> Self {
        Self { document, text: String::new(), count: 0 }
    }

    fn finish(self, root: &str) -> String {
        format!("root ::= {root}\n{}{COMMON}", self.text)
    }

    fn add(&mut self, rule: &str) -> String {
        self.count += 1;
        let name = format!("r{}", self.count);
        let _ = writeln!(self.text, "{name} ::= {rule}");
        name
    }

    fn arguments(&mut self, tool: &Tool) -> String {
        let Ok(schema) = Json::parse(&tool.parameters) else { return "object".to_owned() };
        let mut inner = Rules { document: &schema, text: std::mem::take(&mut self.text), count: self.count };
        let rule = inner.arguments_of(&schema);
        (self.text, self.count) = (inner.text, inner.count);
        rule
    }

    /// Arguments are an object whatever the schema says, and however many functions came before.
    fn arguments_of(&mut self, schema: &Json) -> String {
        let target = schema.get("$ref").and_then(Json::text).and_then(|target| self.find(target));
        let schema = target.unwrap_or(schema);
        match schema.get("properties") {
            Some(_) if self.count <= MOST_RULES => self.object(schema, 0),
            _ => "object".to_owned(),
        }
    }

    fn schema(&mut self, schema: &Json, depth: usize) -> String {
        if depth > DEEPEST || self.count > MOST_RULES {
            return "value".to_owned();
        }
        if let Some(target) = schema.get("$ref").and_then(Json::text) {
            let target = self.find(target).cloned();
            return target.map_or("value".to_owned(), |target| self.schema(&target, depth + 1));
        }
        if let Some(values) = schema.get("enum").and_then(Json::list) {
            return self.literals(values);
        }
        if let Some(value) = schema.get("const") {
            return self.literals(std::slice::from_ref(value));
        }
        if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")).and_then(Json::list) {
            return self.any_of(choices, depth);
        }
        if let Some([only]) = schema.get("allOf").and_then(Json::list) {
            return self.schema(only, depth + 1);
        }
        match schema.get("type") {
            Some(Json::Text(kind)) => self.kind(kind, schema, depth),
            Some(Json::List(kinds)) => {
                // Each once: a schema that names one a hundred times would make a hundred times the rules.
                let kinds: BTreeSet<&str> = kinds.iter().filter_map(Json::text).take(MOST_PARTS).collect();
                let rules: Vec<String> =
                    kinds.into_iter().map(|kind| self.kind(kind, schema, depth)).collect();
                self.alternatives(&rules)
            }
            _ if schema.get("properties").is_some() => self.kind("object", schema, depth),
            _ => "value".to_owned(),
        }
    }

    fn kind(&mut self, kind: &str, schema: &Json, depth: usize) -> String {
        match kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" | "number" | "integer" | "boolean" | "null" => kind.to_owned(),
            _ => "value".to_owned(),
        }
    }

    fn any_of(&mut self, choices: &[Json], depth: usize) -> String {
        if choices.len() > MOST_PARTS {
            return "value".to_owned();
        }
        let rules: Vec<String> = choices.iter().map(|choice| self.schema(choice, depth + 1)).collect();
        self.alternatives(&rules)
    }

    fn literals(&mut self, values: &[Json]) -> String {
        if values.len() > MOST_PARTS * 4 {
            return "value".to_owned();
        }
        let rules: Vec<String> = values.iter().map(|value| literal(&value.write())).collect();
        self.alternatives(&rules)
    }

    fn alternatives(&mut self, rules: &[String]) -> String {
        let unique: BTreeSet<&String> = rules.iter().collect();
        match rules {
            [] => "value".to_owned(),
            [only] => self.add(only),
            _ if unique.contains(&"value".to_owned()) => "value".to_owned(),
            _ => {
                // In the order of the schema, each once: two ways to the same text only cost time.
                let mut seen = BTreeSet::new();
                let each: Vec<&str> =
                    rules.iter().filter(|rule| seen.insert(*rule)).map(String::as_str).collect();
                self.add(&each.join(" | "))
            }
        }
    }

    /// The properties in their order; those that are not required may be left out. For each place there are two rules,
    /// with and without something before it, since that decides about the comma.
    fn object(&mut self, schema: &Json, depth: usize) -> String {
        let properties = schema.get("properties").and_then(Json::members).unwrap_or_default();
        if properties.is_empty() {
            // A function without parameters is declared by an empty list of them.
            let open = schema.get("additionalProperties").is_some_and(|more| *more != Json::Bool(false));
            let closed = !open && schema.get("properties").is_some();
            return if closed { "\"{}\"" } else { "object" }.to_owned();
        }
        if properties.len() > MOST_PARTS {
            return "object".to_owned();
        }
        let required: BTreeSet<&str> = schema
            .get("required")
            .and_then(Json::list)
            .unwrap_or_default()
            .iter()
            .filter_map(Json::text)
            .collect();
        let (mut first, mut later) = ("\"}\"".to_owned(), "\"}\"".to_owned());
        for (key, value) in properties.iter().rev() {
            let rule = self.schema(value, depth + 1);
            let mut name = String::new();
            quote(key, &mut name);
            let pair = format!("{} ws {rule} {later}", literal(&format!("{name}:")));
            let needed = required.contains(key.as_str());
            let (skip_first, skip_later) = if needed {
                (String::new(), String::new())
            } else {
                (format!(" | {first}"), format!(" | {later}"))
            };
            first = self.add(&format!("{pair}{skip_first}"));
            later = self.add(&format!("\",\" ws {pair}{skip_later}"));
        }
        self.add(&format!("\"{{\" {first}"))
    }

    fn array(&mut self, schema: &Json, depth: usize) -> String {
        let Some(items) = schema.get("items") else { return "array".to_owned() };
        let item = self.schema(items, depth + 1);
        let bound = |key| match schema.get(key) {
            Some(Json::Number(number)) => number.parse::<u32>().ok(),
            _ => None,
        };
        let least = bound("minItems").unwrap_or(0).min(MOST_ITEMS);
        let most = bound("maxItems").filter(|most| *most <= MOST_ITEMS && *most >= least);
        if most == Some(0) {
            return "\"[]\"".to_owned();
        }
        let more = self.add(&format!("\",\" ws {item}"));
        let rest = least.saturating_sub(1);
        let rest = match most {
            Some(most) => format!("{more}{{{rest},{}}}", most - 1),
            None => format!("{more}{{{rest},}}"),
        };
        let inside = if least == 0 { format!("({item} {rest})?") } else { format!("{item} {rest}") };
        self.add(&format!("\"[\" {inside} \"]\""))
    }

    /// `#/a/b` in the document.
    fn find(&self, reference: &str) -> Option<&'a Json> {
        let path = reference.strip_prefix("#")?;
        path.split('/')
            .skip(1)
            .try_fold(self.document, |value, key| value.get(&key.replace("~1", "/").replace("~0", "~")))
    }
}

/// A text as GBNF writes it.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' || control == '\u{7f}' => {
                let _ = write!(out, "\\x{:02X}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
