//! What is JSON, what is forgiven, and how it is written.

use super::*;

#[test]
fn values_are_read_and_written_as_models_write_them() {
    for (text, written) in [
        ("{\"a\":1,\"b\":[true,null,-2.5e3]}", "{\"a\": 1, \"b\": [true, null, -2.5e3]}"),
        (" {} ", "{}"),
        ("[]", "[]"),
        ("\"서울 \\\"말\\\" \\\\ \\u00e9 \\ud83d\\ude00 \\n\"", "\"서울 \\\"말\\\" \\\\ é 😀 \\n\""),
        ("{\"a\":1,\"a\":2}", "{\"a\": 1}"),
        ("\"\\u0001\"", "\"\\u0001\""),
    ] {
        let value = Json::parse(text).unwrap();
        assert_eq!(value.write(), written);
        assert_eq!(Json::parse(&value.write()), Ok(value));
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "{a:1}",
        "{'a':1}",
        "01",
        "1.",
        "+1",
        ".5",
        "1e",
        "tru",
        "True",
        "\"a",
        "\"\n\"",
        "{} x",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u+123\"",
        "nul",
        "-",
    ] {
        assert_eq!(Json::parse(text), Err(NotJson), "{text:?}");
    }
    let deep = "[".repeat(4000);
    assert_eq!(Json::parse(&deep), Err(NotJson));
    assert_eq!(Json::parse_forgiving(&deep), Err(NotJson));
}

#[test]
fn careless_models_are_forgiven() {
    for (text, written) in [
        (
            "{'name': 'a', 'arguments': {'x': True, 'y': None}}",
            "{\"name\": \"a\", \"arguments\": {\"x\": true, \"y\": null}}",
        ),
        ("{\"a\": [1, 2,], }", "{\"a\": [1, 2]}"),
        ("{\"a\": {\"b\": 1", "{\"a\": {\"b\": 1}}"),
        ("{\"a\": \"두 줄\n이다\"}", "{\"a\": \"두 줄\\n이다\"}"),
        ("{\"a\": 1}}}", "{\"a\": 1}"),
        ("{\"a\": \"it\\'s\"}", "{\"a\": \"it's\"}"),
    ] {
        assert_eq!(Json::parse_forgiving(text).unwrap().write(), written, "{text:?}");
    }
    for text in ["{\"a\": \"b", "{\"a\": ", "{\"a\"", "hello", "{a: 1}"] {
        assert_eq!(Json::parse_forgiving(text), Err(NotJson), "{text:?}");
    }
}

#[test]
fn parts_are_found() {
    let value = Json::parse("{\"list\":[1],\"text\":\"네\"}").unwrap();
    assert_eq!(value.get("text").and_then(Json::text), Some("네"));
    assert_eq!(value.get("list").and_then(Json::list).map(<[Json]>::len), Some(1));
    assert_eq!(value.members().map(<[_]>::len), Some(2));
    assert_eq!((value.get("no"), Json::Null.get("x"), value.text()), (None, None, None));
}

#[test]
fn an_object_of_many_keys_is_read_as_one_of_few() {
    let keys = (0..40_000).map(|n| format!("\"k{n}\":{n}")).collect::<Vec<_>>().join(",");
    let value = Json::parse(&format!("{{{keys},\"k0\":\"twice\"}}")).unwrap();
    assert_eq!(value.members().map(<[_]>::len), Some(40_000));
    assert_eq!(value.get("k0"), Some(&Json::Number("0".into())));
}
