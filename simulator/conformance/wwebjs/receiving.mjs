// Incoming messages of each kind, with their media.
import { step } from '../runner/scenario.mjs';
import { matches, same } from '../runner/expect.mjs';
import { PEER } from '../runner/people.mjs';
import { document, picture, sha256, voice } from '../runner/samples.mjs';

/** Lets the peer write, and gives the message that the client announced. */
async function received(w, written) {
  const { id } = await w.phone.incoming({ from: PEER, ...written });
  const [message] = await w.events.wait('message', { fits: (other) => other.id.id === id });
  same([message.fromMe, message.type], [false, written.type], 'fromMe, type');
  matches(message.from, /@lid$/, 'the chat of a number with a LID');
  return message;
}

async function text(w) {
  w.received = await received(w, { type: 'chat', body: 'Good morning, Ana!' });
  same(w.received.body, 'Good morning, Ana!', 'body');
}

async function sameBytes(w, { type, bytes, mimetype, filename, body }) {
  const media = { data: bytes.toString('base64'), mimetype, ...(filename ? { filename } : {}) };
  const message = await received(w, { type, media, ...(body ? { body } : {}) });
  same(message.hasMedia, true, 'hasMedia');
  const downloaded = await message.downloadMedia();
  same([downloaded.mimetype, downloaded.filesize], [mimetype, bytes.length], 'mimetype and size');
  same(sha256(Buffer.from(downloaded.data, 'base64')), sha256(bytes), 'hash of what downloadMedia gives');
  return { message, downloaded };
}

async function image(w) {
  const { message } = await sameBytes(w, { type: 'image', bytes: picture(), mimetype: 'image/png', body: 'Look!' });
  same(message.body, 'Look!', 'caption');
}

async function documents(w) {
  const file = { type: 'document', bytes: document(), mimetype: 'application/pdf', filename: 'bill.pdf' };
  const { downloaded } = await sameBytes(w, file);
  same(downloaded.filename, 'bill.pdf', 'file name');
}

async function voiceMessage(w) {
  await sameBytes(w, { type: 'ptt', bytes: voice(), mimetype: 'audio/ogg; codecs=opus' });
}

async function location(w) {
  const fields = { lat: 48.8584, lng: 2.2945, loc: 'Tour Eiffel\nParis' };
  const { location: place } = await received(w, { type: 'location', fields });
  const { latitude, longitude, name, address } = place;
  same([latitude, longitude, name, address], [48.8584, 2.2945, 'Tour Eiffel', 'Paris'], 'location');
}

async function contactCard(w) {
  const body = 'BEGIN:VCARD\nVERSION:3.0\nFN:Dev\nTEL;type=CELL;waid=15557770003:+1 555 777 0003\nEND:VCARD';
  const message = await received(w, { type: 'vcard', body, fields: { vcardFormattedName: 'Dev' } });
  same(message.vCards, [body], 'cards');
}

async function poll(w) {
  const pollOptions = [{ name: 'Friday', localId: 0 }, { name: 'Saturday', localId: 1 }];
  const fields = { pollName: 'When?', pollOptions, pollSelectableOptionsCount: 1 };
  const message = await received(w, { type: 'poll_creation', fields });
  same([message.pollName, message.allowMultipleAnswers], ['When?', false], 'the poll');
  same(message.pollOptions.map(({ name }) => name), ['Friday', 'Saturday'], 'its options');
}

async function reply(w) {
  const message = await received(w, { type: 'chat', body: 'Yes', quotedId: w.text.id.id });
  const quoted = await message.getQuotedMessage();
  same([message.hasQuotedMsg, quoted.id.id, quoted.body], [true, w.text.id.id, w.text.body], 'what it quotes');
}

export const receiving = [
  step('message: text', text),
  step('message: image, downloadMedia', image),
  step('message: document, downloadMedia', documents),
  step('message: voice, downloadMedia', voiceMessage),
  step('message: location', location),
  step('message: contact card', contactCard),
  step('message: poll', poll),
  step('message: reply', reply),
];
