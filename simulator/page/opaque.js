// OpaqueData: a file as the app hands it around, with a count of who still needs it.
import { define } from './runtime.js';

export class OpaqueData {
  #blob;
  #url;
  released = false;

  constructor(blob) {
    this.#blob = blob;
  }

  size() {
    return this.#blob.size;
  }

  type() {
    return this.#blob.type;
  }

  /** An object URL, until the data is released. */
  url() {
    this.#url ??= URL.createObjectURL(this.#blob);
    return this.#url;
  }

  formData() {
    return this.#blob;
  }

  forceToBlob() {
    return this.#blob;
  }

  retain() {}

  autorelease() {}

  static async createFromData(data, type) {
    if (data instanceof File) return new OpaqueData(type && type !== data.type ? new File([data], data.name, { type }) : data);
    return new OpaqueData(data instanceof Blob && (!type || type === data.type) ? data : new Blob([data], { type }));
  }

  static async createFromBase64Jpeg(base64) {
    const answer = await fetch(`data:image/jpeg;base64,${base64}`);
    return new OpaqueData(await answer.blob());
  }
}

define('WAWebMediaOpaqueData', () => ({ default: OpaqueData }));
