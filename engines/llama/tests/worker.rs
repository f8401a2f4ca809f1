//! The worker as the server sees it: a process, a line in, lines out.
//!
//! These tests also make `cargo test` build the program that the engines' own tests start.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

struct Worker {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Worker {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_duologue-llm"))
            .args(arguments)
            // As the server starts it: beside other tests each barrier would cost a millisecond of spinning.
            .env("GOMP_SPINCOUNT", "5000")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    fn ready() -> Self {
        let model = model();
        let mut worker =
            Self::start(&["--model", model.to_str().unwrap(), "--context", "512", "--parallel", "2"]);
        let ready = worker.hear();
        assert_eq!((&ready["event"], &ready["context"]), (&json!("ready"), &json!(512)), "{ready}");
        assert_eq!(ready["template"], "chatml");
        worker
    }

    fn say(&mut self, line: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// All until the reply `id` ends: its text and its last event.
    fn reply(&mut self, id: u64) -> (String, Value) {
        let mut text = String::new();
        loop {
            let event = self.hear();
            if event["id"] != id {
                continue;
            }
            match event["text"].as_str() {
                Some(more) => text.push_str(more),
                None => return (text, event),
            }
        }
    }

    /// The last event of the reply that ends next, whosever it is.
    fn end(&mut self) -> Value {
        loop {
            let event = self.hear();
            if event["text"].is_null() {
                return event;
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are told by the environment where the models are")]
fn model() -> PathBuf {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = folder("DUOLOGUE_HOME")
        .or_else(|| folder("XDG_DATA_HOME").map(|data| data.join("duologue")))
        .or_else(|| folder("HOME").map(|home| home.join(".local/share/duologue")));
    let model = home.unwrap().join("models/smollm2-135m-instruct-q4_1.gguf");
    assert!(model.is_file(), "{} is missing: run `cargo xtask setup --for-tests`", model.display());
    model
}

fn generate(id: u64, words: &str) -> Value {
    json!({
        "op": "generate", "id": id, "session": id, "shared": 0, "max_tokens": 12,
        "messages": [{"role": "user", "content": words}],
        "temperature": 0.0, "top_p": 1.0, "repeat_penalty": 1.0, "seed": 1, "stop": [],
    })
}

#[test]
fn a_worker_that_cannot_start_says_why_and_ends() {
    for (arguments, word) in [
        (&["--model", "/nowhere.gguf"][..], "/nowhere.gguf"),
        (&["--model", "/dev/null"][..], "/dev/null"),
        (&["--colour", "red"][..], "--colour"),
    ] {
        let mut worker = Worker::start(arguments);
        let answer = worker.hear();
        assert_eq!((&answer["event"], &answer["kind"]), (&json!("error"), &json!("unavailable")), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(word), "{answer}");
        assert_eq!(worker.child.wait().unwrap().code(), Some(2));
    }
}

#[test]
fn a_file_that_is_no_model_is_refused() {
    let path = std::env::temp_dir().join(format!("duologue-no-model-{}.gguf", std::process::id()));
    std::fs::write(&path, b"GGUF, but not really").unwrap();
    let mut worker = Worker::start(&["--model", path.to_str().unwrap()]);
    let answer = worker.hear();
    std::fs::remove_file(&path).unwrap();
    assert!(answer["message"].as_str().unwrap().contains("cannot be loaded"), "{answer}");
}

#[test]
fn a_reply_that_was_begun_is_gone_on_with() {
    let mut worker = Worker::ready();
    worker.say(&generate(1, "Tell me about the sea."));
    let (whole, _) = worker.reply(1);
    let cut = whole.rfind(' ').expect("more than a word");
    let mut rest = generate(2, "Tell me about the sea.");
    let begun = json!({"role": "assistant", "content": &whole[..cut]});
    rest["messages"].as_array_mut().expect("messages").push(begun);
    worker.say(&rest);
    let (rest, _) = worker.reply(2);
    assert!(rest.starts_with(&whole[cut..]), "{whole:?} was gone on with by {rest:?}");
}

#[test]
fn nonsense_is_answered_and_the_worker_works_on() {
    let mut worker = Worker::ready();
    writeln!(worker.stdin.as_mut().unwrap(), "hello there").unwrap();
    assert_eq!(worker.hear()["kind"], "bad_input");
    worker.say(&json!({"op": "generate", "id": 1}));
    assert_eq!(worker.hear()["kind"], "bad_input");
    let mut empty = generate(2, "");
    empty["messages"] = json!([]);
    worker.say(&empty);
    assert_eq!(worker.reply(2).1["kind"], "bad_input");
    worker.say(&generate(3, &"word ".repeat(2000)));
    let (_, refused) = worker.reply(3);
    assert_eq!(refused["kind"], "bad_input");
    assert!(refused["message"].as_str().unwrap().contains("512"), "{refused}");
    worker.say(&generate(4, "Hi\0 there"));
    assert_eq!(worker.reply(4).1["event"], "done");
    worker.say(&json!({"op": "cancel", "id": 99}));
    worker.say(&json!({"op": "ping"}));
    assert!(worker.hear()["steps"].as_u64().unwrap() > 0);
}

#[test]
fn what_is_read_ahead_rests_while_somebody_waits() {
    let mut worker = Worker::ready();
    let long = "Tell of every street, and of whoever lives there. ".repeat(30);
    let persona = json!({"role": "system", "content": long});
    worker.say(&json!({"op": "prefill", "key": 7, "messages": [persona.clone()]}));
    worker.say(&generate(1, "Say hello."));
    assert_eq!(worker.reply(1).1["event"], "done", "before the persona is read");
    let read = worker.hear();
    assert_eq!((&read["event"], &read["key"]), (&json!("prefilled"), &json!(7)), "{read}");
    // So does a prompt that is read ahead; a reply of one token is one that somebody waits for.
    let mut ahead = generate(3, &long);
    (ahead["ahead"], ahead["max_tokens"]) = (json!(true), json!(1));
    worker.say(&ahead);
    let mut short = generate(4, "Say hello.");
    short["max_tokens"] = json!(1);
    worker.say(&short);
    assert_eq!(worker.end()["id"], 4, "before the prompt is read");
    assert_eq!(worker.end()["id"], 3);
    // Who needs the beginning waits for it, and finds it whole.
    worker.say(&json!({"op": "prefill", "key": 8, "messages": [{"role": "system", "content": format!("Now {long}")}]}));
    let mut own = generate(2, "Say hello.");
    own["messages"] = json!([{"role": "system", "content": format!("Now {long}")}, own["messages"][0]]);
    own["shared"] = json!(1);
    worker.say(&own);
    let first = worker.hear();
    assert_eq!(first["event"], "prefilled", "{first}");
    let done = worker.reply(2).1;
    assert!(done["cached_tokens"].as_u64().unwrap() >= first["tokens"].as_u64().unwrap(), "{first} {done}");
}

#[test]
fn who_has_just_come_is_read_before_whom_nobody_asks_for() {
    let mut worker = Worker::ready();
    let long = "Tell of every street, and of whoever lives there. ".repeat(40);
    let persona = |name: &str| json!({"role": "system", "content": format!("You are {name}. {long}")});
    let prefill = |key: u64, name: &str| json!({"op": "prefill", "key": key, "messages": [persona(name)]});
    for (key, name) in [(1, "미나"), (2, "Tom"), (3, "Ann")] {
        worker.say(&prefill(key, name));
    }
    // Somebody comes to the one who was asked for first and is read last.
    worker.say(&prefill(9, "미나"));
    let order: Vec<_> = (0..3).map(|_| worker.hear()["key"].as_u64().unwrap()).collect();
    assert_eq!(order, [9, 3, 2], "each of them once");
    // Who speaks has more right than who may come: what is read ahead for them overtakes a beginning.
    worker.say(&prefill(4, "Kim"));
    let mut ahead = generate(5, "Hello.");
    ahead["messages"] = json!([persona("Lee"), ahead["messages"][0]]);
    (ahead["shared"], ahead["ahead"], ahead["max_tokens"]) = (json!(1), json!(true), json!(1));
    worker.say(&ahead);
    assert_eq!(worker.end()["id"], 5);
    assert_eq!(worker.hear()["key"], 4);
}

/// Ticks of a processor that each thread of the worker but the first has taken, all together.
#[cfg(target_os = "linux")]
fn ticks_of_helpers(worker: &Worker) -> u64 {
    let id = worker.child.id();
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).unwrap().flatten();
    let helpers = threads.filter(|thread| thread.file_name() != id.to_string().as_str());
    let ticks = |thread: std::fs::DirEntry| -> u64 {
        let line = std::fs::read_to_string(thread.path().join("stat")).unwrap();
        let fields = line.rsplit(')').next().unwrap().split_whitespace().skip(11).take(2);
        fields.map(|field| field.parse::<u64>().unwrap()).sum()
    };
    helpers.map(ticks).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn a_worker_that_shares_the_cores_takes_one_thread_and_says_the_same() {
    let mut worker = Worker::ready();
    let mut say = |id: u64, threads: u16| {
        let before = ticks_of_helpers(&worker);
        worker.say(&json!({"op": "share", "threads": threads}));
        let mut ask = generate(id, "Tell a long story about the sea.");
        ask["max_tokens"] = json!(60);
        worker.say(&ask);
        (worker.reply(id).0, ticks_of_helpers(&worker) - before)
    };
    let replies = [say(1, 2), say(2, 1), say(3, 2)];
    // What is found in the cache and what is not may round differently, in the end also to other words.
    let opening = |(reply, _): &(String, u64)| reply.chars().take(40).collect::<String>();
    assert_eq!(opening(&replies[0]).len(), 40);
    assert!(replies.iter().all(|reply| opening(reply) == opening(&replies[0])), "{replies:?}");
    let [all, one, again] = replies.map(|(_, ticks)| ticks);
    assert!(one * 5 < all.min(again), "the other threads took {all}, {one} and {again} ticks");
}

#[test]
fn a_worker_that_rests_hears_and_computes_nothing_until_it_is_told_to_go_on() {
    let mut worker = Worker::ready();
    worker.say(&json!({"op": "share", "threads": 0}));
    worker.say(&generate(1, "Tell a story about the sea."));
    let mut steps = || {
        worker.say(&json!({"op": "ping"}));
        // Whatever else it said would come first.
        let pong = worker.hear();
        assert_eq!(pong["event"], "pong", "{pong}");
        pong["steps"].as_u64().unwrap()
    };
    let before = steps();
    std::thread::park_timeout(std::time::Duration::from_millis(200));
    assert_eq!(steps(), before, "it took a step");
    worker.say(&json!({"op": "share", "threads": 2}));
    assert_eq!(worker.reply(1).1["event"], "done");
}

#[test]
fn more_requests_than_places_are_all_answered() {
    let mut worker = Worker::ready();
    for id in 1..=6 {
        worker.say(&generate(id, "Say a few words about rain."));
    }
    let mut texts = std::collections::BTreeMap::<u64, String>::new();
    let mut done = 0;
    while done < 6 {
        let event = worker.hear();
        assert_ne!(event["event"], "error", "{event}");
        done += usize::from(event["event"] == "done");
        texts
            .entry(event["id"].as_u64().unwrap())
            .or_default()
            .push_str(event["text"].as_str().unwrap_or(""));
    }
    assert_eq!(texts.len(), 6);
    assert!(texts.values().all(|text| !text.trim().is_empty()), "{texts:?}");
}

#[test]
fn full_cells_make_room_by_forgetting_who_is_idle() {
    let mut worker = Worker::ready();
    // Eight sequences of some 440 tokens do not fit into 512 × 2 + 2048 cells.
    let nouns = ["sea", "rain", "sun", "wind", "tree", "book", "road", "cup", "house", "light", "hand"];
    for id in 1..=12 {
        let words: Vec<_> = (0..410).map(|word| nouns[(word * word + id) % nouns.len()]).collect();
        let mut ask = generate(id as u64, &words.join(" "));
        ask["max_tokens"] = json!(2);
        worker.say(&ask);
        let (_, end) = worker.reply(id as u64);
        assert_eq!(end["event"], "done", "{end}");
        assert!(end["prompt_tokens"].as_u64().unwrap() > 400, "{end}");
    }
    worker.say(&generate(21, "Hi!"));
    assert_eq!(worker.reply(21).1["event"], "done");
}

#[test]
fn the_worker_ends_with_its_stdin_even_in_the_middle_of_a_reply() {
    let mut worker = Worker::ready();
    let mut long = generate(1, "Tell me a long story.");
    long["max_tokens"] = json!(400);
    worker.say(&long);
    assert_eq!(worker.hear()["event"], "delta");
    worker.stdin = None;
    assert_eq!(worker.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_grammar_is_followed_to_the_letter() {
    let mut worker = Worker::ready();
    for (id, grammar, allowed) in [
        (1, "root ::= \"yes\" | \"no\"", &["yes", "no"][..]),
        (2, "root ::= \"\\\"서울\\\"\" | \"[\" [0-9] \"]\" | (\"하나\" | \"둘\") \"!\"", &[]),
    ] {
        let mut ask = generate(id, "Is rain wet?");
        ask["grammar"] = json!(grammar);
        ask["max_tokens"] = json!(60);
        worker.say(&ask);
        let (text, end) = worker.reply(id);
        assert_eq!((&end["event"], &end["finish"]), (&json!("done"), &json!("stop")), "{text:?} {end}");
        assert!(allowed.is_empty() || allowed.contains(&text.as_str()), "{text:?}");
        assert!(
            ["yes", "no", "\"서울\"", "하나!", "둘!"].contains(&text.as_str()) || text.starts_with('['),
            "{text:?}"
        );
    }
}

#[test]
fn a_grammar_that_makes_no_sense_is_refused_and_the_worker_works_on() {
    let mut worker = Worker::ready();
    let deep = format!("root ::= {}\"a\"{}", "(".repeat(2_000), ")".repeat(2_000));
    let long = format!("root ::= {}\"a\"", "\"a\" | ".repeat(60_000));
    let broken = [
        "",
        "nonsense",
        "root ::= other",
        "root ::= root \"a\"",
        "root ::= \"a",
        "root ::= (\"a\"",
        "root ::= [a",
        "root ::= \"a\"{9999999}",
        "root ::= *",
        "no ::= \"a\"",
        "root ::= \"\\q\"",
        "a ::= \"x\"\nroot ::= b",
        "root ::= \"\u{0}\"",
        long.as_str(),
    ];
    for (at, grammar) in broken.iter().enumerate() {
        for place in ["grammar", "calls"] {
            let id = 10 + at as u64;
            let mut ask = generate(id, "Hi!");
            ask[place] = match place {
                "calls" => json!({"mark": "<call>", "grammar": grammar}),
                _ => json!(grammar),
            };
            worker.say(&ask);
            let (_, end) = worker.reply(id);
            assert_eq!(end["kind"], "bad_input", "{grammar:?}: {end}");
        }
    }
    let mut ask = generate(2, "Hi!");
    ask["grammar"] = json!(deep);
    worker.say(&ask);
    worker.reply(2);
    worker.say(&generate(3, "Hi!"));
    assert_eq!(worker.reply(3).1["event"], "done");
}

#[test]
fn behind_a_mark_of_several_tokens_the_grammar_of_calls_holds() {
    let mut worker = Worker::ready();
    // The model is made to say the mark: whatever it would say next, it is held to the rest.
    let mut ask = generate(1, "Hi!");
    ask["messages"].as_array_mut().unwrap().push(json!({"role": "assistant", "content": "Say <to"}));
    ask["grammar"] = json!("root ::= \"ol_call>\" \"{}\"");
    worker.say(&ask);
    assert_eq!(worker.reply(1).0, "ol_call>{}");
    let mut first = generate(2, "Say hello to everybody.");
    worker.say(&first);
    let (text, _) = worker.reply(2);
    let mark: String = text.chars().take(6).collect();
    first["id"] = json!(3);
    first["calls"] =
        json!({"mark": mark, "grammar": "root ::= [^a]{0,8} \"{\\\"name\\\": 1}\" \"</end>\"", "odds": null});
    first["max_tokens"] = json!(80);
    worker.say(&first);
    let (text, end) = worker.reply(3);
    assert!(text.starts_with(&mark) && text.ends_with("{\"name\": 1}</end>"), "{text:?} {end}");
}

#[test]
fn what_has_to_be_words_does_not_begin_as_calls_do() {
    let mut worker = Worker::ready();
    let answered = json!({"mark": 0.5, "hints": ["{\""], "answered": true});
    let grammar = "root ::= \"{}\"";
    let calls = [
        // No call is wanted, or the result of one is there and the model is small.
        json!({"mark": "<tool_call>", "grammar": null, "odds": null}),
        json!({"mark": "<tool_call>", "grammar": grammar, "odds": answered}),
    ];
    for (at, calls) in calls.iter().enumerate() {
        for (turn, words) in ["{\"name\": \"look\"}", "<b>안녕</b>", "[1, 2]", "```json"].iter().enumerate()
        {
            let id = (at * 10 + turn) as u64;
            let mut ask = generate(id, &format!("Write exactly this and nothing else: {words}"));
            ask["calls"] = calls.clone();
            worker.say(&ask);
            let (text, end) = worker.reply(id);
            assert_eq!(end["event"], "done", "{end}");
            assert!(
                !text.trim().is_empty() && !text.trim_start().starts_with(['{', '[', '<', '`']),
                "{text:?}"
            );
        }
    }
}
