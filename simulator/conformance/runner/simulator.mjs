// A simulator of its own for each scenario: the real binary, on free ports, with short times.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { Phones } from './phones.mjs';
import { within } from './waiting.mjs';

const START_LIMIT_MS = 15_000;
const END_LIMIT_MS = 5_000;
const LOG_LINES = 20;

/**
 * Starts `binary`; the scope ends it. Gives its TLS port and its phones. That it ended before it was told to is an error
 * when the scope closes.
 */
export async function startSimulator(scope, binary, args = []) {
  const child = spawn(binary, ['--https', '127.0.0.1:0', '--http', '127.0.0.1:0', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // Not in our process group: Ctrl-C is for us, and we end it.
    detached: true,
  });
  process.once('exit', () => child.kill('SIGKILL'));
  const log = [];
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line) > LOG_LINES && log.shift());
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  scope.onClose(() => end(child, ended, log));
  const lines = createInterface({ input: child.stdout });
  const first = new Promise((resolve) => lines.once('line', resolve));
  const died = ended.then((how) => {
    throw new Error(`the simulator did not start (${how}): ${log.join('\n')}`);
  });
  const { https, http } = JSON.parse(await within('the simulator starts', Promise.race([first, died]), START_LIMIT_MS));
  return { port: Number(https.split(':')[1]), phones: new Phones(`http://${http}`) };
}

async function end(child, ended, log) {
  const before = child.exitCode ?? child.signalCode;
  if (before !== null) throw new Error(`the simulator had ended by itself (${before}):\n${log.join('\n')}`);
  child.kill('SIGTERM');
  try {
    await within('the simulator ends', ended, END_LIMIT_MS);
  } catch (error) {
    child.kill('SIGKILL');
    await ended;
    throw error;
  }
}
