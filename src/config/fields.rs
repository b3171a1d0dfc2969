//! What the value of one setting may be, and how it is written: text to field, and field to text.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use crate::media::time::Micros;
use crate::network::Network;
use crate::origin::Config as OriginConfig;
use crate::tables::values::{count, duration, show_duration, show_size, size};
use crate::trace::Config as TraceConfig;

pub(super) fn body_size(text: &str) -> Option<usize> {
    size(text).filter(|bytes| (1 << 10..=16 << 20).contains(bytes)).and_then(|bytes| usize::try_from(bytes).ok())
}

/// What its own type reads.
pub(super) fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

pub(super) fn path(text: &str) -> Option<PathBuf> {
    (!text.is_empty() && !text.contains('\0')).then(|| text.into())
}

pub(super) fn show_path(path: &Path) -> String {
    path.display().to_string()
}

pub(super) fn optional_path(text: &str) -> Option<Option<PathBuf>> {
    if text == "off" { Some(None) } else { path(text).map(Some) }
}

pub(super) fn show_optional_path(path: &Option<PathBuf>) -> String {
    path.as_deref().map_or("off".to_owned(), show_path)
}

pub(super) fn origins(text: &str) -> Option<Vec<String>> {
    list(text).map(|part| OriginConfig::is_origin(part).then(|| part.to_owned())).collect()
}

#[expect(clippy::ptr_arg, reason = "a row shows its field as it is")]
pub(super) fn show_origins(origins: &Vec<String>) -> String {
    show_list(origins.iter().cloned())
}

/// Blocks are large enough to be worth a request, and small enough for several to be asked for in one.
pub(super) fn block(text: &str) -> Option<u64> {
    size(text).filter(|bytes| (4 << 10..=4 << 20).contains(bytes))
}

/// Less would not do for the first frame of a video in 4K.
pub(super) fn memory(text: &str) -> Option<u64> {
    size(text).filter(|bytes| *bytes >= 256 << 20)
}

pub(super) fn retries(text: &str) -> Option<usize> {
    count(text).filter(|retries| *retries <= 10).and_then(|retries| usize::try_from(retries).ok())
}

