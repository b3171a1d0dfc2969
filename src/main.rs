//! Command line to settings to parts to service; the only place that exits.

#[path = "main/ks.rs"]
mod ks;
#[path = "main/secret.rs"]
mod secret;
#[path = "main/serve.rs"]
mod serve;
#[path = "main/sign.rs"]
mod sign;
#[path = "main/systemd.rs"]
mod systemd;

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgMatches, Command, value_parser};
use futures_util::StreamExt;
use tokio::runtime::Runtime;
use vedette::access::viewer::Asker;
use vedette::catalog::Catalog;
use vedette::config::table::ROWS;
use vedette::config::{self, Settings, Sources};
use vedette::decode::cage;
use vedette::decode::place::Place;
use vedette::decode::priority::go_first;
use vedette::deliver::Delivery;
use vedette::deliver::sources::{self, Content};
use vedette::entry::Source;
use vedette::error::Kind;
use vedette::media;
use vedette::origin::{self, Origin};
use vedette::plan::{self, Client, Decision};
use vedette::request;
use vedette::server::House;

/// What goes wrong is told on the standard error, a line each.
type Outcome = Result<(), Vec<String>>;

/// More than the first line of any answer.
const ANSWER_LINE_MAX: u64 = 256;

/// How long `health` waits for each step.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    // Before there is anything that a process for decoders should not have.
    if std::env::args_os().nth(1).is_some_and(|word| word == cage::COMMAND) {
        return cage::run();
    }
    match run(&command().get_matches()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(faults) => {
            for fault in faults {
                eprintln!("vedette: {fault}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(matches: &ArgMatches) -> Outcome {
    match matches.subcommand() {
        Some(("serve", given)) => serve::run(given),
        Some(("explain", given)) => explain(given, &settings(given)?),
        Some(("inspect", given)) => inspect(given, &settings(given)?),
        Some(("check-config", given)) => check_config(&settings(given)?),
        Some(("health", given)) => health(given),
        Some(("ks", given)) => ks::run(given),
        Some(("sign", given)) => sign::run(given),
        _ => Err(vec!["no such command".to_owned()]),
    }
}

fn command() -> Command {
    let url = Arg::new("url").value_name("URL").required(true).help("Path and query, or a whole URL");
    let file = Arg::new("file")
        .value_name("FILE")
        .required(true)
        .value_parser(value_parser!(PathBuf))
        .help("A media file, or its URL");
    let health_url = Arg::new("url").value_name("URL").help("Asked instead of the admin listener of the settings");
    let command = Command::new("vedette")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Delivery edge for video platforms: a thumbnail of any frame by URL")
        .after_help(
            "A flag goes before its variable, a variable before the settings file, the file before the default.",
        )
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(Command::new("serve").about("Answers requests until it is told to stop"))
        .subcommand(Command::new("explain").about("Prints what would be done for a URL, without doing it").arg(url))
        .subcommand(Command::new("inspect").about("Prints what a media file holds").arg(file))
        .subcommand(
            Command::new("check-config").about("Prints the settings, and what is wrong with them or the library"),
        )
        .subcommand(Command::new("health").about("Asks a running service whether it is well").arg(health_url))
        .subcommand(ks::command())
        .subcommand(sign::command());
    with_settings(command)
}

/// `command` with a flag for the settings file, and for each setting, wherever they stand.
fn with_settings(command: Command) -> Command {
    let defaults = Settings::default();
    let setting = |name: &'static str, flag: &'static str, help: String| {
        Arg::new(name).long(flag).value_name("VALUE").help(help).help_heading("Settings").global(true)
    };
    let file = setting("config", "config", "A settings file in TOML [env: VEDETTE_CONFIG]".to_owned());
    ROWS.iter().fold(command.arg(file), |command, row| {
        let (default, variable) = (config::shown(row, &defaults), config::variable(row));
        let help = format!("{} ({}) [default: {default}] [env: {variable}]", row.help, row.allowed);
        command.arg(setting(row.name, config::flag(row), help))
    })
}

/// The settings that command line, environment and file give.
fn settings(given: &ArgMatches) -> Result<Settings, Vec<String>> {
    let environment = |name: &str| std::env::var(name).ok();
    let flag = |name: &str| given.get_one::<String>(name).cloned();
    let file = flag("config").or_else(|| environment("VEDETTE_CONFIG").filter(|name| !name.is_empty()));
    let text = match &file {
        Some(name) => Some(std::fs::read_to_string(name).map_err(|error| vec![format!("{name}: {error}")])?),
        None => None,
    };
    let file = file.as_deref().zip(text.as_deref());
    config::read(Sources { file, environment: &environment, flag: &flag }).map_err(lines)
}

fn lines(faults: Vec<impl Display>) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

fn print(text: impl Display) -> Outcome {
    match write!(io::stdout(), "{text}") {
        // Whoever read it had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|error| vec![error.to_string()]),
    }
}

/// What is wrong, with all its causes.
fn fault(error: impl std::fmt::Debug) -> Vec<String> {
    vec![format!("{error:?}")]
}

fn runtime() -> Result<Runtime, Vec<String>> {
    tokio::runtime::Builder::new_multi_thread().enable_all().on_thread_start(go_first).build().map_err(fault)
}

/// Everything that answers are made of.
fn delivery(settings: &Settings) -> Result<(Catalog, Delivery), Vec<String>> {
    let origin = Origin::new(&settings.catalog.media, &settings.origin).map_err(fault)?;
    let catalog = Catalog::open(&settings.catalog, origin.clone()).map_err(fault)?;
    let delivery = Delivery::new(&settings.deliver, &settings.access, catalog.clone(), origin).map_err(fault)?;
    Ok((catalog, delivery))
}

/// Prints what would be done for a URL.
fn explain(given: &ArgMatches, settings: &Settings) -> Outcome {
    let url = given.get_one::<String>("url").map(String::as_str).unwrap_or_default();
    let (_, target) = target(url);
    let unknown = || vec![format!("{target}: no URL of this service begins like that")];
    let request = request::parse(target).ok_or_else(unknown)?.map_err(fault)?;
    runtime()?.block_on(async {
        let (_, delivery) = delivery(settings)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let asker = Asker { target: Some(target), now, ..Asker::default() };
        let admission = delivery.admit(&request, &asker).await.map_err(fault)?;
        print(delivery.guarded(&request).await.map_err(fault)?)?;
        print(admission.explain())?;
        let decision = delivery.plan(&request, Client::default(), &admission).await.map_err(fault)?;
        print(plan::explain(&decision))?;
        if let Decision::Make(plan) = &decision {
            print(plan::explain_cost(&delivery.price(plan).await.map_err(fault)?))?;
        }
        let left_out = match &decision {
            Decision::Make(plan) => delivery.left_out(&request, plan).await.map_err(fault)?,
            Decision::Redirect { .. } => Vec::new(),
        };
        left_out.iter().try_for_each(|reason| print(format_args!("left out {reason}\n")))
    })
}

/// What of a URL is before its path, and the rest.
fn target(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |scheme| scheme + "://".len());
    if host == 0 {
        return ("", url);
    }
    let path = url[host..].find('/').map_or(url.len(), |path| host + path);
    url.split_at(path)
}

/// Prints what a media file holds, in a folder or at an origin.
fn inspect(given: &ArgMatches, settings: &Settings) -> Outcome {
    let file = given.get_one::<PathBuf>("file").map(PathBuf::as_path).unwrap_or(Path::new(""));
    runtime()?.block_on(async {
        let (origin, source) = if origin::is_remote(file) { at_origin(file, settings).await } else { in_folder(file) }?;
        let place = Place::new(&settings.deliver.place, settings.deliver.decoding, 0);
        if sources::recognise(&origin, &source).await.map_err(fault)? == Content::Still {
            let facts = sources::facts(&origin, &place, &source).await.map_err(fault)?;
            let shown = facts.picture.map(|picture| picture.shown.to_string()).unwrap_or_default();
            return print(format_args!("a picture, {shown} as shown\n"));
        }
        let index = sources::index(&origin, &place, &source).await.map_err(fault)?;
        print(media::describe::describe(&index, source.size))
    })
}

/// A file in a folder.
fn in_folder(file: &Path) -> Result<(Origin, Source), Vec<String>> {
    let wrong = |error: &dyn Display| vec![format!("{}: {error}", file.display())];
    let path = file.canonicalize().map_err(|error| wrong(&error))?;
    let metadata = path.metadata().map_err(|error| wrong(&error))?;
    let name = path.file_name().and_then(OsStr::to_str).filter(|_| metadata.is_file());
    let (name, folder) = name.zip(path.parent()).ok_or_else(|| wrong(&"no file with a name in UTF-8"))?;
    let since = metadata.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let source = Source {
        location: name.into(),
        size: metadata.len(),
        modified: since.as_secs(),
        version: Source::file_version(metadata.len(), since.as_nanos()),
    };
    Ok((Origin::folder(folder).map_err(fault)?, source))
}

/// A file at an origin: what is before the last slash of its URL is where a library would rest.
async fn at_origin(url: &Path, settings: &Settings) -> Result<(Origin, Source), Vec<String>> {
    let text = url.to_string_lossy();
    let missing = || vec![format!("{text}: there is no such file")];
    let (base, _) = text.rsplit_once('/').ok_or_else(missing)?;
    let origin = Origin::new(Path::new(base), &settings.origin).map_err(fault)?;
    let source = origin.find(&text).await.map_err(fault)?.ok_or_else(missing)?;
    Ok((origin, source))
}

/// Prints the settings; fails with what is wrong with the files that they name, and with the library.
fn check_config(settings: &Settings) -> Outcome {
    print(settings)?;
    let place = Place::new(&settings.deliver.place, settings.deliver.decoding, 0);
    match place.open().map_err(fault)? {
        Some(walls) => print(format_args!("# media is decoded in processes of their own: {walls}\n"))?,
        None => print("# media is decoded by the service itself\n")?,
    }
    let faults: Vec<_> = runtime()?.block_on(async {
        let (catalog, delivery) = delivery(settings)?;
        House::new(&settings.server, Arc::new(delivery)).map_err(fault)?;
        match catalog.walk().await {
            Ok(items) => Ok(items.filter_map(async |item| item.err()).collect().await),
            Err(error) if error.kind() == Kind::Unsupported => {
                print(format_args!("# the entries were not looked at: {error}\n"))?;
                Ok(Vec::new())
            }
            Err(error) => Err(fault(error)),
        }
    })?;
    if faults.is_empty() { Ok(()) } else { Err(lines(faults)) }
}

/// Asks the admin listener, or the URL given; fails unless the answer is 200.
fn health(given: &ArgMatches) -> Outcome {
    let (authority, path) = match given.get_one::<String>("url") {
        Some(url) => {
            let rest =
                url.strip_prefix("http://").ok_or_else(|| vec![format!("{url}: expected http://host:port/path")])?;
            let (authority, path) = rest.split_once('/').unwrap_or((rest, "health"));
            (authority.to_owned(), format!("/{path}"))
        }
        None => {
            let address = settings(given)?.server.admin_listen.ok_or_else(|| vec!["admin_listen is off".to_owned()])?;
            (reachable(address).to_string(), "/health".to_owned())
        }
    };
    let answer = ask(&authority, &path).map_err(|error| vec![format!("{authority}: {error}")])?;
    if answer.split(' ').nth(1) == Some("200") { print("ok\n") } else { Err(vec![format!("{authority}: {answer}")]) }
}

/// Where a listener on all addresses is reached from this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => ([0, 0, 0, 0, 0, 0, 0, 1], v6.port()).into(),
        other => other,
    }
}

