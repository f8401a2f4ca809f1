use super::*;

fn sources(env: &[(&str, &str)], flags: &[(&str, &str)]) -> Sources {
    let own = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut sources = Sources { files: Vec::new(), env: own(env), flags: own(flags) };
    sources.env.push(("HOME".into(), "/home/somebody".into()));
    sources
}

fn loaded(env: &[(&str, &str)]) -> Loaded {
    load(sources(env, &[])).unwrap_or_else(|error| panic!("{env:?}: {error}"))
}

fn refused(env: &[(&str, &str)]) -> String {
    match load(sources(env, &[])) {
        Ok(_) => panic!("{env:?} was accepted"),
        Err(error) => error.to_string(),
    }
}

fn file(name: &str, text: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("duologue-config-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the test");
    let path = folder.join("duologue.toml");
    std::fs::write(&path, text).expect("a file for the test");
    path
}

#[test]
fn defaults_agree_with_the_engines() {
    let config = loaded(&[]).config;
    assert_eq!(format!("{:?}", config.stt), format!("{:?}", SttConfig::default()));
    assert_eq!(format!("{:?}", config.vad), format!("{:?}", VadConfig::default()));
    assert_eq!(format!("{:?}", config.llm), format!("{:?}", LlmConfig::default()));
    assert_eq!(format!("{:?}", config.tts), format!("{:?}", TtsConfig::default()));
    assert_eq!(format!("{:?}", config.embed), format!("{:?}", EmbedConfig::default()));
    assert_eq!(config.server.port, 8000);
    assert!(config.server.is_loopback());
    assert_eq!(config.home, PathBuf::from("/home/somebody/.local/share/duologue"));
    assert_eq!(config.store.path, PathBuf::from("/home/somebody/.local/share/duologue/duologue.db"));
}

#[test]
fn later_layers_win() {
    let path = file("layers", "[server]\nport = 1111\nhost = \"localhost\"\n[log]\nlevel = \"debug\"\n");
    let mut all = sources(&[("DUOLOGUE_SERVER__PORT", "2222"), ("PORT", "3333")], &[("log.level", "trace")]);
    all.files.push(path);
    let config = Config::load(all).expect("valid");
    assert_eq!(config.server.port, 2222, "the precise name wins over the plain one and over the file");
    assert_eq!(config.server.host, "localhost", "the file wins over the defaults");
    assert_eq!(config.log.level, "trace", "flags win over the file");
}

#[test]
fn home_follows_xdg_and_its_own_name() {
    assert_eq!(loaded(&[("XDG_DATA_HOME", "/data")]).config.home, PathBuf::from("/data/duologue"));
    assert_eq!(loaded(&[("DUOLOGUE_HOME", "/d")]).config.store.path, PathBuf::from("/d/duologue.db"));
    let homeless = load(Sources::default()).expect_err("there is no home").to_string();
    assert!(homeless.contains("DUOLOGUE_HOME"), "{homeless}");
}

#[test]
fn the_environment_file_of_the_chat_system_works() {
    let loaded = loaded(&[
        ("APP_NAME", "vision-backend"),
        ("PORT", "8000"),
        ("ALLOWED_ORIGINS", "*"),
        ("OPENAI_API_KEY", "sk-secret-secret"),
        ("MONGODB_URI", "mongodb://localhost:27017"),
        ("DATABASE_NAME", "dys-chatbot"),
        ("SUPABASE_URL", "https://abc.supabase.co/"),
        ("SUPABASE_ANON_KEY", "anon"),
        ("JWT_SECRET_KEY", "123456"),
        ("WEBSOCKET_HOST", "1.2.3.4"),
        ("WEBSOCKET_PORT", "8001"),
        ("CORS_ORIGINS", "*,https://yourdomain.com"),
        ("MAX_UPLOAD_BYTES", "33554432"),
        ("RUNPOD_URL", "https://runpod.io"),
    ]);
    let config = &loaded.config;
    assert_eq!(config.store.kind, StoreKind::Mongodb);
    assert_eq!(config.store.database_name, "dys-chatbot");
    assert_eq!(config.auth.jwt_secret, "123456", "a secret of digits stays a text");
    assert_eq!(config.auth.jwks_url, "https://abc.supabase.co/auth/v1/.well-known/jwks.json");
    assert_eq!(config.server.allowed_origins, ["*", "*", "https://yourdomain.com"]);
    assert_eq!(config.llm.api_key, "sk-secret-secret");
    assert_eq!(config.llm.engine, duologue_engines::config::LlmKind::Llama, "a key alone sends nothing out");
    for name in ["APP_NAME", "WEBSOCKET_PORT", "RUNPOD_URL", "SUPABASE_ANON_KEY"] {
        assert!(
            loaded.notes.iter().any(|note| note.starts_with(name)),
            "{name} is reported: {:?}",
            loaded.notes
        );
    }
}

