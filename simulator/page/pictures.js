// Profile pictures: asked of the server when somebody wants one.
import { define } from './runtime.js';
import { BaseModel, BaseCollection, holds } from './model.js';
import { createWid } from './wid.js';
import { socket } from './socket.js';

class ProfilePicThumb extends BaseModel {
  canSet() {
    return false;
  }

  canDelete() {
    return false;
  }
}

class ProfilePicThumbCollectionImpl extends BaseCollection {
  gadd(id) {
    const wid = createWid(id);
    return this.get(wid) ?? this.add({ id: wid })[0];
  }

  async find(id) {
    const picture = await requestProfilePicFromServer({ id: createWid(id) });
    const model = this.gadd(id);
    model.set({ eurl: picture?.eurl, img: picture?.eurl, tag: picture?.tag });
    return model;
  }
}

holds(ProfilePicThumbCollectionImpl, ProfilePicThumb);

export const ProfilePicThumbCollection = new ProfilePicThumbCollectionImpl();

/** `{eurl, tag}`, or undefined for somebody without a picture. */
async function requestProfilePicFromServer({ id }) {
  const picture = await socket.ask('picture', { id: String(id?._serialized ?? id) });
  return picture ? { id, eurl: picture.url, tag: picture.id } : undefined;
}

define('WAWebContactProfilePicThumbBridge', () => ({ requestProfilePicFromServer }));

define('WAWebContactStatusBridge', () => ({
  getStatus: async ({ wid }) => ({ id: wid, status: (await socket.ask('about', { id: String(wid) }))?.about }),
}));
