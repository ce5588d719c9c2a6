const VERSION = '1';
if (window.top !== window || location.hostname !== 'web.whatsapp.com') return;

/** Candidates `Module.export`, best first; a bare module is its default export, or itself. */
const PARTS = {
  Socket: ['WAWebSocketModel.Socket'], Stream: ['WAWebStreamModel.Stream'], Conn: ['WAWebConnModel.Conn'], Cmd: ['WAWebCmd.Cmd'],
  isRegistered: ['WAWebUserPrefsMultiDevice.isRegistered', 'WAWebUserPrefsIsLoggedIn.isLoggedIn'],
  mePn: ['WAWebUserPrefsMeUser.getMaybeMePnUser'], meLid: ['WAWebUserPrefsMeUser.getMaybeMeLidUser'],
  offline: ['WAWebOfflineHandler.OfflineMessageHandler'],
  noiseInfo: ['WAWebUserPrefsInfoStore.waNoiseInfo'], signalStore: ['WAWebSignalStoreApi.waSignalStore'],
  advSecret: ['WAWebAdvSignatureApi.getADVSecretKey', 'WAWebUserPrefsMultiDevice.getADVSecretKey'],
  advEvents: ['WAWebUserPrefsMultiDevice.advSecretEventEmitter'],
  platform: ['WAWebCompanionRegClientUtils.DEVICE_PLATFORM'], encodeB64: ['WABase64.encodeB64'],
  refreshQR: ['WAWebLaunchSocketUtils.refreshQR', 'WAWebBackendEventBus.BackendEventBus'],
  pairingType: ['WAWebAltDeviceLinkingApi.getPairingType'], setPairingType: ['WAWebAltDeviceLinkingApi.setPairingType'],
  prepareCode: ['WAWebAltDeviceLinkingApi.initializeAltDeviceLinking'], askForCode: ['WAWebAltDeviceLinkingApi.startAltLinkingFlow'],
  backToQr: ['WAWebAltDeviceLinkingApi.initializeQRLinking'],
  Msg: ['WAWebCollections.Msg', 'WAWebMsgCollection.MsgCollection'],
  Chat: ['WAWebCollections.Chat', 'WAWebChatCollection.ChatCollection'],
  MsgKey: ['WAWebMsgKey'], keyType: ['WAWebMsgKeyUtils.TranslateMsgKeyType'],
  createWid: ['WAWebWidFactory.createWid'], findChat: ['WAWebFindChatAction.findOrCreateLatestChat'],
  meForChat: ['WAWebLidMigrationUtils.getMeUserLidOrJidForChat'],
  toPn: ['WAWebLidMigrationUtils.toPn', 'WAWebApiContact.getPhoneNumber'],
  toLid: ['WAWebLidMigrationUtils.toLid', 'WAWebApiContact.getCurrentLid'],
  rowsByKey: ['WAWebDBMsgUtils.getMsgsByMsgKey'], loadMessages: ['WAWebChatLoadMessages.loadEarlierMsgs'],
  addAndSend: ['WAWebSendMsgChatAction.addAndSendMsgToChat'],
  ephemeral: ['WAWebGetEphemeralFieldsMsgActionsUtils.getEphemeralFields'],
  resendFailed: ['WAWebResendMsgAction.resendMsg'], resendPending: ['WAWebSendMsgChatAction.resendMsgToChat'],
  exists: ['WAWebQueryExistsJob.queryWidExists'],
  browserInfo: ['WAWebMiscBrowserUtils'], ownInfo: ['WAWebMiscBrowserUtils.info'],
  findLink: ['WALinkify.findLink'], linkPreview: ['WAWebLinkPreviewChatAction.getLinkPreview'],
  sendAddon: ['WAWebSendAddonMsgChatAction.addAndSendAddonToChat'], targetInfo: ['WAWebMsgKeyUtils.msgKeyToTargetInfo'],
  parentKey: ['WAWebReferentialMsgKey.getReferentialMsgKey'],
  createEdit: ['WAWebSendMessageEditAction.createEditMsgData'], sendEdit: ['WAWebSendMessageEditAction.addAndSendMessageEdit'],
  sendRevoke: ['WAWebRevokeMsgAction.sendRevoke'], Revoke: ['WAWebCmd.Revoke'],
  mayEdit: ['WAWebMsgActionCapability.canEditText'], mayEditCaption: ['WAWebMsgActionCapability.canEditCaption'],
  mayRevoke: ['WAWebMsgActionCapability.canSenderRevokeMsg'], mayRevokeOthers: ['WAWebMsgActionCapability.canAdminRevokeMsg'],
  reactions: ['WAWebAddonReactionTableMode.reactionTableMode'], votes: ['WAWebAddonPollVoteTableMode.pollVoteTableMode'],
  Call: ['WAWebCallCollection'], Presence: ['WAWebPresenceCollection.PresenceCollection'],
  Contact: ['WAWebCollections.Contact', 'WAWebContactCollection.ContactCollection'], contactNames: ['WAWebFrontendContactGetters'],
  existing: ['WAWebFindChatAction.findExistingChat'],
  statusOf: ['WAWebContactStatusBridge.getStatus'], chatTitles: ['WAWebFrontendChatGetters'],
  pictureOf: ['WAWebContactProfilePicThumbBridge.requestProfilePicFromServer'],
  OpaqueData: ['WAWebMediaOpaqueData'], prepRawMedia: ['WAWebPrepRawMedia.prepRawMedia'],
  mediaObjectOf: ['WAWebMediaStorage.getOrCreateMediaObject'], uploadMedia: ['WAWebMediaMmsV4Upload.uploadMedia'],
  mediaTypes: ['WAWebMmsMediaTypes.msgToMediaType'], downloads: ['WAWebDownloadManager.downloadManager'],
  sendSeen: ['WAWebUpdateUnreadChatAction.sendSeen', 'WAWebUpdateUnreadChatAction.markSeen'],
  composing: ['WAWebChatStateBridge.sendChatStateComposing'], recording: ['WAWebChatStateBridge.sendChatStateRecording'],
  paused: ['WAWebChatStateBridge.sendChatStatePaused'],
};

