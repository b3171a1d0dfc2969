//! Holds the code to ARCHITECTURE.md: who may use whom, who owns which foreign crate, and what the core never says.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `src/`, whether it is of the core, and the modules it may use.
const MODULES: &[(&str, Layer, &[&str])] = &[
    ("error", Layer::Core, &[]),
    ("network", Layer::Core, &[]),
    ("tables", Layer::Core, &[]),
    ("rules", Layer::Core, &["network", "tables"]),
    ("entry", Layer::Core, &["rules"]),
    ("media", Layer::Core, &["error"]),
    ("thumbnail", Layer::Core, &["error", "media"]),
    ("packager", Layer::Core, &["error", "media"]),
    ("request", Layer::Core, &["error", "entry", "media", "thumbnail", "packager"]),
    ("access", Layer::Core, &["error", "network", "rules", "entry"]),
    ("plan", Layer::Core, &["error", "entry", "media", "thumbnail", "packager", "request", "access"]),
    ("catalog", Layer::Shell, &["error", "tables", "rules", "entry", "cache", "origin"]),
    ("origin", Layer::Shell, &["error", "entry", "cache"]),
    ("decode", Layer::Shell, &["error", "media", "thumbnail"]),
    ("cache", Layer::Shell, &["error"]),
    ("country", Layer::Shell, &["error"]),
    (
        "deliver",
        Layer::Shell,
        &[
            "error",
            "network",
            "rules",
            "entry",
            "media",
            "thumbnail",
            "packager",
            "request",
            "access",
            "plan",
            "catalog",
            "origin",
            "decode",
            "cache",
        ],
    ),
    ("trace", Layer::Shell, &["error", "origin"]),
    (
        "server",
        Layer::Shell,
        &["error", "network", "entry", "access", "packager", "request", "plan", "country", "deliver", "trace"],
    ),
    // Of the shell modules it may use nothing but their settings; see `config_composes_settings_alone`.
    (
        "config",
        Layer::Shell,
        &[
            "error", "network", "tables", "rules", "entry", "media", "access", "plan", "catalog", "origin", "decode",
            "cache", "deliver", "server", "trace",
        ],
    ),
    ("lib", Layer::Core, &[]),
    (
        "main",
        Layer::Shell,
        &[
            "error", "entry", "media", "request", "access", "plan", "catalog", "origin", "decode", "deliver", "server",
            "config",
        ],
    ),
];

/// Foreign crates with owners; no other module names them.
const OWNERS: &[(&str, &[&str])] = &[
    ("hyper", &["server", "origin", "trace"]),
    ("hyper_util", &["server", "origin", "trace"]),
    ("hyper_rustls", &["origin", "trace"]),
    ("listenfd", &["main"]),
    ("rustls", &["origin", "server"]),
    ("tokio_rustls", &["server"]),
    ("rustls_native_certs", &["origin"]),
    ("object_store", &["origin"]),
    ("url", &["origin"]),
    ("httpdate", &["server"]),
    ("metrics_exporter_prometheus", &["server"]),
    ("quick_cache", &["cache"]),
    ("foldhash", &["cache", "catalog", "server"]),
    ("maxminddb", &["country"]),
    ("ffmpeg_sys_next", &["decode"]),
    ("landlock", &["decode"]),
    ("seccompiler", &["decode"]),
    ("postcard", &["decode"]),
    ("libc", &["decode"]),
    ("turbojpeg", &["decode", "thumbnail"]),
    ("image", &["decode", "thumbnail"]),
    ("moxcms", &["decode", "thumbnail"]),
    ("webp", &["decode", "thumbnail"]),
    ("png", &["decode", "thumbnail"]),
    ("vedette_scale", &["thumbnail"]),
    ("pdf_writer", &["thumbnail"]),
    ("quantette", &["thumbnail"]),
    ("ravif", &["thumbnail"]),
    ("blake3", &["plan", "cache"]),
    ("percent_encoding", &["request", "access", "trace"]),
    ("aes", &["access"]),
    ("cbc", &["access"]),
    ("hmac", &["access"]),
    ("sha2", &["access"]),
    ("regex_lite", &["rules"]),
    ("sha1", &["access"]),
    ("subtle", &["access", "server"]),
    ("base64", &["access"]),
    ("infer", &["media"]),
    ("mime_guess", &["media"]),
    ("quick_xml", &["packager"]),
    ("clap", &["main", "config"]),
    ("tracing_subscriber", &["main", "server"]),
];

/// What the core never says: no I/O, no clock, no waiting, no log.
const FORBIDDEN_IN_CORE: &[&str] = &[
    "async",
    "std::fs",
    "std::env",
    "std::net",
    "std::thread",
    "std::process",
    "now()",
    "tokio",
    "tracing",
    "metrics",
];

/// A file longer than this, tests aside, knows more than one thing.
const LINES_MAX: usize = 500;

#[derive(Clone, Copy, PartialEq)]
enum Layer {
    Core,
    Shell,
}

