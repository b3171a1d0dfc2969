// Runs the case that the page was opened for, tells the harness how it went, and goes on to the next.

import { address, cases } from './cases.js';
import { players } from './players.js';
import { overhear } from './sound.js';
import { steps } from './steps.js';
import { event, within } from './wait.js';

const parameters = new URLSearchParams(location.search);
const index = Number(parameters.get('case'));

const tell = (result) => fetch('/result', { method: 'POST', body: JSON.stringify({ case: cases[index].name, ...result }) });

async function play(one) {
  const faults = [];
  const fault = (text) => faults.push(text);
  addEventListener('error', ({ message }) => fault(message));
  addEventListener('unhandledrejection', ({ reason }) => fault(`${reason}`));
  const video = document.querySelector('video');
  video.addEventListener('error', () => fault(`the element: ${video.error.message}`));
  const { overheard, over } = overhear();
  const measured = {};
  let step = 'load';
  try {
    const loaded = event(video, 'loadeddata');
    const opened = players[one.player](video, address(parameters.get('base'), one), fault);
    const player = await within(opened, () => `the player opens nothing: ${faults}`);
    await loaded;
    for (step of one.steps) {
      const started = performance.now();
      const result = await steps[step]({ video, player, overheard, over }, one);
      measured[step] = { ms: Math.round(performance.now() - started), ...result };
      if (faults.length) throw new Error(faults.join('; '));
    }
    return { ok: true, measured };
  } catch (error) {
    return { ok: false, step, error: error.message, faults, measured, video: state(video) };
  }
}

function state({ currentTime, duration, readyState, networkState, paused, ended, seeking, buffered }) {
  const ranges = Array.from({ length: buffered.length }, (_, i) => [buffered.start(i), buffered.end(i)]);
  return { currentTime, duration, readyState, networkState, paused, ended, seeking, buffered: ranges };
}

const started = performance.now();
const result = await play(cases[index]);
const { next } = await (await tell({ ...result, ms: Math.round(performance.now() - started) })).json();
if (next !== undefined) {
  parameters.set('case', next);
  location.search = parameters;
}
