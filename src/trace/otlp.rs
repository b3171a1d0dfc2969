//! Spans as OTLP has them in JSON (opentelemetry-proto, `ExportTraceServiceRequest`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value as Json, json};

use super::context::{SpanId, TraceId};
use super::span::{Span, Value};

/// `SPAN_KIND_INTERNAL` and `SPAN_KIND_SERVER`.
const INTERNAL: u8 = 1;
const SERVER: u8 = 2;
/// `STATUS_CODE_ERROR`.
const FAILED: u8 = 2;

/// What a collector is sent of `spans` of a service.
pub(super) fn request(service: &str, spans: &[Box<Span>]) -> String {
    let resource = [
        ("service.name", Value::from(service)),
        ("service.version", Value::from(env!("CARGO_PKG_VERSION"))),
        ("telemetry.sdk.language", Value::from("rust")),
    ];
    let spans: Vec<Json> = spans.iter().flat_map(|span| with_steps(span)).collect();
    let scope = json!({ "name": "vedette", "version": env!("CARGO_PKG_VERSION") });
    let resource = json!({ "attributes": attributes(&resource) });
    json!({ "resourceSpans": [{ "resource": resource, "scopeSpans": [{ "scope": scope, "spans": spans }] }] })
        .to_string()
}

/// A span, and those of its steps.
fn with_steps(span: &Span) -> Vec<Json> {
    let mut all = Vec::with_capacity(1 + span.steps.len());
    let whole = (span.trace, span.id, span.parent);
    let mut said = one(whole, &span.name, SERVER, (span.begun, span.took));
    said["attributes"] = attributes(&span.attributes);
    if span.is_failed {
        said["status"] = json!({ "code": FAILED });
    }
    all.push(said);
    for (name, at, took) in span.laid_out() {
        all.push(one((span.trace, SpanId::fresh(), Some(span.id)), name, INTERNAL, (span.begun + at, took)));
    }
    all
}

fn one(
    (trace, id, parent): (TraceId, SpanId, Option<SpanId>),
    name: &str,
    kind: u8,
    (begun, took): (SystemTime, Duration),
) -> Json {
    let mut said = json!({
        "traceId": trace.to_string(),
        "spanId": id.to_string(),
        "name": name,
        "kind": kind,
        "startTimeUnixNano": nanos(begun),
        "endTimeUnixNano": nanos(begun + took),
    });
    if let Some(parent) = parent {
        said["parentSpanId"] = Json::String(parent.to_string());
    }
    said
}

/// Numbers of 64 bits are texts, as JSON of protobuf has them.
fn nanos(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos().to_string()
}

fn attributes(attributes: &[(&'static str, Value)]) -> Json {
    let said = |(name, value): &(&'static str, Value)| match value {
        Value::Text(text) => json!({ "key": name, "value": { "stringValue": text } }),
        Value::Number(number) => json!({ "key": name, "value": { "intValue": number.to_string() } }),
    };
    attributes.iter().map(said).collect()
}
