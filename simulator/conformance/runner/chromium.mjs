// The system's Chromium, never a downloaded one, routed to a simulator and to nothing else.
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from './waiting.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Where the browser is; throws what to do when there is none. */
export function findChromium() {
  const named = process.env.DROVER_CHROMIUM || process.env.PUPPETEER_EXECUTABLE_PATH;
  if (named) return named;
  const folders = (process.env.PATH ?? '').split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
  if (!found) throw new Error('no Chromium found: install one (Debian: apt-get install chromium) or name it in DROVER_CHROMIUM');
  return found;
}

/** A folder for profiles and whatever else a browser writes; the scope removes it. */
export async function temporaryFolder(scope) {
  const folder = await mkdtemp(join(tmpdir(), 'drover-conformance-'));
  scope.onClose(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
  return folder;
}

/** Launch options of puppeteer. Signals are ours: puppeteer's own handling would end this process before it cleaned up. */
export function launchOptions(port, home) {
  const rules = `MAP web.whatsapp.com 127.0.0.1:${port}, MAP *.whatsapp.net 127.0.0.1:${port}, MAP * ~NOTFOUND`;
  return {
    executablePath: findChromium(),
    headless: true,
    handleSIGHUP: false,
    handleSIGINT: false,
    handleSIGTERM: false,
    env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, TMPDIR: home },
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      '--no-first-run',
      `--host-resolver-rules=${rules}`,
      '--ignore-certificate-errors',
    ],
  };
}

/** Notes what a page complains of: errors, error lines of its console, answers that are no success. */
export function watchPage(page, troubles) {
  page.on('pageerror', (error) => troubles.push(`in the page: ${error.message}`));
  page.on('console', (message) => message.type() === 'error' && troubles.push(`console: ${message.text()}`));
  page.on('response', (answer) => answer.status() >= 400 && troubles.push(`${answer.status()} for ${answer.url()}`));
}

function groupLives(pid) {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Ends a browser and everything it started, for good. */
export async function endBrowser(browser) {
  const pid = browser?.process()?.pid;
  if (!pid) return;
  if (browser.connected) await browser.close().catch(() => {});
  if (!groupLives(pid)) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    return;
  }
  await until('the browser ends', () => !groupLives(pid));
}
