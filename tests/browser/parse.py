"""Reads the playlists and the manifest of entries of a running service with parsers that are not ours.

    python3 parse.py http://127.0.0.1:8080 ENTRY...

Prints the same lines as parse.mjs, which says what they are.
"""

import re
import sys
from urllib.parse import urljoin
from urllib.request import urlopen

import m3u8
from mpegdash.parser import MPEGDASHParser

ENDINGS = {"applehttp": "m3u8", "mpegdash": "mpd"}


def main(base, *entries):
    for entry in entries:
        for line in sorted({*hls_lines(base, entry), *dash_lines(base, entry)}):
            print(entry, line)


def text(base, entry, form):
    url = f"{base}/p/1/sp/100/playManifest/entryId/{entry}/format/{form}/protocol/http/a.{ENDINGS[form]}"
    with urlopen(url) as answer:
        return answer.url, answer.read().decode()


def line(protocol, kind, name, codec, count, seconds):
    return f"{protocol} {kind} {name or '-'} {codec or '-'} {count} {seconds:.3f}"


def named(codecs, is_video):
    found = (codec for codec in (codecs or "").split(",") if bool(re.match("avc|hvc|hev|av01|vp|dvh", codec)) == is_video)
    return next(found, None)


# --- HLS ----------------------------------------------------------------------------------------------------------


def hls_lines(base, entry):
    url, body = text(base, entry, "applehttp")
    master = m3u8.loads(body, uri=url)
    assert master.is_variant, f"{url} has no variants"

    def told(kind, name, codec, uri):
        with urlopen(urljoin(url, uri)) as answer:
            playlist = m3u8.loads(answer.read().decode(), uri=answer.url)
        assert playlist.is_endlist, f"{uri} has no end"
        assert all(segment.duration <= playlist.target_duration + 0.5 for segment in playlist.segments), uri
        return line("hls", kind, name, codec, len(playlist.segments), sum(segment.duration for segment in playlist.segments))

    for variant in master.playlists:
        about = variant.stream_info
        if about.resolution:
            yield told("video", "{}x{}".format(*about.resolution), named(about.codecs, True), variant.uri)
        sound = named(about.codecs, False)
        if sound and not about.audio:
            yield told("audio", None, sound, variant.uri)
        for media in variant.media:
            if media.type == "AUDIO":
                yield told("audio", media.language, sound, media.uri or variant.uri)
            elif media.type == "SUBTITLES":
                yield told("text", media.language, None, media.uri)
    for keyframes in master.iframe_playlists:
        told("keyframes", None, None, keyframes.uri)


# --- DASH ---------------------------------------------------------------------------------------------------------


def dash_lines(base, entry):
    _, body = text(base, entry, "mpegdash")
    mpd = MPEGDASHParser.parse(body)
    (period,) = mpd.periods
    whole = seconds_of(mpd.media_presentation_duration)
    for group in period.adaptation_sets:
        if any("trickmode" in property.scheme_id_uri for property in group.essential_properties or []):
            continue
        kind = group.content_type or group.mime_type.split("/")[0]
        for representation in group.representations:
            template = first(representation.segment_templates or group.segment_templates)
            count, seconds = segments(template) if template else (1, whole)
            name = f"{representation.width}x{representation.height}" if kind == "video" else group.lang
            yield line("dash", kind, name, representation.codecs or group.codecs, count, seconds)


def first(items):
    return items[0] if items else None


def segments(template):
    """How many segments a template tells of, and how long they are together."""
    spans = [(span.d, 1 + (span.r or 0)) for span in template.segment_timelines[0].Ss]
    return sum(count for _, count in spans), sum(length * count for length, count in spans) / template.timescale


def seconds_of(duration):
    """An xs:duration of hours, minutes and seconds."""
    hours, minutes, seconds = re.fullmatch(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?", duration).groups()
    return int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)


main(*sys.argv[1:])
