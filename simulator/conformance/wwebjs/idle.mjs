// whatsapp-web.js' side of `make bench-memory`: some linked clients in one process, as its users run them, that do nothing.
//
// node idle.mjs <simulator's TLS port> <folder of the profiles> <clients>
//
// Starts one client after another and prints a JSON line for each event: {client, event: "qr" | "ready", ms, qr?}, in
// milliseconds since that client's start. Ends in order on SIGTERM.
import wwebjs from 'whatsapp-web.js';
import { endBrowser, launchOptions } from '../runner/chromium.mjs';

const { Client, LocalAuth } = wwebjs;
const [port, folder, count] = process.argv.slice(2);

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const clients = [];

async function start(number) {
  const client = new Client({
    authStrategy: new LocalAuth({ dataPath: folder, clientId: `client${number}` }),
    webVersionCache: { type: 'none' },
    puppeteer: launchOptions(Number(port), folder),
  });
  clients.push(client);
  const began = performance.now();
  const tell = (event, more) => say({ client: number, event, ms: performance.now() - began, ...more });
  let isFirst = true;
  client.on('qr', (qr) => {
    if (isFirst) tell('qr', { qr });
    isFirst = false;
  });
  const ready = new Promise((resolve) => client.once('ready', resolve));
  await client.initialize();
  await ready;
  tell('ready');
}

process.once('SIGTERM', async () => {
  for (const client of clients) {
    await client.destroy().catch(() => {});
    await endBrowser(client.pupBrowser).catch(() => {});
  }
  process.exit(0);
});

for (let number = 0; number < Number(count); number += 1) await start(number);
setInterval(() => {}, 60_000);
