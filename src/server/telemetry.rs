//! What the service counts and times, and the page that shows it.

use std::sync::OnceLock;
use std::time::Duration;

use hyper::StatusCode;
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::crowd::Crowd;
use super::{field, process};
use crate::deliver::artifact::Timings;
use crate::deliver::{Delivery, Outcome};
use crate::error::{Error, Kind, Result};
use crate::packager::name::File;
use crate::request::Request;

/// What a request turned out to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// A picture.
    Thumbnail,
    /// Where a player begins.
    PlayManifest,
    /// A playlist or a manifest of a packager.
    Playlist,
    /// A segment, or what belongs to one.
    Segment,
    /// A stored file.
    File,
    /// Anything else.
    Other,
}

impl Asked {
    /// How many there are.
    const COUNT: usize = Asked::Other as usize + 1;

    /// What a request asks for.
    pub(super) fn of(request: &Request) -> Asked {
        match request {
            Request::Thumbnail(_) => Asked::Thumbnail,
            Request::PlayManifest(_) => Asked::PlayManifest,
            Request::Package(package) => match package.file {
                File::Multivariant | File::Manifest | File::Playlist(_) | File::IframePlaylist(_) => Asked::Playlist,
                File::Init(_) | File::Segment { .. } | File::Iframe { .. } | File::Subtitles(_) | File::Blank => {
                    Asked::Segment
                }
            },
            Request::Served(_) | Request::Raw(_) | Request::Download(_) | Request::Asset(_) => Asked::File,
        }
    }

    /// What metrics and logs call it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Asked::Thumbnail => "thumbnail",
            Asked::PlayManifest => "play_manifest",
            Asked::Playlist => "playlist",
            Asked::Segment => "segment",
            Asked::File => "file",
            Asked::Other => "other",
        }
    }
}

/// From a hit, well under a millisecond, to a strip over a long film.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Starts recording; once a process, however many servers it runs.
pub(super) fn install() -> Result<PrometheusHandle> {
    static RECORDER: OnceLock<std::result::Result<PrometheusHandle, String>> = OnceLock::new();
    let recorder = RECORDER.get_or_init(|| {
        let durations = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(durations, &SECONDS);
        let recorder = builder.map_err(|error| error.to_string())?.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|error| error.to_string())?;
        metrics::gauge!("vedette_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        metrics::gauge!("process_start_time_seconds").set(field::now() as f64);
        Ok(handle)
    });
    recorder.clone().map_err(|error| Error::new(Kind::Internal, "metrics cannot be recorded").caused_by(error))
}

/// Counts a connection on which no request was waited for.
pub(super) fn refused(reason: &'static str) {
    metrics::counter!("vedette_connections_refused_total", "reason" => reason).increment(1);
}

/// Counts an answer.
pub(super) fn answered(asked: Asked, status: u16, took: Duration) {
    metrics::counter!("vedette_requests_total", "kind" => asked.label(), "status" => status_label(status)).increment(1);
    metrics::histogram!("vedette_request_duration_seconds", "kind" => asked.label()).record(took);
}

/// Counts an answer that was at hand, or made at once, without a look-up of what counts it.
pub(super) fn express(asked: Asked, status: StatusCode, outcome: Outcome, took: Duration) {
    struct Handles {
        requests: Counter,
        hits: Counter,
        misses: Counter,
        duration: Histogram,
    }
    static HANDLES: [OnceLock<Handles>; 2 * Asked::COUNT] = [const { OnceLock::new() }; 2 * Asked::COUNT];
    // All of it or a part: nothing else is answered so.
    let is_part = status == StatusCode::PARTIAL_CONTENT;
    let handles = HANDLES[2 * asked as usize + usize::from(is_part)].get_or_init(|| Handles {
        requests: metrics::counter!("vedette_requests_total", "kind" => asked.label(), "status" => status_label(status.as_u16())),
        hits: metrics::counter!("vedette_cache_hits_total", "cache" => "artifacts"),
        misses: metrics::counter!("vedette_cache_misses_total", "cache" => "artifacts"),
        duration: metrics::histogram!("vedette_request_duration_seconds", "kind" => asked.label()),
    });
    handles.requests.increment(1);
    match outcome {
        Outcome::Hit | Outcome::Stale | Outcome::Shared => handles.hits.increment(1),
        Outcome::OnDisk | Outcome::Made => handles.misses.increment(1),
    }
    handles.duration.record(took);
}