#[test]
fn the_environment_file_of_the_voice_system_works() {
    let loaded = loaded(&[
        ("WHISPER_MODEL", "small"),
        ("LLM_MODEL", "google/gemma-2b-it"),
        ("LLM_ENABLED", "true"),
        ("TTS_ENABLED", "False"),
        ("STT_ENABLED", "0"),
        ("ENVIRONMENT", "docker"),
        ("LOG_LEVEL", "INFO"),
        ("DB_HOST", "mariadb"),
        ("MILVUS_PORT", "19530"),
    ]);
    let config = &loaded.config;
    assert_eq!(config.stt.model, "whisper-base");
    assert_eq!(config.llm.model, "qwen2.5-1.5b");
    assert!(config.llm.enabled && !config.tts.enabled && !config.stt.enabled);
    assert_eq!(config.log.level, "info");
    for name in ["WHISPER_MODEL", "LLM_MODEL", "DB_HOST", "MILVUS_PORT"] {
        assert!(loaded.notes.iter().any(|note| note.starts_with(name)), "{name}: {:?}", loaded.notes);
    }
}

#[test]
fn whisper_sizes_map_to_the_manifest() {
    let cases = [
        ("base", "whisper-base"),
        ("tiny.en", "whisper-tiny.en"),
        ("large", "whisper-base"),
        ("/m/x.bin", "/m/x.bin"),
    ];
    for (value, expected) in cases {
        assert_eq!(loaded(&[("WHISPER_MODEL", value)]).config.stt.model, expected, "{value}");
    }
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    let path = file("unknown", "[sever]\nport = 1\n[stt]\nmodle = \"x\"\n[turn.deep]\nx = 1\n");
    let mut all = sources(&[("DUOLOGUE_SERVER_PORT", "1")], &[("llm.temprature", "1"), ("tts", "1")]);
    all.files.push(path);
    let error = load(all).expect_err("five unknown names");
    let text = error.to_string();
    for expected in [
        "unknown key sever: did you mean server?",
        "unknown key stt.modle: did you mean stt.model?",
        "unknown key turn.deep",
        "unknown variable DUOLOGUE_SERVER_PORT: did you mean DUOLOGUE_SERVER__PORT?",
        "unknown key llm.temprature",
        "tts is a section",
    ] {
        assert!(text.contains(expected), "{expected:?} in {text}");
    }
    assert_eq!(error.problems.len(), 6, "all are reported at once: {text}");
}

#[test]
fn bad_values_are_refused_in_words() {
    let cases: [(&[(&str, &str)], &str); 12] = [
        (&[("DUOLOGUE_SERVER__PORT", "99999")], "server.port"),
        (&[("PORT", "eighty")], "server.port must be a whole number"),
        (&[("DUOLOGUE_TURN__THRESHOLD", "3")], "turn.threshold must be between 0.05 and 0.95"),
        (&[("DUOLOGUE_SESSIONS__MAX", "0")], "sessions.max must be between"),
        (&[("LLM_ENABLED", "maybe")], "LLM_ENABLED must be true or false"),
        (&[("DUOLOGUE_STORE__KIND", "oracle")], "store.kind"),
        (&[("DUOLOGUE_STORE__KIND", "mongodb")], "MONGODB_URI"),
        (&[("ALLOWED_ORIGINS", "example.org")], "is not an origin"),
        (&[("DUOLOGUE_AUTH__API_KEYS", "short")], "at least 16 characters"),
        (&[("DUOLOGUE_AUTH__REQUIRED", "true")], "auth.required"),
        (&[("LOG_LEVEL", "=shout=")], "log.level"),
        (&[("DUOLOGUE_SERVER__HOST", "http://x")], "server.host"),
    ];
    for (env, expected) in cases {
        let text = refused(env);
        assert!(text.contains(expected), "{env:?}: {text}");
    }
}

#[test]
fn opening_needs_authentication() {
    let text = refused(&[("DUOLOGUE_SERVER__HOST", "0.0.0.0")]);
    assert!(text.contains("auth.api_keys") && text.contains("127.0.0.1"), "{text}");
    let open =
        loaded(&[("DUOLOGUE_SERVER__HOST", "0.0.0.0"), ("DUOLOGUE_AUTH__API_KEYS", "0123456789abcdef")]);
    assert!(open.config.auth_required());
    assert!(
        !loaded(&[("DUOLOGUE_AUTH__API_KEYS", "0123456789abcdef")]).config.auth_required(),
        "this machine may stay anonymous"
    );
    assert!(
        !loaded(&[("DUOLOGUE_SERVER__HOST", "::"), ("DUOLOGUE_SERVER__OPEN_WITHOUT_AUTH", "yes")])
            .config
            .auth_required()
    );
}

