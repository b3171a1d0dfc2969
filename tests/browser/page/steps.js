// What is done with a playing entry. Each step fails with words, or gives what it measured.

import { shown } from './picture.js';
import { ear, unbroken } from './sound.js';
import { event, until } from './wait.js';

const FPS = 25;
// Browsers keep times in microseconds, and tracks in ticks of their own.
const ROUNDING_S = 0.001;

export const steps = { whole, borders, through, qualities, languages, captions };

const fail = (text) => {
  throw new Error(text);
};

// Fails unless the picture shown is the one of its time.
function judged({ number, time }, first = 0) {
  if (number === null) fail(`the picture at ${time} s carries no number`);
  if (Math.abs(time * FPS - (number - first)) > ROUNDING_S * FPS) fail(`frame ${number} is shown at ${time} s`);
  return number;
}

// Goes to a moment; done when a picture is shown that lasts at that moment.
async function seek(video, seconds) {
  const seeked = event(video, 'seeked');
  video.currentTime = seconds;
  await seeked;
  const lies = () => seconds - shown(video).time;
  const is = () => lies() > -ROUNDING_S && lies() < 1 / FPS + ROUNDING_S;
  await until(is, () => `a picture at ${seconds} s, but there is ${JSON.stringify(shown(video))}`);
}

// Goes to the middle of a frame's time, where that frame must be seen.
async function visit(video, frame, first = 0) {
  await seek(video, (frame + 0.5) / FPS);
  const number = judged(shown(video), first);
  if (number !== frame + first) fail(`frame ${number} is shown at ${video.currentTime} s, not ${frame + first}`);
  return number;
}

// All of the entry can be buffered, as one range; its sound goes on unbroken.
async function whole({ video, overheard }, { seconds, tone, tones }) {
  const ranges = () => Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
  const reaches = () => ranges().some(([, end]) => end > seconds - 0.1);
  await until(reaches, () => `all of ${seconds} s buffered, but there is ${JSON.stringify(ranges())}`);
  const [[start, end], ...more] = ranges();
  if (more.length || start > 0.001) fail(`the buffer has holes: ${JSON.stringify(ranges())}`);
  if (Math.abs(video.duration - seconds) > 0.1) fail(`it lasts ${video.duration} s, not ${seconds} s`);
  const hertz = tone ?? tones?.en;
  const sound = hertz && (await unbroken(await overheard(), hertz, seconds));
  return { start, end, sound };
}

// Around each keyframe, and so around each place where segments are cut, every frame has its place.
async function borders({ video }, { frames, gop, first }) {
  const wanted = new Set([0, 1, frames - 2, frames - 1]);
  for (let key = gop; key < frames; key += gop) [key - 2, key - 1, key, key + 1].forEach((frame) => wanted.add(frame));
  for (const frame of wanted) await visit(video, frame, first);
  return { visited: wanted.size };
}

// Played from start to end: pictures are those of their times, in order, and the decoder was given each frame once.
async function through({ video }, { frames, first }) {
  const before = video.getVideoPlaybackQuality().totalVideoFrames;
  await seek(video, 0);
  let [last, fault, seen] = [-1, null, 0];
  const look = () => {
    try {
      const number = judged(shown(video), first);
      if (number < last) fail(`frame ${number} is shown after frame ${last}`);
      last = number;
      seen += 1;
    } catch (error) {
      fault ??= error;
    }
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);
  video.playbackRate = 4;
  await video.play();
  // Some players stop the element at its end before it says so.
  await until(() => video.ended || video.currentTime >= video.duration, 'the end');
  video.playbackRate = 1;
  if (fault) throw fault;
  const { totalVideoFrames, droppedVideoFrames } = video.getVideoPlaybackQuality();
  const given = totalVideoFrames - before;
  if (given !== frames) fail(`the decoder was given ${given} frames, not ${frames}`);
  return { seen, given, dropped: droppedVideoFrames };
}

// Each quality can be chosen, and shows the same frame at the same time.
async function qualities({ video, player }, { widths, frames }) {
  const offered = player.widths();
  if (JSON.stringify(offered) !== JSON.stringify(widths)) fail(`qualities of widths ${offered}, not ${widths}`);
  for (const [i, width] of [...widths, widths[0]].entries()) {
    const frame = Math.floor(frames / 2) + i;
    await seek(video, (frame + 0.5) / FPS);
    // Browsers decode anew only where something plays, and some players at the next keyframe.
    video.playbackRate = 4;
    await video.play();
    player.choose(width);
    await until(() => video.videoWidth === width, () => `width ${width}, but it is ${video.videoWidth}`);
    video.pause();
    video.playbackRate = 1;
    await visit(video, frame);
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
  const see = async (text) => until(() => active() === text, () => `caption "${text}", but there is "${active()}"`);
  // Some players look for captions only while time goes on; slowly, so that it stays the time of the caption.
  video.playbackRate = 0.1;
  await video.play();
  for (const [language, [one, two]] of Object.entries(captions)) {
    await seek(video, 2);
    player.caption(language);
    await see(one);
    for (const [seconds, text] of [[5.5, two], [10.5, two], [15, ''], [9, two]]) {
      await seek(video, seconds);
      await see(text);
    }
  }
  video.pause();
  return { offered };
}
