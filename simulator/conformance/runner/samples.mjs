// Files to send and to receive, made on the spot: a picture, a document, a voice message, all valid.
import { createHash, randomBytes } from 'node:crypto';
import { deflateSync } from 'node:zlib';

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** The hexadecimal form of a hash that WhatsApp writes in base64. */
export const hexOfBase64 = (text) => Buffer.from(text, 'base64').toString('hex');

function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function pngChunk(type, data) {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const tail = Buffer.alloc(4);
  tail.writeUInt32BE(crc32(body));
  return Buffer.concat([head, body, tail]);
}

/** A PNG of noise, `side` pixels wide and high. */
export function picture(side = 48) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const lines = Array.from({ length: side }, () => Buffer.concat([Buffer.from([0]), randomBytes(side * 3)]));
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const parts = [pngChunk('IHDR', header), pngChunk('IDAT', deflateSync(Buffer.concat(lines))), pngChunk('IEND', Buffer.alloc(0))];
  return Buffer.concat([signature, ...parts]);
}

/** A PDF of one empty page with a comment that makes it unique and large enough for several network packets. */
export function document() {
  const comment = `%${randomBytes(60_000).toString('hex')}\n`;
  const objects = ['<</Type/Catalog/Pages 2 0 R>>', '<</Type/Pages/Kids[3 0 R]/Count 1>>', '<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>'];
  let text = `%PDF-1.4\n${comment}`;
  const offsets = objects.map((object, place) => {
    const offset = text.length;
    text += `${place + 1} 0 obj${object}endobj\n`;
    return offset;
  });
  const start = text.length;
  const entries = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  text += `xref\n0 4\n0000000000 65535 f \n${entries}trailer<</Size 4/Root 1 0 R>>\nstartxref\n${start}\n%%EOF\n`;
  return Buffer.from(text, 'latin1');
}

/** Ogg's checksum: the polynomial 0x04c11db7, not reflected, from zero (RFC 3533). */
function oggChecksum(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  }
  return crc >>> 0;
}

function oggPage({ type, granule, serial, sequence, packets }) {
  const head = Buffer.alloc(27 + packets.length);
  head.write('OggS', 0, 'latin1');
  head[5] = type;
  head.writeBigUInt64LE(BigInt(granule), 6);
  head.writeUInt32LE(serial, 14);
  head.writeUInt32LE(sequence, 18);
  head[26] = packets.length;
  packets.forEach((packet, place) => (head[27 + place] = packet.length));
  const page = Buffer.concat([head, ...packets]);
  page.writeUInt32LE(oggChecksum(page), 22);
  return page;
}

/** A second of silence as Ogg Opus (RFC 7845), what a phone records a voice message in. Its serial number makes it unique. */
export function voice() {
  const serial = randomBytes(4).readUInt32LE();
  const head = Buffer.from([...Buffer.from('OpusHead'), 1, 1, 0x38, 0x01, 0x80, 0xbb, 0, 0, 0, 0, 0]);
  const tags = Buffer.concat([Buffer.from('OpusTags'), Buffer.from([6, 0, 0, 0]), Buffer.from('drover'), Buffer.alloc(4)]);
  const silence = Buffer.from([0xf8, 0xff, 0xfe]);
  const packets = Array.from({ length: 50 }, () => silence);
  return Buffer.concat([
    oggPage({ type: 2, granule: 0, serial, sequence: 0, packets: [head] }),
    oggPage({ type: 0, granule: 0, serial, sequence: 1, packets: [tags] }),
    oggPage({ type: 4, granule: 50 * 960, serial, sequence: 2, packets }),
  ]);
}
