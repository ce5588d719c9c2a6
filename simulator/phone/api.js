// The simulator's phones over HTTP. A refusal is thrown with its reason, as a sentence.

async function call(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { 'content-type': 'application/json' };
  }
  const response = await fetch(path, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? response.statusText);
  return answer;
}

const at = (number, ...rest) => `/phones/${number}/${rest.map(encodeURIComponent).join('/')}`;

export const api = {
  phones: () => call('GET', '/phones'),
  pages: () => call('GET', '/phones/pages'),
  messages: (number, chat) => call('GET', at(number, 'chats', chat)),
  read: (number, chat) => call('POST', `${at(number, 'chats', chat)}/read`, {}),
  put: (number, phone) => call('PUT', `/phones/${encodeURIComponent(number)}`, phone),
  scan: (number, page) => call('POST', '/phones/scan', { number, page }),
  pair: (number, code) => call('POST', '/phones/pair', { number, code }),
  unlink: (number) => call('POST', at(number, 'unlink'), {}),
  send: (number, message) => call('POST', at(number, 'send'), message),
  react: (number, id, text) => call('POST', at(number, 'react'), { id, text, from: number }),
  edit: (number, id, body) => call('POST', at(number, 'edit'), { id, body }),
  revoke: (number, id) => call('POST', at(number, 'revoke'), { id }),
  vote: (number, id, options) => call('POST', at(number, 'vote'), { id, options, from: number }),
  media: (number, id) => at(number, 'media', id),
};

/** Calls back at once and after every change, also when the simulator was away in between. */
export function follow(changed, connection) {
  const events = new EventSource('/phones/events');
  events.onmessage = () => changed();
  events.onopen = () => connection(true);
  events.onerror = () => connection(false);
}
