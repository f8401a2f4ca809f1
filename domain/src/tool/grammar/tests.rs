//! Grammars are judged by a small matcher of our own: what they allow, what they do not, and that each name they use
//! is one they define. That llama.cpp reads them is tested with the worker.

use std::collections::BTreeMap;

use super::*;

/// A grammar taken apart, enough to match whole texts.
struct Gbnf {
    rules: BTreeMap<String, Vec<Vec<Item>>>,
}

#[derive(Clone, Debug)]
enum Item {
    Text(String),
    Class { not: bool, ranges: Vec<(char, char)> },
    Rule(String),
    Group(Vec<Vec<Item>>),
    Times(Box<Item>, usize, Option<usize>),
}

impl Gbnf {
    fn new(text: &str) -> Self {
        let mut rules = BTreeMap::new();
        for line in text.lines() {
            let (name, body) = line.split_once(" ::= ").unwrap_or_else(|| panic!("no rule: {line:?}"));
            let letters: Vec<char> = body.chars().collect();
            let mut at = 0;
            let alternatives = Self::alternatives(&letters, &mut at);
            assert_eq!(at, letters.len(), "{line:?}");
            assert!(rules.insert(name.to_owned(), alternatives).is_none(), "{name} twice");
        }
        Self { rules }
    }

    fn alternatives(letters: &[char], at: &mut usize) -> Vec<Vec<Item>> {
        let mut all = vec![Vec::new()];
        while let Some(letter) = letters.get(*at) {
            *at += 1;
            let item = match letter {
                ' ' => continue,
                '|' => {
                    all.push(Vec::new());
                    continue;
                }
                ')' => {
                    *at -= 1;
                    return all;
                }
                '(' => {
                    let group = Self::alternatives(letters, at);
                    assert_eq!(letters[*at], ')');
                    *at += 1;
                    Item::Group(group)
                }
                '"' => {
                    let mut text = String::new();
                    while letters[*at] != '"' {
                        text.push(Self::letter(letters, at));
                    }
                    *at += 1;
                    Item::Text(text)
                }
                '[' => {
                    let not = letters[*at] == '^';
                    *at += usize::from(not);
                    let mut ranges = Vec::new();
                    while letters[*at] != ']' {
                        let from = Self::letter(letters, at);
                        let is_range = letters[*at] == '-' && letters[*at + 1] != ']';
                        *at += usize::from(is_range);
                        ranges.push((from, if is_range { Self::letter(letters, at) } else { from }));
                    }
                    *at += 1;
                    Item::Class { not, ranges }
                }
                _ => {
                    let mut name = String::from(*letter);
                    while letters.get(*at).is_some_and(char::is_ascii_alphanumeric) {
                        name.push(letters[*at]);
                        *at += 1;
                    }
                    Item::Rule(name)
                }
            };
            let item = Self::times(item, letters, at);
            all.last_mut().unwrap().push(item);
        }
        all
    }

    fn letter(letters: &[char], at: &mut usize) -> char {
        let letter = letters[*at];
        *at += 1;
        if letter != '\\' {
            return letter;
        }
        let kind = letters[*at];
        *at += 1;
        match kind {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'x' => {
                let digits: String = letters[*at..*at + 2].iter().collect();
                *at += 2;
                char::from(u8::from_str_radix(&digits, 16).unwrap())
            }
            same @ ('"' | '\\' | ']' | '[') => same,
            other => panic!("llama.cpp knows no escape {other:?}"),
        }
    }

    fn times(item: Item, letters: &[char], at: &mut usize) -> Item {
        let (from, to) = match letters.get(*at) {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('{') => {
                let end = letters[*at..].iter().position(|letter| *letter == '}').unwrap();
                let inside: String = letters[*at + 1..*at + end].iter().collect();
                *at += end;
                let (from, to) = inside.split_once(',').unwrap();
                (from.parse().unwrap(), (!to.is_empty()).then(|| to.parse().unwrap()))
            }
            _ => return item,
        };
        *at += 1;
        Item::Times(Box::new(item), from, to)
    }

