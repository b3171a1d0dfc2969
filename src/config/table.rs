//! The settings, one row each.

use std::net::SocketAddr;

use super::fields::{
    address, block, bytes, endpoint, hosts, length, memory, micros, networks, number, optional_address,
    optional_duration, optional_path, origins, parsed, path, public_url, quality, ratio, retries, seconds, segment,
    segments, service_name, show_endpoint, show_hosts, show_micros, show_networks, show_optional_address,
    show_optional_duration, show_optional_path, show_origins, show_path, show_public_url, show_ratio, show_seconds,
    show_segments, show_workers, small_number, span, wait, workers,
};
use super::listeners;
use super::row::{ADDRESS, COUNT, DURATION, Row, SIZE, row};
use super::{Level, LogFormat};
use crate::tables::values::{duration, size, switch};

/// All settings, in the order in which they are shown.
pub const ROWS: &[Row] = &joined::<{ GENERAL.len() + listeners::ROWS.len() }>(&[GENERAL, listeners::ROWS]);

/// The rows of several tables in one.
const fn joined<const COUNT: usize>(tables: &[&[Row]]) -> [Row; COUNT] {
    let mut rows = [tables[0][0]; COUNT];
    let (mut count, mut table, mut at) = (0, 0, 0);
    while count < COUNT {
        if at == tables[table].len() {
            (table, at) = (table + 1, 0);
        } else {
            rows[count] = tables[table][at];
            (count, at) = (count + 1, at + 1);
        }
    }
    rows
}

