// Waiting for events, never for time alone; a limit only says that something will not come any more.

const LIMIT_MS = 60_000;

// What `promise` gives, or an error that says what was waited for.
export function within(promise, what) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what()}: not within ${LIMIT_MS / 1000} s`)), LIMIT_MS);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

// The event of that name.
export function event(target, name) {
  return within(new Promise((resolve) => target.addEventListener(name, resolve, { once: true })), () => `event ${name}`);
}

// Looks at each turn of the display until `found` gives something that is true, and gives it.
export function until(found, what) {
  let over = false;
  const looked = new Promise((resolve, reject) => {
    const look = () => {
      try {
        const result = found();
        if (result) resolve(result);
        else if (!over) requestAnimationFrame(look);
      } catch (error) {
        reject(error);
      }
    };
    look();
  });
  return within(looked, () => (typeof what === 'function' ? what() : what)).finally(() => (over = true));
}

// What `value` gives when it has been the same for half a second of turns of the display.
export async function still(value) {
  let [last, turns] = [value(), 0];
  const stays = () => {
    turns = value() === last ? turns + 1 : 0;
    last = value();
    return turns >= 30;
  };
  await until(stays, () => `nothing new, but there is ${value()}`);
  return last;
}
