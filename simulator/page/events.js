// Events as the app's Backbone-like emitter has them: several names in one string, `all`, `listenTo`. A listener that
// throws does not keep the others from being called.
import { define } from './runtime.js';

const listeners = new WeakMap();

function ofName(emitter, name) {
  let names = listeners.get(emitter);
  if (!names) listeners.set(emitter, (names = new Map()));
  let list = names.get(name);
  if (!list) names.set(name, (list = []));
  return list;
}

function call(listener, emitter, args) {
  try {
    listener.callback.apply(listener.context ?? emitter, args);
  } catch (error) {
    console.error(error);
  }
}

export class EventEmitter {
  on(names, callback, context) {
    for (const name of names.split(/\s+/)) ofName(this, name).push({ callback, context });
    return this;
  }

  once(names, callback, context) {
    const once = (...args) => {
      this.off(names, once);
      callback.apply(context ?? this, args);
    };
    once.original = callback;
    return this.on(names, once, context);
  }

  off(names, callback) {
    if (!names) {
      listeners.delete(this);
      return this;
    }
    for (const name of names.split(/\s+/)) {
      const list = ofName(this, name);
      const kept = callback ? list.filter((x) => x.callback !== callback && x.callback.original !== callback) : [];
      list.splice(0, list.length, ...kept);
    }
    return this;
  }

  trigger(names, ...args) {
    if (!listeners.has(this)) return this;
    for (const name of names.split(/\s+/)) {
      for (const listener of [...ofName(this, name)]) call(listener, this, args);
      if (name !== 'all') for (const listener of [...ofName(this, 'all')]) call(listener, this, [name, ...args]);
    }
    return this;
  }

  listenTo(other, names, callback) {
    other.on(names, callback, this);
    return this;
  }

  listenToOnce(other, names, callback) {
    other.once(names, callback, this);
    return this;
  }

  stopListening(other, names, callback) {
    other?.off(names, callback);
    return this;
  }
}

define('WAWebEventEmitter', () => ({ default: EventEmitter }));
