// Plays entries of a running service with real players in headless Chromium.
//
//   node play.mjs http://127.0.0.1:8080 [WORDS]
//
// Prints a line of JSON for each case whose name holds WORDS, and ends with 1 where one failed. CHROMIUM names the browser.

import { spawn } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cases } from './page/cases.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const [base, words = ''] = process.argv.slice(2);
const wanted = cases.flatMap(({ name }, index) => (name.includes(words) ? [index] : []));

// A case that says nothing for so long has taken the browser down with it.
const SILENCE_MS = 240_000;

const files = {
  '/player/hls.js': 'node_modules/hls.js/dist/hls.min.js',
  '/player/shaka.js': 'node_modules/shaka-player/dist/shaka-player.compiled-es2021.js',
  '/player/dash.js': 'node_modules/dashjs/dist/modern/umd/dash.all.min.js',
  '/': 'page/index.html',
  ...Object.fromEntries(['cases', 'picture', 'players', 'run', 'sound', 'steps', 'wait'].map((x) => [`/${x}.js`, `page/${x}.js`])),
};
const types = { '.html': 'text/html', '.js': 'text/javascript' };

if (!wanted.length) throw new Error(`no case is named like "${words}"`);

let failed = 0;
let left = [...wanted];
let silence;

function listen(request, answer) {
  const { pathname } = new URL(request.url, 'http://localhost');
  if (pathname === '/result') {
    let body = '';
    request.on('data', (part) => (body += part));
    request.on('end', () => {
      note(JSON.parse(body));
      answer.setHeader('content-type', 'application/json');
      answer.end(JSON.stringify({ next: left[0] }));
      if (!left.length) answer.on('close', () => finish());
    });
  } else if (files[pathname]) {
    answer.setHeader('content-type', types[extname(files[pathname])]);
    createReadStream(join(here, files[pathname])).pipe(answer);
  } else {
    answer.writeHead(404).end();
  }
}

function note(result) {
  console.log(JSON.stringify(result));
  failed += result.ok ? 0 : 1;
  left.shift();
  watch();
}

// Gives up where nothing is heard of the case that runs.
function watch() {
  clearTimeout(silence);
  if (left.length) silence = setTimeout(() => finish(`${cases[left[0]].name}: nothing is heard of it`), SILENCE_MS);
}

const profile = mkdtempSync(join(tmpdir(), 'vedette-chromium-'));
const server = createServer(listen).listen(0, '127.0.0.1', open);
let browser;
let said = '';

function open() {
  const page = `http://127.0.0.1:${server.address().port}/?base=${encodeURIComponent(base)}&case=${left[0]}`;
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-dev-shm-usage',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--autoplay-policy=no-user-gesture-required',
    `--user-data-dir=${profile}`,
    page,
  ];
  browser = spawn(process.env.CHROMIUM || 'chromium', flags, { stdio: ['ignore', 'ignore', 'pipe'] });
  browser.stderr.on('data', (part) => (said = (said + part).slice(-4000)));
  browser.on('error', (error) => finish(`Chromium does not start: ${error.message}`));
  browser.on('exit', (code) => finish(left.length ? `Chromium ended with ${code}: ${said}` : undefined));
  watch();
}

let over = false;

function finish(fault) {
  if (over) return;
  over = true;
  clearTimeout(silence);
  if (fault) {
    console.log(JSON.stringify({ case: 'browser', ok: false, error: fault }));
    failed += 1;
  }
  server.close();
  server.closeAllConnections();
  const gone = () => {
    try {
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    } catch {
      // A process of the browser that ends last may still write there; it is a folder for things that may be lost.
    }
    process.exit(failed ? 1 : 0);
  };
  if (browser.exitCode !== null || browser.pid === undefined) return gone();
  browser.on('exit', gone);
  browser.kill();
}
