// The getters of contacts that clients read through modules of their own.
import { define } from './runtime.js';
import { me } from './login.js';
import { isBlocked, isMyContact, isOnWhatsApp, nameOf, pnOf } from './people.js';
import { formatted } from './phones.js';

const no = () => false;
const nothing = () => undefined;

define('WAWebContactGetters', () => ({
  getId: (contact) => contact.id,
  getIsMe: (contact) => me.is(contact.id),
  getIsUser: (contact) => contact.id.isUser(),
  getIsGroup: (contact) => contact.id.isGroup(),
  getIsBroadcast: (contact) => contact.id.isBroadcast(),
  getIsNewsletter: (contact) => contact.id.isNewsletter(),
  getIsBot: (contact) => contact.id.isBot(),
  getIsPSA: (contact) => contact.id.isPSA(),
  getIsWAContact: isOnWhatsApp,
  getIsBusiness: (contact) => contact.attributes.isBusiness,
  getIsEnterprise: no,
  getIsSmb: no,
  getIsIAS: no,
  getIsSupportAccount: no,
  getCanRequestPhoneNumber: no,
  getIsDisplayNameApproved: no,
  getShouldForceBusinessUpdate: no,
  getShowBusinessCheckmarkAsPrimary: no,
  getShowBusinessCheckmarkAsSecondary: no,
  getShowBusinessCheckmarkInChatlist: no,
  getUserid: (contact) => contact.id.user,
  getName: (contact) => contact.attributes.name,
  getShortName: (contact) => contact.attributes.shortName,
  getPushname: (contact) => contact.attributes.pushname,
  getNotifyName: (contact) => contact.attributes.pushname,
  getLabels: (contact) => contact.attributes.labels,
  getVerifiedName: nothing,
  getVerifiedLevel: nothing,
  getStatusMute: no,
}));

const shortName = (contact) => contact.attributes.shortName ?? nameOf(contact);
const phone = (contact) => formatted(pnOf(contact.id) ?? contact.id);

define('WAWebFrontendContactGetters', () => ({
  getIsMyContact: isMyContact,
  getIsContactBlocked: isBlocked,
  getDisplayName: nameOf,
  getFormattedName: nameOf,
  getFormattedShortName: shortName,
  getFormattedShortNameWithNonBreakingSpaces: (contact) => shortName(contact).replaceAll(' ', '\u00a0'),
  getFormattedUser: phone,
  getPhoneNumber: (contact) => pnOf(contact.id),
  getPnForLid: (contact) => (contact.id.isLid() ? pnOf(contact.id) : undefined),
  getSearchName: (contact) => nameOf(contact).toLowerCase(),
  getSearchVerifiedName: nothing,
  getUserDisplayNameForLid: nameOf,
  getFormattedUsernameOrPhone: phone,
  getTextStatusString: nothing,
  getHeader: (contact) => nameOf(contact)[0]?.toUpperCase() ?? '#',
}));
