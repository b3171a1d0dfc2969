//! What was declared stale, written down so that it stays stale after a restart.
//!
//! What is on disk outlives the service, under its key and the generation of its entry; so the generations must, too: a service
//! that counted from the start again would find what was kept before the first purge. Therefore:
//!
//! - Names begin at a random number, which is the first line of the journal. Without the journal, or with one in which anything
//!   is odd, another one is drawn, and nothing of before is found any more.
//! - A purge is told to be done when its line is on the disk. Where it cannot be written, the journal is removed, which a full
//!   disk allows: all that is kept there then ends with the process. Where that fails too, the purge is told to have failed.
//! - One thread writes, in the order in which the counts changed: a purge of all drops the lines before it, and none after it.
//! - A service that goes without the folder because another one has it writes its lines all the same: it may have the folder
//!   after its next start, and its purges concern what the other has kept. They take turns at the journal.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use flate2::Crc;
use rustix::fs::FlockOperation;
use tokio::sync::oneshot;

use super::generation::{Counts, End};
use crate::cache::disk::in_time;
use crate::entry::{EntryId, PartnerId};
use crate::error::{Error, Kind, Result};

/// How long a purge waits for its line.
const WAIT: Duration = Duration::from_secs(10);

/// Lines after which the journal is written anew, with one for each name.
const LINES_MAX: usize = 200_000;

/// Most orders that are written together.
const TOGETHER_MAX: usize = 4096;

/// The journal in a folder, and the thread that writes it, which ends when nobody sends any more.
#[derive(Debug)]
pub(super) struct Journal {
    orders: Sender<Order>,
}

/// Ends to be written down, and who waits for it.
struct Order {
    ends: Vec<End>,
    written: oneshot::Sender<Result<()>>,
}

/// The file.
#[derive(Debug)]
struct Page {
    folder: PathBuf,
    lines: usize,
}

impl Journal {
    /// The journal in `folder`, for a service that may use what is kept there if it `owns` it. The counts are those that names
    /// there are made with; `None` where nothing there may be used. Blocks for a moment, some seconds where a disk hangs.
    pub(super) fn open(folder: &Path, owns: bool) -> Result<(Journal, Option<Counts>)> {
        let page = || Page { folder: folder.to_owned(), lines: 0 };
        let begun = page();
        let begin = move || {
            let mut page = begun;
            page.begin().map(|counts| (page, counts))
        };
        let warn = |error: &io::Error| tracing::warn!(%error, folder = %folder.display(), "nothing on disk is used");
        let begun = if owns { in_time(begin).inspect_err(warn).ok() } else { None };
        let (mut page, counts) = begun.map_or_else(|| (page(), None), |(page, counts)| (page, Some(counts)));
        let (orders, received) = channel();
        let thread = std::thread::Builder::new().name("journal".to_owned()).spawn(move || page.follow(&received));
        thread.map_err(|error| Error::new(Kind::Unavailable, "there is no thread for the journal").caused_by(error))?;
        Ok((Journal { orders }, counts))
    }

    /// Writes `ends` down, after what was put before. The order counts from the call on, not from the first poll.
    pub(super) fn put(&self, ends: Vec<End>) -> impl Future<Output = Result<()>> + Send + use<> {
        let (written, told) = oneshot::channel();
        // Without the thread nobody answers, which is told as a failure.
        let _ = self.orders.send(Order { ends, written });
        async {
            let told = tokio::time::timeout(WAIT, told).await;
            told.map_err(|late| unsure(late.to_string()))?.map_err(|gone| unsure(gone.to_string()))?
        }
    }
}

fn unsure(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let words = "purged, but it could not be written down: what is on disk may come back after a restart";
    Error::new(Kind::Unavailable, words).caused_by(cause)
}

impl Page {
    fn path(&self) -> PathBuf {
        self.folder.join("generations")
    }

