// What is played, by whom, and what must be seen and heard.

// frames at 25 a second, the frame that is first, the frames from one keyframe to the next, the length in seconds.
const entries = {
  '0_multi': {
    frames: 600,
    gop: 50,
    seconds: 24,
    widths: [320, 480, 640],
    tones: { en: 440, de: 1000 },
    captions: { en: ['The sun rises.', 'It climbs over the hills.'], de: ['Die Sonne geht auf.', 'Sie steigt über die Hügel.'] },
  },
  '0_hills': { frames: 250, gop: 50, seconds: 10, widths: [640], tone: 330 },
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

export const cases = [
  ...each('0_multi', all),
  ...each('0_hills', ['whole', 'borders', 'through']),
  { player: 'element', format: 'url', entry: '0_hills', steps: ['borders', 'through'] },
].map((one) => ({ ...one, ...entries[one.entry], name: `${one.player} ${one.format} ${one.entry}` }));

// The address of a case on a service at `base`.
export function address(base, { entry, format }) {
  return `${base}/p/1/sp/100/playManifest/entryId/${entry}/format/${format}/protocol/http/a.${endings[format]}`;
}