/// A source file without its comments and its tests.
struct Source {
    path: String,
    module: String,
    lines: Vec<String>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    assert!(files.len() > 10, "the sources are under {}", root.display());
    files.iter().map(|file| source(&root, file)).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for child in fs::read_dir(folder).unwrap() {
        let path = child.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}

fn source(root: &Path, file: &Path) -> Source {
    let text = fs::read_to_string(file).unwrap();
    let path = file.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
    let module = path.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
    let code = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    Source { path, module, lines: code.lines().map(|line| without_comment(line).to_owned()).collect() }
}

/// The line up to its comment; a `//` in the middle of an address is none.
fn without_comment(line: &str) -> &str {
    let comment = line.match_indices("//").find(|(at, _)| !line[..*at].ends_with(':'));
    comment.map_or(line, |(at, _)| &line[..at])
}

/// The modules of this crate that a line names: `crate::x`, also inside `use crate::{x, y}`; in the binary `vedette::x`.
fn modules_named(source: &Source, line: &str) -> BTreeSet<String> {
    let own = if source.module == "main" { "vedette::" } else { "crate::" };
    let mut named = BTreeSet::new();
    for (at, _) in line.match_indices(own) {
        let rest = &line[at + own.len()..];
        let list = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        for path in list.map_or(vec![rest], |list| list.split(',').collect()) {
            named.insert(word(path.trim()).to_owned());
        }
    }
    named
}

/// The identifier that `text` begins with.
fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap()
}

/// Whether `line` holds `name` with no letter or digit right before or after it.
fn says(line: &str, name: &str) -> bool {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name)
        .any(|(at, _)| !line[..at].ends_with(in_word) && !line[at + name.len()..].starts_with(in_word))
}

/// Every place in the sources where `fault` finds something to say must be none.
#[track_caller]
fn check(mut fault: impl FnMut(&Source, &str) -> Option<String>) {
    let mut faults = Vec::new();
    for source in sources() {
        for (number, line) in source.lines.iter().enumerate() {
            let found = fault(&source, line);
            faults.extend(found.map(|what| format!("src/{}:{}: {what}", source.path, number + 1)));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

fn allowed(module: &str) -> Option<(Layer, &'static [&'static str])> {
    MODULES.iter().find(|(name, ..)| *name == module).map(|(_, layer, uses)| (*layer, *uses))
}

#[test]
fn every_file_has_a_row() {
    let unknown: Vec<_> = sources().into_iter().filter(|source| allowed(&source.module).is_none()).collect();
    assert!(unknown.is_empty(), "no row for {:?}", unknown.iter().map(|source| &source.path).collect::<Vec<_>>());
}

#[test]
fn modules_use_whom_they_may() {
    check(|source, line| {
        let (_, uses) = allowed(&source.module)?;
        let named = modules_named(source, line);
        let bad = named.iter().find(|name| **name != source.module && !uses.contains(&name.as_str()))?;
        Some(format!("{} may not use {bad}", source.module))
    });
}

#[test]
fn config_composes_settings_alone() {
    check(|source, line| {
        let shell = |name: &String| allowed(name).is_some_and(|(layer, _)| layer == Layer::Shell);
        let foreign = modules_named(source, line).into_iter().find(|name| shell(name) && *name != "config");
        let settings = line.contains("Config") || line.contains("::config");
        (source.module == "config" && !settings).then_some(())?;
        foreign.map(|name| format!("of {name} only its settings are used here"))
    });
}

#[test]
fn the_core_is_pure() {
    check(|source, line| {
        let (layer, _) = allowed(&source.module)?;
        let word = FORBIDDEN_IN_CORE.iter().find(|word| says(line, word))?;
        (layer == Layer::Core).then(|| format!("the core never says {word}"))
    });
}

#[test]
fn foreign_crates_have_owners() {
    check(|source, line| {
        let names = |name: &&(&str, &[&str])| {
            says(line, &format!("{}::", name.0)) && !line.contains(&format!("::{}::", name.0))
        };
        let (name, owners) = OWNERS.iter().find(names)?;
        let owned = owners.contains(&source.module.as_str());
        // A module of our own may share a crate's name.
        let local = line.contains(&format!("self::{name}")) || line.contains(&format!("super::{name}"));
        (!owned && !local).then(|| format!("{name} belongs to {owners:?}"))
    });
}

#[test]
fn only_the_decoder_is_unsafe() {
    check(|source, line| {
        // A word of a policy for browsers is another one.
        let line = line.replace("'unsafe-inline'", "");
        (says(&line, "unsafe") && source.module != "decode").then(|| "unsafe belongs to decode".to_owned())
    });
}

#[test]
fn a_line_is_an_arrow() {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    check(|source, line| {
        let path = line.strip_prefix("use crate::")?.trim_end_matches(';');
        let module = match path.rsplit_once("::") {
            Some((module, _)) => module.split("::{").next().unwrap(),
            None => path,
        };
        let first = seen.entry(source.path.clone()).or_default().insert(module.to_owned());
        (!first).then(|| format!("a second line for {module}"))
    });
    check(|_, line| line.contains("super::super").then(|| "super::super".to_owned()));
    check(|_, line| {
        let exported = line.trim_start().starts_with("pub use crate::");
        exported.then(|| "another module's names are not exported again".to_owned())
    });
}

#[test]
fn files_open_with_what_they_know() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for source in sources() {
        let text = fs::read_to_string(root.join(&source.path)).unwrap();
        assert!(text.starts_with("//! "), "src/{} says what it knows in its first line", source.path);
        assert!(source.lines.len() <= LINES_MAX, "src/{} has {} lines", source.path, source.lines.len());
    }
}

/// The table of parameters as README.md has it.
fn parameter_table() -> String {
    let mut table = String::from("| parameter | values | default | meaning |\n| --- | --- | --- | --- |\n");
    for parameter in vedette::request::thumbnail::PARAMETERS {
        let cells = [parameter.values, parameter.default, parameter.meaning].map(|cell| cell.replace('|', "\\|"));
        table.push_str(&format!("| `{}` | {} |\n", parameter.name, cells.join(" | ")));
    }
    table
}

/// The table of settings as README.md has it.
fn settings_table() -> String {
    let defaults = vedette::config::Settings::default();
    let mut table = String::from("| setting | default | meaning |\n| --- | --- | --- |\n");
    for row in vedette::config::table::ROWS {
        let default = vedette::config::shown(row, &defaults);
        table.push_str(&format!("| `--{}` | `{default}` | {} |\n", vedette::config::flag(row), row.help));
    }
    table
}

/// Holds the part of README.md between the markers of `name` to `expected`, or writes it there with UPDATE_GOLDEN=1.
#[track_caller]
fn check_readme(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(&path).unwrap();
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&start).expect("README.md has the marker before the table");
    let (table, after) = rest.split_once(&end).expect("README.md has the marker after the table");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, [before, &start, expected, &end, after].concat()).unwrap();
        return;
    }
    assert_eq!(table, expected, "UPDATE_GOLDEN=1 writes the table into README.md");
}