/// Counts an answer that may not be right any more.
pub(super) fn stale() {
    metrics::counter!("vedette_stale_answers_total").increment(1);
}

/// Counts a failure.
pub(super) fn failed(kind: Kind) {
    let label = match kind {
        Kind::Invalid => "invalid",
        Kind::Unauthorized => "unauthorized",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "not_found",
        Kind::Unsupported => "unsupported",
        Kind::TooLarge => "too_large",
        Kind::Busy => "busy",
        Kind::Unavailable => "unavailable",
        Kind::Changed => "changed",
        Kind::TimedOut => "timed_out",
        Kind::Internal => "internal",
    };
    metrics::counter!("vedette_errors_total", "type" => label).increment(1);
}

/// Counts an artifact handed out, and the steps that one took that was made.
pub(super) fn delivered(outcome: Outcome, timings: &Timings) {
    match outcome {
        Outcome::Hit | Outcome::Stale => {
            metrics::counter!("vedette_cache_hits_total", "cache" => "artifacts").increment(1);
        }
        Outcome::Shared => metrics::counter!("vedette_cache_shared_total", "cache" => "artifacts").increment(1),
        Outcome::OnDisk | Outcome::Made => {
            metrics::counter!("vedette_cache_misses_total", "cache" => "artifacts").increment(1);
            for (step, took) in timings.steps().into_iter().filter(|(_, took)| !took.is_zero()) {
                metrics::histogram!("vedette_request_span_duration_seconds", "span" => step).record(took);
            }
        }
    }
}

/// The text of the metrics page (Prometheus text format 0.0.4).
pub(super) fn page(recorded: &PrometheusHandle, delivery: &Delivery, crowd: &Crowd) -> String {
    let load = delivery.load();
    process::measure();
    metrics::gauge!("vedette_connections").set(crowd.len() as f64);
    metrics::gauge!("vedette_requests_in_progress").set(crowd.requests() as f64);
    metrics::gauge!("vedette_draining").set(f64::from(u8::from(crowd.is_draining())));
    metrics::gauge!("vedette_workers").set(load.workers as f64);
    metrics::gauge!("vedette_workers_busy").set(load.busy as f64);
    metrics::gauge!("vedette_workers_utilization").set(load.busy as f64 / load.workers.max(1) as f64);
    metrics::gauge!("vedette_queue_length_max").set(load.queue_max as f64);
    metrics::gauge!("vedette_queue_length").set(load.queued as f64);
    metrics::gauge!("vedette_queue_cost_seconds").set(load.queued_cost.as_secs_f64());
    metrics::gauge!("vedette_queue_wait_seconds").set(load.queued_wait.as_secs_f64());
    metrics::gauge!("vedette_work_memory_bytes").set(load.memory as f64);
    metrics::gauge!("vedette_work_memory_bytes_max").set(load.memory_max as f64);
    delivery.measure();
    recorded.render()
}

/// Every status that this service sends has a name that costs nothing.
fn status_label(status: u16) -> &'static str {
    match status {
        200 => "200",
        206 => "206",
        302 => "302",
        304 => "304",
        400 => "400",
        401 => "401",
        403 => "403",
        404 => "404",
        405 => "405",
        412 => "412",
        413 => "413",
        414 => "414",
        416 => "416",
        422 => "422",
        429 => "429",
        499 => "499",
        500 => "500",
        501 => "501",
        503 => "503",
        504 => "504",
        _ => "other",
    }
}
