// Starts the simulated app: opens the storage, loads what it holds, says that the modules are there, connects.
import { applyInitialFaults } from './faults.js';
import { adv, login } from './login.js';
import { clearStorage } from './storage.js';
import { failUnsent } from './messages.js';
import { loadPeople } from './people.js';
import { loadGroups } from './groups.js';
import { loadChats } from './chats.js';
import { socket } from './socket.js';
import { startScreen } from './screen.js';
import { VERSION } from './version.js';
import { loadSynced } from './syncing.js';
import './linking.js';
import './collections.js';
import './unread.js';
import './getters.js';
import './texts.js';
import './cards.js';
import './edits.js';
import './transfer.js';
import './polls.js';
import './stanzas.js';

async function openProfile() {
  if (!login.isRegistered()) {
    await clearStorage();
    adv.ensure();
    return;
  }
  await loadSynced();
  await failUnsent();
  await loadPeople();
  await loadGroups();
  await loadChats();
}

async function start() {
  applyInitialFaults();
  await openProfile();
  startScreen();
  window.Debug = { VERSION };
  socket.connect();
}

void start();