/// The first line of the answer to a GET.
fn ask(authority: &str, path: &str) -> io::Result<String> {
    let address = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let unknown = || io::Error::new(io::ErrorKind::NotFound, "no such host");
    let address = address.to_socket_addrs()?.next().ok_or_else(unknown)?;
    let mut stream = TcpStream::connect_timeout(&address, HEALTH_TIMEOUT)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    stream.set_write_timeout(Some(HEALTH_TIMEOUT))?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(stream.take(ANSWER_LINE_MAX)).read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn given(arguments: &[&str]) -> (String, ArgMatches) {
        let matches = command().try_get_matches_from([&["vedette"], arguments].concat()).unwrap();
        let (name, given) = matches.subcommand().unwrap();
        (name.to_owned(), given.clone())
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_setting_is_a_flag_before_and_after_the_command() {
        for row in ROWS {
            let flag = format!("--{}", config::flag(row));
            let value = config::shown(row, &Settings::default());
            for arguments in [["serve", &flag, &value], [&flag, &value, "serve"]] {
                let (name, matches) = given(&arguments);
                assert_eq!((name.as_str(), matches.get_one::<String>(row.name)), ("serve", Some(&value)));
            }
        }
    }

    #[test]
    fn flags_become_settings_and_faults_name_them() {
        let (_, matches) = given(&["serve", "--workers", "3", "--media", "/srv/media"]);
        let read = settings(&matches).unwrap();
        assert_eq!((read.deliver.workers, read.catalog.media), (3, "/srv/media".into()));
        let (_, matches) = given(&["serve", "--workers", "x", "--listen", "y"]);
        let faults = settings(&matches).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("--listen: ") && faults[1].starts_with("--workers: "), "{faults:?}");
        let (_, matches) = given(&["serve", "--config", "/nowhere/vedette.toml"]);
        assert!(settings(&matches).unwrap_err()[0].starts_with("/nowhere/vedette.toml: "));
    }

    #[test]
    fn health_is_what_the_answer_says() {
        #[track_caller]
        fn check(answer: &'static str, expected: bool) {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let url = format!("http://{}/health", listener.local_addr().unwrap());
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 1024];
                let count = stream.read(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8_lossy(&request[..count]).into_owned()
            });
            let (_, matches) = given(&["health", &url]);
            assert_eq!(health(&matches).is_ok(), expected, "{answer:?}");
            assert!(server.join().unwrap().starts_with("GET /health HTTP/1.1\r\n"));
        }
        check("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", true);
        check("HTTP/1.1 503 Service Unavailable\r\n\r\n", false);
        check("", false);
    }

    #[test]
    fn a_listener_on_all_addresses_is_reached_at_home() {
        #[track_caller]
        fn check(address: &str, expected: &str) {
            assert_eq!(reachable(address.parse().unwrap()).to_string(), expected);
        }
        check("0.0.0.0:90", "127.0.0.1:90");
        check("[::]:90", "[::1]:90");
        check("10.1.2.3:90", "10.1.2.3:90");
    }
}