pub(super) fn address(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

pub(super) fn optional_address(text: &str) -> Option<Option<SocketAddr>> {
    if text == "off" { Some(None) } else { address(text).map(Some) }
}

pub(super) fn show_optional_address(address: &Option<SocketAddr>) -> String {
    address.map_or("off".to_owned(), |address| address.to_string())
}

pub(super) fn workers(text: &str) -> Option<usize> {
    if text == "auto" { Some(0) } else { length(text).filter(|threads| *threads <= 1024) }
}

pub(super) fn show_workers(threads: &usize) -> String {
    if *threads == 0 { "auto".to_owned() } else { threads.to_string() }
}

pub(super) fn length(text: &str) -> Option<usize> {
    number(text).and_then(|number| usize::try_from(number).ok())
}

pub(super) fn number(text: &str) -> Option<u64> {
    count(text).filter(|number| *number > 0)
}

pub(super) fn small_number(text: &str) -> Option<u32> {
    number(text).and_then(|number| u32::try_from(number).ok())
}

pub(super) fn optional_rate(text: &str) -> Option<Option<NonZeroU32>> {
    let rate = || small_number(text).filter(|rate| *rate <= 1_000_000).and_then(NonZeroU32::new);
    if text == "off" { Some(None) } else { rate().map(Some) }
}

pub(super) fn show_optional_rate(rate: &Option<NonZeroU32>) -> String {
    rate.map_or("off".to_owned(), |rate| rate.to_string())
}

pub(super) fn quality(text: &str) -> Option<u8> {
    number(text).filter(|number| *number <= 100).and_then(|number| u8::try_from(number).ok())
}

/// A time limit: zero would refuse everything.
pub(super) fn wait(text: &str) -> Option<Duration> {
    duration(text).filter(|duration| !duration.is_zero())
}

pub(super) fn optional_duration(text: &str) -> Option<Option<Duration>> {
    if text == "auto" { Some(None) } else { duration(text).map(Some) }
}

pub(super) fn show_optional_duration(duration: &Option<Duration>) -> String {
    duration.map_or("auto".to_owned(), show_duration)
}

pub(super) fn span(duration: &Duration) -> String {
    show_duration(*duration)
}

pub(super) fn bytes(size: &u64) -> String {
    show_size(*size)
}

pub(super) fn header_size(text: &str) -> Option<usize> {
    size(text).filter(|bytes| (8 << 10..=1 << 20).contains(bytes)).and_then(|bytes| usize::try_from(bytes).ok())
}

pub(super) fn show_length(bytes: &usize) -> String {
    show_size(u64::try_from(*bytes).unwrap_or(u64::MAX))
}

pub(super) fn micros(text: &str) -> Option<i64> {
    i64::try_from(duration(text)?.as_micros()).ok()
}

pub(super) fn show_micros(micros: &i64) -> String {
    show_duration(Duration::from_micros(u64::try_from(*micros).unwrap_or_default()))
}

/// As short and as long as the dialect's packager allows.
pub(super) fn segment(text: &str) -> Option<i64> {
    micros(text).filter(|micros| (500_000..=600_000_000).contains(micros))
}

/// Most first segments with a length of their own.
const FIRST_MAX: usize = 16;

pub(super) fn segments(text: &str) -> Option<Vec<Micros>> {
    let all = list(text).map(|part| segment(part).map(Micros)).collect::<Option<Vec<_>>>()?;
    (all.len() <= FIRST_MAX).then_some(all)
}

#[expect(clippy::ptr_arg, reason = "a row shows its field as it is")]
pub(super) fn show_segments(segments: &Vec<Micros>) -> String {
    show_list(segments.iter().map(|segment| show_micros(&segment.0)))
}

pub(super) fn hosts(text: &str) -> Option<Vec<String>> {
    let is_host =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    list(text).map(|part| is_host(part).then(|| part.to_owned())).collect()
}

#[expect(clippy::ptr_arg, reason = "a row shows its field as it is")]
pub(super) fn show_hosts(hosts: &Vec<String>) -> String {
    show_list(hosts.iter().cloned())
}

pub(super) fn networks(text: &str) -> Option<Vec<Network>> {
    list(text).map(Network::parse).collect()
}

#[expect(clippy::ptr_arg, reason = "a row shows its field as it is")]
pub(super) fn show_networks(networks: &Vec<Network>) -> String {
    show_list(networks.iter().map(Network::to_string))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(move |_| text != "none")
}

fn show_list(parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(",") }
}

pub(super) fn public_url(text: &str) -> Option<Option<String>> {
    if text == "off" {
        return Some(None);
    }
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b));
    is_host.then(|| Some(text.to_owned()))
}

pub(super) fn show_public_url(url: &Option<String>) -> String {
    url.clone().unwrap_or("off".to_owned())
}

pub(super) fn endpoint(text: &str) -> Option<Option<String>> {
    if text == "off" { Some(None) } else { TraceConfig::is_endpoint(text).then(|| Some(text.to_owned())) }
}

pub(super) fn show_endpoint(endpoint: &Option<String>) -> String {
    endpoint.clone().unwrap_or("off".to_owned())
}

pub(super) fn service_name(text: &str) -> Option<String> {
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"._-/".contains(&b);
    ((1..=100).contains(&text.len()) && text.bytes().all(is_name)).then(|| text.to_owned())
}

/// Decimals of a ratio.
const DECIMALS: usize = 6;

/// In millionths.
pub(super) fn ratio(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_written = (!whole.is_empty() || !part.is_empty()) && part.len() <= DECIMALS;
    let is_plain = [whole, part].iter().all(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let millionths = format!("0{whole}{part:0<DECIMALS$}").parse().ok()?;
    (is_written && is_plain && millionths <= 1_000_000).then_some(millionths)
}

pub(super) fn show_ratio(millionths: &u32) -> String {
    let text = format!("{}.{:0DECIMALS$}", millionths / 1_000_000, millionths % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn seconds(text: &str) -> Option<u32> {
    let duration = duration(text).filter(|duration| duration.subsec_nanos() == 0)?;
    u32::try_from(duration.as_secs()).ok()
}

pub(super) fn show_seconds(seconds: &u32) -> String {
    show_duration(Duration::from_secs(u64::from(*seconds)))
}
