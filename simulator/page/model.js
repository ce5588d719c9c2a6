// Models and collections. What clients rely on:
// - one model sits in several collections (a message in Msg and in its chat's msgs), and its events fire on the model and
//   on all of them;
// - `change:x` passes (model, new, old), once for every attribute that really changed, then one `change`;
// - a collection is indexed by the string form of the id, and follows when a model's id is replaced (a revoke does that).
import { define } from './runtime.js';
import { EventEmitter } from './events.js';

function plain(value) {
  if (value && typeof value.serialize === 'function') return value.serialize();
  if (Array.isArray(value)) return value.map(plain);
  return value;
}

export class BaseModel extends EventEmitter {
  constructor(attributes = {}) {
    super();
    Object.defineProperty(this, 'attributes', { value: {} });
    Object.defineProperty(this, 'memberOf', { value: new Set() });
    for (const [name, value] of Object.entries({ ...this.defaults(), ...attributes })) {
      this.declare(name);
      this.attributes[name] = value;
    }
    this.initialize(attributes);
  }

  defaults() {
    return {};
  }

  initialize() {}

  /** Gives the class an accessor for an attribute, unless it has a getter or method of that name. */
  declare(name) {
    if (name in this) return;
    Object.defineProperty(Object.getPrototypeOf(this), name, {
      configurable: true,
      get() {
        return this.attributes?.[name];
      },
      set(value) {
        this.set({ [name]: value });
      },
    });
  }

  get(name) {
    return this.attributes[name];
  }

  set(nameOrAll, value) {
    const given = typeof nameOrAll === 'string' ? { [nameOrAll]: value } : nameOrAll;
    const changes = [];
    for (const [name, next] of Object.entries(given)) {
      this.declare(name);
      const old = this.attributes[name];
      if (old === next) continue;
      this.attributes[name] = next;
      if (name === 'id') for (const collection of this.memberOf) collection.reindex(this, old);
      changes.push([name, next, old]);
    }
    for (const [name, next, old] of changes) this.announce(`change:${name}`, this, next, old);
    if (changes.length) this.announce('change', this);
    return this;
  }

  unset(name) {
    return this.set({ [name]: undefined });
  }

  /** Fires on the model and on each collection it is in. */
  announce(event, ...args) {
    this.trigger(event, ...args);
    for (const collection of [...this.memberOf]) collection.trigger(event, ...args);
  }

  get collection() {
    return this.memberOf.values().next().value;
  }

  serialize() {
    const out = {};
    for (const [name, value] of Object.entries(this.attributes)) {
      if (typeof value !== 'function' && !(value instanceof EventEmitter && !value.serialize)) out[name] = plain(value);
    }
    return out;
  }

  toJSON() {
    return this.serialize();
  }
}

export class BaseCollection extends EventEmitter {
  constructor() {
    super();
    Object.defineProperty(this, 'byId', { value: new Map() });
  }

  get models() {
    return [...this.byId.values()];
  }

  get _models() {
    return this.models;
  }

  get length() {
    return this.byId.size;
  }

  getModelsArray() {
    return this.models;
  }

  toArray() {
    return this.models;
  }

  forEach(callback) {
    this.models.forEach(callback);
  }

  map(callback) {
    return this.models.map(callback);
  }

  filter(callback) {
    return this.models.filter(callback);
  }

  some(callback) {
    return this.models.some(callback);
  }

  findFirst(callback) {
    return this.models.find(callback);
  }

  head() {
    return this.models[0];
  }

  last() {
    return this.models.at(-1);
  }

  at(index) {
    return this.models.at(index);
  }

  get(id) {
    return id == null ? undefined : this.byId.get(String(id));
  }

  assertGet(id) {
    const model = this.get(id);
    if (!model) throw new Error(`${this.constructor.name}: no model ${id}`);
    return model;
  }

  /** By id, from the server when it is not here; a plain collection makes an empty model. */
  find(idOrCallback) {
    if (typeof idOrCallback === 'function') return this.models.find(idOrCallback);
    return Promise.resolve(this.gadd(idOrCallback));
  }

  /** "get or add". */
  gadd(id) {
    return this.get(id) ?? this.add({ id })[0];
  }

  add(oneOrMany, options = {}) {
    const added = [];
    for (const item of Array.isArray(oneOrMany) ? oneOrMany : [oneOrMany]) {
      const model = item instanceof BaseModel ? item : new this.modelClass(item);
      const present = this.byId.get(String(model.id));
      if (present) {
        if (options.merge) present.set(model.attributes);
        added.push(present);
        continue;
      }
      model.memberOf.add(this);
      this.byId.set(String(model.id), model);
      added.push(model);
      if (!options.silent) this.trigger('add', model, this, options);
    }
    return added;
  }

  remove(oneOrMany, options = {}) {
    for (const item of Array.isArray(oneOrMany) ? oneOrMany : [oneOrMany]) {
      const model = this.get(item instanceof BaseModel ? item.id : item);
      if (!model) continue;
      this.byId.delete(String(model.id));
      if (!options.silent) this.trigger('remove', model, this);
      model.memberOf.delete(this);
    }
    return this;
  }

  reset() {
    for (const model of this.models) model.memberOf.delete(this);
    this.byId.clear();
    this.trigger('reset', this);
  }

  reindex(model, oldId) {
    this.byId.delete(String(oldId));
    this.byId.set(String(model.id), model);
  }

  update(id) {
    return this.find(id);
  }

  serialize() {
    return this.models.map((model) => model.serialize());
  }

  toJSON() {
    return this.serialize();
  }
}

BaseCollection.prototype.modelClass = BaseModel;
BaseCollection.modelClass = BaseModel;

/** Names the class of a collection's models where clients look for it: on the class and on its instances. */
export function holds(collectionClass, modelClass) {
  collectionClass.prototype.modelClass = modelClass;
  collectionClass.modelClass = modelClass;
}

define('WAWebBaseModel', () => ({ BaseModel }));
define('WAWebBaseCollection', () => ({ BaseCollection }));
define('WAWebCollection', () => ({ default: BaseCollection }));
