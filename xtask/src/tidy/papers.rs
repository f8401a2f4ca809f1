//! Documents that must keep up: the map of the house, persona files, package lists.

use super::{Findings, Source};

pub(super) fn check(sources: &[Source], findings: &mut Findings) {
    let find = |path: &str| sources.iter().find(|source| source.path == path);
    match (find("ARCHITECTURE.md"), find("Cargo.toml")) {
        (Some(map), Some(manifest)) => check_map(&map.text, &manifest.text, findings),
        _ => findings.errors.push("ARCHITECTURE.md or Cargo.toml is missing".to_owned()),
    }
    for paper in ["README.md", "AGENTS.md", "CHANGELOG.md", "NOTICE.md"] {
        if find(paper).is_none() {
            findings.errors.push(format!("{paper} is missing"));
        }
    }
    let is_json = |source: &&Source| source.path.starts_with("personas/") && source.path.ends_with(".json");
    for persona in sources.iter().filter(is_json) {
        check_persona(persona, findings);
    }
}

/// Every crate of ours and every crate that we depend on is named, in backticks, with its reason.
fn check_map(map: &str, manifest: &str, findings: &mut Findings) {
    let Ok(manifest) = toml::from_str::<toml::Table>(manifest) else { return };
    let workspace = manifest.get("workspace");
    let table = |name: &str| workspace.and_then(|workspace| workspace.get(name));
    let members = table("members").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let members = members.iter().filter_map(toml::Value::as_str).filter(|member| *member != ".");
    for member in members {
        if !map.contains(&format!("`{member}")) {
            findings.errors.push(format!("ARCHITECTURE.md does not tell what `{member}` is for"));
        }
    }
    let dependencies = table("dependencies").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    for dependency in dependencies.keys().filter(|name| !name.starts_with("duologue")) {
        if !map.contains(&format!("`{dependency}`")) {
            findings
                .errors
                .push(format!("ARCHITECTURE.md gives no reason for the dependency `{dependency}`"));
        }
    }
}

fn check_persona(persona: &Source, findings: &mut Findings) {
    match serde_json::from_str::<serde_json::Value>(&persona.text) {
        Ok(value) if value.is_object() => {}
        Ok(_) => findings.errors.push(format!("{}: a persona is an object", persona.path)),
        Err(error) => findings.errors.push(format!("{}: {error}", persona.path)),
    }
}

#[cfg(test)]
mod tests {
    use super::{check_map, check_persona};
    use crate::tidy::{Findings, Source};

    #[test]
    fn the_map_names_every_crate() {
        let manifest = "[workspace]\nmembers = [\".\", \"domain\", \"xtask\"]\n[workspace.dependencies]\ntokio = \"1\"\nserde = \"1\"\nduologue-domain = { path = \"domain\" }\n";
        let mut findings = Findings::default();
        check_map("- `domain/` the core\n- `tokio`: runs tasks\n", manifest, &mut findings);
        assert_eq!(findings.errors.len(), 2, "{findings:?}");
        assert!(findings.errors[0].contains("`xtask`") && findings.errors[1].contains("`serde`"));
    }

    #[test]
    fn personas_are_objects() {
        let complaints = |text: &str| {
            let mut findings = Findings::default();
            check_persona(&Source { path: "personas/a.json".into(), text: text.into() }, &mut findings);
            findings.errors.len()
        };
        assert_eq!(complaints("{\"name\": \"이서아\"}"), 0);
        assert_eq!(complaints("[]"), 1);
        assert_eq!(complaints("{\"name\": }"), 1);
    }
}
