// The socket to the server (PROTOCOL.md): connects, reconnects with a growing pause, asks questions, hands frames to the
// parts that registered for them. It knows nothing of what the frames mean.

const PAUSES_MS = [300, 700, 1500, 3000, 5000, 8000];
const ANSWER_LIMIT_MS = 20_000;

const handlers = new Map();
const questions = new Map();
let websocket;
let attempts = 0;
let lastQuestion = 0;
let greeted = false;
let stopped = false;
let retry;

/** Called on `opening`, `open`, `closed`. */
const watchers = { opening: [], open: [], closed: [] };

export const socket = {
  /** Registers for frames of one name. */
  on(name, handler) {
    handlers.set(name, handler);
  },

  watch(moment, callback) {
    watchers[moment].push(callback);
  },

  /** False when there is no connection: the frame is lost, as a stanza written to a dead socket is. */
  send(frame) {
    if (websocket?.readyState !== WebSocket.OPEN) return false;
    websocket.send(JSON.stringify(frame));
    return true;
  },

  /** A question to the server. It waits for the hand-shake and outlives a lost connection, up to a limit. */
  ask(what, parameters = {}) {
    const rid = ++lastQuestion;
    const frame = { t: 'ask', rid, what, ...parameters };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(rid, undefined, `no answer to ${what}`), ANSWER_LIMIT_MS);
      questions.set(rid, { frame, resolve, reject, timer });
      if (greeted) socket.send(frame);
    });
  },

  connect,

  /** Closes and connects at once: after a pairing, as the real one does on stream error 515. */
  restart() {
    attempts = 0;
    drop();
    connect();
  },

  /** Closes for good: after a stream error, or to leave the page. */
  stop() {
    stopped = true;
    drop();
  },
};

function settle(rid, value, error) {
  const question = questions.get(rid);
  if (!question) return;
  questions.delete(rid);
  clearTimeout(question.timer);
  if (error) question.reject(new Error(error));
  else question.resolve(value);
}

function drop() {
  clearTimeout(retry);
  const old = websocket;
  websocket = undefined;
  greeted = false;
  old?.close();
}

function tell(moment) {
  for (const callback of watchers[moment]) callback();
}

function connect() {
  if (stopped) return;
  tell('opening');
  const mine = new WebSocket(`wss://${location.host}/ws/chat`);
  websocket = mine;
  mine.onopen = () => mine === websocket && tell('open');
  mine.onmessage = (event) => mine === websocket && receive(event.data);
  mine.onclose = () => {
    if (mine !== websocket) return;
    drop();
    if (stopped) return;
    tell('closed');
    retry = setTimeout(connect, PAUSES_MS[Math.min(attempts++, PAUSES_MS.length - 1)]);
  };
}

// Frames are handled one after another, so that a message is stored before the ack or edit that follows it.
let queue = Promise.resolve();

// The first frame of a connection ends the wait for the hand-shake. It does so at once, not in its turn: a frame of the
// connection before may still be waiting for an answer.
function greet() {
  greeted = true;
  for (const { frame } of questions.values()) socket.send(frame);
}

function receive(text) {
  const frame = JSON.parse(text);
  if (!greeted) greet();
  if (frame.t === 'answer') {
    settle(frame.rid, frame.value, frame.error);
    return;
  }
  const origin = websocket;
  queue = queue.then(() => handle(frame, origin)).catch((error) => console.error(error));
}

async function handle(frame, origin) {
  attempts = 0;
  await handlers.get(frame.t)?.(frame);
  if (frame.n !== undefined && origin === websocket) socket.send({ t: 'got', n: [frame.n] });
}