#[test]
fn secrets_are_never_printed() {
    let secret = "hunter2hunter2hunter2";
    let uri = format!("mongodb://user:{secret}@db:27017");
    let loaded = loaded(&[
        ("JWT_SECRET_KEY", secret),
        ("OPENAI_API_KEY", secret),
        ("MONGODB_URI", &uri),
        ("DUOLOGUE_AUTH__API_KEYS", secret),
    ]);
    assert_eq!(loaded.config.auth.api_keys, [secret]);
    let printed = format!("{:?}{}{:?}", loaded.config, loaded.effective, loaded.notes);
    assert!(!printed.contains(secret), "{printed}");
    assert_eq!(loaded.effective.matches("is set, and not shown").count(), 4);
}

#[test]
fn the_effective_configuration_can_be_read_again() {
    let first = loaded(&[
        ("DUOLOGUE_SERVER__PORT", "4711"),
        ("DUOLOGUE_TTS__KOREAN", "[\"espeak-ko\"]"),
        ("DUOLOGUE_TURN__THRESHOLD", "0.6"),
    ]);
    let mut again = sources(&[], &[]);
    again.files.push(file("again", &first.effective));
    let second = load(again).expect("what was printed is valid");
    assert_eq!(first.effective, second.effective);
    assert_eq!(second.config.server.port, 4711);
    assert_eq!(second.config.tts.korean, ["espeak-ko"]);
}

#[test]
fn files_must_exist_and_parse() {
    let mut missing = sources(&[], &[]);
    missing.files.push("/nowhere/duologue.toml".into());
    assert!(
        load(missing)
            .expect_err("no such file")
            .to_string()
            .contains("/nowhere/duologue.toml cannot be read")
    );
    let mut broken = sources(&[], &[]);
    broken.files.push(file("broken", "[server\nport = "));
    assert!(load(broken).expect_err("broken").to_string().contains("is not valid TOML"));
}

#[test]
fn mcp_servers_are_tables_and_keep_their_secrets() {
    let path = file(
        "mcp",
        "[[mcp]]\nname = \"clock\"\ncommand = \"uvx\"\nargs = [\"x\"]\nenv = { KEY = \"s3cret\" }\n\
         [[mcp]]\nname = \"web\"\nurl = \"https://example.org/mcp\"\nbearer = \"s3cret\"\ntimeout_s = 3\n",
    );
    let mut all = sources(&[("PATH", "/bin"), ("MONGODB_URI", "")], &[]);
    all.files.push(path);
    let loaded = load(all).expect("valid");
    let [clock, web] = &loaded.config.mcp[..] else { panic!("{:?}", loaded.config.mcp) };
    assert_eq!((clock.env.len(), clock.env["PATH"].as_str(), clock.timeout_s), (3, "/bin", 10));
    assert_eq!((web.timeout_s, web.env.len(), web.tools.len()), (3, 0, 0));
    let shown = format!("{}{:?}", loaded.effective, loaded.config);
    assert!(
        !shown.contains("s3cret") && shown.contains("# mcp is set, and not shown"),
        "{}",
        loaded.effective
    );
    assert!(self::loaded(&[]).config.mcp.is_empty());
}

#[test]
fn mcp_servers_that_cannot_work_are_refused() {
    let cases = [
        ("name = \"A b\"\ncommand = \"x\"", "mcp.name"),
        ("name = \"a\"", "set either command or url"),
        ("name = \"a\"\ncommand = \"x\"\nurl = \"http://x\"", "set either command or url"),
        ("name = \"a\"\nurl = \"ftp://x\"", "must be an http or https address"),
        ("name = \"a\"\ncommand = \"x\"\ntimeout_s = 0", "timeout_s must be 1 to 60"),
        ("name = \"a\"\ncommand = \"x\"\n[[mcp]]\nname = \"a\"\ncommand = \"y\"", "two servers called"),
        ("name = \"a\"\ncommand = \"x\"\n[[mcp]]\nname = \"a_b\"\ncommand = \"y\"", "rename one of them"),
        ("name = \"a\"\ncommand = \"x\"\nsecret = 1", "unknown field"),
    ];
    for (index, (table, why)) in cases.into_iter().enumerate() {
        let mut all = sources(&[], &[]);
        all.files.push(file(&format!("mcp-{index}"), &format!("[[mcp]]\n{table}\n")));
        let error = load(all).expect_err(table).to_string();
        assert!(error.contains(why), "{table}: {error}");
    }
}
