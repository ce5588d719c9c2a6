// WAWebCollections: every collection of the app under one roof.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { CallCollection } from './calls.js';
import { ChatCollection } from './chats.js';
import { ContactCollection } from './people.js';
import { GroupMetadataCollection } from './groups.js';
import { MsgCollection } from './messages.js';
import { PresenceCollection } from './presence.js';
import { ReactionsCollection } from './reactions.js';
import { ProfilePicThumbCollection } from './pictures.js';
import { createWid } from './wid.js';

class BusinessProfile extends BaseModel {}

class BusinessProfileCollection extends BaseCollection {
  gadd(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.add({ id: wid })[0];
  }
}

holds(BusinessProfileCollection, BusinessProfile);

class BlocklistCollectionImpl extends BaseCollection {}
class NewsletterCollection extends BaseCollection {}
class StatusCollectionImpl extends BaseCollection {}
class LabelCollection extends BaseCollection {}

const BlocklistCollection = new BlocklistCollectionImpl();
const StatusCollection = new StatusCollectionImpl();
const newsletters = new NewsletterCollection();

const collections = {
  Msg: MsgCollection,
  Chat: ChatCollection,
  Contact: ContactCollection,
  GroupMetadata: GroupMetadataCollection,
  Presence: PresenceCollection,
  ProfilePicThumb: ProfilePicThumbCollection,
  Reactions: ReactionsCollection,
  Call: CallCollection,
  Blocklist: BlocklistCollection,
  BusinessProfile: new BusinessProfileCollection(),
  Label: new LabelCollection(),
  Status: StatusCollection,
  WAWebNewsletterCollection: newsletters,
};

define('WAWebCollections', () => ({ default: collections }));
define('WAWebBlocklistCollection', () => ({ BlocklistCollection }));
define('WAWebStatusCollection', () => ({ StatusCollection }));
define('WAWebNewsletterCollection', () => ({ default: newsletters }));
