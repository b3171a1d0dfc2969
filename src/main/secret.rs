//! Secrets that commands are given: on the command line, in a file or in a variable.

use std::fs::File;
use std::io::{self, Read};

use clap::{Arg, ArgMatches, Command};
use vedette::access::secret::Secret;

/// More than the longest list of secrets.
const BYTES_MAX: u64 = 64 * 1024;

/// `command` with the ways to give it a secret, which `help` describes; `variable` is looked at where none is used.
pub(super) fn with_secret(command: Command, help: &'static str, variable: &str) -> Command {
    let secret = Arg::new("secret").long("secret").value_name("SECRET").help(help);
    let file = Arg::new("secret_file").long("secret-file").value_name("FILE").conflicts_with("secret");
    command.arg(secret).arg(file.help("A file that holds it; - is the standard input")).after_help(format!(
        "Everybody on this machine can see a secret on the command line. Without one, it is read from the file, or from \
         the variable {variable}."
    ))
}

/// The secrets that are given, at least one.
pub(super) fn secrets(given: &ArgMatches, variable: &str) -> Result<Vec<Secret>, Vec<String>> {
    let text = match (given.get_one::<String>("secret"), given.get_one::<String>("secret_file")) {
        (Some(secret), _) => secret.clone(),
        (None, None) => std::env::var(variable).unwrap_or_default(),
        (None, Some(file)) if file == "-" => standard_input()?,
        (None, Some(file)) => content(File::open(file)).map_err(|error| vec![format!("{file}: {error}")])?,
    };
    let secrets = Secret::list(&text);
    if secrets.is_empty() { Err(no_secret(variable)) } else { Ok(secrets) }
}

/// What is said where there is none.
pub(super) fn no_secret(variable: &str) -> Vec<String> {
    vec![format!("there is no secret: give --secret-file, --secret or the variable {variable}")]
}

/// A short text on the standard input.
pub(super) fn standard_input() -> Result<String, Vec<String>> {
    content(Ok(io::stdin().lock())).map_err(|error| vec![format!("standard input: {error}")])
}

/// What a short text holds, without the end of its last line.
fn content(source: io::Result<impl Read>) -> io::Result<String> {
    let mut text = String::new();
    source?.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VARIABLE: &str = "VEDETTE_NO_SUCH_SECRET";

    fn found(arguments: &[&str]) -> Result<Vec<Secret>, Vec<String>> {
        let command = with_secret(Command::new("x"), "", VARIABLE);
        secrets(&command.try_get_matches_from([&["x"], arguments].concat()).unwrap(), VARIABLE)
    }

    #[test]
    fn secrets_come_from_where_they_are_kept() {
        let file = std::env::temp_dir().join(format!("vedette-secret-{}", std::process::id()));
        std::fs::write(&file, "new, old\n").unwrap();
        let of_file = found(&["--secret-file", file.to_str().unwrap()]);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(of_file, Ok(Secret::list("new,old")));
        assert_eq!(found(&["--secret", "s"]), Ok(Secret::list("s")));
        assert_eq!((found(&["--secret", ""]), found(&[])), (Err(no_secret(VARIABLE)), Err(no_secret(VARIABLE))));
        let missing = found(&["--secret-file", "/nowhere/secret"]).unwrap_err();
        assert!(missing[0].starts_with("/nowhere/secret: "), "{missing:?}");
    }
}
