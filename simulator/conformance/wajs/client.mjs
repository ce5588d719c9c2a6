// An unmodified wa-js in a page of puppeteer, injected into every document before the app's own scripts, and its events on
// record. Nothing of it is replaced; the listener script only passes on what it emits.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import puppeteer from 'puppeteer';
import { endBrowser, launchOptions, temporaryFolder, watchPage } from '../runner/chromium.mjs';
import { preparePhone } from '../runner/people.mjs';
import { startSimulator } from '../runner/simulator.mjs';
import { EventLog } from '../runner/waiting.mjs';

const SCRIPT = createRequire(import.meta.url).resolve('@wppconnect/wa-js');

/** Runs in the page, after wa-js. Models have cycles, so what matters of them is written out. */
function passEventsOn() {
  const pass = (name, value) => window.conformanceEvent(name, JSON.stringify(value ?? null));
  WPP.on('conn.auth_code_change', (code) => pass('conn.auth_code_change', code?.fullCode));
  WPP.on('conn.stream_mode_changed', (mode) => pass('conn.stream_mode_changed', mode));
  for (const name of ['conn.require_auth', 'conn.main_loaded', 'conn.authenticated', 'conn.logout']) WPP.on(name, () => pass(name));
  WPP.on('chat.new_message', ({ id, type, body, from }) => pass('chat.new_message', { id: String(id), type, body, from: String(from) }));
  WPP.on('chat.msg_ack_change', ({ ack, ids, chat }) => pass('chat.msg_ack_change', { ack, ids: ids.map(String), chat: String(chat) }));
}

class Context {
  troubles = [];
  events = new EventLog();

  constructor(simulator, page, number) {
    Object.assign(this, { simulator, phones: simulator.phones, page, number, phone: simulator.phones.of(number) });
    watchPage(page, this.troubles);
  }

  /** Runs a function in the page and gives what it resolves to. */
  call(run, ...args) {
    return this.page.evaluate(run, ...args);
  }
}

export function openWith({ number, args }) {
  return async (scope, binary) => {
    const folder = await temporaryFolder(scope);
    const simulator = await startSimulator(scope, binary, args);
    await preparePhone(simulator.phones.of(number));
    const browser = await puppeteer.launch({ ...launchOptions(simulator.port, folder), userDataDir: `${folder}/profile` });
    scope.onClose(() => endBrowser(browser));
    const [page] = await browser.pages();
    const context = new Context(simulator, page, number);
    await page.exposeFunction('conformanceEvent', (name, value) => context.events.add(name, [JSON.parse(value)]));
    await page.evaluateOnNewDocument(`${await readFile(SCRIPT, 'utf8')};(${passEventsOn})();`);
    return context;
  };
}
