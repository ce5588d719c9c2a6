// Base64, hexadecimal, SHA-256, random bytes.
import { define } from './runtime.js';

export function encodeB64(bytes) {
  const view = new Uint8Array(bytes);
  let binary = '';
  for (let at = 0; at < view.length; at += 0x8000) binary += String.fromCharCode(...view.subarray(at, at + 0x8000));
  return btoa(binary);
}

export function decodeB64(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
}

export function urlSafe(b64) {
  return b64.replaceAll('+', '-').replaceAll('/', '_');
}

export function randomBytes(count) {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** Upper case, two digits a byte. */
export function randomHex(bytes) {
  return [...randomBytes(bytes)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .toUpperCase();
}

/** Base64 of the SHA-256 of a Blob, a buffer or bytes. */
export async function sha256B64(data) {
  const bytes = data instanceof Blob ? await data.arrayBuffer() : data;
  return encodeB64(await crypto.subtle.digest('SHA-256', bytes));
}

define('WABase64', () => ({
  encodeB64,
  decodeB64,
  encodeB64UrlSafe: (bytes) => urlSafe(encodeB64(bytes)),
  decodeB64UrlSafe: (text) => decodeB64(text.replaceAll('-', '+').replaceAll('_', '/')),
  isBase64: (text) => /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0,
  sizeWhenB64Decoded: (text) => decodeB64(text).byteLength,
}));
