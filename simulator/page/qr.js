// Draws a text as a QR code (ISO/IEC 18004: byte mode, error correction M, mask 0) on a canvas.

/** Error correction codewords a block, and blocks, for versions 1 to 20 at level M (table 9 of the standard). */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
/** Level M and mask 0 with their checksum (table C.1). */
const FORMAT = 0b101010000010010;
const QUIET = 4;

const side = (version) => version * 4 + 17;

/** Modules that carry data: all but finders, timing, alignment, format and version. */
function capacityBits(version) {
  const withoutAlignment = (16 * version + 128) * version + 64;
  if (version === 1) return withoutAlignment;
  const lines = Math.floor(version / 7) + 2;
  return withoutAlignment - (25 * lines - 10) * lines + 55 - (version >= 7 ? 36 : 0);
}

const EXP = new Uint8Array(512);
const LOG = new Uint8Array(256);
for (let i = 0, x = 1; i < 255; i += 1, x = (x << 1) ^ (x & 0x80 ? 0x11d : 0)) {
  EXP[i] = x;
  EXP[i + 255] = x;
  LOG[x] = i;
}
const multiply = (a, b) => (a && b ? EXP[LOG[a] + LOG[b]] : 0);

function correctionOf(data, count) {
  let generator = [1];
  for (let i = 0; i < count; i += 1) {
    const next = new Array(generator.length + 1).fill(0);
    generator.forEach((factor, at) => {
      next[at] ^= factor;
      next[at + 1] ^= multiply(factor, EXP[i]);
    });
    generator = next;
  }
  const rest = [...data, ...new Array(count).fill(0)];
  for (let i = 0; i < data.length; i += 1) {
    const factor = rest[i];
    generator.forEach((coefficient, at) => (rest[i + at] ^= multiply(coefficient, factor)));
  }
  return rest.slice(data.length);
}

function bitsOf(bytes, version, codewords) {
  const bits = [];
  const push = (value, count) => {
    for (let i = count - 1; i >= 0; i -= 1) bits.push((value >> i) & 1);
  };
  push(0b0100, 4);
  push(bytes.length, version < 10 ? 8 : 16);
  bytes.forEach((byte) => push(byte, 8));
  push(0, Math.min(4, codewords * 8 - bits.length));
  while (bits.length % 8) bits.push(0);
  for (let pad = 0xec; bits.length < codewords * 8; pad ^= 0xec ^ 0x11) push(pad, 8);
  return bits;
}

function codewordsOf(bytes, version) {
  const total = Math.floor(capacityBits(version) / 8);
  const correction = CORRECTION[version - 1];
  const blocks = BLOCKS[version - 1];
  const bits = bitsOf(bytes, version, total - correction * blocks);
  const data = Array.from({ length: bits.length / 8 }, (_, i) => parseInt(bits.slice(i * 8, i * 8 + 8).join(''), 2));
  const short = Math.floor(data.length / blocks);
  const longer = data.length % blocks;
  const parts = [];
  for (let i = 0, at = 0; i < blocks; i += 1) {
    const length = short + (i >= blocks - longer ? 1 : 0);
    parts.push(data.slice(at, at + length));
    at += length;
  }
  const corrections = parts.map((part) => correctionOf(part, correction));
  const out = [];
  for (let i = 0; i <= short; i += 1) for (const part of parts) if (i < part.length) out.push(part[i]);
  for (let i = 0; i < correction; i += 1) for (const part of corrections) out.push(part[i]);
  return out;
}

class Grid {
  constructor(version) {
    this.version = version;
    this.side = side(version);
    this.dark = Array.from({ length: this.side }, () => new Array(this.side).fill(false));
    this.fixed = Array.from({ length: this.side }, () => new Array(this.side).fill(false));
    this.drawPatterns();
    this.drawFormat();
    if (version >= 7) this.drawVersion();
  }

  fix(x, y, dark) {
    if (x < 0 || y < 0 || x >= this.side || y >= this.side) return;
    this.dark[y][x] = Boolean(dark);
    this.fixed[y][x] = true;
  }

