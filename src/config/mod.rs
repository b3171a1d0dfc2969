//! Every module's settings, read once from command line, environment and file, with all faults reported together.

mod fields;
mod file;
mod guards;
mod listeners;
pub mod row;
pub mod table;

use std::fmt;
use std::sync::LazyLock;

use self::row::Row;
use self::table::ROWS;
use crate::access::partner::Config as AccessConfig;
use crate::catalog::Config as CatalogConfig;
use crate::deliver::Config as DeliverConfig;
use crate::origin::Config as OriginConfig;
use crate::server::Config as ServerConfig;

/// All settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where entries come from.
    pub catalog: CatalogConfig,
    /// Who may have what.
    pub access: AccessConfig,
    /// Where bytes rest, and how they are fetched.
    pub origin: OriginConfig,
    /// The listeners.
    pub server: ServerConfig,
    /// Caches, workers and pictures.
    pub deliver: DeliverConfig,
    /// What the service says of itself.
    pub log: Log,
}

/// What the service says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// What is said.
    pub level: Level,
    /// How.
    pub format: LogFormat,
}

/// How much is logged; each takes in those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// What failed.
    Error,
    /// What is not as it should be.
    Warn,
    /// What happened.
    #[default]
    Info,
    /// What was done for it.
    Debug,
    /// Each step.
    Trace,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object.
    Json,
}

/// Where a setting may be given, the later before the earlier.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// The name and text of the settings file.
    pub file: Option<(&'a str, &'a str)>,
    /// The value of an environment variable.
    pub environment: &'a dyn Fn(&str) -> Option<String>,
    /// The value of a flag, by the name of its setting.
    pub flag: &'a dyn Fn(&str) -> Option<String>,
}

/// Something wrong with a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is given: a flag, a variable, or a file with its line.
    pub place: String,
    /// What was given, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// The settings that `sources` give, defaults for the rest; or everything that is wrong with what they give.
pub fn read(sources: Sources<'_>) -> Result<Settings, Vec<Fault>> {
    let mut settings = Settings::default();
    let mut faults = Vec::new();
    let (given, access) = sources.file.map(|(name, text)| file::read(name, text)).unwrap_or_default();
    settings.access = access;
    for (place, given) in given {
        match given {
            Ok((row, value)) => apply(&mut settings, row, place, &value, &mut faults),
            Err(message) => faults.push(Fault { place, message }),
        }
    }
    let standard = STANDARD.iter().map(|(name, variable)| (*name, (*variable).to_owned()));
    let own = ROWS.iter().map(|row| (row.name, variable(row)));
    for (setting, name) in standard.chain(own) {
        let Some(row) = ROWS.iter().find(|row| row.name == setting) else { continue };
        // What starts containers likes to set variables to nothing where it means not to set them.
        if let Some(value) = (sources.environment)(&name).filter(|value| !value.is_empty()) {
            apply(&mut settings, row, name, &value, &mut faults);
        }
    }
    for row in ROWS {
        if let Some(value) = (sources.flag)(row.name) {
            apply(&mut settings, row, format!("--{}", flag(row)), &value, &mut faults);
        }
    }
    faults.extend(conflicts(&settings));
    if faults.is_empty() { Ok(settings) } else { Err(faults) }
}

/// Variables that all services know, by the settings that they are of. Our own go before them.
const STANDARD: &[(&str, &str)] = &[
    ("traces_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("traces_service_name", "OTEL_SERVICE_NAME"),
    ("traces_ratio", "OTEL_TRACES_SAMPLER_ARG"),
];

fn apply(settings: &mut Settings, row: &Row, place: String, value: &str, faults: &mut Vec<Fault>) {
    if (row.set)(settings, value).is_none() {
        let message = format!("{} {value:?} is not allowed, expected {}", row.name, row.allowed);
        faults.push(Fault { place, message });
    }
}

/// What is wrong with settings that are right each by itself.
fn conflicts(settings: &Settings) -> impl Iterator<Item = Fault> {
    let server = &settings.server;
    let same = server.admin_listen == Some(server.listen) && server.listen.port() != 0;
    let same = same.then(|| Fault {
        place: "admin_listen".to_owned(),
        message: format!("{} is where requests are answered, expected another address, or off", server.listen),
    });
    let alone = match (&server.tls_certificate, &server.tls_key) {
        (Some(_), None) => Some(("tls_key", "a certificate needs its private key, expected a file in PEM")),
        (None, Some(_)) => Some(("tls_certificate", "a private key needs its certificate, expected a file in PEM")),
        _ => None,
    };
    let alone = alone.map(|(place, message)| Fault { place: place.to_owned(), message: message.to_owned() });
    same.into_iter().chain(alone)
}

/// The name of the environment variable of a setting.
pub fn variable(row: &Row) -> String {
    format!("VEDETTE_{}", row.name.to_ascii_uppercase())
}

/// The name of the flag of a setting, without its dashes.
pub fn flag(row: &Row) -> &'static str {
    static FLAGS: LazyLock<Vec<String>> = LazyLock::new(|| ROWS.iter().map(|row| row.name.replace('_', "-")).collect());
    let at = ROWS.iter().position(|other| other.name == row.name);
    at.and_then(|at| FLAGS.get(at)).map_or(row.name, String::as_str)
}