    fn matches(&self, text: &str) -> bool {
        self.any(&self.rules["root"], text).contains(&"")
    }

    /// What may be left of the text after one of the alternatives.
    fn any<'t>(&self, alternatives: &[Vec<Item>], text: &'t str) -> Vec<&'t str> {
        let mut all: Vec<&str> = alternatives
            .iter()
            .flat_map(|items| {
                items.iter().fold(vec![text], |rests, item| {
                    rests.into_iter().flat_map(|rest| self.one(item, rest)).collect()
                })
            })
            .collect();
        all.sort_by_key(|rest| rest.len());
        all.dedup();
        all
    }

    fn one<'t>(&self, item: &Item, text: &'t str) -> Vec<&'t str> {
        match item {
            Item::Text(literal) => text.strip_prefix(literal.as_str()).into_iter().collect(),
            Item::Rule(name) => {
                let rule = self.rules.get(name).unwrap_or_else(|| panic!("{name} is not defined"));
                self.any(rule, text)
            }
            Item::Group(alternatives) => self.any(alternatives, text),
            Item::Class { not, ranges } => match text.chars().next() {
                Some(first) if ranges.iter().any(|(a, b)| (*a..=*b).contains(&first)) != *not => {
                    vec![&text[first.len_utf8()..]]
                }
                _ => Vec::new(),
            },
            Item::Times(item, from, to) => {
                let mut all = Vec::new();
                let mut now = vec![text];
                for count in 0.. {
                    if count >= *from {
                        all.extend(&now);
                    }
                    if now.is_empty() || to.is_some_and(|to| count >= to) {
                        break;
                    }
                    now = now.iter().flat_map(|rest| self.one(item, rest)).collect();
                }
                all
            }
        }
    }
}

fn check(schema: &str, good: &[&str], bad: &[&str]) {
    let grammar = Gbnf::new(&of_schema(schema));
    for text in good {
        assert!(grammar.matches(text), "{schema} must allow {text}");
    }
    for text in bad {
        assert!(!grammar.matches(text), "{schema} must not allow {text}");
    }
}

