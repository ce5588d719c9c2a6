// Runs unmodified WhatsApp Web clients against the simulator and prints what held. `--help` says how.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { findChromium } from './runner/chromium.mjs';
import { useDrover } from './runner/drover.mjs';
import { runScenario } from './runner/scenario.mjs';
import { Stopped, codeOfSignal, listenForSignals } from './runner/stopping.mjs';
import { Table } from './runner/table.mjs';

const USAGE = `usage: node run.mjs --simulator PATH --drover PATH [--only CLIENT] [--verbose]
  --simulator PATH  the drover-simulator binary
  --drover PATH     the drover binary, to which a client's login moves
  --only CLIENT     wwebjs or wa-js; both if not said
  --verbose         what the clients and their pages complained of, step by step`;

function options() {
  const { values } = parseArgs({
    options: { simulator: { type: 'string' }, drover: { type: 'string' }, only: { type: 'string' }, verbose: { type: 'boolean' }, help: { type: 'boolean' } },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  if (!values.simulator || !existsSync(values.simulator)) throw new Error(`no simulator at ${values.simulator}\n${USAGE}`);
  if (!values.drover || !existsSync(values.drover)) throw new Error(`no drover at ${values.drover}\n${USAGE}`);
  useDrover(values.drover);
  if (values.only && !['wwebjs', 'wa-js'].includes(values.only)) throw new Error(USAGE);
  findChromium();
  return values;
}

async function scenariosOf(only) {
  const { wwebjs } = only === 'wa-js' ? { wwebjs: [] } : await import('./wwebjs/scenarios.mjs');
  const { wajs } = only === 'wwebjs' ? { wajs: [] } : await import('./wajs/scenarios.mjs');
  return [...wwebjs, ...wajs];
}

async function main() {
  const { simulator, only, verbose } = options();
  listenForSignals();
  const table = new Table();
  const scenarios = await scenariosOf(only);
  table.start();
  for (const scenario of scenarios) await runScenario(scenario, { binary: simulator, table, verbose });
  return table.finish() ? 0 : 1;
}

// A client's own event handlers fail now and then, as when a page navigates under them; that must not end the run, and
// shows as a step that does not hold if it matters.
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (reason) => {
    if (process.argv.includes('--verbose')) console.error(`    in a client: ${reason?.stack ?? reason}`);
  });
}

// A step that ran out of time may still be waiting for something; everything is closed, so the process need not wait for it.
main().then(
  (code) => process.exit(code),
  (error) => {
    if (!(error instanceof Stopped)) console.error(error.message);
    process.exit(codeOfSignal() ?? 2);
  },
);
