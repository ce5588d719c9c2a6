// drover's real binary, as the next program that a client's user runs: a daemon in a folder of its own, and its commands.
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { within } from './waiting.mjs';

const START_LIMIT_MS = 30_000;
const END_LIMIT_MS = 20_000;
const LOG_LINES = 40;
const ADDRESS = /drover listens on (http:\S+)/;

let binary;

/** Where the binary is, for all that follows. */
export function useDrover(path) {
  binary = path;
}

/** Starts the daemon on a new data folder in `folder`, with the simulator in WhatsApp's place; the scope ends it. */
export async function startDrover(scope, folder, simulatorPort) {
  const data = join(folder, 'drover');
  await mkdir(data);
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    TMPDIR: folder,
    PORT: '0',
    DROVER_DATA_DIR: data,
    DROVER_SIMULATOR: `127.0.0.1:${simulatorPort}`,
  };
  const child = spawn(binary, ['serve'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  process.once('exit', () => child.kill('SIGKILL'));
  const log = [];
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
  scope.onClose(() => end(child, ended));
  const address = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line) > LOG_LINES && log.shift();
        const found = ADDRESS.exec(line);
        if (found) resolve(found[1]);
      });
    }
  });
  const died = ended.then((how) => {
    throw new Error(`drover did not start (${how}): ${log.join('\n')}`);
  });
  const url = await within('drover starts', Promise.race([address, died]), START_LIMIT_MS);
  return { log, run: (...words) => command(words, { ...env, DROVER_URL: url }, folder) };
}

/** Runs a command to its end and gives its output; throws when it does not end with 0. */
function command(words, env, folder) {
  const child = spawn(binary, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = [];
  child.stdout.on('data', (part) => said.push(part));
  child.stderr.on('data', (part) => said.push(part));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      const text = Buffer.concat(said).toString();
      if (code === 0) resolve(text);
      else reject(new Error(`'drover ${words.join(' ')}' ended with ${code}: ${text}`));
    });
  });
}

async function end(child, ended) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await within('drover ends', ended, END_LIMIT_MS);
}
