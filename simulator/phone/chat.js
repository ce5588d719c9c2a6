// One open chat on a phone: its bubbles, what can be done to each, and the line to write in.
import { api } from './api.js';
import { clock, fill, h, hue, notice } from './dom.js';

const REACTIONS = ['👍', '❤️', '😂', '😮', '🙏'];
const MAX_FILE_BYTES = 16 * 1024 * 1024;

export class Chat {
  /** `number` holds the phone; `chat` is as its list names it. `back` leaves it. */
  constructor(number, chat, back) {
    Object.assign(this, { number, chat });
    this.seen = '';
    this.chosen = null;
    this.quoted = null;
    this.edited = null;
    this.title = h('b');
    this.typing = h('small');
    this.list = h('ol', { class: 'bubbles' });
    this.context = h('div', { class: 'context', hidden: true });
    this.line = h('input', { placeholder: 'Message', 'aria-label': 'Message', autocomplete: 'off' });
    this.file = h('input', { type: 'file', hidden: true, onchange: () => this.attach() });
    this.element = h('section', { class: 'chat' },
      h('div', { class: 'bar' },
        h('button', { type: 'button', class: 'icon', 'aria-label': 'Back to the chats', onclick: back }, '‹'),
        h('div', { class: 'who' }, this.title, this.typing)),
      this.list,
      this.context,
      h('form', { class: 'composer', onsubmit: (event) => this.submit(event) },
        h('button', { type: 'button', class: 'icon', 'aria-label': 'Attach a file', onclick: () => this.file.click() }, '+'),
        this.file, this.line, h('button', { class: 'round', 'aria-label': 'Send' }, '➤')));
  }

  /** Draws what has changed. */
  async update(listed) {
    this.title.textContent = listed?.name ?? this.chat;
    this.typing.textContent = doing(listed);
    const messages = await api.messages(this.number, this.chat);
    if (listed?.unread) await api.read(this.number, this.chat);
    this.draw(messages);
  }

