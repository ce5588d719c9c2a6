// sendMessage of each kind: what it returns, what arrives on the phone, and the acks.
import wwebjs from 'whatsapp-web.js';
import { step } from '../runner/scenario.mjs';
import { matches, same } from '../runner/expect.mjs';
import { document, hexOfBase64, picture, sha256, voice } from '../runner/samples.mjs';
import { until } from '../runner/waiting.mjs';
import { FRIEND, PEER } from '../runner/people.mjs';

const { Location, MessageMedia, Poll } = wwebjs;
const CHAT = `${PEER}@c.us`;

/** Sends, and gives what the client returned and what the phone has. */
async function sent(w, content, options) {
  const message = await w.client.sendMessage(CHAT, content, options);
  same(message?.constructor.name, 'Message', 'what sendMessage returns');
  matches(message.id.id, /^3EB0[0-9A-F]{18}$/, 'the id');
  same(message.fromMe, true, 'fromMe');
  const entry = await until(`the phone has ${message.id.id}`, () => w.phone.sentWithId(message.id.id));
  same(entry.key, message.id._serialized, 'the key that reached the phone');
  same([entry.received, entry.shown], [1, 1], 'times received and shown');
  same(entry.type, message.type, 'the type that reached the phone');
  return { message, entry };
}

/** Acks come one after another, each once. */
async function acked(w, message) {
  const ofThis = ({ id }) => id.id === message.id.id;
  await w.events.wait('message_ack', { fits: (about, ack) => ofThis(about) && ack === 3 });
  const acks = w.events.all('message_ack').filter(([about]) => ofThis(about)).map(([, ack]) => ack);
  same(acks, [1, 2, 3], 'acks');
}

async function text(w) {
  const { message, entry } = await sent(w, 'Good morning, Ben!');
  same([message.type, message.body, entry.body], ['chat', 'Good morning, Ben!', 'Good morning, Ben!'], 'type, body, body on the phone');
  same(message.id.remote, entry.chatId, 'the chat');
  matches(entry.chatId, /@lid$/, 'the chat of a number with a LID');
  w.text = message;
}

async function acks(w) {
  await acked(w, w.text);
}

async function image(w) {
  const bytes = picture();
  const media = new MessageMedia('image/png', bytes.toString('base64'), 'picture.png');
  const { message, entry } = await sent(w, media, { caption: 'Noise' });
  same([message.type, message.body, message._data.mimetype], ['image', 'Noise', 'image/jpeg'], 'type, caption, mimetype');
  same(entry.media.mimetype, 'image/jpeg', 'mimetype on the phone');
  same(entry.media.sha256, hexOfBase64(message._data.filehash), 'hash of the bytes on the phone');
  same(entry.media.bytes, message._data.size, 'size on the phone');
  await acked(w, message);
}

async function sameBytesArrive(w, { bytes, mimetype, filename, options, type }) {
  const { message, entry } = await sent(w, new MessageMedia(mimetype, bytes.toString('base64'), filename), options);
  same(message.type, type, 'type');
  same(entry.media, { ...entry.media, sha256: sha256(bytes), bytes: bytes.length, mimetype }, 'media on the phone');
  await acked(w, message);
  return { message, entry };
}

async function documents(w) {
  const file = { bytes: document(), mimetype: 'application/pdf', filename: 'offer.pdf' };
  const { message } = await sameBytesArrive(w, { ...file, options: { sendMediaAsDocument: true }, type: 'document' });
  same(message._data.filename, 'offer.pdf', 'file name');
}

async function voiceMessage(w) {
  const file = { bytes: voice(), mimetype: 'audio/ogg; codecs=opus', filename: 'voice.ogg' };
  await sameBytesArrive(w, { ...file, options: { sendAudioAsVoice: true }, type: 'ptt' });
}

async function location(w) {
  const { message, entry } = await sent(w, new Location(52.516275, 13.377704, { name: 'Brandenburg Gate', address: 'Pariser Platz' }));
  same([message.type, message.location.latitude, message.location.longitude], ['location', 52.516275, 13.377704], 'the message');
  same([entry.fields.lat, entry.fields.lng, entry.fields.loc], [52.516275, 13.377704, 'Brandenburg Gate\nPariser Platz'], 'on the phone');
  await acked(w, message);
}

async function contactCard(w) {
  const contact = await w.client.getContactById(`${FRIEND.number}@c.us`);
  const { message, entry } = await sent(w, contact);
  same(message.type, 'vcard', 'type');
  matches(message.vCards[0], /^BEGIN:VCARD/, 'the card');
  matches(message.vCards[0], new RegExp(`FN:${FRIEND.name}\\b`), 'its name');
  matches(message.vCards[0], new RegExp(`waid=${FRIEND.number}\\b`), 'its number');
  same(entry.body, message.vCards[0], 'on the phone');
  await acked(w, message);
}

async function poll(w) {
  const { message, entry } = await sent(w, new Poll('Lunch?', ['Soup', 'Bread']));
  same([message.type, message.pollName, message.allowMultipleAnswers], ['poll_creation', 'Lunch?', false], 'the message');
  same(message.messageSecret.length, 32, 'bytes of its secret');
  same(entry.fields.pollOptions.map(({ name }) => name), ['Soup', 'Bread'], 'options on the phone');
  await acked(w, message);
  w.poll = message;
}

async function reply(w) {
  const { message, entry } = await sent(w, 'And good night', { quotedMessageId: w.text.id._serialized });
  const quoted = await message.getQuotedMessage();
  same([message.hasQuotedMsg, quoted.id.id, quoted.body], [true, w.text.id.id, w.text.body], 'what it quotes');
  same(entry.fields.quotedStanzaID, w.text.id.id, 'what it quotes on the phone');
  await acked(w, message);
}

export const sending = [
  step('sendMessage: text', text),
  step('message_ack: 1, 2, 3', acks),
  step('sendMessage: image', image),
  step('sendMessage: document', documents),
  step('sendMessage: audio as voice', voiceMessage),
  step('sendMessage: location', location),
  step('sendMessage: contact card', contactCard),
  step('sendMessage: poll', poll),
  step('sendMessage: reply', reply),
];
