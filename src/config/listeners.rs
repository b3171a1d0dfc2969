//! The settings of HTTP, one row each.

use super::fields::{
    body_size, header_size, length, optional_rate, show_length, show_optional_rate, small_number, span, wait,
};
use super::row::{COUNT, DURATION, Row, row};
use crate::tables::values::duration;

/// The settings of HTTP, in the order in which they are shown.
pub(super) const ROWS: &[Row] = &[
    row!("http_connections_max", server.connections_max, COUNT, length, usize::to_string, "Most connections at once"),
    row!(
        "http_connections_per_client_max",
        server.connections_per_client_max,
        COUNT,
        length,
        usize::to_string,
        "Most connections of one address; trusted proxies may have more"
    ),
    row!(
        "http_requests_per_client_max",
        server.requests_per_client_max,
        "a whole number from 1 to 1000000, or off",
        optional_rate,
        show_optional_rate,
        "Most requests a second of one address; more are answered 429. Trusted proxies may make more"
    ),
    row!(
        "http_requests_per_client_burst",
        server.requests_per_client_burst,
        COUNT,
        small_number,
        u32::to_string,
        "Most requests of one address at once, where it has not asked for a while"
    ),
    row!(
        "http_header_timeout",
        server.header_timeout,
        DURATION,
        wait,
        span,
        "How long a client may take to send a request"
    ),
    row!(
        "http_header_size_max",
        server.header_bytes_max,
        "a size from 8KiB to 1MiB",
        header_size,
        show_length,
        "Most bytes of a request's head"
    ),
    row!(
        "http_body_size_max",
        server.body_bytes_max,
        "a size from 1KiB to 16MiB",
        body_size,
        show_length,
        "Most bytes of a request's body, which is a form"
    ),
    row!(
        "http_ranges_max",
        server.ranges_max,
        COUNT,
        length,
        usize::to_string,
        "Most ranges of a file that are answered one by one; who asks for more gets all of it"
    ),
    row!(
        "http_idle_timeout",
        server.idle_timeout,
        DURATION,
        wait,
        span,
        "How long a connection may stay open between requests"
    ),
    row!(
        "http_write_timeout",
        server.write_timeout,
        DURATION,
        wait,
        span,
        "How long a client may take no byte of an answer"
    ),
    row!(
        "http_drain_timeout",
        server.drain_timeout,
        DURATION,
        duration,
        span,
        "How long open requests may go on after SIGTERM"
    ),
    row!(
        "http2_streams_max",
        server.streams_max,
        COUNT,
        small_number,
        u32::to_string,
        "Most requests at once on one connection of HTTP/2"
    ),
    row!(
        "http2_resets_max",
        server.resets_max,
        COUNT,
        length,
        usize::to_string,
        "Most requests that a client takes back or breaks on one connection of HTTP/2"
    ),
];
