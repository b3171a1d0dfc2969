// Reads the number that a frame carries in the row of blocks along its upper edge; testdata/make.sh lays it out.

const BLOCKS = 16;
const canvas = document.createElement('canvas');
const context = canvas.getContext('2d', { willReadFrequently: true });

// The number of the picture that `video` shows now and its time in seconds, which belong together: both come from one
// VideoFrame. The number is null where it cannot be read, or no picture is there yet. Fails unless the media came with leave to be read (CORS).
export function shown(video) {
  const frame = picture(video);
  if (!frame) return { number: null, time: video.currentTime };
  try {
    return { number: number(frame, frame.displayWidth, frame.displayHeight), time: frame.timestamp / 1e6 };
  } finally {
    frame.close();
  }
}

// The picture that `video` shows; null while it has none, as on the way to another place.
function picture(video) {
  try {
    return new VideoFrame(video);
  } catch (error) {
    if (error.name === 'InvalidStateError') return null;
    throw error;
  }
}

function number(frame, width, height) {
  const rows = Math.max(1, Math.round(height / 8));
  canvas.width = width;
  canvas.height = rows;
  context.drawImage(frame, 0, 0, width, height);
  const levels = Array.from({ length: BLOCKS }, (_, block) => level(block, width, rows));
  const [white, black] = [levels[0], levels[BLOCKS - 1]];
  if (white - black < 60) return null;
  const shares = levels.map((level) => (level - black) / (white - black));
  if (shares.some((share) => share < -0.3 || share > 1.3 || (share > 0.3 && share < 0.7))) return null;
  const bits = shares.map((share) => (share > 0.5 ? 1 : 0));
  const value = bits.slice(1, 13).reduce((value, bit) => value * 2 + bit, 0);
  return bits[13] === parity(value & 0x555) && bits[14] === parity(value & 0xaaa) ? value : null;
}

// The mean luma of the middle of a block.
function level(block, width, rows) {
  const left = Math.floor(((block + 0.35) * width) / BLOCKS);
  const right = Math.max(left + 1, Math.floor(((block + 0.65) * width) / BLOCKS));
  const top = Math.floor(rows * 0.3);
  const bottom = Math.max(top + 1, Math.floor(rows * 0.7));
  const { data } = context.getImageData(left, top, right - left, bottom - top);
  let sum = 0;
  for (let at = 0; at < data.length; at += 4) sum += 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
  return sum / (data.length / 4);
}

function parity(value) {
  let bits = 0;
  for (; value; value >>= 1) bits ^= value & 1;
  return bits;
}