/// Those of no table of their own.
const GENERAL: &[Row] = &[
    row!(
        "media",
        catalog.media,
        "a folder, or a URL such as s3://bucket/prefix",
        path,
        show_path,
        "Where the library rests: a folder, or a URL of an origin; every child is an entry"
    ),
    row!("listen", server.listen, ADDRESS, address, SocketAddr::to_string, "Where requests are answered"),
    row!(
        "tls_certificate",
        server.tls_certificate,
        "a file in PEM, or off",
        optional_path,
        show_optional_path,
        "The certificate that requests are answered under, with those that vouch for it; off answers in the clear"
    ),
    row!(
        "tls_key",
        server.tls_key,
        "a file in PEM, or off",
        optional_path,
        show_optional_path,
        "The private key of the certificate"
    ),
    row!(
        "admin_listen",
        server.admin_listen,
        "an address such as 127.0.0.1:9090, or off",
        optional_address,
        show_optional_address,
        "Where health and metrics are answered"
    ),
    row!("log_level", log.level, "error, warn, info, debug or trace", Level::read, Level::show, "What is logged"),
    row!("log_format", log.format, "text or json", LogFormat::read, LogFormat::show, "How it is logged"),
    row!(
        "log_requests",
        server.log_requests,
        "true or false",
        switch,
        bool::to_string,
        "Whether every request is logged, without its sessions and tokens"
    ),
    row!(
        "traces_endpoint",
        server.traces.endpoint,
        "a URL such as http://localhost:4318, or off",
        endpoint,
        show_endpoint,
        "Where a collector takes spans of requests by OTLP over HTTP; OTEL_EXPORTER_OTLP_ENDPOINT says so, too"
    ),
    row!(
        "traces_service_name",
        server.traces.service,
        "a name of 1 to 100 letters, digits or ._-/",
        service_name,
        String::clone,
        "What the service is called there; OTEL_SERVICE_NAME says so, too"
    ),
    row!(
        "traces_ratio",
        server.traces.per_million,
        "a number from 0 to 1 with six decimals at most",
        ratio,
        show_ratio,
        "How many of the requests that are part of no trace begin one; OTEL_TRACES_SAMPLER_ARG says so, too"
    ),
    row!(
        "workers",
        deliver.workers,
        "a whole number from 1 to 1024, or auto",
        workers,
        show_workers,
        "Threads that decode and encode; auto is one a core"
    ),
    row!(
        "queue_length",
        deliver.queue_max,
        COUNT,
        length,
        usize::to_string,
        "Most requests that wait for a worker, but for what is left for other partners"
    ),
    row!("queue_client_length", deliver.client_queue_max, COUNT, length, usize::to_string, "Most of one client"),
    row!("queue_timeout", deliver.queue_wait, DURATION, wait, span, "How long a request may wait for a worker"),
    row!("work_memory_size", deliver.work_memory_max, SIZE, size, bytes, "Most bytes of memory that work takes"),
    row!("request_timeout", deliver.work_timeout, DURATION, wait, span, "How long an answer may take to make"),
    row!("cache_memory_size", deliver.artifacts_bytes_max, SIZE, size, bytes, "Most bytes of finished pictures kept"),
    row!("cache_frames_size", deliver.frames_bytes_max, SIZE, size, bytes, "Most bytes of decoded frames kept"),
    row!("cache_indexes_size", deliver.indexes_bytes_max, SIZE, size, bytes, "Most bytes of media indexes kept"),
    row!("cache_facts_length", deliver.facts_max, COUNT, number, u64::to_string, "Most files whose facts are kept"),
    row!("cache_failures_ttl", deliver.failures_kept, DURATION, duration, span, "How long a lasting failure is kept"),
    row!(
        "catalog_ttl",
        catalog.entry_ttl,
        "a duration such as 10s or 250ms, or auto",
        optional_duration,
        show_optional_duration,
        "How long an entry is used before its files are looked at again; auto is 1s in a folder, 30s elsewhere"
    ),
    row!("catalog_size", catalog.entries_bytes_max, SIZE, size, bytes, "Most bytes of entries kept, roughly"),
    row!(
        "origins",
        origin.origins,
        "URLs such as https://cdn.example.com/films/,s3://bucket, or none",
        origins,
        show_origins,
        "Where files may rest that the library names by their URL: beneath these and nowhere else"
    ),
    row!(
        "origin_private",
        origin.private,
        "true or false",
        switch,
        bool::to_string,
        "Whether http(s) origins may lead to addresses that are not public; the library's own always may"
    ),
    row!(
        "origin_block_size",
        origin.block_bytes,
        "a size from 4KiB to 4MiB",
        block,
        bytes,
        "What is read at least of a file at an origin"
    ),
    row!("origin_read_ahead_size", origin.ahead_bytes_max, SIZE, size, bytes, "Most bytes read ahead of an answer"),
    row!(
        "origin_requests_max",
        origin.requests_max,
        COUNT,
        length,
        usize::to_string,
        "Most requests to an origin at once"
    ),
    row!(
        "origin_retries",
        origin.retries,
        "a whole number from 0 to 10",
        retries,
        usize::to_string,
        "How often a request to an origin is tried again"
    ),
    row!(
        "origin_connect_timeout",
        origin.connect_timeout,
        DURATION,
        wait,
        span,
        "How long connecting to an origin may take"
    ),
    row!(
        "origin_response_timeout",
        origin.response_timeout,
        DURATION,
        wait,
        span,
        "How long the head of an origin's answer may take"
    ),
    row!(
        "origin_read_timeout",
        origin.read_timeout,
        DURATION,
        wait,
        span,
        "How long an origin may take for 16 KiB of an answer's body"
    ),
    row!(
        "cache_blocks_size",
        origin.blocks_bytes_max,
        SIZE,
        size,
        bytes,
        "Most bytes of origins' files kept in memory"
    ),
    Row {
        name: "cache_disk_folder",
        help: "Where finished pictures and bytes of origins' files are kept as well, to outlive the service",
        allowed: "a folder, or off",
        set: |settings, text| {
            settings.origin.disk = optional_path(text)?;
            settings.deliver.disk.clone_from(&settings.origin.disk);
            Some(())
        },
        show: |settings| show_optional_path(&settings.origin.disk),
    },
    row!("cache_disk_size", deliver.disk_bytes_max, SIZE, size, bytes, "Most bytes of finished pictures kept there"),
    row!("cache_disk_blocks_size", origin.disk_bytes_max, SIZE, size, bytes, "Most bytes of origins' files kept there"),
    Row {
        name: "stale_if_error",
        help: "How long an entry is used as it was, and a picture sent as it was, where a library, an origin or a decoder \
               fails; caches are told the same of pictures",
        allowed: DURATION,
        set: |settings, text| {
            settings.deliver.policy.grace.if_error = seconds(text)?;
            settings.catalog.stale_max = duration(text)?;
            Some(())
        },
        show: |settings| span(&settings.catalog.stale_max),
    },
    row!(
        "source_pixels_max",
        deliver.decoding.still_pixels_max,
        COUNT,
        number,
        u64::to_string,
        "Most pixels of a stored picture that is decoded"
    ),
    row!(
        "source_video_pixels_max",
        deliver.decoding.video_pixels_max,
        COUNT,
        number,
        u64::to_string,
        "Most pixels of a video's picture that is decoded"
    ),
    row!(
        "decode_isolation",
        deliver.place.isolation,
        "process or none",
        parsed,
        ToString::to_string,
        "Whether media is decoded in processes that can do nothing else, or by the service itself"
    ),
    row!(
        "decode_memory_size",
        deliver.place.cage.memory_max,
        "a size from 256MiB on",
        memory,
        bytes,
        "Most bytes of memory of each such process"
    ),
    row!(
        "decode_timeout",
        deliver.place.cage.silence_max,
        DURATION,
        wait,
        span,
        "How long such a process may say nothing while it works, before it is ended"
    ),
    row!(
        "decode_quarantine",
        deliver.quarantine,
        DURATION,
        duration,
        span,
        "How long nothing is tried with a file that broke two of them"
    ),
    row!(
        "thumbnail_quality",
        deliver.policy.quality,
        "a whole number from 1 to 100",
        quality,
        u8::to_string,
        "Quality where none is asked for"
    ),
    row!(
        "thumbnail_offset",
        deliver.policy.thumb_offset.0,
        DURATION,
        micros,
        show_micros,
        "The moment shown where none is asked for"
    ),
    row!(
        "thumbnail_max_age",
        deliver.policy.max_age,
        DURATION,
        seconds,
        show_seconds,
        "How long clients may keep an answer"
    ),
    row!(
        "thumbnail_stale_while_revalidate",
        deliver.policy.grace.while_revalidate,
        DURATION,
        seconds,
        show_seconds,
        "How long after that caches may send a picture while they fetch it anew"
    ),
    row!(
        "thumbnail_max_age_unready",
        deliver.policy.max_age_unready,
        DURATION,
        seconds,
        show_seconds,
        "How long clients may keep a placeholder, or an answer about an entry that is not ready"
    ),
    row!(
        "thumbnail_output_pixels_max",
        deliver.policy.output_pixels_max,
        COUNT,
        number,
        u64::to_string,
        "Most pixels of a finished picture"
    ),
    row!(
        "thumbnail_slices_max",
        deliver.policy.slices_max,
        COUNT,
        small_number,
        u32::to_string,
        "Most slices of a strip"
    ),
    row!(
        "thumbnail_draft_is_error",
        deliver.policy.draft_is_error,
        "true or false",
        switch,
        bool::to_string,
        "Whether a draft is an error instead of a placeholder"
    ),
    row!(
        "public_url",
        server.site.public_url,
        "a scheme and a host such as https://cdn.example.com, or off",
        public_url,
        show_public_url,
        "What URLs in manifests and redirects begin with; off leaves it to the request"
    ),
    row!(
        "hosts",
        server.site.hosts,
        "hosts such as cdn.example.com,localhost:8080, or none",
        hosts,
        show_hosts,
        "The hosts of requests that may be written into such URLs; others get paths alone"
    ),
    row!(
        "purge_from",
        server.purge_from,
        "networks such as 10.0.0.0/8,2001:db8::/32, or none",
        networks,
        show_networks,
        "The clients that may PURGE without a token"
    ),
    row!(
        "purge_token_file",
        server.purge_token_file,
        "a file, or off",
        optional_path,
        show_optional_path,
        "The file with the token by which others may PURGE; off for no other"
    ),
    row!(
        "legacy_status",
        server.site.legacy_status,
        "true or false",
        switch,
        bool::to_string,
        "Whether files that are refused or missing are answered with 200 and nothing, as Kaltura's servers do"
    ),
    row!(
        "segment_duration",
        deliver.policy.playback.pace.target.0,
        "a duration from 500ms to 10m",
        segment,
        show_micros,
        "How long segments are meant to last; they are cut at keyframes"
    ),
    row!(
        "segment_first_durations",
        deliver.policy.playback.pace.first,
        "durations from 500ms to 10m such as 2s,2s,4s, or none",
        segments,
        show_segments,
        "How long the first segments are meant to last, for a quick start"
    ),
    row!(
        "manifest_max_age",
        deliver.policy.playback.max_age_manifest,
        DURATION,
        seconds,
        show_seconds,
        "How long clients may keep an answer to playManifest"
    ),
    row!(
        "playback_max_age",
        deliver.policy.playback.max_age,
        DURATION,
        seconds,
        show_seconds,
        "How long clients may keep playlists, segments and files whose URL names no version"
    ),
    row!(
        "manifest_inline",
        deliver.policy.playback.inline_manifest,
        "true or false",
        switch,
        bool::to_string,
        "Whether format/mpegdash answers with the manifest itself instead of a redirect to it"
    ),
    row!(
        "file_max_age",
        deliver.policy.max_age_file,
        DURATION,
        seconds,
        show_seconds,
        "How long clients may keep files of raw, download and the API whose URL names no version"
    ),
    row!(
        "proxies_trusted",
        server.proxies.trusted,
        "networks such as 10.0.0.0/8,2001:db8::/32, or none",
        networks,
        show_networks,
        "Who is believed what it says of the client it asks for"
    ),
    row!(
        "proxies_header",
        server.proxies.header,
        "x-forwarded-for or forwarded",
        parsed,
        ToString::to_string,
        "Where they say so"
    ),
    row!(
        "proxies_protocol",
        server.proxies.protocol,
        "true or false",
        switch,
        bool::to_string,
        "Whether they begin connections with a header of the PROXY protocol"
    ),
    row!(
        "countries",
        server.countries,
        "a file of MaxMind's, or off",
        optional_path,
        show_optional_path,
        "The database of the countries of addresses; off knows of none"
    ),
    row!(
        "sessions_ended",
        deliver.sessions_ended,
        "a file, or off",
        optional_path,
        show_optional_path,
        "The list of sessions that were ended before their time: 40 hexadecimal digits, or PARTNER:SESSIONID, a line"
    ),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::Settings;

    #[test]
    fn every_default_is_allowed_and_read_as_it_is_shown() {
        for row in ROWS {
            let mut settings = Settings::default();
            let shown = (row.show)(&settings);
            assert!((row.set)(&mut settings, &shown).is_some(), "{} {shown}", row.name);
            assert_eq!(settings, Settings::default(), "{} {shown}", row.name);
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
        assert!(
            names.iter().all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
        );
    }

    #[test]
    fn values_beyond_their_range_are_refused() {
        #[track_caller]
        fn check(name: &str, refused: &[&str], taken: &str) {
            let row = ROWS.iter().find(|row| row.name == name).unwrap();
            for text in refused {
                assert_eq!((row.set)(&mut Settings::default(), text), None, "{name} {text:?}");
            }
            let mut settings = Settings::default();
            assert_eq!((row.set)(&mut settings, taken), Some(()), "{name} {taken:?}");
            assert_eq!((row.show)(&settings), taken, "{name}");
        }
        check("media", &["", "a\0"], "/srv/media");
        check("listen", &["8080", ":8080", "localhost:80"], "[::]:80");
        check("admin_listen", &["none", "9090"], "off");
        check("log_level", &["INFO ", "loud"], "debug");
        check("log_format", &["xml"], "json");
        check("workers", &["0", "1025", "many"], "3");
        check("queue_length", &["0", "-1"], "7");
        check("queue_timeout", &["0", "10"], "1500ms");
        check("cache_memory_size", &["1TB", "-1"], "2GiB");
        check("thumbnail_quality", &["0", "101"], "90");
        check("thumbnail_offset", &["-1s"], "0ms");
        check("thumbnail_max_age", &["500ms"], "2h");
        check("thumbnail_slices_max", &["0", "4294967296"], "100");
        check("thumbnail_draft_is_error", &["maybe"], "true");
        check("public_url", &["cdn.example.com", "https://", "https://a/b", "ftp://a"], "https://cdn.example.com:8443");
        check("hosts", &["", "a b", "a,,b"], "cdn.example.com,localhost:8080");
        check("purge_from", &["", "cdn"], "10.0.0.0/8");
        check("purge_token_file", &["", "a\0"], "/run/secrets/purge");
        check("legacy_status", &["404"], "true");
        check("segment_duration", &["0", "400ms", "11m"], "10s");
        check("segment_first_durations", &["", "2s,", "1ms"], "2s,2s,4s");
        check("manifest_inline", &["maybe"], "true");
        check(
            "origins",
            &["", "cdn", "ftp://a/", "https://u:p@a/", "s3://b,"],
            "https://cdn.example.com/films/,s3://bucket",
        );
        check("origin_block_size", &["1KiB", "8MiB"], "1MiB");
        check("origin_retries", &["11"], "0");
        check("cache_disk_size", &["lots"], "1GiB");
        check("traces_endpoint", &["", "localhost:4318", "grpc://a", "http://u:p@a"], "https://otlp.example.com/a");
        check("traces_service_name", &["", "a b"], "edge/1");
        check("traces_ratio", &["", "2", "-0.1", "0.0000001", "1e-3", ".", "1.000001"], "0.000001");
        check("cache_disk_folder", &["", "a\0"], "/var/cache/vedette");
        check("proxies_trusted", &["", "10.0.0.0/33", "cdn"], "10.0.0.0/8,2001:db8::/32,192.0.2.1,192.0.2.5-192.0.2.9");
        check("proxies_header", &["x-real-ip"], "forwarded");
        check("proxies_protocol", &["v2"], "true");
        check("countries", &[""], "/usr/share/GeoIP/countries.mmdb");
        check("http_body_size_max", &["1B", "1GiB"], "64KiB");
        check("http_connections_per_client_max", &["0"], "32");
        check("http_ranges_max", &["0"], "1");
        check("http2_streams_max", &["0", "4294967296"], "250");
        check("http2_resets_max", &["0"], "20");
        check("tls_certificate", &[""], "/etc/vedette/cert.pem");
        check("tls_key", &[""], "/etc/vedette/key.pem");
        check("http_header_size_max", &["1KiB", "2MiB"], "64KiB");
    }

    proptest! {
        #[test]
        fn what_is_taken_is_shown_so_that_it_is_taken_again(at in 0..ROWS.len(), text in "[0-9]{0,12}[a-zA-Z]{0,4}") {
            let mut settings = Settings::default();
            if (ROWS[at].set)(&mut settings, &text).is_some() {
                let shown = (ROWS[at].show)(&settings);
                let mut again = Settings::default();
                prop_assert_eq!((ROWS[at].set)(&mut again, &shown), Some(()));
                prop_assert_eq!(again, settings);
            }
        }
    }
}
