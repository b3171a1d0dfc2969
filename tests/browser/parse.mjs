// Reads the playlists and the manifest of entries of a running service with parsers that are not ours.
//
//   node parse.mjs http://127.0.0.1:8080 ENTRY...
//
// Prints a line for each track that they tell of; parse.py prints the same lines as other parsers see them:
//   ENTRY hls|dash video WIDTHxHEIGHT CODEC SEGMENTS SECONDS
//   ENTRY hls|dash audio LANGUAGE CODEC SEGMENTS SECONDS
//   ENTRY hls|dash text LANGUAGE - SEGMENTS SECONDS

import hls from 'hls-parser';
import { parse as parseMpd } from 'mpd-parser';

import { address } from './page/cases.js';

const [base, ...entries] = process.argv.slice(2);

// What they complain about without failing is a failure here.
hls.setOptions({ strictMode: true });

async function text(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return { url: answer.url, text: await answer.text() };
}

const line = (protocol, kind, name, codec, segments) => {
  const seconds = segments.reduce((sum, { duration }) => sum + duration, 0);
  return `${protocol} ${kind} ${name || '-'} ${codec || '-'} ${segments.length} ${seconds.toFixed(3)}`;
};

const isVideo = (codec) => /^(avc|hvc|hev|av01|vp|dvh)/.test(codec);
const named = (codecs, wanted) => (codecs || '').split(',').find((codec) => isVideo(codec) === wanted);

async function hlsLines(entry) {
  const master = await text(address(base, { entry, format: 'applehttp' }));
  const parsed = hls.parse(master.text);
  if (!parsed.isMasterPlaylist) throw new Error(`${master.url} has no variants`);
  const segments = async (uri) => {
    const media = await text(new URL(uri, master.url));
    const playlist = hls.parse(media.text);
    if (!playlist.endlist) throw new Error(`${media.url} has no end`);
    return playlist.segments;
  };
  const lines = new Set();
  for (const variant of parsed.variants) {
    const own = await segments(variant.uri);
    if (variant.isIFrameOnly) continue;
    const { resolution, codecs, audio, subtitles } = variant;
    if (resolution) lines.add(line('hls', 'video', `${resolution.width}x${resolution.height}`, named(codecs, true), own));
    const sound = named(codecs, false);
    if (sound && !audio.length) lines.add(line('hls', 'audio', '-', sound, own));
    for (const { language, uri } of audio) {
      lines.add(line('hls', 'audio', language, sound, uri ? await segments(uri) : own));
    }
    for (const { language, uri } of subtitles) lines.add(line('hls', 'text', language, '-', await segments(uri)));
  }
  return [...lines];
}

async function dashLines(entry) {
  const manifest = await text(address(base, { entry, format: 'mpegdash' }));
  const eventHandler = ({ type, message }) => {
    if (type === 'warn') throw new Error(`${manifest.url}: ${message}`);
  };
  const { playlists, mediaGroups } = parseMpd(manifest.text, { manifestUri: manifest.url, eventHandler });
  const lines = [];
  for (const { attributes, segments } of playlists) {
    // The parser knows nothing of sets of keyframes alone, and takes them for qualities.
    if (attributes.NAME.endsWith('-iframes')) continue;
    const { width, height } = attributes.RESOLUTION ?? {};
    if (width) lines.push(line('dash', 'video', `${width}x${height}`, named(attributes.CODECS, true), segments));
  }
  const groups = (kind) => Object.values(mediaGroups[kind]).flatMap((group) => Object.values(group));
  for (const { language, playlists } of groups('AUDIO')) {
    for (const { attributes, segments } of playlists) lines.push(line('dash', 'audio', language, attributes.CODECS, segments));
  }
  for (const { language, playlists } of groups('SUBTITLES')) {
    for (const { segments } of playlists) lines.push(line('dash', 'text', language, '-', segments));
  }
  return lines;
}

for (const entry of entries) {
  const lines = [...(await hlsLines(entry)), ...(await dashLines(entry))];
  for (const line of lines.sort()) console.log(`${entry} ${line}`);
}
