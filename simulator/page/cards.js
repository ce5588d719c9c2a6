// Contact cards (vCard 3.0) as they are sent and read.
import { define } from './runtime.js';
import { formatted } from './phones.js';
import { nameOf, pnOf } from './people.js';

function vcardFromContactModel(contact) {
  const wid = pnOf(contact.id) ?? contact.id;
  const name = nameOf(contact);
  const vcard = [
    'BEGIN:VCARD',
    'VERSION:3.0',
    `N:;${name};;;`,
    `FN:${name}`,
    `TEL;type=CELL;waid=${wid.user}:${formatted(wid)}`,
    'END:VCARD',
  ].join('\n');
  return { displayName: name, vcard };
}

/** The lines of a card by name: `{fn: [{name, params, value}], tel: [...]}`; throws for what is none. */
function parseVcard(text) {
  if (!/^BEGIN:VCARD\r?\n[\s\S]*\r?\nEND:VCARD\s*$/.test(text)) throw new Error('parseVcard: not a vcard');
  const fields = {};
  for (const line of text.split(/\r?\n/)) {
    const match = /^([^:;]+)((?:;[^:]*)?):(.*)$/.exec(line);
    if (!match) continue;
    const name = match[1].toLowerCase();
    const params = match[2].split(';').filter(Boolean);
    fields[name] = [...(fields[name] ?? []), { name, params, value: match[3] }];
  }
  return fields;
}

define('WAWebFrontendVcardUtils', () => ({ vcardFromContactModel }));
define('WAWebVcardParsingUtils', () => ({ parseVcard }));
define('WAWebVcardGetNameFromParsed', () => ({ vcardGetNameFromParsed: (parsed) => parsed.fn?.[0].value ?? '' }));
