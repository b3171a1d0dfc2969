//! The settings of delivery.

use std::path::PathBuf;
use std::time::Duration;

use crate::decode::limits::Limits as Decodable;
use crate::decode::place::Config as PlaceConfig;
use crate::media::time::Micros;
use crate::plan::playback::Rules;
use crate::plan::{Grace, Policy};

/// The settings of caches, workers and pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most bytes of finished pictures kept.
    pub artifacts_bytes_max: u64,
    /// The folder in which finished pictures are kept as well, and outlive the service.
    pub disk: Option<PathBuf>,
    /// Most bytes of pictures kept there.
    pub disk_bytes_max: u64,
    /// Most bytes of decoded frames kept.
    pub frames_bytes_max: u64,
    /// Most bytes of media indexes kept.
    pub indexes_bytes_max: u64,
    /// Most sources whose facts are kept.
    pub facts_max: u64,
    /// Threads that decode and encode; zero for one a core.
    pub workers: usize,
    /// Most requests that wait for a worker; more are refused.
    pub queue_max: usize,
    /// Most of those of one client, which is an address, or a network of IPv6 that one subscriber has.
    pub client_queue_max: usize,
    /// How long a request may wait for a worker; one that would wait longer is refused at once.
    pub queue_wait: Duration,
    /// Most bytes of memory that work may take at once, by its estimates. What takes more than half is refused.
    pub work_memory_max: u64,
    /// How long an artifact may take from the request on.
    pub work_timeout: Duration,
    /// How long a failure that cannot heal is remembered.
    pub failures_kept: Duration,
    /// How large a picture may be to be decoded.
    pub decoding: Decodable,
    /// Where it is decoded.
    pub place: PlaceConfig,
    /// How long nothing is tried with a file that broke what was to decode it.
    pub quarantine: Duration,
    /// The list of sessions that were ended before their time; `None` for none.
    pub sessions_ended: Option<PathBuf>,
    /// What a site decides about pictures.
    pub policy: Policy,
}

/// Some ten thousand thumbnails.
const ARTIFACTS_BYTES_MAX: u64 = 256 << 20;
/// Half a million thumbnails.
const DISK_BYTES_MAX: u64 = 10 << 30;
/// Eighty frames of 1080p.
const FRAMES_BYTES_MAX: u64 = 256 << 20;
/// Some fifty two-hour films, or thousands of clips.
const INDEXES_BYTES_MAX: u64 = 256 << 20;
/// A few hundred bytes each.
const FACTS_MAX: u64 = 100_000;
/// Longer queues only turn refusals into timeouts: eight seconds of common work a core.
const QUEUE_MAX: usize = 128;
/// Where one address asks for everybody, as a CDN does that does not say for whom, it still has half of the queue.
const CLIENT_QUEUE_MAX: usize = 64;
/// As long as people wait for a picture.
const QUEUE_WAIT: Duration = Duration::from_secs(10);
/// Half of it decodes a picture of 8K, or twenty of 1080p side by side.
const WORK_MEMORY_MAX: u64 = 2 << 30;
/// A strip over a long film takes this long on a slow machine.
const WORK_TIMEOUT: Duration = Duration::from_secs(60);
/// Long enough that a page that reloads does not repeat the work, short enough that a repaired file shows at once.
const FAILURES_KEPT: Duration = Duration::from_secs(5);
/// A file costs no more than two processes in so long, and one that was not to blame is shown again soon.
const QUARANTINE: Duration = Duration::from_secs(300);

/// A picture of 8K.
const OUTPUT_PIXELS_MAX: u64 = 36_000_000;
/// Ten times what players ask for.
const SLICES_MAX: u32 = 1000;
/// What the dialect documents.
const QUALITY: u8 = 75;
/// Past the black of most openings.
const THUMB_OFFSET: Micros = Micros(3_000_000);
/// What the dialect sends for an entry that is ready.
const MAX_AGE: u32 = 3600;
/// As long as imagor has pictures sent while new ones are fetched; and long enough for somebody to repair what is broken.
const DAY_S: u32 = 86_400;
/// What the dialect sends for anything else.
const MAX_AGE_UNREADY: u32 = 60;
/// A file may be replaced under such a URL.
const MAX_AGE_FILE: u32 = 60;

impl Default for Config {
    fn default() -> Config {
        Config {
            artifacts_bytes_max: ARTIFACTS_BYTES_MAX,
            disk: None,
            disk_bytes_max: DISK_BYTES_MAX,
            frames_bytes_max: FRAMES_BYTES_MAX,
            indexes_bytes_max: INDEXES_BYTES_MAX,
            facts_max: FACTS_MAX,
            workers: 0,
            queue_max: QUEUE_MAX,
            client_queue_max: CLIENT_QUEUE_MAX,
            queue_wait: QUEUE_WAIT,
            work_memory_max: WORK_MEMORY_MAX,
            work_timeout: WORK_TIMEOUT,
            failures_kept: FAILURES_KEPT,
            decoding: Decodable::default(),
            place: PlaceConfig::default(),
            quarantine: QUARANTINE,
            sessions_ended: None,
            policy: Policy {
                output_pixels_max: OUTPUT_PIXELS_MAX,
                slices_max: SLICES_MAX,
                quality: QUALITY,
                thumb_offset: THUMB_OFFSET,
                max_age: MAX_AGE,
                grace: Grace { while_revalidate: DAY_S, if_error: DAY_S },
                max_age_unready: MAX_AGE_UNREADY,
                max_age_file: MAX_AGE_FILE,
                draft_is_error: false,
                playback: Rules::default(),
            },
        }
    }
}
