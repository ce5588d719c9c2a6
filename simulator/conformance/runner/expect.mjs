// Checks whose failure is one line.
import { isDeepStrictEqual } from 'node:util';

export class NotHeld extends Error {}

function shown(value) {
  const text = typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 160 ? `${text.slice(0, 157)}...` : text;
}

export function same(actual, expected, what) {
  if (!isDeepStrictEqual(actual, expected)) throw new NotHeld(`${what}: ${shown(actual)} instead of ${shown(expected)}`);
}

export function matches(text, pattern, what) {
  if (typeof text !== 'string' || !pattern.test(text)) throw new NotHeld(`${what}: ${shown(text)} is not like ${pattern}`);
}

export function holds(condition, what) {
  if (!condition) throw new NotHeld(what);
}

/** The error that `action` ends with; that it does not end with one is a failure. */
export async function fails(action, what) {
  try {
    await action();
  } catch (error) {
    return error;
  }
  throw new NotHeld(`${what}: it succeeded`);
}