/// The value of a setting as it may be given.
pub fn shown(row: &Row, settings: &Settings) -> String {
    (row.show)(settings)
}

impl Settings {
    /// What a service that runs with these settings has when it is told of `wanted` ones: the settings that it goes on with,
    /// and the names of those that wait until it is started again.
    pub fn renewed(&self, wanted: &Settings) -> (Settings, Vec<&'static str>) {
        let next = Settings {
            catalog: self.catalog.clone(),
            access: wanted.access.clone(),
            origin: self.origin.clone(),
            server: ServerConfig {
                listen: self.server.listen,
                admin_listen: self.server.admin_listen,
                connections_max: self.server.connections_max,
                traces: self.server.traces.clone(),
                ..wanted.server.clone()
            },
            deliver: DeliverConfig {
                policy: wanted.deliver.policy.clone(),
                sessions_ended: wanted.deliver.sessions_ended.clone(),
                ..self.deliver.clone()
            },
            log: self.log,
        };
        let waits = |row: &&Row| (row.show)(&next) != (row.show)(wanted);
        let waiting = ROWS.iter().filter(waits).map(|row| row.name).collect();
        (next, waiting)
    }
}

impl fmt::Display for Settings {
    /// The settings as a file that gives them all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in ROWS {
            let value = (row.show)(self);
            let is_plain = value == "true" || value == "false" || value.bytes().all(|b| b.is_ascii_digit());
            let value = if is_plain { value } else { toml::Value::String(value).to_string() };
            writeln!(f, "{} = {value}", row.name)?;
        }
        Ok(())
    }
}

