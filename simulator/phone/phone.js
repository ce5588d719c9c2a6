// One phone in the hand: its chat list, its linked devices, and the chat that is open.
import { api } from './api.js';
import { Chat, attempt } from './chat.js';
import { avatar, clock, fill, h, notice } from './dom.js';

export class Phone {
  constructor(number, away) {
    this.number = number;
    this.chat = null;
    this.drawn = '';
    this.name = h('b');
    this.below = h('small', {}, `+${number}`);
    this.time = h('span');
    this.signal = h('span');
    this.screen = h('div', { class: 'screen' });
    this.chats = h('ul', { class: 'chats' });
    this.devices = h('div', { class: 'devices' });
    this.airplane = h('button', { type: 'button', class: 'icon', onclick: () => this.toggleAirplane() }, '✈');
    this.list = h('section', { class: 'list' },
      h('div', { class: 'bar' },
        h('div', { class: 'who' }, this.name, this.below),
        this.airplane,
        h('button', { type: 'button', class: 'icon', 'aria-label': 'Write to a number', onclick: () => this.startChat() }, '✎'),
        h('button', { type: 'button', class: 'icon', 'aria-label': 'Put this phone away', onclick: away }, '×')),
      this.devices, this.chats);
    this.element = h('article', { class: 'phone', 'data-number': number },
      h('div', { class: 'status' }, this.time, this.signal), this.screen);
    this.screen.append(this.list);
  }

  async update(phone, pages) {
    this.phone = phone;
    this.time.textContent = clock(Date.now() / 1000);
    this.signal.textContent = phone.airplane ? '✈ no network' : '▂▄▆ online';
    this.element.classList.toggle('offline', phone.airplane);
    this.airplane.setAttribute('aria-pressed', String(phone.airplane));
    this.airplane.setAttribute('aria-label', phone.airplane ? 'Switch airplane mode off' : 'Switch airplane mode on');
    const waiting = pages.filter((page) => !page.linked && page.ref);
    const now = JSON.stringify([phone, waiting]);
    if (now !== this.drawn) {
      this.drawn = now;
      this.name.textContent = phone.name;
      this.below.hidden = phone.name === this.below.textContent;
      this.drawDevices(phone, waiting);
      fill(this.chats, phone.chats.length ? phone.chats.map((chat) => this.line(chat)) : empty(phone));
    }
    if (this.chat) await this.chat.update(phone.chats.find((chat) => chat.chat === this.chat.chat));
  }

  drawDevices(phone, waiting) {
    const linked = phone.linked > 0;
    const scan = (page, label) => h('button', { type: 'button', class: 'main', onclick: () => this.scan(page) }, label);
    const several = waiting.length > 1;
    fill(this.devices,
      h('div', { class: 'state' },
        h('span', { class: linked ? 'dot on' : 'dot' }),
        linked ? `${phone.linked} linked device${phone.linked > 1 ? 's' : ''}` : 'No linked device',
        linked && h('button', { type: 'button', class: 'quiet', onclick: () => this.unlink() }, 'Unlink')),
      waiting.map((page) => scan(page.page, several ? `Scan the QR of page ${page.page}` : 'Scan the QR on the screen')),
      !linked && this.codeForm());
  }

  codeForm() {
    this.code ??= h('form', { class: 'code', onsubmit: (event) => this.pair(event) },
      h('input', { name: 'code', placeholder: 'or type a pairing code', 'aria-label': 'Pairing code', maxlength: '9', autocomplete: 'off' }),
      h('button', { class: 'quiet' }, 'Link'));
    return this.code;
  }

  line(chat) {
    return h('li', {}, h('button', { type: 'button', class: 'line', onclick: () => this.open(chat.chat) },
      avatar(chat.name, chat.chat),
      h('span', { class: 'middle' }, h('b', {}, chat.name), h('span', {}, chat.typing ? `${chat.typing}…` : chat.last)),
      h('span', { class: 'end' }, h('time', {}, clock(chat.at)), chat.unread > 0 && h('i', {}, chat.unread))));
  }

  open(chat) {
    this.chat = new Chat(this.number, chat, () => this.close());
    this.screen.replaceChildren(this.chat.element);
    void attempt(this.chat.update(this.phone.chats.find((listed) => listed.chat === chat)));
    this.chat.line.focus({ preventScroll: true });
  }

  close() {
    this.chat = null;
    this.screen.replaceChildren(this.list);
  }

  startChat() {
    const written = prompt('Write to which number?', '+');
    const digits = written?.replace(/\D/g, '');
    if (digits) this.open(digits);
  }

  async scan(page) {
    if (await attempt(api.scan(this.number, page))) notice(`${this.phone.name} is linked.`);
  }

  async pair(event) {
    event.preventDefault();
    const form = event.currentTarget;
    if (await attempt(api.pair(this.number, form.code.value))) {
      form.reset();
      notice(`${this.phone.name} is linked.`);
    }
  }

  async unlink() {
    await attempt(api.unlink(this.number));
  }

  async toggleAirplane() {
    await attempt(api.put(this.number, { airplane: !this.phone.airplane }));
  }
}

function empty(phone) {
  const text = phone.linked
    ? 'No chats yet. What is sent with the linked device shows up here.'
    : 'No chats yet. Link a device: open its QR, then scan it here.';
  return h('li', { class: 'empty' }, text);
}
