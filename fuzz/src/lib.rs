//! What strangers send, thrown at what reads it. Each module is a target: `check` takes any bytes, and panics where what it
//! says of its reader does not hold. libFuzzer drives them from `targets/`; in every run of the tests a few mutated inputs do.

pub mod captions;
pub mod demux;
pub mod head;
pub mod mime;
pub mod mp4;
pub mod range;
pub mod session;
pub mod still;
pub mod url;

#[cfg(test)]
mod mutate;

/// Whether an input is worth changing further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// It is.
    Keeping,
    /// It is not for this reader.
    Nothing,
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::mutate::Mutator;
    use super::*;

    /// Throws every seed of a target at it, and so many that are made of them. The same are made each time, unless FUZZ_SEED
    /// says otherwise; what breaks the target is left in `artifacts`, where libFuzzer leaves its own.
    fn bounded<T>(target: &str, count: u32, check: impl Fn(&[u8]) -> T) {
        let seed = std::env::var("FUZZ_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
        thrown(seed, target, count, check);
    }

    fn thrown<T>(seed: u64, target: &str, count: u32, check: impl Fn(&[u8]) -> T) {
        let home = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<_> =
            std::fs::read_dir(home.join("corpus").join(target)).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        let seeds: Vec<Vec<u8>> = files.iter().map(|file| std::fs::read(file).unwrap()).collect();
        assert!(!seeds.is_empty(), "{target} has seeds");
        let mut mutator = Mutator::new(seed, &seeds);
        let made = std::iter::repeat_with(|| mutator.next()).take(count as usize);
        for bytes in seeds.iter().cloned().chain(made) {
            let is_well = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&bytes))).is_ok();
            if !is_well {
                let folder = home.join("artifacts").join(target);
                std::fs::create_dir_all(&folder).unwrap();
                let file = folder.join(format!("seed-{seed}"));
                std::fs::write(&file, &bytes).unwrap();
                panic!("{} breaks {target} (FUZZ_SEED={seed})", file.display());
            }
        }
    }

    #[test]
    fn captions_bounded() {
        bounded("captions", 20_000, captions::check);
    }

    #[test]
    fn demux_bounded() {
        bounded("demux", 600, demux::check);
    }

    #[test]
    fn head_bounded() {
        bounded("head", 50_000, head::check);
    }

    #[test]
    fn mime_bounded() {
        bounded("mime", 20_000, mime::check);
    }

    #[test]
    fn mp4_bounded() {
        bounded("mp4", 10_000, mp4::check);
    }

    /// One of these has a table of sound in disorder, which was searched as a whole for each segment once.
    #[test]
    fn mp4_with_sound_in_disorder() {
        thrown(7, "mp4", 10_000, mp4::check);
    }

    #[test]
    fn range_bounded() {
        bounded("range", 50_000, range::check);
    }

    #[test]
    fn session_bounded() {
        bounded("session", 20_000, session::check);
    }

    #[test]
    fn still_bounded() {
        bounded("still", 3_000, still::check);
    }

    #[test]
    fn url_bounded() {
        bounded("url", 50_000, url::check);
    }
}
