// What is done with a playing entry. Each step fails with words, or gives what it measured.

import { shown } from './picture.js';
import { ear, unbroken } from './sound.js';
import { event, still, until } from './wait.js';

// Browsers keep times in microseconds, and tracks in ticks of their own.
const ROUNDING_S = 0.001;

export const steps = { whole, borders, every, through, qualities, languages, captions };

const fail = (text) => {
  throw new Error(text);
};

// The place of the frame that is shown, if its number is that of its time; -1 otherwise.
function place({ number, time }, { at, number: carried, frames, late = 0 }) {
  for (let frame = 0; frame < frames; frame += 1) {
    const behind = time - at(frame);
    if (carried(frame) === number && behind >= -ROUNDING_S && behind <= late + ROUNDING_S) return frame;
  }
  return -1;
}

async function seek(video, seconds) {
  const seeked = event(video, 'seeked');
  video.currentTime = seconds;
  await seeked;
}

// Goes to the middle of a frame's time; done when that frame is shown, with the time that is its own.
async function visit(video, frame, entry) {
  const seconds = (entry.at(frame) + entry.at(frame + 1)) / 2;
  await seek(video, seconds);
  const is = () => {
    // Some players go on with an earlier wish when they come to another period.
    if (!video.seeking && Math.abs(video.currentTime - seconds) > ROUNDING_S) video.currentTime = seconds;
    return place(shown(video), entry) === frame;
  };
  await until(is, () => `frame ${frame} at ${seconds} s, but there is ${JSON.stringify(shown(video))}`);
}

// All of the entry can be buffered, as one range, and the player says that this is all; its sound goes on unbroken.
async function whole({ video, overheard, over }, { seconds, tone, tones, at }) {
  // Where nothing is shown at zero, nothing is the beginning of what is buffered.
  if (at(0) > 0) await seek(video, at(0));
  const ranges = () => Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
  const reaches = () => over() && ranges().some(([, end]) => end > seconds - 0.1);
  await until(reaches, () => `all of ${seconds} s buffered, but there is ${JSON.stringify(ranges())}`);
  const [[start, end], ...more] = ranges();
  if (more.length || start > at(0) + ROUNDING_S) fail(`the buffer has holes: ${JSON.stringify(ranges())}`);
  if (Math.abs(video.duration - seconds) > 0.1) fail(`it lasts ${video.duration} s, not ${seconds} s`);
  const hertz = tone ?? tones?.en;
  const sound = hertz && (await unbroken(await overheard(), hertz, seconds));
  return { start, end, sound };
}

// Around each keyframe, and so around each place where segments are cut, every frame has its place.
async function borders({ video }, entry) {
  const { frames, gop } = entry;
  const wanted = new Set([0, 1, frames - 2, frames - 1]);
  for (let key = gop; key < frames; key += gop) [key - 2, key - 1, key, key + 1].forEach((frame) => wanted.add(frame));
  for (const frame of wanted) await visit(video, frame, entry);
  return { visited: wanted.size };
}

// Every frame has its place.
async function every({ video }, entry) {
  for (let frame = 0; frame < entry.frames; frame += 1) await visit(video, frame, entry);
  return { visited: entry.frames };
}

// Played from start to end: pictures are those of their times, in order, and the decoder was given each frame once. A browser
// in a hurry loses count on a busy machine, and so what it misses at one pace is looked for at the next, and must be there at the
// last.
async function through({ video }, entry) {
  const paces = [16, 4, 1];
  for (const pace of paces) {
    const result = await played(video, entry, pace);
    video.pause();
    video.playbackRate = 1;
    if (result.fault) fail(result.fault);
    if (result.given === entry.frames) return result;
    if (pace === paces.at(-1)) fail(`the decoder was given ${result.given} frames, not ${entry.frames}`);
  }
}

// One way through, at a pace.
async function played(video, entry, pace) {
  const decoded = () => video.getVideoPlaybackQuality().totalVideoFrames;
  const before = await still(decoded);
  await seek(video, entry.at(0));
  let [last, fault, seen] = [-1, null, 0];
  const look = () => {
    const picture = shown(video);
    const frame = place(picture, entry);
    if (frame < 0) fault ??= `there is ${JSON.stringify(picture)}`;
    if (frame < last) fault ??= `frame ${frame} is shown after frame ${last}`;
    last = frame;
    seen += 1;
    watched = video.requestVideoFrameCallback(look);
  };
  let watched = video.requestVideoFrameCallback(look);
  video.playbackRate = pace;
  await video.play();
  // Some players stop the element at the end of the pictures, where sound goes on a little.
  const ended = () => video.ended || (video.paused && video.currentTime > video.duration - 0.1);
  await until(ended, () => `the end, but it is at ${video.currentTime} of ${video.duration} s`);
  const given = (await still(decoded)) - before;
  video.cancelVideoFrameCallback(watched);
  return { pace, seen, fault, given, dropped: video.getVideoPlaybackQuality().droppedVideoFrames };
}

// Each quality can be chosen, and shows the same frame at the same time.
async function qualities({ video, player }, entry) {
  const { widths, frames } = entry;
  const offered = player.widths();
  if (JSON.stringify(offered) !== JSON.stringify(widths)) fail(`qualities of widths ${offered}, not ${widths}`);
  for (const [i, width] of [...widths, widths[0]].entries()) {
    const frame = Math.floor(frames / 2) + i;
    await visit(video, frame, entry);
    // Browsers decode anew only where something plays, and some players at the next keyframe.
    video.playbackRate = 4;
    await video.play();
    player.choose(width);
    await until(() => video.videoWidth === width, () => `width ${width}, but it is ${video.videoWidth}`);
    video.pause();
    video.playbackRate = 1;
    await visit(video, frame, entry);
  }
  return { offered };
}

// Each language can be chosen, and is what is heard then.
async function languages({ video, player }, { tones }) {
  const offered = player.languages();
  if (offered.join() !== Object.keys(tones).join()) fail(`languages ${offered}, not ${Object.keys(tones)}`);
  const hear = await ear(video);
  await seek(video, 2);
  await video.play();
  for (const language of ['de', 'en', 'de']) {
    player.speak(language);
    await hear(tones[language]);
  }
  video.pause();
  return { offered };
}

// Captions of each language are shown when they should be, once, and not elsewhere.
async function captions({ video, player }, { captions }) {
  const offered = player.subtitles().sort();
  if (offered.join() !== Object.keys(captions).sort().join()) fail(`captions in ${offered}, not ${Object.keys(captions)}`);
  const active = () => {
    const tracks = [...video.textTracks].filter((track) => track.mode === 'showing' && track.activeCues);
    return tracks.flatMap((track) => [...track.activeCues].map((cue) => cue.text.replace(/<[^>]*>/g, ''))).join('|');
  };
  // Some players look for captions only while time goes on; slowly, so that it stays the time of the caption.
  video.playbackRate = 0.1;
  await video.play();
  for (const [language, shown] of Object.entries(captions)) {
    for (const [i, [seconds, text]] of shown.entries()) {
      await seek(video, seconds);
      // A player that is sent elsewhere right behind this may forget to fetch them.
      if (i === 0) player.caption(language);
      const is = () => {
        // Time that has gone on too far while a caption was fetched is taken back.
        if (!video.seeking && Math.abs(video.currentTime - seconds) > 0.2) video.currentTime = seconds;
        return active() === text;
      };
      await until(is, () => `caption "${text}" at ${seconds} s, but there is "${active()}"`);
    }
  }
  video.pause();
  return { offered };
}