impl Level {
    const NAMES: [(&'static str, Level); 5] = [
        ("error", Level::Error),
        ("warn", Level::Warn),
        ("info", Level::Info),
        ("debug", Level::Debug),
        ("trace", Level::Trace),
    ];

    fn read(text: &str) -> Option<Level> {
        Level::NAMES.iter().find(|(name, _)| *name == text).map(|(_, level)| *level)
    }

    fn show(&self) -> String {
        Level::NAMES.iter().find(|(_, level)| level == self).map_or("info", |(name, _)| name).to_owned()
    }
}

impl LogFormat {
    fn read(text: &str) -> Option<LogFormat> {
        match text {
            "text" => Some(LogFormat::Text),
            "json" => Some(LogFormat::Json),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            LogFormat::Text => "text".to_owned(),
            LogFormat::Json => "json".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: &[(&str, &str)] = &[];

    fn read_from(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, Vec<Fault>> {
        let look = |table: &[(&str, &str)], name: &str| {
            table.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        read(Sources {
            file: Some(("v.toml", file)),
            environment: &|name| look(environment, name),
            flag: &|name| look(flags, name),
        })
    }

    #[track_caller]
    fn check(file: &str, environment: &[(&str, &str)], flags: &[(&str, &str)], faults: &[&str]) {
        let found = read_from(file, environment, flags).unwrap_err();
        assert_eq!(found.iter().map(Fault::to_string).collect::<Vec<_>>(), faults);
    }

    #[test]
    fn flag_over_environment_over_file_over_default() {
        let file = "[thumbnail]\nquality = 10\n";
        let quality = |file, environment, flags| read_from(file, environment, flags).unwrap().deliver.policy.quality;
        let (environment, flags) = ([("VEDETTE_THUMBNAIL_QUALITY", "20")], [("thumbnail_quality", "30")]);
        assert_eq!(quality("", NONE, NONE), 75);
        assert_eq!(quality(file, NONE, NONE), 10);
        assert_eq!(quality(file, &environment, NONE), 20);
        assert_eq!(quality(file, &environment, &flags), 30);
        assert_eq!(quality(file, &[("VEDETTE_THUMBNAIL_QUALITY", "")], NONE), 10);
    }

    #[test]
    fn a_name_has_several_spellings_in_a_file() {
        for file in [
            "cache_memory_size = '1GiB'",
            "cache.memory_size = '1GiB'",
            "[cache]\nmemory_size = '1GiB'",
            "cache.memory.size = 1073741824",
        ] {
            assert_eq!(read_from(file, NONE, NONE).unwrap().deliver.artifacts_bytes_max, 1 << 30, "{file}");
        }
    }

    #[test]
    fn all_faults_are_reported_with_their_places() {
        let file = "listen = 'here'\n\n[thumbnail]\nquality = 200\nqualty = 5\n";
        check(
            file,
            &[("VEDETTE_WORKERS", "lots")],
            &[("queue_timeout", "10")],
            &[
                "v.toml:1: listen \"here\" is not allowed, expected an address such as 127.0.0.1:8080",
                "v.toml:4: thumbnail_quality \"200\" is not allowed, expected a whole number from 1 to 100",
                "v.toml:5: there is no setting thumbnail_qualty; did you mean thumbnail_quality?",
                "VEDETTE_WORKERS: workers \"lots\" is not allowed, expected a whole number from 1 to 1024, or auto",
                "--queue-timeout: queue_timeout \"10\" is not allowed, expected a duration such as 10s or 250ms",
            ],
        );
    }

    #[test]
    fn settings_that_fight_are_reported() {
        check(
            "",
            NONE,
            &[("listen", "127.0.0.1:9090")],
            &["admin_listen: 127.0.0.1:9090 is where requests are answered, expected another address, or off"],
        );
        assert!(read_from("listen = '[::]:0'\nadmin_listen = '[::]:0'", NONE, NONE).is_ok());
    }

    #[test]
    fn a_certificate_and_its_key_belong_together() {
        let words = "a certificate needs its private key, expected a file in PEM";
        check("tls.certificate = '/c'", NONE, NONE, &[&format!("tls_key: {words}")]);
        let words = "a private key needs its certificate, expected a file in PEM";
        check("tls.key = '/k'", NONE, NONE, &[&format!("tls_certificate: {words}")]);
        assert!(read_from("tls.certificate = '/c'\ntls.key = '/k'", NONE, NONE).is_ok());
    }

    #[test]
    fn some_settings_wait_for_the_next_start() {
        let running = read_from("workers = 2", NONE, NONE).unwrap();
        let file = "workers = 3\nlisten = '[::]:1'\nhosts = 'a'\n[thumbnail]\nquality = 9\n[[partner]]\nid = 7\nadmin_secret = 's'";
        let wanted = read_from(file, NONE, NONE).unwrap();
        let (next, waiting) = running.renewed(&wanted);
        assert_eq!(waiting, ["listen", "workers"]);
        assert_eq!((next.server.listen, next.deliver.workers), (running.server.listen, 2));
        assert_eq!((next.deliver.policy.quality, &next.server.site.hosts[..]), (9, &["a".to_owned()][..]));
        assert_eq!(next.access, wanted.access);
    }

    #[test]
    fn what_is_shown_is_a_file_that_gives_the_same() {
        let flags = [("media", "/a \"b\"\\c"), ("workers", "3"), ("admin_listen", "off"), ("catalog_ttl", "250ms")];
        let settings = read_from("", NONE, &flags).unwrap();
        assert_eq!(read_from(&settings.to_string(), NONE, NONE), Ok(settings));
    }

    proptest! {
        #[test]
        fn any_file_is_read_or_refused(text in "\\PC*", rows in proptest::collection::vec(
            "(\\[cache\\]|listen|media|memory_size|workers)( ?= ?['\"0-9a-z.\\[\\]{}]{0,12})?", 0..6)) {
            let _ = read_from(&text, NONE, NONE);
            let _ = read_from(&rows.join("\n"), NONE, NONE);
        }
    }
}