    /// The counts that were written down, or others where they cannot be told; as the journal has them from now on.
    fn begin(&mut self) -> io::Result<Counts> {
        let _turn = self.turn()?;
        let counts = self.read().unwrap_or_else(|error| {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!(%error, folder = %self.folder.display(), "the journal is of no use: all is anew");
            }
            let mut counts = Counts::default();
            counts.add(&End::of_all(), 1);
            counts
        });
        self.write(&text(counts.ends()))?;
        Ok(counts)
    }

    /// Writes what is ordered, for as long as anybody may order.
    fn follow(&mut self, orders: &Receiver<Order>) {
        while let Ok(first) = orders.recv() {
            // All that wait have one turn of the disk: a storm of purges costs little more than a few.
            let together: Vec<Order> = [first].into_iter().chain(orders.try_iter().take(TOGETHER_MAX)).collect();
            let ends: Vec<&End> = together.iter().flat_map(|order| &order.ends).collect();
            let put = self.put(&ends).or_else(|error| self.give_up(error));
            let put = put.map_err(unsure);
            for order in together {
                // Nobody may be left to hear it.
                let _ = order.written.send(put.clone());
            }
        }
    }

    fn put(&mut self, ends: &[&End]) -> io::Result<()> {
        let _turn = self.turn()?;
        let last_of_all = ends.iter().rposition(|end| matches!(end, End::All(_)));
        let lines = |ends: &[&End]| text(ends.iter().map(|end| ((*end).clone(), 1)));
        match last_of_all {
            Some(at) => self.write(&lines(&ends[at..]))?,
            None => self.append(&lines(ends))?,
        }
        if self.lines > LINES_MAX {
            let counts = self.read()?;
            self.write(&text(counts.ends()))?;
        }
        Ok(())
    }

    /// Has nothing on disk be found any more after the process, as what ended there could not be written down.
    fn give_up(&self, error: io::Error) -> io::Result<()> {
        match fs::remove_file(self.path()) {
            // Without a journal, or a folder for one, nothing is found anyway.
            Err(gone) if matches!(gone.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
            Err(_) => Err(error),
            Ok(()) => {
                tracing::warn!(%error, folder = %self.folder.display(), "what is on disk ends with the service");
                self.settle()
            }
        }
    }

    /// Leave to change the journal, as long as it is held.
    fn turn(&self) -> io::Result<File> {
        let turn = private().create(true).truncate(false).open(self.folder.join("generations.lock"))?;
        rustix::fs::flock(&turn, FlockOperation::LockExclusive)?;
        Ok(turn)
    }

    fn read(&self) -> io::Result<Counts> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "it has a line that is none");
        let text = fs::read_to_string(self.path())?;
        let mut counts = Counts::default();
        for (number, line) in text.split_inclusive('\n').enumerate() {
            let (end, times) = line.strip_suffix('\n').and_then(end).ok_or_else(odd)?;
            if matches!(end, End::All(_)) != (number == 0) {
                return Err(odd());
            }
            counts.add(&end, times);
        }
        if text.is_empty() { Err(odd()) } else { Ok(counts) }
    }

    /// Adds to a journal that is there. Where there is none, nothing is found anyway.
    fn append(&mut self, text: &str) -> io::Result<()> {
        match OpenOptions::new().append(true).open(self.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                self.lines += text.lines().count();
                file.sync_data()
            }
        }
    }

    /// Puts another journal in its place.
    fn write(&mut self, text: &str) -> io::Result<()> {
        let new = self.folder.join("generations.new");
        let mut file = private().create(true).truncate(true).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(new, self.path())?;
        self.lines = text.lines().count();
        self.settle()
    }

    /// Waits until the folder has the names that it was given.
    fn settle(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// For the service alone, as what it is about.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// A line each.
fn text(ends: impl Iterator<Item = (End, u64)>) -> String {
    let mut text = String::new();
    for (end, times) in ends {
        let said = match end {
            End::Entry(id) => format!("{times} entry {id}"),
            End::Partner(id) => format!("{times} partner {}", id.0),
            End::All(start) => format!("{times} all {start:032x}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {said}", check(&said));
    }
    text
}

fn end(line: &str) -> Option<(End, u64)> {
    let (_, said) = line.split_once(' ').filter(|(sum, said)| *sum == check(said))?;
    let (times, of) = said.split_once(' ')?;
    let end = match of.split_once(' ')? {
        ("entry", id) => End::Entry(EntryId::new(id)?),
        ("partner", id) => End::Partner(PartnerId(id.parse().ok()?)),
        ("all", start) => End::All(u128::from_str_radix(start, 16).ok()?),
        _ => return None,
    };
    Some((end, times.parse().ok()?))
}

/// What tells a line from a damaged one.
fn check(said: &str) -> String {
    let mut sum = Crc::new();
    sum.update(said.as_bytes());
    format!("{:08x}", sum.sum())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A folder that is gone when the test is over.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("vedette-journal-{}-{name}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            fs::create_dir_all(&path).unwrap();
            Scratch(path)
        }

        fn page(&self) -> Page {
            Page { folder: self.0.clone(), lines: 0 }
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn ends() -> impl Strategy<Value = End> {
        prop_oneof![
            8 => "[a-c]".prop_map(|id| End::Entry(EntryId::new(&id).unwrap())),
            4 => (-2..2_i64).prop_map(|id| End::Partner(PartnerId(id))),
            1 => any::<u128>().prop_map(End::All),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn what_is_written_down_is_read_again(
            lives in proptest::collection::vec(proptest::collection::vec(ends(), 0..8), 1..4),
        ) {
            let scratch = Scratch::new("lives");
            let mut counts = scratch.page().begin().unwrap();
            for ends in &lives {
                let mut page = scratch.page();
                prop_assert_eq!(&page.begin().unwrap(), &counts, "after a restart");
                ends.iter().for_each(|end| counts.add(end, 1));
                // One by one, and together.
                let (first, rest) = ends.split_at(ends.len() / 2);
                first.iter().for_each(|end| page.put(&[end]).unwrap());
                page.put(&rest.iter().collect::<Vec<_>>()).unwrap();
            }
            prop_assert_eq!(scratch.page().begin().unwrap(), counts);
        }
    }

    #[test]
    fn a_journal_that_is_long_is_written_anew() {
        let scratch = Scratch::new("long");
        let mut page = scratch.page();
        let mut counts = page.begin().unwrap();
        let end = End::Partner(PartnerId(7));
        for _ in 0..3 {
            page.put(&[&end]).unwrap();
            counts.add(&end, 1);
        }
        assert_eq!(page.lines, 4);
        page.lines = LINES_MAX;
        page.put(&[&end]).unwrap();
        counts.add(&end, 1);
        assert_eq!((page.lines, page.read().unwrap()), (2, counts));
    }
}
