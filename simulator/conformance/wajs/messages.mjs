// Sending under a chosen id, files, a location; acks and incoming messages.
import { essential, step } from '../runner/scenario.mjs';
import { holds, matches, same } from '../runner/expect.mjs';
import { PEER } from '../runner/people.mjs';
import { document, hexOfBase64, picture, sha256 } from '../runner/samples.mjs';
import { until } from '../runner/waiting.mjs';

const CHAT = `${PEER}@c.us`;
const dataUrl = (mimetype, bytes) => `data:${mimetype};base64,${bytes.toString('base64')}`;
const idOf = (key) => key.split('_')[2];

/** What the phone has of a message that wa-js says it sent. */
async function onPhone(w, sent) {
  const entry = await until(`the phone has ${sent.id}`, () => w.phone.sentWithId(idOf(sent.id)));
  same(entry.key, sent.id, 'the key that reached the phone');
  same([entry.received, entry.shown], [1, 1], 'times received and shown');
  return entry;
}

async function chosenId(w) {
  // From the chat, not from the number: it runs under the LID, and wa-js refuses a key of another chat.
  w.id = await w.call(async (number) => String(await WPP.chat.generateMessageID((await WPP.chat.find(number)).id)), CHAT);
  matches(w.id, /^true_.*_3EB0[0-9A-F]{18}$/, 'the id');
  const sent = await w.call(
    async (chat, messageId) => {
      const { id, ack, sendMsgResult } = await WPP.chat.sendTextMessage(chat, 'Under my id', { messageId });
      return { id: String(id), ack, result: sendMsgResult?.messageSendResult };
    },
    CHAT,
    w.id,
  );
  same(idOf(sent.id), idOf(w.id), 'the id it was sent under');
  same(sent.result, 'OK', 'messageSendResult');
  holds(sent.ack >= 1, `ack ${sent.ack}`);
  const entry = await onPhone(w, sent);
  same([entry.type, entry.body], ['chat', 'Under my id'], 'type and body on the phone');
  w.sent = sent;
}

async function byId(w) {
  const found = await w.call(async (id) => {
    const { id: key, body, ack } = await WPP.chat.getMessageById(id);
    return { id: String(key), body, ack };
  }, w.sent.id);
  same([found.id, found.body], [w.sent.id, 'Under my id'], 'id and body');
}

async function acks(w) {
  const ofThis = ({ ids }) => ids.some((key) => idOf(key) === idOf(w.sent.id));
  await w.events.wait('chat.msg_ack_change', { fits: (change) => ofThis(change) && change.ack === 3 });
  const changes = w.events.all('chat.msg_ack_change').map(([change]) => change).filter(ofThis);
  same(changes.map(({ ack }) => ack), [1, 2, 3], 'acks');
}

async function sendFile(w, url, options) {
  return w.call(
    async (chat, content, given) => {
      const { id, ack } = await WPP.chat.sendFileMessage(chat, content, given);
      const { type, filehash, mimetype, caption, filename } = await WPP.chat.getMessageById(String(id));
      return { id: String(id), ack, type, filehash, mimetype, caption, filename };
    },
    CHAT,
    url,
    options,
  );
}

async function sendDocument(w) {
  const bytes = document();
  const sent = await sendFile(w, dataUrl('application/pdf', bytes), { type: 'document', filename: 'offer.pdf', caption: 'Our offer' });
  same([sent.type, sent.filename, sent.caption], ['document', 'offer.pdf', 'Our offer'], 'type, file name, caption');
  const { media } = await onPhone(w, sent);
  same([media.sha256, media.bytes, media.mimetype], [sha256(bytes), bytes.length, 'application/pdf'], 'media on the phone');
}

async function sendImage(w) {
  const sent = await sendFile(w, dataUrl('image/png', picture()), { type: 'image', caption: 'Noise' });
  same([sent.type, sent.mimetype, sent.caption], ['image', 'image/jpeg', 'Noise'], 'type, mimetype, caption');
  const { media } = await onPhone(w, sent);
  same([media.sha256, media.mimetype], [hexOfBase64(sent.filehash), 'image/jpeg'], 'media on the phone');
}

async function sendLocation(w) {
  const sent = await w.call(async (chat) => {
    const place = { lat: 52.516275, lng: 13.377704, name: 'Brandenburg Gate', address: 'Pariser Platz' };
    const { id } = await WPP.chat.sendLocationMessage(chat, place);
    return { id: String(id) };
  }, CHAT);
  const { type, fields } = await onPhone(w, sent);
  same([type, fields.lat, fields.lng], ['location', 52.516275, 13.377704], 'on the phone');
  matches(fields.loc, /^Brandenburg Gate\b/, 'its name');
}

async function newMessage(w) {
  const { id } = await w.phone.incoming({ from: PEER, type: 'chat', body: 'Hello, Ana!' });
  const [message] = await w.events.wait('chat.new_message', { fits: (other) => idOf(other.id) === id });
  same([message.type, message.body], ['chat', 'Hello, Ana!'], 'type and body');
  matches(message.from, /@lid$/, 'the chat of a number with a LID');
  w.received = message;
}

export const messages = [
  essential('sendTextMessage with a chosen messageId', chosenId),
  step('getMessageById', byId),
  step('chat.msg_ack_change: 1, 2, 3', acks),
  step('sendFileMessage: document', sendDocument),
  step('sendFileMessage: image', sendImage),
  step('sendLocationMessage', sendLocation),
  essential('chat.new_message', newMessage),
];
