// Who is in the address book of the phone under test, and who is not.

/** Writes and is written to. */
export const PEER = '15557770000';
export const PEER_NAME = 'Ben';
/** Whose card is sent. */
export const FRIEND = { number: '15557770002', name: 'Carla' };
/** Not on WhatsApp, and in no address book: wa-js takes whoever is for somebody who is on WhatsApp. */
export const NOBODY = '15557770009';

/** The person whose phone is under test. */
export const PUSHNAME = 'Ana';

/** The history that the phone brings when it is linked. */
export const HISTORY = { chats: 6, messages: 90 };

/** Puts the phone under test into the simulator, with a history and an address book. */
export async function preparePhone(phone) {
  await phone.put({ name: PUSHNAME, history: HISTORY });
  await phone.act('contacts', [
    { number: PEER, name: PEER_NAME, onWhatsApp: true },
    { number: FRIEND.number, name: FRIEND.name, onWhatsApp: true },
    { number: NOBODY, onWhatsApp: false },
  ]);
}
