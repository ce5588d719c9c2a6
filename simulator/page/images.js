// Images as they go out: a JPEG of at most so many pixels a side, and a small preview that the message itself carries.
import { encodeB64 } from './bytes.js';

const LARGEST_SIDE = 1600;
const PREVIEW_SIDE = 72;

async function scaled(bitmap, side, quality) {
  const factor = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(bitmap.width * factor)),
    Math.max(1, Math.round(bitmap.height * factor)),
  );
  const context = canvas.getContext('2d');
  context.fillStyle = '#fff';
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return { blob: await canvas.convertToBlob({ type: 'image/jpeg', quality }), width: canvas.width, height: canvas.height };
}

/** A JPEG that is small enough stays byte for byte; everything else is drawn anew. */
export async function outwardImage(blob, largestSide = LARGEST_SIDE) {
  const bitmap = await createImageBitmap(blob);
  const small = await scaled(bitmap, PREVIEW_SIDE, 0.5);
  const preview = encodeB64(await small.blob.arrayBuffer());
  const fits = Math.max(bitmap.width, bitmap.height) <= largestSide;
  if (blob.type === 'image/jpeg' && fits) return { blob, width: bitmap.width, height: bitmap.height, preview };
  return { ...(await scaled(bitmap, largestSide, 0.92)), preview };
}
