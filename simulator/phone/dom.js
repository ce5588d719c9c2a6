// Making elements, and the short forms of times and names.

/** An element with properties (`class`, `on…`, attributes) and children; what is null or false is left out. */
export function h(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (name === 'class') made.className = value;
    else made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...present(children));
  return made;
}

/** Puts these children into an element in place of those that it has. */
export function fill(element, ...children) {
  element.replaceChildren(...present(children));
}

function present(children) {
  return children.flat().filter((child) => child !== null && child !== undefined && child !== false);
}

/** Hours and minutes today, the day before that. */
export function clock(seconds) {
  const at = new Date(seconds * 1000);
  const today = at.toDateString() === new Date().toDateString();
  return today
    ? at.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : at.toLocaleDateString([], { day: 'numeric', month: 'short' });
}

/** A colour of their own for everybody. */
export function hue(text) {
  return [...text].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 360, 7);
}

export function avatar(name, id) {
  const letters = name.replace(/^\+/, '').split(/\s+/).map((word) => word[0]).slice(0, 2).join('').toUpperCase();
  return h('span', { class: 'avatar', style: `--hue:${hue(id)}`, 'aria-hidden': 'true' }, letters);
}

let hiding;

/** Says something in passing. */
export function notice(text) {
  const place = document.getElementById('notice');
  place.textContent = text;
  place.classList.add('shown');
  clearTimeout(hiding);
  hiding = setTimeout(() => place.classList.remove('shown'), 5000);
}
