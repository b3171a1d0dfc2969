//! Real players in headless Chromium, which see every frame of the sample entries in its place.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Server;

/// What `scripts/setup.sh players` and `tests/browser/install.sh` install.
pub(crate) struct Tools {
    /// The folder of the programs that node and Python run.
    pub(crate) scripts: PathBuf,
}

impl Tools {
    /// The tools, if the programs and folders named are there. Where they are not, this says so, or fails where
    /// `VEDETTE_BROWSER=required` promises them.
    pub(crate) fn find(programs: &[&str], folders: &[&str]) -> Option<Tools> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders_of_programs = || std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        let is_program = |name: &str| folders_of_programs().any(|folder| folder.join(name).is_file());
        let programs = programs.iter().filter(|name| !is_program(name));
        let folders = folders.iter().filter(|name| !root.join(name).is_dir());
        let missing: Vec<&str> = programs.chain(folders).copied().collect();
        if missing.is_empty() {
            return Some(Tools { scripts: root.join("tests/browser") });
        }
        let said = format!(
            "{} missing: `scripts/setup.sh players` and `tests/browser/install.sh` install them",
            missing.join(", ")
        );
        assert!(std::env::var("VEDETTE_BROWSER").as_deref() != Ok("required"), "{said}");
        eprintln!("LEFT OUT: {said}");
        None
    }
}

/// What a command prints when it succeeds, which it must.
#[track_caller]
pub(crate) fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?} fails\n{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn players_show_every_frame_in_its_place() {
    let Some(tools) = Tools::find(&["node", "chromium"], &["tests/browser/node_modules"]) else { return };
    let server = Server::of_library();
    let said = printed(Command::new("node").arg(tools.scripts.join("play.mjs")).arg(server.url()));
    assert!(said.lines().count() > 10, "every case has a line:\n{said}");
}
