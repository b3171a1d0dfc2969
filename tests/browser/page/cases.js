// What is played, by whom, and what must be seen and heard.

const OVER = 'It climbs over the hills.';
const UEBER = 'Sie steigt über die Hügel.';

// How long a clip lasts in seconds; how many frames it has, from one keyframe to the next too; when the frame at a place is
// shown, and the number that it carries; what it offers, and the pitch of its sound in hertz.
const clip = { seconds: 3, frames: 75, gop: 25, at: (frame) => frame / 25, number: (frame) => frame };

const entries = {
  '0_multi': {
    seconds: 24,
    frames: 600,
    gop: 50,
    widths: [320, 480, 640],
    tones: { en: 440, de: 1000 },
    captions: {
      en: [[2, 'The sun rises.'], [5.5, OVER], [10.5, OVER], [15, ''], [9, OVER]],
      de: [[2, 'Die Sonne geht auf.'], [5.5, UEBER], [10.5, UEBER], [15, ''], [9, UEBER]],
    },
  },
  '0_hills': { seconds: 10, frames: 250, gop: 50, tone: 330 },
  '0_ladder': { seconds: 4, frames: 100, gop: 50, widths: [320, 640, 1280] },
  '0_long': { seconds: 90, frames: 2250, gop: 250 },
  '0_opus': { tone: 330 },
  '0_flac': { tone: 330 },
  '0_tone': { seconds: 5, frames: 0, tone: 330 },
  '0_tone_aac': { seconds: 5, frames: 0, tone: 330 },
  // Frames last 20, 40 and 100 ms in turn.
  '0_vfr': { seconds: 4, at: (frame) => 0.16 * Math.floor(frame / 3) + [0, 0.02, 0.06][frame % 3] },
  // Nothing for a while, where the first frame is shown.
  '0_edit_empty': { seconds: 3.48, at: (frame) => (frame ? 0.48 + frame / 25 : 0) },
  '0_fragmented': { seconds: 3.08, at: (frame) => (frame ? 0.08 + frame / 25 : 0) },
  '0_edit_trimmed': { seconds: 2.4, ...from(15, 0, 12_800) },
};

// A clip whose first picture is the frame `first`, and that begins to decode at the frame `keyframe`: what lies between them
// is shown for a tick each.
function from(first, keyframe, timescale) {
  return {
    at: (frame) => Math.max((frame - (first - keyframe)) / 25, frame / timescale),
    number: (frame) => frame + keyframe,
  };
}

// Two entries before the start of a third, each with frames of its own.
const sequence = {
  rest: '/clipTo/4000/sequence/0_opening,0_bumper',
  seconds: 9,
  frames: 50 + 75 + 100,
  number: (frame) => (frame < 50 ? frame : frame < 125 ? frame - 50 : frame - 125),
  widths: [320, 480, 640],
  tone: undefined,
  tones: undefined,
  captions: { en: [[3.5, 'A word before.'], [1, ''], [6.5, 'The sun rises.']], de: [[6.5, 'Die Sonne geht auf.'], [3.5, '']] },
};

// hls.js takes no notice of edit lists when it reckons where an entry ends, and so the next one starts a little late. Shaka knows
// where captions of a playlist belong behind a discontinuity only if they were chosen before pictures were buffered there, and
// dash.js the qualities and captions of one entry at a time. Sent to and fro between entries, dash.js loses its way, and so does
// Shaka among periods where it has just been sent to another quality.
const inSequence = (one) => {
  const cannot = { hls: ['borders', 'qualities'], 'shaka applehttp': ['captions'], 'shaka mpegdash': ['qualities'], dash: ['borders', 'captions', 'qualities'] };
  const left = [one.player, `${one.player} ${one.format}`].flatMap((name) => cannot[name] ?? []);
  return { ...one, steps: one.steps.filter((step) => !left.includes(step)), late: one.player === 'hls' ? 0.2 : 0 };
};

const streams = [
  ['hls', 'applehttp'],
  ['shaka', 'applehttp'],
  ['shaka', 'mpegdash'],
  ['dash', 'mpegdash'],
];

const endings = { applehttp: 'm3u8', mpegdash: 'mpd', url: 'mp4' };

const all = ['whole', 'borders', 'through', 'qualities', 'languages', 'captions'];

const each = (entry, steps, more) => streams.map(([player, format]) => ({ player, format, entry, steps, ...more }));

// Each entry with one of the streams.
const inTurn = (names, steps) => names.map((entry, i) => each(entry, steps)[i % streams.length]);

// A transport stream in hls.js, where time starts with the first picture decoded, which is `lead` before the first shown.
const ts = (entry, steps, more) => {
  const { at, lead = 0.08 } = { ...clip, ...entries[entry], ...more };
  const rest = `${more?.rest ?? ''}/container/ts`;
  return { player: 'hls', format: 'applehttp', entry, steps, ...more, at: (frame) => at(frame) + lead, rest };
};

const clips = [
  // From a keyframe, and from a place between two.
  { entry: '0_hills', rest: '/seekFrom/2000/clipTo/6000', seconds: 4, frames: 100, number: (frame) => frame + 50 },
  { entry: '0_hills', rest: '/seekFrom/3200/clipTo/8000', seconds: 4.8, frames: 150, ...from(80, 50, 12_800) },
];

export const cases = [
  ...each('0_multi', all),
  ...each('0_hills', ['whole', 'borders', 'through']),
  { player: 'element', format: 'url', entry: '0_hills', steps: ['borders', 'through'] },
  ...each('0_ladder', ['whole', 'borders']),
  ...each('0_long', ['whole', 'borders']),
  ...inTurn(['0_avc', '0_edit_empty', '0_opengop_avc', '0_signed_offsets', '0_fragmented'], ['whole', 'every', 'through']),
  ...inTurn(['0_nostss', '0_mkv', '0_flv', '0_vp9', '0_av1', '0_opus', '0_flac'], ['whole', 'every', 'through']),
  { player: 'hls', format: 'applehttp', entry: '0_tone_aac', steps: ['whole'] },
  // Browsers do not go to frames of uneven length exactly, and do not stop at a start amid them.
  ...inTurn(['0_vfr', '0_edit_trimmed'], ['whole', 'through']),
  { player: 'element', format: 'url', entry: '0_avc', steps: ['every', 'through'] },
  ...each('0_multi', ['whole', 'borders', 'through', 'captions', 'qualities'], sequence).map(inSequence),
  ...clips.flatMap(({ entry, ...clip }) => each(entry, ['whole', 'through'], clip)),
  ts('0_multi', all),
  ts('0_multi', ['whole', 'through', 'captions'], { ...sequence, lead: 0.04, late: 0.2 }),
  ts('0_hills', ['whole', 'borders', 'through']),
  // Chromium takes MP3 from no other container.
  ts('0_tone', ['whole']),
  ts('0_opengop_avc', ['whole', 'every', 'through']),
  ts('0_hills', ['whole', 'through'], clips[1]),
].map((one) => ({ ...clip, ...entries[one.entry], ...one, name: `${one.player} ${one.format} ${one.entry}${one.rest ?? ''}` }));

// The address of a case on a service at `base`.
export function address(base, { entry, format, rest = '' }) {
  return `${base}/p/1/sp/100/playManifest/entryId/${entry}/format/${format}/protocol/http${rest}/a.${endings[format]}`;
}