#[test]
fn the_readme_has_the_tables_of_the_code() {
    check_readme("parameters", &parameter_table());
    check_readme("settings", &settings_table());
    check_readme("states", &table_of("src/access/states.md"));
    check_readme("rules", &table_of("src/access/rules/rules.md"));
}

/// The table of a page.
fn table_of(page: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
    text.lines().filter(|line| line.starts_with('|')).map(|line| format!("{line}\n")).collect()
}

/// The rows of hostile input and faults that README.md lists.
const HOSTILE_ROWS: usize = 48;

/// The tests of a file: what follows an attribute that makes it one.
fn tests_of(file: &Path) -> BTreeSet<String> {
    let (text, mut names, mut is_test) = (fs::read_to_string(file).unwrap_or_default(), BTreeSet::new(), false);
    for line in text.lines().map(str::trim_start) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let name = line.trim_start_matches("async ").strip_prefix("fn ").filter(|_| is_test);
        if let Some(name) = name {
            names.insert(word(name).to_owned());
            is_test = false;
        }
    }
    names
}

/// Whether there is a test, named as its binary and its modules have it.
fn is_a_test(path: &str) -> bool {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let Some((module, name)) = path.rsplit_once("::") else { return root.join(path).is_file() };
    let file = module.replace("::", "/");
    let files =
        ["tests/it/{}.rs", "tests/it/{}/mod.rs", "src/{}.rs", "src/{}/mod.rs", "src/{}/tests.rs", "{}/src/lib.rs"];
    let files = files.map(|pattern| root.join(pattern.replace("{}", &file)));
    files.iter().any(|file| tests_of(file).contains(name))
}

/// Every row of the table names what holds it, and what it names is there; every test that is named after a row is in it.
#[test]
fn what_the_readme_says_of_hostile_input_is_held() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let table = text.split("<!-- hostile -->").nth(1).and_then(|rest| rest.split("<!-- /hostile -->").next()).unwrap();
    let rows: Vec<Vec<&str>> =
        table.lines().skip(3).map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect()).collect();
    let mut named = BTreeSet::new();
    for row in &rows {
        let [_, _, _, held_by] = row[..] else { panic!("four columns, not {row:?}") };
        let tests: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty() || held_by == "–", "{row:?} names a test, or says that it concerns nobody");
        for test in tests {
            assert!(is_a_test(test), "there is no {test}");
            named.insert(test.rsplit("::").next().unwrap().to_owned());
        }
    }
    for number in 1..=HOSTILE_ROWS {
        assert!(rows.iter().any(|row| row[0] == number.to_string()), "row {number} is in the table");
    }
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"), &mut files);
    let after_a_row = |name: &String| ["row_", "rows_", "advisory_"].iter().any(|front| name.starts_with(front));
    let missing: Vec<String> =
        files.iter().flat_map(|file| tests_of(file)).filter(after_a_row).filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "the table does not name {missing:?}");
}

#[test]
fn comments_are_told_from_addresses() {
    assert_eq!(without_comment("let a = 1; // one"), "let a = 1; ");
    assert_eq!(without_comment("let a = \"http://host\";"), "let a = \"http://host\";");
    assert!(says("use std::fs;", "std::fs") && !says("asynchronous", "async") && !says("let tokio_like = 1", "tokio"));
}
