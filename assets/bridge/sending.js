// Sending and sending again, each under a key that was committed before.

const [LOOK_EVERY_MS, FAILURE_SETTLES_MS] = [50, 1000];
const answer = (outcome, code, message) => ({ outcome, code, message });
const late = () => answer('failed', 'too_late', 'the page was too slow to begin sending');
const FINAL = new Set(['unknown_message', 'too_old', 'not_forwardable']);
const isKnown = () => answer('unknown', 'known_already', 'the page knows this message already, without an ack');
const known = (found) => (found.ack >= 1 ? { outcome: 'sent', ack: found.ack } : isKnown());

/** Notes what becomes of one send. The app's own word for it is no proof; the ack is. */
function begin(key) {
  const run = { isSettled: false, result: undefined, failedAt: undefined, answer: undefined };
  remember(memory.runs, key, run);
  remember(memory.own, idOf(key));
  const settle = (result) => Object.assign(run, { isSettled: true, result: String(result?.messageSendResult) });
  run.follow = (promise) => Promise.resolve(promise).then(settle, () => settle());
  return run;
}

function verdict(key) {
  const message = safely(() => parts.Msg.get(key));
  const ack = Math.max(message?.ack ?? 0, memory.acks.get(key) ?? 0);
  const run = memory.runs.get(key) ?? { isSettled: true };
  if (ack >= 1) return { outcome: 'sent', ack };
  if (run.answer) return run.answer;
  const hasFailed = run.failedAt !== undefined || (run.isSettled && message?.isSendFailure === true);
  // The app's word tells a refusal from a lost connection, and comes just after.
  const isSettling = !run.isSettled && Date.now() < run.failedAt + FAILURE_SETTLES_MS;
  if (!(message?.ack < 0) && (!hasFailed || isSettling)) return undefined;
  if (run.result === 'ERROR_NETWORK' || !isConnected()) {
    return answer('unknown', 'interrupted', 'the connection to WhatsApp was lost while sending');
  }
  return answer('rejected', 'refused', "WhatsApp's server refused the message");
}

/** Waits for the fate of a message, at most `waitMs`. */
async function outcome({ key, waitMs }) {
  const end = Date.now() + waitMs;
  while (!verdict(key) && Date.now() < end) await new Promise((done) => setTimeout(done, LOOK_EVERY_MS));
  return verdict(key) ?? { outcome: 'pending' };
}

async function send(request) {
  try {
    return await (ACTIONS[request.content.kind] ? act(request) : sendMessage(request));
  } catch (error) {
    // What it is about is not there, or WhatsApp does not allow it: nothing was begun.
    if (FINAL.has(error?.kind)) return answer('rejected', error.kind, error.message);
    throw error;
  }
}

async function sendMessage({ key, content, waitMs, notAfterMs }) {
  const { addAndSend } = need('send');
  const target = await resolve(remoteOf(key));
  const built = target.key(idOf(key));
  const data = await fields(target, built, content);
  if (String(built) !== key) return answer('failed', 'key_changed', `WhatsApp has the chat as ${target.chat.id} now, not ${key}`);
  const found = await lookUp({ keys: [key] });
  if (found) return known(found);
  // Nobody waits any more for a call that a hung page runs late: it must not send.
  if (Date.now() > notAfterMs) return late();
  if (memory.runs.get(key)?.isSettled === false) return isKnown();
  // From here on nothing waits before the app has it: two calls cannot both get past this point.
  const run = begin(key);
  const giveUp = async (error) => (run.answer = await notStored(key, error));
  try {
    const [stored, result] = addAndSend(target.chat, data);
    run.follow(result);
    Promise.resolve(stored).catch(giveUp);
  } catch (error) {
    run.isSettled = true;
    await giveUp(error);
  }
  return outcome({ key, waitMs });
}

/** The app threw instead of storing it; the message table has the last word. */
async function notStored(key, error) {
  const found = await lookUp({ keys: [key] }).catch(() => ({ ack: 0 }));
  return found ? known(found) : answer('failed', 'not_stored', String(error?.message ?? error));
}

async function resend({ key, waitMs, notAfterMs }) {
  const { createWid, findChat, resendFailed, resendPending } = need('resend');
  const { chat } = await findChat(createWid(remoteOf(key)));
  const message = await load(key, chat);
  if (!message) return answer('failed', 'not_there', 'the page has no such message');
  if (message.ack >= 1) return known(message);
  if (Date.now() > notAfterMs) return late();
  const run = begin(key);
  run.follow(message.isSendFailure ? resendFailed(message) : resendPending(chat, Promise.resolve(message))[1]);
  return outcome({ key, waitMs });
}