  draw(messages) {
    this.messages = messages;
    const now = JSON.stringify([messages, this.chosen]);
    if (now === this.seen) return;
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
    const first = this.seen === '';
    this.seen = now;
    fill(this.list, messages.map((message) => this.bubble(message)));
    if (first || atEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  bubble(message) {
    const chosen = this.chosen === message.id;
    const choose = () => {
      this.chosen = chosen ? null : message.id;
      this.draw(this.messages);
    };
    const group = this.chat.endsWith('@g.us') && !message.own;
    return h('li', { class: message.own ? 'own' : '' },
      h('div', { class: 'bubble', tabindex: '0', onclick: choose, onkeydown: (event) => event.key === 'Enter' && choose() },
        group && h('b', { class: 'author', style: `--hue:${hue(message.from)}` }, message.author),
        message.quoted && h('blockquote', {}, message.quoted),
        this.content(message),
        h('span', { class: 'meta' }, message.edited && 'edited ', clock(message.at), ' ', message.own && ticks(message.ack)),
        message.reactions.length > 0 && h('span', { class: 'reactions' }, message.reactions.join(''))),
      message.shown > 1 && h('strong', { class: 'twice' }, `shown ${message.shown} times`),
      chosen && message.type !== 'revoked' && this.actions(message));
  }

  content(message) {
    const caption = message.fields?.caption ? h('span', {}, message.fields.caption) : '';
    const source = api.media(this.number, message.id);
    const { fields = {} } = message;
    switch (message.type) {
      case 'revoked': return h('em', {}, 'This message was deleted');
      case 'image':
      case 'sticker': return [h('img', { src: source, alt: fields.caption ?? 'picture', loading: 'lazy' }), caption];
      case 'video': return [h('video', { src: source, controls: true }), caption];
      case 'audio':
      case 'ptt': return h('audio', { src: source, controls: true });
      case 'document': return [h('a', { href: source, download: message.filename ?? 'file' }, `📄 ${message.filename ?? 'file'}`), caption];
      case 'location': return h('span', {}, `📍 ${fields.loc || ''} ${fields.lat}, ${fields.lng}`);
      case 'vcard': return h('span', {}, `👤 ${fields.vcardFormattedName ?? 'contact'}`);
      case 'multi_vcard': return h('span', {}, `👥 ${(fields.vcardList ?? []).map((card) => card.displayName).join(', ')}`);
      case 'poll_creation': return this.poll(message);
      default: return h('span', {}, message.body);
    }
  }

  poll(message) {
    const vote = (name) => (event) => {
      event.stopPropagation();
      void attempt(api.vote(this.number, message.id, [name]));
    };
    const options = (message.fields.pollOptions ?? []).map((option) =>
      h('button', { type: 'button', class: 'option', onclick: vote(option.name) }, option.name, h('i', {}, message.votes[option.name] ?? 0)));
    return [h('b', {}, `📊 ${message.fields.pollName}`), ...options];
  }

  actions(message) {
    const done = (work) => () => {
      this.chosen = null;
      void attempt(work());
    };
    const react = (text) => done(() => api.react(this.number, message.id, message.my_reaction === text ? '' : text));
    const put = (kind) => () => {
      this.chosen = null;
      this.quoted = kind === 'quoted' ? message : null;
      this.edited = kind === 'edited' ? message : null;
      if (this.edited) this.line.value = message.body;
      this.showContext();
      this.draw(this.messages);
    };
    const action = (label, onclick) => h('button', { type: 'button', onclick }, label);
    return h('div', { class: 'actions' },
      REACTIONS.map((text) => action(text, react(text))),
      action('Reply', put('quoted')),
      message.own && message.type === 'chat' && action('Edit', put('edited')),
      message.own && action('Delete', done(() => api.revoke(this.number, message.id))));
  }

  showContext() {
    const about = this.quoted ?? this.edited;
    this.context.hidden = !about;
    if (!about) return;
    const cancel = () => {
      if (this.edited) this.line.value = '';
      this.quoted = this.edited = null;
      this.showContext();
    };
    fill(this.context,
      h('span', {}, this.edited ? 'Edit: ' : 'Reply to: ', about.body || about.type),
      h('button', { type: 'button', class: 'icon', 'aria-label': 'Cancel', onclick: cancel }, '×'));
    this.line.focus();
  }

  async submit(event) {
    event.preventDefault();
    const body = this.line.value.trim();
    if (!body) return;
    const { edited, quoted } = this;
    const sent = edited
      ? await attempt(api.edit(this.number, edited.id, body))
      : await attempt(api.send(this.number, { to: this.chat, body, quotedId: quoted?.id }));
    if (!sent) return;
    this.line.value = '';
    this.quoted = this.edited = null;
    this.showContext();
    this.list.scrollTop = this.list.scrollHeight;
  }

  async attach() {
    const [file] = this.file.files;
    this.file.value = '';
    if (!file) return;
    if (file.size > MAX_FILE_BYTES) return notice('A file may have 16 MB here.');
    const kind = ['image', 'video', 'audio'].find((type) => file.type.startsWith(`${type}/`)) ?? 'document';
    const media = { data: await base64(file), mimetype: file.type || 'application/octet-stream', filename: file.name };
    await attempt(api.send(this.number, { to: this.chat, type: kind, media }));
  }
}

function doing(listed) {
  if (listed?.typing) return listed.typing === 'recording' ? 'recording…' : 'typing…';
  return listed?.online ? 'online' : '';
}

function ticks(ack) {
  const mark = ack < 0 ? '!' : (['🕓', '✓', '✓✓', '✓✓', '✓✓'][ack] ?? '');
  const says = ack < 0 ? 'failed' : ['waiting', 'sent', 'delivered', 'read', 'played'][ack];
  return h('span', { class: ack >= 3 ? 'ticks read' : 'ticks', title: says }, mark);
}

function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.slice(reader.result.indexOf(',') + 1));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Waits for a call and says what went wrong, if something did. */
export async function attempt(work) {
  try {
    return await work;
  } catch (error) {
    notice(error.message);
    return undefined;
  }
}
