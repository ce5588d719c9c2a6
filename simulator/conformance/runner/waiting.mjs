// Waiting for conditions and events, each with a limit and a reason for having waited in vain.

export const WAIT_MS = 20_000;
/** For what a browser has to start for, on a busy machine. */
export const START_MS = 45_000;
const POLL_MS = 40;

export class TimedOut extends Error {}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks `probe` until it gives something truthy, and gives that. What it throws on the way is part of the reason. */
export async function until(what, probe, limitMs = WAIT_MS) {
  const end = Date.now() + limitMs;
  let last;
  for (;;) {
    try {
      const value = await probe();
      if (value) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new TimedOut(`${what}: not within ${limitMs / 1000} s${last ? ` (${last.message})` : ''}`);
    await sleep(POLL_MS);
  }
}

/** The promise's value, or an error that names what took too long. */
export async function within(what, promise, limitMs = WAIT_MS) {
  let timer;
  const limit = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TimedOut(`${what}: not within ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Everything a client has said, in order, so that an event that comes before somebody waits for it is not lost. */
export class EventLog {
  #events = [];
  #waiting = new Set();

  /** Events so far; a place to look from later. */
  get length() {
    return this.#events.length;
  }

  add(name, args) {
    const event = { name, args };
    this.#events.push(event);
    for (const waiter of [...this.#waiting]) waiter(event);
  }

  /** The arguments of all events of this name, from a place on. */
  all(name, from = 0) {
    return this.#events.slice(from).filter((event) => event.name === name).map(({ args }) => args);
  }

  names(from = 0) {
    return this.#events.slice(from).map(({ name }) => name);
  }

  /** The arguments of the first event of this name that `fits`, past or to come. */
  async wait(name, { fits = () => true, from = 0, limitMs = WAIT_MS } = {}) {
    const past = this.all(name, from).find((args) => fits(...args));
    if (past) return past;
    let waiter;
    const coming = new Promise((resolve) => {
      waiter = (event) => event.name === name && fits(...event.args) && resolve(event.args);
      this.#waiting.add(waiter);
    });
    try {
      return await within(`event ${name}`, coming, limitMs);
    } catch (error) {
      const seen = this.names(from).slice(-8).join(', ') || 'nothing';
      throw new TimedOut(`${error.message}; events since: ${seen}`);
    } finally {
      this.#waiting.delete(waiter);
    }
  }
}