/** What drover can do, and the parts without which it cannot. Parts that no capability names are used where they are. */
const CAPABILITIES = {
  status: ['Socket', 'Stream', 'isRegistered'], presence: ['Stream'], account: ['mePn'], logout_notice: ['Cmd'], log_out: ['Socket'],
  qr: ['Conn', 'noiseInfo', 'signalStore', 'advSecret', 'platform', 'encodeB64'],
  refresh_qr: ['refreshQR'], device_name: ['browserInfo', 'ownInfo'],
  pairing_code: ['setPairingType', 'prepareCode', 'askForCode', 'backToQr'], messages: ['Msg'], check_number: ['createWid', 'exists'],
  prepare: ['createWid', 'findChat', 'meForChat', 'MsgKey'],
  look_up: ['rowsByKey', 'mePn', 'createWid'],
  send: ['createWid', 'findChat', 'meForChat', 'MsgKey', 'rowsByKey', 'mePn', 'Msg', 'addAndSend'],
  resend: ['createWid', 'findChat', 'Msg', 'resendFailed', 'resendPending'],
  find_message: ['createWid', 'findChat', 'rowsByKey', 'Msg'], link_preview: ['findLink', 'linkPreview'],
  reaction: ['sendAddon', 'targetInfo', 'parentKey', 'MsgKey'],
  edit: ['createEdit', 'sendEdit', 'mayEdit', 'mayEditCaption', 'rowsByKey'],
  revoke: ['sendRevoke', 'Revoke', 'mayRevoke', 'mayRevokeOthers'], seen: ['sendSeen'], chat_state: ['composing', 'recording', 'paused'],
  reactions: ['reactions'], votes: ['votes'], calls: ['Call'], watch_presence: ['Presence', 'createWid', 'findChat'],
  catch_up: ['Chat', 'loadMessages'], contacts: ['Contact', 'createWid'], about: ['statusOf', 'createWid'],
  pictures: ['pictureOf', 'createWid'], chats: ['Chat'], media_in: ['downloads'],
  media_out: ['OpaqueData', 'prepRawMedia', 'mediaObjectOf', 'uploadMedia'],
};

const resolved = {};
/** One candidate; a `require` that unwraps `default` is as good as one that does not. */
function exported(candidate) {
  const [module, name] = candidate.split('.');
  const found = safely(() => window.require(module));
  return name ? found?.[name] ?? found?.default?.[name] : found?.default ?? found;
}

const part = (name) => (resolved[name] ??= PARTS[name].reduce((found, candidate) => found ?? exported(candidate), undefined));
const parts = new Proxy({}, { get: (_, name) => part(name) });
const has = (capability) => CAPABILITIES[capability].every((name) => part(name) !== undefined);
const missing = () => Object.keys(CAPABILITIES).filter((capability) => !has(capability));
const probe = () => ({ bridge: VERSION, webVersion: window.Debug?.VERSION, missing: missing() });
const refusal = (kind, message) => Object.assign(new Error(message), { kind });

function need(capability) {
  if (!has(capability)) throw refusal('missing_capability', capability);
  return parts;
}

function safely(read, otherwise) {
  try {
    return read() ?? otherwise;
  } catch {
    return otherwise;
  }
}
