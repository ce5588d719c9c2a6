// The module runtime, with the names Meta's has: `__d`, `require`, `importDefault`, `importNamespace`, `requireLazy`,
// `require('__debug').modulesMap`, `ErrorGuard`.
//
// What clients rely on: a module is evaluated when it is first required and only once; `require` of a module that exports
// nothing but `default` gives that default; `importNamespace` gives one cached object whose properties can be replaced,
// and the app itself calls through it, so that a replaced export takes effect.

const modulesMap = Object.create(null);

function load(name) {
  const module = modulesMap[name];
  if (!module) throw new Error(`Requiring unknown module "${name}".`);
  if (!module.evaluated) {
    module.evaluated = true;
    const holder = { exports: {} };
    module.factory.call(null, window, require, importDefault, importNamespace, requireLazy, holder, holder.exports);
    module.exports = holder.exports;
    for (const exported of missing.get(name) ?? []) remove(module, exported);
  }
  return module.exports;
}

function onlyDefault(exports) {
  const names = Object.keys(exports);
  return names.length === 1 && names[0] === 'default';
}

export function importNamespace(name) {
  return load(name);
}

function importDefault(name) {
  const exports = load(name);
  return 'default' in exports ? exports.default : exports;
}

function require(name) {
  if (name === '__debug') return { modulesMap };
  const exports = load(name);
  return onlyDefault(exports) ? exports.default : exports;
}

function requireLazy(names, callback) {
  callback(...names.map(require));
}

function __d(name, deps, factory, flags) {
  if (modulesMap[name]) return;
  modulesMap[name] = { id: name, dependencies: deps, factory, flags, evaluated: false, exports: undefined };
}

/** Defines a module of the simulated app; `make` returns its exports and runs when the module is first required. */
export function define(name, make) {
  __d(name, [], (_global, _require, _default, _namespace, _lazy, module) => Object.assign(module.exports, make()), 98);
}

const missing = new Map();
const removed = [];

function remove(module, exported) {
  if (!(exported in module.exports)) return;
  removed.push({ module, exported, value: module.exports[exported] });
  delete module.exports[exported];
}

/** Takes an export away, as a new revision of the real app does now and then. Also before the module is evaluated. */
export function takeAway(name, exported) {
  missing.set(name, (missing.get(name) ?? new Set()).add(exported));
  if (modulesMap[name]?.evaluated) remove(modulesMap[name], exported);
}

/** Gives back what was taken away. */
export function restore() {
  missing.clear();
  for (const { module, exported, value } of removed.splice(0)) module.exports[exported] = value;
}

Object.assign(window, {
  __d,
  require,
  importDefault,
  importNamespace,
  requireLazy,
  ErrorGuard: { skipGuardGlobal() {} },
});

/** What the server wrote into the HTML: `{syncLimitMs, settleMs, faults}`. Read once and removed, so that no client sees it. */
export const settings = (() => {
  const element = document.getElementById('simulator');
  const given = element ? JSON.parse(element.textContent) : {};
  element?.remove();
  return { syncLimitMs: 180_000, settleMs: 1_000, faults: [], ...given };
})();
