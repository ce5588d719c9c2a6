// The simulator's phones, over HTTP: what people do with them.

export class Refused extends Error {
  constructor(status, body, request) {
    super(`${request}: ${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.body = body;
  }
}

async function ask(method, url, body) {
  const options = body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(url, { method, ...options });
  const text = await answer.text();
  let value;
  try {
    value = text ? JSON.parse(text) : undefined;
  } catch {
    value = text;
  }
  if (!answer.ok) throw new Refused(answer.status, value, `${method} ${new URL(url).pathname}`);
  return value;
}

export class Phones {
  constructor(base) {
    this.base = base;
  }

  get(path) {
    return ask('GET', this.base + path);
  }

  post(path, body = {}) {
    return ask('POST', this.base + path, body);
  }

  put(path, body) {
    return ask('PUT', this.base + path, body);
  }

  pages() {
    return this.get('/phones/pages');
  }

  scan(qr, number, name) {
    return this.post('/phones/scan', { qr, number, name });
  }

  pair(code, number, name) {
    return this.post('/phones/pair', { code, number, name });
  }

  faults(faults) {
    return this.post('/faults', faults);
  }

  of(number) {
    return new Phone(this, number);
  }
}

/** One phone. Its actions: `incoming`, `react`, `edit`, `revoke`, `unlink`, `contacts`. */
export class Phone {
  constructor(phones, number) {
    this.phones = phones;
    this.number = number;
  }

  act(action, body) {
    return this.phones.post(`/phones/${this.number}/${action}`, body);
  }

  /** Puts the phone here, or changes what it is: `{name, history: {chats, messages}}`. */
  put(what) {
    return this.phones.put(`/phones/${this.number}`, what);
  }

  incoming(message) {
    return this.act('incoming', message);
  }

  /** What its pages sent. */
  sent() {
    return this.phones.get(`/phones/${this.number}/sent`);
  }

  /** A message of the chat with another number, as the phone shows it. */
  async shown(other, id) {
    const messages = await this.phones.get(`/phones/${this.number}/chats/${other}`);
    const message = messages.find((one) => one.id === id);
    if (!message) throw new Error(`the phone has no message ${id}`);
    return message;
  }

  /** What the phone says that another number does now: `composing`, `recording`, or nothing. */
  async typing(other) {
    const phones = await this.phones.get('/phones');
    const own = phones.find(({ number }) => String(number) === this.number);
    return own?.chats.find(({ chat }) => chat === other)?.typing ?? null;
  }

  /** What arrived under this id. Only one entry may have it. */
  async sentWithId(id) {
    const entries = (await this.sent()).filter((entry) => entry.id === id);
    if (entries.length > 1) throw new Error(`the phone shows ${id} ${entries.length} times`);
    return entries[0];
  }
}
