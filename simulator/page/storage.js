// The page's IndexedDB, `model-storage`: the message table and what else the app keeps across restarts. What was put is
// written when the promise resolves; a browser killed after that still has it.

const DATABASE = 'model-storage';
const TABLES = {
  message: { key: 'id', indexes: { chat: 'chatId', unsent: 'unsent' } },
  user: { key: 'id', indexes: {} },
  chat: { key: 'id', indexes: {} },
  contact: { key: 'id', indexes: {} },
  'group-metadata': { key: 'id', indexes: {} },
  reaction: { key: 'id', indexes: { parent: 'parent' } },
  'poll-votes': { key: 'id', indexes: { parent: 'parent' } },
};

let opened;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      for (const [name, { key, indexes }] of Object.entries(TABLES)) {
        const table = request.result.createObjectStore(name, { keyPath: key });
        for (const [index, path] of Object.entries(indexes)) table.createIndex(index, path);
      }
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

function answer(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function write(name, change) {
  const transaction = (await open()).transaction(name, 'readwrite');
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
  change(transaction.objectStore(name));
  return done;
}

class Table {
  constructor(name) {
    this.name = name;
  }

  async #store() {
    return (await open()).transaction(this.name, 'readonly').objectStore(this.name);
  }

  async get(id) {
    return answer((await this.#store()).get(String(id)));
  }

  /** In the order asked for; `undefined` where there is nothing. */
  async bulkGet(ids) {
    const store = await this.#store();
    return Promise.all(ids.map((id) => answer(store.get(String(id)))));
  }

  async all() {
    return answer((await this.#store()).getAll());
  }

  /** All rows whose `index` has this value. */
  async where(index, value) {
    return answer((await this.#store()).index(index).getAll(value));
  }

  put(row) {
    return this.bulkPut([row]);
  }

  bulkPut(rows) {
    if (!rows.length) return Promise.resolve();
    return write(this.name, (store) => rows.forEach((row) => store.put(row)));
  }

  /** Changes a row if it is there. */
  merge(id, changes) {
    return write(this.name, (store) => {
      const request = store.get(String(id));
      request.onsuccess = () => request.result && store.put({ ...request.result, ...changes });
    });
  }

  /** Removes one row and writes another in the same transaction. */
  replace(id, row) {
    return write(this.name, (store) => {
      store.delete(String(id));
      store.put(row);
    });
  }

  remove(id) {
    return write(this.name, (store) => store.delete(String(id)));
  }

  removeAll(ids) {
    return write(this.name, (store) => ids.forEach((id) => store.delete(String(id))));
  }
}

export const tables = Object.fromEntries(Object.keys(TABLES).map((name) => [name, new Table(name)]));

/** Empties every table, as a logout and a fresh login do. */
export async function clearStorage() {
  const names = Object.keys(TABLES);
  const transaction = (await open()).transaction(names, 'readwrite');
  for (const name of names) transaction.objectStore(name).clear();
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}
