// The desk: which phones lie on it, and keeping them up to date.
import { api, follow } from './api.js';
import { attempt } from './chat.js';
import { avatar, fill, h } from './dom.js';
import { Phone } from './phone.js';

/** Phones shown without being asked for: those that are held, then those that were written to last. */
const SHOWN_UNASKED = 4;
const CHOICE = 'drover-phones';

const desk = document.getElementById('desk');
const shelf = document.getElementById('shelf');
const story = document.getElementById('story');
const dialog = document.getElementById('new-phone');

const phones = new Map();
let connected = true;
/** What the person chose: number to true (shown) or false (put away). */
let choice = JSON.parse(localStorage.getItem(CHOICE) ?? '{}');

function choose(number, shown) {
  choice = { ...choice, [number]: shown };
  localStorage.setItem(CHOICE, JSON.stringify(choice));
  void refresh();
}

function onDesk(listed) {
  const asked = listed.filter((phone) => choice[phone.number] === true);
  const unasked = listed.filter((phone) => choice[phone.number] === undefined);
  return [...asked, ...unasked.slice(0, Math.max(0, SHOWN_UNASKED - asked.length))];
}

function tell(listed, pages) {
  const waiting = pages.filter((page) => !page.linked && page.ref).length;
  const linked = listed.filter((phone) => phone.linked).length;
  if (!connected) story.textContent = 'The simulator does not answer.';
  else if (!listed.length) story.textContent = 'Take a phone to begin.';
  else if (waiting) story.textContent = `${waiting} page${waiting > 1 ? 's show' : ' shows'} a QR: scan it with a phone.`;
  else story.textContent = linked ? `${linked} phone${linked > 1 ? 's are' : ' is'} linked.` : 'No page shows a QR at the moment.';
  story.classList.toggle('calling', connected && waiting > 0);
}

function drawShelf(listed, shown) {
  fill(shelf, listed.map((phone) => {
    const here = shown.includes(phone);
    return h('button', { type: 'button', 'aria-pressed': String(here), title: `+${phone.number}`, onclick: () => choose(phone.number, !here) },
      avatar(phone.name, phone.number), phone.name, phone.unread > 0 && h('i', {}, phone.unread));
  }));
}

function drawDesk(shown) {
  const wanted = new Set(shown.map((phone) => phone.number));
  for (const [number, phone] of phones) {
    if (wanted.has(number)) continue;
    phone.element.remove();
    phones.delete(number);
  }
  for (const { number } of shown) {
    if (phones.has(number)) continue;
    const phone = new Phone(number, () => choose(number, false));
    phones.set(number, phone);
    desk.append(phone.element);
  }
  let hint = desk.querySelector('.hint');
  if (shown.length) hint?.remove();
  else if (!hint) {
    hint = h('div', { class: 'hint' },
      h('h2', {}, 'No phone in your hand'),
      h('p', {}, 'A phone scans the QR that drover shows, and sees what is sent.'),
      h('button', { type: 'button', class: 'main', onclick: takePhone }, 'Take a phone'));
    desk.append(hint);
  }
}

let running = false;
let again = false;

/** Looks at everything anew; a change in the meantime is seen by one more look. */
async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  do {
    again = false;
    const [listed, pages] = await Promise.all([api.phones(), api.pages()]).catch(() => [null, null]);
    if (!listed) break;
    const shown = onDesk(listed);
    tell(listed, pages);
    drawShelf(listed, shown);
    drawDesk(shown);
    await Promise.all(shown.map((phone) => attempt(phones.get(phone.number)?.update(phone, pages))));
  } while (again);
  running = false;
}

function takePhone() {
  const form = dialog.querySelector('form');
  const place = phones.size;
  form.elements.name.value = ['Ana', 'Bob', 'Carla', 'Dev'][place] ?? '';
  form.number.value = `+1 555 123 000${place}`;
  form.querySelector('.problem').textContent = '';
  dialog.showModal();
}

dialog.querySelector('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const digits = form.number.value.replace(/\D/g, '');
  try {
    const { number } = await api.put(digits || '0', { name: form.elements.name.value });
    dialog.close();
    choose(number, true);
  } catch (error) {
    form.querySelector('.problem').textContent = error.message;
  }
});
dialog.querySelector('form').addEventListener('reset', () => dialog.close());
document.getElementById('add').addEventListener('click', takePhone);

follow(refresh, (open) => {
  connected = open;
  void refresh();
  if (!open) story.textContent = 'The simulator does not answer.';
});
// Clocks, refs that end and typing that stops make no event of their own.
setInterval(refresh, 5000);
