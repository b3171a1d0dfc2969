// What is heard: the pitch of a playing element, and whether a tone goes on unbroken through all that a player was given.

import { until } from './wait.js';

const RATE = 48_000;

// From now on, keeps all bytes of sound that are given to the browser; gives a function that takes them out, and one that
// tells whether the player has said that there are no more.
export function overhear() {
  const kept = [];
  const sources = new Set();
  const sounding = new WeakSet();
  const { addSourceBuffer } = MediaSource.prototype;
  MediaSource.prototype.addSourceBuffer = function (type) {
    const buffer = addSourceBuffer.call(this, type);
    sources.add(this);
    if (/^audio|mp4a/.test(type)) sounding.add(buffer);
    return buffer;
  };
  const { appendBuffer } = SourceBuffer.prototype;
  SourceBuffer.prototype.appendBuffer = function (data) {
    if (sounding.has(this)) kept.push(new Uint8Array(ArrayBuffer.isView(data) ? data.slice().buffer : data.slice(0)));
    return appendBuffer.call(this, data);
  };
  const over = () => [...sources].every((source) => source.readyState === 'ended');
  return { overheard: () => new Blob(kept.splice(0)).arrayBuffer(), over };
}

// Fails unless `bytes` sound the tone of `hertz` from their start to their end without a gap or a leap, for about `seconds`.
export async function unbroken(bytes, hertz, seconds) {
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  if (Math.abs(sound.duration - seconds) > 0.1) throw new Error(`${sound.duration} s of sound, not ${seconds} s`);
  const samples = sound.getChannelData(0);
  const window = 1024;
  // The tone may need a moment to rise and to fall.
  const first = 4 * window;
  const places = Array.from({ length: Math.floor((samples.length - 2 * first) / window) }, (_, i) => first + i * window);
  const seen = places.map((at) => tone(samples, at, window, hertz));
  const middle = seen[Math.floor(seen.length / 2)];
  for (const [i, { level, phase }] of seen.entries()) {
    const leap = Math.abs(Math.atan2(Math.sin(phase - middle.phase), Math.cos(phase - middle.phase)));
    if (Math.abs(level / middle.level - 1) > 0.2 || leap > 0.3) {
      throw new Error(`the tone of ${hertz} Hz breaks at ${(places[i] / RATE).toFixed(3)} s`);
    }
  }
  return sound.duration;
}

// The level of a tone around a place, and its phase against a tone that began with the sound.
function tone(samples, at, length, hertz) {
  let [real, imaginary] = [0, 0];
  for (let i = 0; i < length; i += 1) {
    const value = samples[at + i] * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
    const angle = (2 * Math.PI * hertz * (at + i)) / RATE;
    real += value * Math.cos(angle);
    imaginary -= value * Math.sin(angle);
  }
  return { level: Math.hypot(real, imaginary), phase: Math.atan2(imaginary, real) };
}

// An ear at a playing element: gives a function that waits until the tone of `hertz` is heard.
export async function ear(video) {
  const context = new AudioContext({ sampleRate: RATE });
  const analyser = new AnalyserNode(context, { fftSize: 4096, smoothingTimeConstant: 0 });
  const silence = new GainNode(context, { gain: 0 });
  context.createMediaElementSource(video).connect(analyser).connect(silence).connect(context.destination);
  await context.resume();
  const spectrum = new Float32Array(analyser.frequencyBinCount);
  const loudest = () => {
    analyser.getFloatFrequencyData(spectrum);
    const level = Math.max(...spectrum);
    return level < -60 ? 0 : (spectrum.indexOf(level) * RATE) / analyser.fftSize;
  };
  const step = RATE / analyser.fftSize;
  return (hertz) => until(() => Math.abs(loudest() - hertz) <= step, () => `${hertz} Hz, but ${loudest()} Hz is heard`);
}
