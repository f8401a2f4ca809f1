/**
 * The binary frame in which points of a face go to the server, version 1; docs/wire.md has its table. Pure.
 *
 * @typedef {object} Landmarks What was seen in one picture.
 * @property {number} sequence Counts the pictures that were looked at.
 * @property {number} at The page's clock when it was taken, in milliseconds.
 * @property {number} width Of the picture, in pixels.
 * @property {number} height
 * @property {boolean} mirrored
 * @property {number} faces
 * @property {ArrayLike<number>} points x, y, z of all 478 points in turn, 0 to 1 across the picture; empty without a face.
 * @property {ArrayLike<number>} blendshapes 52 scores in MediaPipe's order, or none.
 * @property {ArrayLike<number>} matrix Of the head, 4 by 4, column after column, or none.
 */

/** The points that the server reads: eyelids, irises, and the outline by which a head is held. */
export const SUBSET = [
  33, 160, 158, 133, 153, 144, 362, 387, 385, 263, 380, 373, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
  1, 152, 10, 234, 454, 61, 291, 13, 14, 78, 308, 70, 300, 168,
];

/** How many points MediaPipe finds in a face, irises included. */
export const ALL_POINTS = 478;

const HEAD_BYTES = 24;
const BLENDSHAPES = 52;
const MATRIX = 16;
const MIRRORED = 1;
const HAS_BLENDSHAPES = 2;
const HAS_MATRIX = 4;

/** One part in so many is the finest step of a place: a fiftieth of a pixel, and a face may hang out of the picture by half. */
const SCALE = 16_384;

/**
 * @param {Landmarks} seen
 * @returns {ArrayBuffer}
 */
export function encodeFrame(seen) {
  const blendshapes = seen.blendshapes.length === BLENDSHAPES ? BLENDSHAPES : 0;
  const matrix = seen.matrix.length === MATRIX ? MATRIX : 0;
  const points = seen.points.length === ALL_POINTS * 3 ? SUBSET.length : 0;
  const frame = new DataView(new ArrayBuffer(HEAD_BYTES + blendshapes + matrix * 4 + points * 6));
  writeHead(frame, seen, (seen.mirrored ? MIRRORED : 0) | (blendshapes ? HAS_BLENDSHAPES : 0) | (matrix ? HAS_MATRIX : 0));
  frame.setUint16(22, points, true);
  let at = HEAD_BYTES;
  for (let n = 0; n < blendshapes; n++) frame.setUint8(at++, Math.round(clamp(seen.blendshapes[n] ?? 0, 0, 1) * 255));
  for (let n = 0; n < matrix; n++, at += 4) frame.setFloat32(at, seen.matrix[n] ?? 0, true);
  for (let n = 0; n < points; n++) {
    for (let axis = 0; axis < 3; axis++, at += 2) frame.setInt16(at, place(seen.points[(SUBSET[n] ?? 0) * 3 + axis] ?? 0), true);
  }
  return /** @type {ArrayBuffer} */ (frame.buffer);
}

/**
 * @param {DataView} frame
 * @param {Landmarks} seen
 * @param {number} flags
 */
function writeHead(frame, seen, flags) {
  [0x44, 1, 2, clamp(seen.faces, 0, 255)].forEach((byte, at) => frame.setUint8(at, byte));
  frame.setUint32(4, seen.sequence >>> 0, true);
  frame.setBigUint64(8, BigInt(Math.max(0, Math.round(seen.at * 1000))), true);
  frame.setUint16(16, clamp(seen.width, 0, 65_535), true);
  frame.setUint16(18, clamp(seen.height, 0, 65_535), true);
  frame.setUint8(20, flags);
}

/** @param {number} value */
function place(value) {
  return clamp(Math.round(value * SCALE), -32_768, 32_767);
}

/**
 * What is not a number is the lowest.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function clamp(value, low, high) {
  return value >= low ? Math.min(value, high) : low;
}
