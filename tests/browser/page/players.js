// The players behind one face:
//   widths()          the widths of the qualities offered, ascending
//   choose(width)     shows that quality from now on
//   languages()       the languages of the sound offered
//   speak(language)   sounds in that language from now on
//   subtitles()       the languages of the captions offered
//   caption(language) shows captions in that language; they are text tracks of the video element
// Each buffers all it can, and calls `fault(text)` for whatever it complains about, even where it goes on.

// More than any sample lasts.
const BUFFER_S = 120;

export const players = { hls, shaka: shakaPlayer, dash, element };

const ascending = (widths) => [...new Set(widths)].sort((a, b) => a - b);
const main = (language) => (language || '').split('-')[0];
const found = (list, is, what) => {
  const item = list.find(is);
  if (item === undefined) throw new Error(`the player knows of no ${what}`);
  return item;
};

function script(name) {
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.src = `/player/${name}`;
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${name} does not load`));
    document.head.append(element);
  });
}

// hls.js.
async function hls(video, url, fault) {
  await script('hls.js');
  const hls = new Hls({ maxBufferLength: BUFFER_S, maxMaxBufferLength: BUFFER_S, backBufferLength: BUFFER_S });
  hls.on(Hls.Events.ERROR, (_, { type, details, reason, error }) => {
    // What it does not need any more after a change of tracks, it stops itself; a slow machine makes playback stall with all
    // of it buffered; and two appends at once look to it like one that did nothing.
    if (!['aborted', 'bufferStalledError', 'bufferAppendNoProgress'].includes(details)) fault(`${type} ${details} ${reason ?? ''} ${error ?? ''}`);
  });
  await new Promise((resolve) => {
    hls.once(Hls.Events.LEVEL_LOADED, resolve);
    hls.loadSource(url);
    hls.attachMedia(video);
  });
  return {
    widths: () => ascending(hls.levels.map((level) => level.width)),
    choose: (width) => (hls.currentLevel = hls.levels.indexOf(found(hls.levels, (level) => level.width === width, width))),
    languages: () => hls.audioTracks.map((track) => main(track.lang)),
    speak: (language) => (hls.audioTrack = found(hls.audioTracks, (track) => main(track.lang) === language, language).id),
    subtitles: () => hls.subtitleTracks.map((track) => main(track.lang)),
    caption: (language) => {
      hls.subtitleDisplay = true;
      hls.subtitleTrack = found(hls.subtitleTracks, (track) => main(track.lang) === language, language).id;
    },
  };
}

// Shaka Player, for both protocols.
async function shakaPlayer(video, url, fault) {
  await script('shaka.js');
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  player.addEventListener('error', ({ detail }) => fault(`${detail.code} ${detail.data}`));
  player.configure({
    abr: { enabled: false },
    streaming: { bufferingGoal: BUFFER_S, bufferBehind: BUFFER_S },
    textDisplayFactory: (player) => new shaka.text.NativeTextDisplayer(player),
  });
  await player.attach(video);
  await player.load(url).catch((error) => {
    throw new Error(`Shaka does not load it: ${error.code} ${error.data}`);
  });
  return {
    widths: () => ascending(player.getVideoTracks().map((track) => track.width)),
    choose: (width) =>
      player.selectVideoTrack(found(player.getVideoTracks(), (track) => track.width === width, width), true),
    languages: () => player.getAudioTracks().map((track) => main(track.language)),
    speak: (language) =>
      player.selectAudioTrack(found(player.getAudioTracks(), (track) => main(track.language) === language, language)),
    subtitles: () => player.getTextTracks().map((track) => main(track.language)),
    caption: (language) =>
      player.selectTextTrack(found(player.getTextTracks(), (track) => main(track.language) === language, language)),
  };
}

// dash.js.
async function dash(video, url, fault) {
  await script('dash.js');
  const player = dashjs.MediaPlayer().create();
  player.updateSettings({
    debug: { logLevel: dashjs.Debug.LOG_LEVEL_NONE },
    streaming: {
      abr: { autoSwitchBitrate: { audio: false, video: false } },
      // Where it comes to the end before the element does, it seeks there; half a second before it, with this unset, and stays.
      seekDurationBackoff: 0,
      buffer: {
        bufferTimeDefault: BUFFER_S,
        bufferTimeAtTopQuality: BUFFER_S,
        bufferTimeAtTopQualityLongForm: BUFFER_S,
        bufferToKeep: BUFFER_S,
      },
      text: { defaultEnabled: false },
    },
  });
  player.on(dashjs.MediaPlayer.events.ERROR, ({ error }) => fault(`${error.code} ${error.message}`));
  player.on(dashjs.MediaPlayer.events.PLAYBACK_ERROR, ({ error }) => fault(`playback ${error}`));
  await new Promise((resolve) => {
    player.on(dashjs.MediaPlayer.events.STREAM_INITIALIZED, resolve);
    player.initialize(video, url, false);
  });
  return {
    widths: () => ascending(player.getRepresentationsByType('video').map((representation) => representation.width)),
    choose: (width) => {
      const is = (representation) => representation.width === width;
      player.setRepresentationForTypeById('video', found(player.getRepresentationsByType('video'), is, width).id, true);
    },
    languages: () => player.getTracksFor('audio').map((track) => main(track.lang)),
    speak: (language) =>
      player.setCurrentTrack(found(player.getTracksFor('audio'), (track) => main(track.lang) === language, language)),
    subtitles: () => player.getTracksFor('text').map((track) => main(track.lang)),
    caption: (language) => {
      const tracks = player.getTracksFor('text');
      player.enableText(true);
      player.setTextTrack(tracks.indexOf(found(tracks, (track) => main(track.lang) === language, language)));
    },
  };
}

// The video element alone, for a file (or, where the browser can, a playlist).
async function element(video, url) {
  video.src = url;
  return { widths: () => [], languages: () => [], subtitles: () => [] };
}