  square(cx, cy, reach, isDark) {
    for (let dy = -reach; dy <= reach; dy += 1) {
      for (let dx = -reach; dx <= reach; dx += 1) this.fix(cx + dx, cy + dy, isDark(Math.max(Math.abs(dx), Math.abs(dy))));
    }
  }

  alignments() {
    if (this.version === 1) return [];
    const count = Math.floor(this.version / 7) + 2;
    const last = this.side - 7;
    const step = Math.ceil((last - 6) / (count - 1) / 2) * 2;
    return [6, ...Array.from({ length: count - 1 }, (_, i) => last - step * (count - 2 - i))];
  }

  drawPatterns() {
    for (let i = 0; i < this.side; i += 1) {
      this.fix(6, i, i % 2 === 0);
      this.fix(i, 6, i % 2 === 0);
    }
    for (const [x, y] of [
      [3, 3],
      [this.side - 4, 3],
      [3, this.side - 4],
    ])
      this.square(x, y, 4, (ring) => ring !== 2 && ring !== 4);
    const lines = this.alignments();
    const last = lines.length - 1;
    lines.forEach((x, i) =>
      lines.forEach((y, j) => {
        const isFinder = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0);
        if (!isFinder) this.square(x, y, 2, (ring) => ring !== 1);
      }),
    );
  }

  drawFormat() {
    const bit = (i) => (FORMAT >> i) & 1;
    for (let i = 0; i < 15; i += 1) {
      const along = i < 6 ? i : i < 8 ? i + 1 : this.side - 15 + i;
      this.fix(8, along, bit(i));
      const across = i < 8 ? this.side - 1 - i : i === 8 ? 7 : 14 - i;
      this.fix(across, 8, bit(i));
    }
    this.fix(8, this.side - 8, true);
  }

  drawVersion() {
    let rest = this.version;
    for (let i = 0; i < 12; i += 1) rest = (rest << 1) ^ ((rest >> 11) * 0x1f25);
    const bits = (this.version << 12) | rest;
    for (let i = 0; i < 18; i += 1) {
      const a = this.side - 11 + (i % 3);
      const b = Math.floor(i / 3);
      this.fix(a, b, (bits >> i) & 1);
      this.fix(b, a, (bits >> i) & 1);
    }
  }

  /** Fills upwards and downwards in columns of two from the right, with mask 0. */
  fill(codewords) {
    let at = 0;
    for (let right = this.side - 1, up = true; right > 0; right -= 2, up = !up) {
      if (right === 6) right = 5;
      for (let i = 0; i < this.side; i += 1) {
        const y = up ? this.side - 1 - i : i;
        for (const x of [right, right - 1]) {
          if (this.fixed[y][x]) continue;
          const bit = at < codewords.length * 8 && (codewords[at >> 3] >> (7 - (at & 7))) & 1;
          this.dark[y][x] = Boolean(bit) !== ((x + y) % 2 === 0);
          at += 1;
        }
      }
    }
  }
}

/** Rows of booleans, true for dark. Throws for a text that is too long. */
function qrModules(text) {
  const bytes = new TextEncoder().encode(text);
  for (let version = 1; version <= BLOCKS.length; version += 1) {
    const room = Math.floor(capacityBits(version) / 8) - CORRECTION[version - 1] * BLOCKS[version - 1];
    if (bytes.length + (version < 10 ? 2 : 3) > room) continue;
    const grid = new Grid(version);
    grid.fill(codewordsOf(bytes, version));
    return grid.dark;
  }
  throw new RangeError(`too long for a QR code: ${bytes.length} bytes`);
}

/** A canvas with the code, `scale` pixels a module. */
export function qrCanvas(text, scale = 4) {
  const rows = qrModules(text);
  const canvas = document.createElement('canvas');
  canvas.width = (rows.length + 2 * QUIET) * scale;
  canvas.height = canvas.width;
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = '#111b21';
  rows.forEach((row, y) =>
    row.forEach((dark, x) => dark && context.fillRect((x + QUIET) * scale, (y + QUIET) * scale, scale, scale)),
  );
  return canvas;
}