#[test]
fn plain_types() {
    check(r#"{"type":"string"}"#, &[r#""""#, r#""서울 \"x\" A\n""#], &["1", r#"""#, "\"\n\"", r#""\x""#, ""]);
    check(r#"{"type":"integer"}"#, &["0", "-12"], &["1.5", "012", "\"1\"", "- 1"]);
    check(r#"{"type":"number"}"#, &["0", "-1.5", "2e10"], &[".5", "1.", "true"]);
    check(r#"{"type":"boolean"}"#, &["true", "false"], &["null", "True"]);
    check(r#"{"type":["string","null"]}"#, &["null", "\"a\""], &["1"]);
    check(
        r#"{"enum":["느리게","fast\n",3,null]}"#,
        &["\"느리게\"", r#""fast\n""#, "3", "null"],
        &["\"slow\"", "4"],
    );
    check(r#"{"const":"jazz"}"#, &["\"jazz\""], &["\"swing\""]);
    check("{}", &["1", "[1, {\"a\": null}]", "{}"], &["", "x"]);
    check("no schema", &["{\"a\": 1}"], &["x"]);
}

#[test]
fn objects_keep_what_is_required_and_may_leave_out_the_rest() {
    let schema = r#"{"type":"object","properties":{"a":{"type":"integer"},"b\"":{"type":"string"},"c":{"type":"boolean"}},"required":["b\""]}"#;
    check(
        schema,
        &[
            r#"{"b\"": "x"}"#,
            r#"{"a": 1, "b\"": "x"}"#,
            r#"{"a":1,"b\"":"x","c":true}"#,
            r#"{"b\"": "x", "c": false}"#,
        ],
        &[
            "{}",
            r#"{"a": 1}"#,
            r#"{"b\"": "x", "a": 1}"#,
            r#"{"b\"": "x", "d": 1}"#,
            r#"{"b\"": "x",}"#,
            r#"{, "b\"": "x"}"#,
        ],
    );
    let free = r#"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}}}"#;
    check(
        free,
        &["{}", "{\"a\": 1}", "{\"b\": 2}", "{\"a\": 1, \"b\": 2}"],
        &["{\"b\": 2, \"a\": 1}", "{,}"],
    );
    check(r#"{"type":"object"}"#, &["{}", r#"{"x": [1]}"#], &["[]"]);
    check(r#"{"type":"object","properties":{}}"#, &["{}"], &[r#"{"x": 1}"#]);
}

#[test]
fn lists_and_alternatives_and_references() {
    let items = |more: &str| format!("{{\"type\":\"array\",\"items\":{{\"type\":\"integer\"}}{more}}}");
    check(&items(""), &["[]", "[1]", "[1, 2,3]"], &["[\"a\"]", "[1,]", "[1 2]"]);
    check(&items(",\"minItems\":2,\"maxItems\":3"), &["[1, 2]", "[1, 2, 3]"], &["[]", "[1]", "[1, 2, 3, 4]"]);
    check(&items(",\"maxItems\":1"), &["[]", "[1]"], &["[1, 2]"]);
    check(&items(",\"minItems\":1"), &["[1]", "[1, 2]"], &["[]"]);
    check(&items(",\"maxItems\":0"), &["[]"], &["[1]"]);
    check(&items(",\"maxItems\":99999999999"), &["[1]"], &["1"]);
    check(
        r##"{"anyOf":[{"$ref":"#/$defs/pair"},{"type":"null"}],"$defs":{"pair":{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}}}"##,
        &["null", "{\"x\": 1}"],
        &["{}", "1"],
    );
    let tree = r##"{"type":"object","properties":{"next":{"$ref":"#"}}}"##;
    check(tree, &["{}", "{\"next\": {\"next\": {}}}"], &["{\"x\": 1}"]);
}

#[test]
fn whatever_the_schema_the_grammar_stays_bounded_and_whole() {
    let wide: Vec<String> = (0..500).map(|n| format!("\"p{n}\":{{\"type\":\"string\"}}")).collect();
    let wide = format!("{{\"type\":\"object\",\"properties\":{{{}}}}}", wide.join(","));
    let many = |inner: &str| {
        let parts: Vec<String> = (0..60).map(|n| format!("\"p{n}\":{inner}")).collect();
        format!("{{\"type\":\"object\",\"properties\":{{{}}}}}", parts.join(","))
    };
    let square = many(&many(&many("{\"enum\":[1,2]}")));
    let fork = r##"{"type":"object","properties":{"l":{"$ref":"#"},"r":{"$ref":"#"},"m":{"$ref":"#"}}}"##;
    let deep = format!("{}1{}", "{\"items\":".repeat(20), "}".repeat(20));
    let kinds = |inner: &str| {
        let parts: Vec<String> = (0..60).map(|n| format!("\"p{n}\":{inner}")).collect();
        let kinds = vec!["\"object\""; 60].join(",");
        format!("{{\"type\":[{kinds}],\"properties\":{{{}}}}}", parts.join(","))
    };
    let repeated = kinds(&kinds(&kinds("{\"enum\":[1,2]}")));
    let odd = r##"{"type":"x","properties":3,"required":{},"enum":[],"anyOf":[],"$ref":7}"##;
    for schema in [
        wide.as_str(),
        &square,
        &repeated,
        fork,
        &deep,
        odd,
        r#"{"type":[]}"#,
        r##"{"$ref":"#/no"}"##,
        "[1]",
        "\"\\u0000\"",
    ] {
        let grammar = of_schema(schema);
        assert!(grammar.len() < 128 * 1024, "{} bytes", grammar.len());
        let rules = Gbnf::new(&grammar);
        rules.matches("{\"a\": 1}");
        assert!(!grammar.contains('\0'));
    }
}

fn tool(name: &str, parameters: &str) -> Tool {
    Tool { name: name.into(), description: String::new(), parameters: parameters.into() }
}

#[test]
fn calls_of_what_is_offered_and_no_others() {
    let tempo = r#"{"type":"object","properties":{"tempo":{"type":"integer"}},"required":["tempo"]}"#;
    let tools =
        [tool("play", tempo), tool("stop", r#"{"type":"object","properties":{}}"#), tool("odd", "nonsense")];
    let grammar = Gbnf::new(&of_calls(&tools, &ToolChoice::Auto).unwrap());
    for good in [
        "\n{\"name\": \"play\", \"arguments\": {\"tempo\": 80}}\n</tool_call>",
        "{\"name\": \"odd\", \"arguments\": {\"x\": [1]}}\n</tool_call>",
        "\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"name\": \"play\", \"arguments\": {\"tempo\": 8}}\n</tool_call>",
    ] {
        assert!(grammar.matches(good), "{good}");
    }
    for bad in [
        "\n{\"name\": \"sing\", \"arguments\": {}}\n</tool_call>",
        "\n{\"name\": \"play\", \"arguments\": {}}\n</tool_call>",
        "\n{\"name\": \"odd\", \"arguments\": 3}\n</tool_call>",
        "Sure.",
        "",
    ] {
        assert!(!grammar.matches(bad), "{bad}");
    }
    let among = |names: &[&str]| ToolChoice::Among(names.iter().map(|name| (*name).to_owned()).collect());
    let some = Gbnf::new(&of_calls(&tools, &among(&["stop", "odd"])).unwrap());
    assert!(some.matches("\n{\"name\": \"stop\", \"arguments\": {}}\n</tool_call>"));
    assert!(!some.matches("\n{\"name\": \"play\", \"arguments\": {\"tempo\": 80}}\n</tool_call>"));
    assert_eq!(of_calls(&tools, &among(&["sing"])), None);
    let named = ToolChoice::Named("play".into());
    let rest = Gbnf::new(&of_calls(&tools, &named).unwrap());
    assert!(rest.matches(" {\"tempo\": 80}}\n</tool_call>"));
    assert!(!rest.matches(" {}}\n</tool_call>"));
    assert_eq!(forced(&named).as_deref(), Some("<tool_call>\n{\"name\": \"play\", \"arguments\":"));
    assert_eq!(forced(&ToolChoice::Required).as_deref(), Some("<tool_call>\n"));
    assert_eq!((forced(&ToolChoice::Auto), forced(&ToolChoice::None)), (None, None));
    assert_eq!(of_calls(&[], &ToolChoice::Auto), None);
    assert_eq!(of_calls(&tools, &ToolChoice::Named("sing".into())), None);
}

#[test]
fn the_last_of_many_functions_is_called_with_an_object_too() {
    let properties =
        (0..8).map(|n| format!("\"p{n}\":{{\"type\":\"integer\"}}")).collect::<Vec<_>>().join(",");
    let parameters = format!("{{\"type\":\"object\",\"properties\":{{{properties}}}}}");
    let tools = (0..128).map(|n| tool(&format!("f{n}"), &parameters)).collect::<Vec<_>>();
    let grammar = Gbnf::new(&of_calls(&tools, &ToolChoice::Required).unwrap());
    let call = |arguments: &str| format!("{{\"name\": \"f127\", \"arguments\": {arguments}}}\n</tool_call>");
    assert!(grammar.matches(&call("{\"p0\": 1}")));
    for no_object in ["3", "[1]", "\"p0\"", "null"] {
        assert!(!grammar.matches(&call(no_object)), "{no_object}");
    }
    let referred =
        r##"{"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"x":{"type":"integer"}}}}}"##;
    let named = ToolChoice::Named("f".into());
    let grammar = Gbnf::new(&of_calls(&[tool("f", referred)], &named).unwrap());
    assert!(grammar.matches(" {\"x\": 1}}\n</tool_call>") && !grammar.matches(" {\"y\": 1}}\n</tool_call>"));
}
