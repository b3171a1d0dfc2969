// What is played, by whom, and what must be seen and heard.

// How long a clip lasts in seconds; how many frames it has, from one keyframe to the next too; the number that its first
// frame carries; when a frame is shown; what it offers, and the pitch of its sound in hertz.
const clip = { seconds: 3, frames: 75, gop: 25, first: 0, at: (frame) => frame / 25 };

const entries = {
  '0_multi': {
    seconds: 24,
    frames: 600,
    gop: 50,
    widths: [320, 480, 640],
    tones: { en: 440, de: 1000 },
    captions: { en: ['The sun rises.', 'It climbs over the hills.'], de: ['Die Sonne geht auf.', 'Sie steigt über die Hügel.'] },
  },
  '0_hills': { seconds: 10, frames: 250, gop: 50, tone: 330 },
  '0_ladder': { seconds: 4, frames: 100, gop: 50, widths: [320, 640, 1280] },
  '0_long': { seconds: 90, frames: 2250, gop: 250 },
  // Frames last 20, 40 and 100 ms in turn.
  '0_vfr': { seconds: 4, at: (frame) => 0.16 * Math.floor(frame / 3) + [0, 0.02, 0.06][frame % 3] },
  // Nothing for a while, where the first frame is shown.
  '0_edit_empty': { seconds: 3.48, at: (frame) => (frame ? 0.48 + frame / 25 : 0) },
  '0_fragmented': { seconds: 3.08, at: (frame) => (frame ? 0.08 + frame / 25 : 0) },
  // Frames from before its start are needed to decode the first one, and shown for a tick each.
  '0_edit_trimmed': { seconds: 2.4, first: 15, at: (frame) => Math.max(frame / 25, (frame + 15) / 12800) },
};

const streams = [
  ['hls', 'applehttp'],
  ['shaka', 'applehttp'],
  ['shaka', 'mpegdash'],
  ['dash', 'mpegdash'],
];

const endings = { applehttp: 'm3u8', mpegdash: 'mpd', url: 'mp4' };

const all = ['whole', 'borders', 'through', 'qualities', 'languages', 'captions'];

const each = (entry, steps) => streams.map(([player, format]) => ({ player, format, entry, steps }));

// Each entry with one of the streams.
const inTurn = (names, steps) => names.map((entry, i) => each(entry, steps)[i % streams.length]);

export const cases = [
  ...each('0_multi', all),
  ...each('0_hills', ['whole', 'borders', 'through']),
  { player: 'element', format: 'url', entry: '0_hills', steps: ['borders', 'through'] },
  ...each('0_ladder', ['whole', 'borders']),
  ...each('0_long', ['whole', 'borders']),
  ...inTurn(['0_avc', '0_edit_empty', '0_opengop_avc', '0_signed_offsets', '0_fragmented'], ['whole', 'every', 'through']),
  ...inTurn(['0_nostss', '0_mkv', '0_flv', '0_vp9', '0_av1'], ['whole', 'every', 'through']),
  // Browsers do not go to frames of uneven length exactly, and do not stop at a start amid them.
  ...inTurn(['0_vfr', '0_edit_trimmed'], ['whole', 'through']),
  { player: 'element', format: 'url', entry: '0_avc', steps: ['every', 'through'] },
].map((one) => ({ ...clip, ...entries[one.entry], ...one, name: `${one.player} ${one.format} ${one.entry}` }));

// The address of a case on a service at `base`.
export function address(base, { entry, format }) {
  return `${base}/p/1/sp/100/playManifest/entryId/${entry}/format/${format}/protocol/http/a.${endings[format]}`;
}
