// An unmodified whatsapp-web.js client with a browser and a simulator of its own, and everything it says on record.
import wwebjs from 'whatsapp-web.js';
import { endBrowser, launchOptions, temporaryFolder, watchPage } from '../runner/chromium.mjs';
import { startSimulator } from '../runner/simulator.mjs';
import { EventLog, until, within } from '../runner/waiting.mjs';

const { Client, LocalAuth } = wwebjs;

const EVENTS = [
  'qr', 'code', 'loading_screen', 'authenticated', 'auth_failure', 'ready', 'change_state', 'disconnected', 'message',
  'message_create', 'message_ack', 'message_edit', 'message_reaction', 'message_revoke_everyone', 'message_ciphertext',
  'unread_count', 'vote_update',
];
const END_LIMIT_MS = 15_000;

/** What steps share: the simulator, the phone to link (`number`, `phone`), the client of the moment and its events. */
class Context {
  troubles = [];
  /** Clients whose start failed. */
  failed = new Set();

  constructor(scope, simulator, folder, number) {
    Object.assign(this, { scope, simulator, phones: simulator.phones, folder, number, phone: simulator.phones.of(number) });
  }

  /** A new client on the same profile. It starts; `starting` is its `initialize`. */
  start(options = {}) {
    this.events = new EventLog();
    this.client = new Client({
      authStrategy: new LocalAuth({ dataPath: this.folder, clientId: 'conformance' }),
      webVersionCache: { type: 'none' },
      puppeteer: launchOptions(this.simulator.port, this.folder),
      ...options,
    });
    const { client, events } = this;
    for (const name of EVENTS) client.on(name, (...args) => events.add(name, args));
    this.scope.onClose(() => this.end(client));
    this.starting = client.initialize();
    this.starting.catch((error) => {
      this.failed.add(client);
      this.troubles.push(`initialize: ${error.message ?? error}`);
    });
    this.#launched(client).then(() => client.pupPage && watchPage(client.pupPage, this.troubles));
  }

  /** When the client has a browser and a page, or will never have them. */
  async #launched(client) {
    await until('the browser starts', () => client.pupPage ?? this.failed.has(client)).catch(() => {});
  }

  /** Ends the client as its users do, and whatever is left of its browser. */
  async end(client = this.client) {
    await this.#launched(client);
    const browser = client.pupBrowser;
    await within('the client ends', client.destroy(), END_LIMIT_MS).catch((error) => this.troubles.push(error.message));
    await endBrowser(browser);
  }
}

/** What `open` of a scenario does: a simulator with these arguments and faults, its phone prepared, a profile, no client yet. */
export function openWith({ number, args, faults, prepare }) {
  return async (scope, binary) => {
    const folder = await temporaryFolder(scope);
    const simulator = await startSimulator(scope, binary, args);
    if (faults) await simulator.phones.faults(faults);
    const context = new Context(scope, simulator, folder, number);
    await prepare?.(context.phone);
    return context;
  };
}
