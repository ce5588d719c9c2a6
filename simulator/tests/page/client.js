// What a client by name does in the page, for the tests: it listens from the first moment on and reports every event
// through the binding `note`, and it calls the modules as drover's bridge does.
(() => {
  const note = (...parts) => window.note(parts.map(String).join(' '));

  function attach() {
    const { Socket } = require('WAWebSocketModel');
    const { Stream } = require('WAWebStreamModel');
    const { Cmd } = require('WAWebCmd');
    const { Conn } = require('WAWebConnModel');
    const { Msg } = require('WAWebCollections');
    note('attached', Socket.state, Stream.mode);
    for (const name of ['state', 'stream', 'hasSynced']) Socket.on(`change:${name}`, (_socket, value) => note(name, value));
    Stream.on('change:mode', (_stream, value) => note('mode', value));
    Cmd.on('all', (name) => note('cmd', name));
    Conn.on('change:ref', (_conn, ref) => note('ref', ref));
    Msg.on('add', (msg) => note('add', msg.id, msg.type, msg.isNewMsg));
    for (const name of ['ack', 'isSendFailure', 'type', 'body']) {
      Msg.on(`change:${name}`, (msg, value, old) => note(name, msg.id, value, old));
    }
  }

  function whenLoaded() {
    if (window.Debug?.VERSION) attach();
    else setTimeout(whenLoaded, 10);
  }

  async function chatOf(to) {
    const wid = require('WAWebWidFactory').createWid(to);
    return (await require('WAWebFindChatAction').findOrCreateLatestChat(wid)).chat;
  }

  function summary(msg) {
    return msg && { key: String(msg.id), type: msg.type, body: msg.body, ack: msg.ack, failed: msg.isSendFailure === true };
  }

  /** Sends under an id of ours; `extra` are the fields of the kind; gives the message, the result, or the error's name. */
  async function send(to, id, extra, remote) {
    const chat = await chatOf(to);
    const target = remote ? require('WAWebWidFactory').createWid(remote) : chat.id;
    const from = remote
      ? require('WAWebUserPrefsMeUser').getMaybeMePnUser()
      : require('WAWebLidMigrationUtils').getMeUserLidOrJidForChat(chat, require('WAWebMsgKeyUtils').TranslateMsgKeyType.Message);
    const participant = chat.id.isGroup() ? from : undefined;
    const key = new (require('WAWebMsgKey'))({ from, to: target, id, participant, selfDir: 'out' });
    const [stored, sent] = require('WAWebSendMsgChatAction').addAndSendMsgToChat(chat, {
      id: key, type: 'chat', from, to: target, ack: 0, local: true, isNewMsg: true, t: Math.floor(Date.now() / 1000), ...extra,
    });
    try {
      const msg = await stored;
      const inTable = (await require('WAWebDBMsgUtils').getMsgsByMsgKey([String(key)])).length;
      const pending = new Promise((resolve) => setTimeout(() => resolve('pending'), 400));
      const result = await Promise.race([sent, pending]);
      return { ...summary(msg), inTable, result: result.messageSendResult ?? result };
    } catch (error) {
      return { error: error.name };
    }
  }

  window.client = {
    send,
    chatOf,
    summary,
    text: (to, id, body, remote) => send(to, id, { body }, remote),

    state() {
      const { Socket } = require('WAWebSocketModel');
      return {
        state: Socket.state,
        stream: Socket.stream,
        hasSynced: Socket.hasSynced === true,
        mode: require('WAWebStreamModel').Stream.mode,
        registered: require('WAWebUserPrefsMultiDevice').isRegistered(),
        loggedIn: require('WAWebUserPrefsIsLoggedIn').isLoggedIn(),
        ref: require('WAWebConnModel').Conn.ref,
      };
    },

    isReady() {
      return Boolean(window.Debug?.VERSION) && client.state().hasSynced && client.state().mode === 'MAIN';
    },

    /** The QR by its computed form. */
    async qr() {
      const { encodeB64 } = require('WABase64');
      const noise = await require('WAWebUserPrefsInfoStore').waNoiseInfo.get();
      const registration = await require('WAWebSignalStoreApi').waSignalStore.getRegistrationInfo();
      return [
        require('WAWebConnModel').Conn.ref,
        encodeB64(noise.staticKeyPair.pubKey),
        encodeB64(registration.identityKeyPair.pubKey),
        await require('WAWebAdvSignatureApi').getADVSecretKey(),
        require('WAWebCompanionRegClientUtils').DEVICE_PLATFORM,
      ].join(',');
    },

    /** The message in memory. */
    get: (key) => summary(require('WAWebCollections').Msg.get(key)),

    /** The message's row in IndexedDB. */
    row: async (key) => summary((await require('WAWebDBMsgUtils').getMsgsByMsgKey([key]))[0]),

    /** What `getMessagesById` knows of it. */
    byId: async (key) => summary((await require('WAWebCollections').Msg.getMessagesById([key])).messages[0]),

    surface() {
      const modules = Object.keys(require('__debug').modulesMap);
      return modules.flatMap((name) => Object.keys(importNamespace(name)).map((exported) => `${name}.${exported}`)).sort();
    },
  };

  whenLoaded();
})();
